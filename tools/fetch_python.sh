#!/bin/sh
# Put a CPython 3.7 into .python37, from the first source of requirements/python37.txt that has it.
# Where none has it, prints why. An archive of the right name in the project's folder comes first. `make clean` deletes .python37.
cd "$(dirname "$0")/.." || exit
part=.python37.part.$$
trap 'rm -rf "$part"' EXIT
trap 'exit 130' INT TERM HUP
for left in .python37.part.*; do                # of a killed one
    [ ! -e "$left" ] || kill -0 "${left##*.}" 2>/dev/null || rm -rf "$left"
done

# get URL FILE
get() {
    if command -v curl >/dev/null 2>&1; then
        if [ -t 2 ]; then bar=-#; else bar=-s; fi
        curl -fL $bar --connect-timeout 15 --speed-limit 1000 --speed-time 30 -o "$2" "$1"
    elif command -v wget >/dev/null 2>&1; then
        wget -q -T 30 -O "$2" "$1"
    else
        python3 -c 'import shutil, sys, urllib.request as u
shutil.copyfileobj(u.urlopen(sys.argv[1], timeout=30), open(sys.argv[2], "wb"))' "$1" "$2" 2>/dev/null
    fi
}

sha256() {
    { sha256sum "$1" || shasum -a 256 "$1" || python3 -c 'import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"; } 2>/dev/null | cut -d ' ' -f 1
}

# unpack KIND FILE SHA256: into $part/install. uv unpacks zstd, and takes a list of what it may install.
unpack() {
    if [ "$1" = conda ]; then
        sh "$2" -b -p "$PWD/$part/install"
    elif command -v zstd >/dev/null 2>&1; then
        zstd -dc "$2" | tar -xf - -C "$part" python/install && mv "$part/python/install" "$part/install"
    else
        uv=$(python3 tools/get_uv.py "$part") &&
        url=$(python3 -c 'import pathlib, sys; print(pathlib.Path(sys.argv[1]).resolve().as_uri())' "$2") &&
        printf '{"cpython-3.7.9": {"name": "cpython", "arch": {"family": "x86_64", "variant": null}, "os": "%s",
            "libc": "%s", "major": 3, "minor": 7, "patch": 9, "prerelease": "", "url": "%s", "sha256": "%s",
            "variant": null}}' $libc "$url" "$3" > "$part/list.json" &&
        UV_PYTHON_DOWNLOADS_JSON_URL=$PWD/$part/list.json "$uv" python install 3.7.9 --no-bin --no-config \
            --install-dir "$part/all" --cache-dir "$part/cache" && mv "$part"/all/cpython-3.7.9-* "$part/install"
    fi >"$part/log" 2>&1
}

system=$(uname -s)-$(uname -m)
case $system in Darwin*) libc='darwin none' ;; *) libc='linux gnu' ;; esac
faults=
fault=                                          # of the source before
first=
refuse() {
    fault=$1
    faults="$faults; $1"
}
while read -r for sha256 kind url; do
    [ "$for" = "$system" ] || continue
    file=${url##*/}
    host=${url#*://}
    host=${host%%/*}
    first=${first:-$url}
    rm -rf "$part"
    mkdir "$part" || exit
    if [ -f "$file" ]; then
        host=$file
    else
        size='28 MB'
        [ "$kind" = zst ] || size="80 MB, in Miniconda, under Anaconda's terms"
        echo "${fault:-No CPython 3.7 here}: fetching one ($size) into .python37, from $host" >&2
        file=$part/$file
        get "$url" "$file" || { refuse "$host cannot be reached"; continue; }
    fi
    [ "$(sha256 "$file")" = "$sha256" ] || { refuse "$host: the sha256 differs"; continue; }
    unpack "$kind" "$file" "$sha256" || {
        refuse "$host: cannot be unpacked ($(sed -n '$p' "$part/log"))"; continue; }
    "$part/install/bin/python3.7" -c 'import ensurepip, ssl, venv' >/dev/null 2>&1 || {
        refuse "$host: does not run here"; continue; }
    [ -e .python37 ] || mv "$part/install" .python37
    exit 0
done < requirements/python37.txt

# On stdout: why not.
if [ -z "$first" ]; then
    echo "there is none for $system that TensorFlow 1.15 could use"
else
    echo "none could be fetched (${faults#; }); put $first into $PWD, and call make again"
fi
exit 1
