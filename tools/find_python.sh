#!/bin/sh
# Print the path of a CPython that can make virtual environments, or say what there is, how to get one, and fail:
#   find_python.sh          a 3.7, for TensorFlow 1.15
#   find_python.sh 2.x      a 3.10 to 3.13, for TensorFlow 2.x
#   find_python.sh any      a 3.7, or else one of the others
# Looks at $PYTHON (and then at nothing else), on PATH, under pyenv whatever version it has selected, through conda
# and uv, and in .python37, where fetch_python.sh puts one. Each candidate must run: pyenv's `python3.7` on PATH, for
# one, exists but fails while another version is selected.

get37='`pyenv install 3.7` or `conda create -n py37 python=3.7`'
get2x='`pyenv install 3.11` or `conda create -n py311 python=3.11`'
case $1 in
'') minors=7
    wanted='CPython 3.7'
    none='No CPython 3.7 found, and TensorFlow 1.15 runs on no newer one'
    remedy="Get it with $get37, or name yours: PYTHON=/path/to/python3.7 make venv; \
or take TensorFlow 2.x: make venv-tf2" ;;
2.x) minors='11 12 13 10'
    wanted='CPython 3.10 to 3.13'
    none='No CPython 3.10 to 3.13 found, for TensorFlow 2.x'
    remedy="Get it with $get2x, or name yours: PYTHON=/path/to/python3.11 make venv-tf2" ;;
any) minors='7 11 12 13 10'
    wanted='CPython 3.7, or 3.10 to 3.13,'
    none='No CPython 3.7 found, for TensorFlow 1.15, and none of 3.10 to 3.13, for TensorFlow 2.x'
    remedy="Get one with $get37, or $get2x, or name yours: PYTHON=/path/to/python make mnist" ;;
esac

# Prints the path, with status 0; or what is wrong: status 1 if only that is missing, 2 for another version. The path
# is never that of a virtual environment: .venv itself may be active, and about to go.
check='
from __future__ import print_function
import os, sys
minor = str(sys.version_info[1])
about = sys.executable + " is " + "%d.%d.%d" % sys.version_info[:3]
if sys.version_info[0] != 3 or minor not in "MINORS".split():
    print(about)
    sys.exit(2)
import platform
if sys.implementation.name != "cpython":
    print(about + " of " + sys.implementation.name)
    sys.exit(1)
if sys.maxsize < 2 ** 32 or minor == "7" and platform.machine() not in ("x86_64", "AMD64"):
    print(about + " for %d bit on %s" % (64 if sys.maxsize > 2 ** 32 else 32, platform.machine()))
    sys.exit(1)
try:
    import ensurepip, venv
except ImportError as error:
    print(about + " but: %s (on Debian and Ubuntu: sudo apt install python3.%s-venv)" % (error, minor))
    sys.exit(1)
if sys.prefix == sys.base_prefix:
    print(sys.executable)
else:
    print(os.path.join(sys.base_prefix, "bin", "python3." + minor))
'

# try PYTHON MINORS: print it and end if it is of one of these minor versions; else note what it is.
near=
other=
try() {
    found=$("$1" -c "${check%%MINORS*}$2${check#*MINORS}" 2>/dev/null </dev/null)
    case $? in
    0) [ -x "$found" ] && echo "$found" && exit 0 ;;
    1) near=${near:-$found} ;;
    2) other=${other:-$found} ;;
    *) [ -z "$PYTHON" ] || near="$PYTHON does not run" ;;
    esac
}

if [ -n "$PYTHON" ]; then
    try "$PYTHON" "$minors"
    echo "PYTHON=$PYTHON is not a 64-bit $wanted with the modules venv and ensurepip: ${near:-$other}." >&2
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
    python=$(cd "$(dirname "$0")/.." && pwd)/.python37/bin/python3.$minor
    [ -x "$python" ] && try "$python" "$minor"
done

echo "$none (${near:-${other:-there is no Python at all}}). $remedy" >&2
exit 1
