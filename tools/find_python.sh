#!/bin/sh
# Print the path of a CPython that can make virtual environments, or say how to get one and fail:
#   find_python.sh          a 3.7, for TensorFlow 1.15
#   find_python.sh 2.x      a 3.11, 3.12 or 3.13, for TensorFlow 2.x
#   find_python.sh any      a 3.7, or else one of the others
# Looks at $PYTHON (and then at nothing else), on PATH, under pyenv whatever version it has selected,
# and through conda and uv. Each candidate must run: pyenv's `python3.7` on PATH, for one, exists but
# fails while another version is selected.

get37='`pyenv install 3.7` or `conda create -n py37 python=3.7`'
get2x='`pyenv install 3.11` or `conda create -n py311 python=3.11`'
case $1 in
'') minors=7
    wanted='CPython 3.7'
    remedy="No CPython 3.7 found, and TensorFlow 1.15 runs on no newer one. Get it with $get37, \
or name yours: PYTHON=/path/to/python3.7 make venv" ;;
2.x) minors='11 12 13'
    wanted='CPython 3.11, 3.12 or 3.13'
    remedy="No CPython 3.11, 3.12 or 3.13 found, for TensorFlow 2.x. Get it with $get2x, \
or name yours: PYTHON=/path/to/python3.11 make venv-tf2" ;;
any) minors='7 11 12 13'
    wanted='CPython 3.7, 3.11, 3.12 or 3.13'
    remedy="No CPython 3.7 found, for TensorFlow 1.15, and none of 3.11 to 3.13, for TensorFlow 2.x. \
Get one with $get37, or $get2x, or name yours: PYTHON=/path/to/python make mnist" ;;
esac

# The answer is never the Python of a virtual environment: .venv itself may be active, and about to go.
check='
import ensurepip, os, sys, venv
if sys.version_info[0] != 3 or str(sys.version_info[1]) not in "MINORS".split():
    sys.exit(1)
if sys.implementation.name != "cpython" or sys.maxsize < 2 ** 32:
    sys.exit(1)
if sys.prefix == sys.base_prefix:
    print(sys.executable)
else:
    print(os.path.join(sys.base_prefix, "bin", "python3.%d" % sys.version_info[1]))
'

# try PYTHON MINORS: print it and end if it is of one of these minor versions.
try() {
    found=$("$1" -c "${check%%MINORS*}$2${check#*MINORS}" 2>/dev/null </dev/null) && [ -x "$found" ] &&
        echo "$found" && exit 0
}

if [ -n "$PYTHON" ]; then
    try "$PYTHON" "$minors"
    echo "PYTHON=$PYTHON is not a 64-bit $wanted with the modules venv and ensurepip." >&2
    exit 1
fi

for minor in $minors; do
    IFS_BEFORE=$IFS
    IFS=:
    for name in python3.$minor python3 python; do
        for folder in $PATH; do
            [ -x "$folder/$name" ] && try "$folder/$name" "$minor"
        done
    done
    IFS=$IFS_BEFORE

    for root in "$PYENV_ROOT" "$(pyenv root 2>/dev/null)" "$HOME/.pyenv"; do
        for python in "$root/versions/3.$minor".*/bin/python3.$minor; do
            [ -n "$root" ] && [ -x "$python" ] && try "$python" "$minor"
        done
    done

    # In a shell with conda set up, `conda` is a function that this script does not see; CONDA_EXE is there.
    while read -r folder; do
        [ -n "$folder" ] && [ -x "$folder/bin/python3.$minor" ] && try "$folder/bin/python3.$minor" "$minor"
    done <<EOF
$("${CONDA_EXE:-conda}" env list 2>/dev/null | sed -n 's|^[^/#]*\(/.*\)|\1|p')
EOF

    python=$(uv python find 3.$minor 2>/dev/null) && try "$python" "$minor"
done

echo "$remedy" >&2
exit 1
