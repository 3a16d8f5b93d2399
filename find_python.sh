#!/bin/sh
# Print the path of a CPython 3.7 that can make virtual environments, or say how to get one and fail.
# Looks at $PYTHON (and then at nothing else), on PATH, under pyenv whatever version it has selected,
# and through conda and uv. Each candidate must run: pyenv's `python3.7` on PATH, for one, exists but
# fails while another version is selected.

# The answer is never the Python of a virtual environment: .venv itself may be active, and about to go.
check='
import ensurepip, os, sys, venv
if sys.version_info[:2] != (3, 7) or sys.implementation.name != "cpython" or sys.maxsize < 2 ** 32:
    sys.exit(1)
if sys.prefix == sys.base_prefix:
    print(sys.executable)
else:
    print(os.path.join(sys.base_prefix, "bin", "python3.7"))
'

try() {
    found=$("$1" -c "$check" 2>/dev/null </dev/null) && [ -x "$found" ] && echo "$found" && exit 0
}

if [ -n "$PYTHON" ]; then
    try "$PYTHON"
    echo "PYTHON=$PYTHON is not a 64-bit CPython 3.7 with the modules venv and ensurepip." >&2
    exit 1
fi

IFS_BEFORE=$IFS
IFS=:
for name in python3.7 python3 python; do
    for folder in $PATH; do
        [ -x "$folder/$name" ] && try "$folder/$name"
    done
done
IFS=$IFS_BEFORE

for root in "$PYENV_ROOT" "$(pyenv root 2>/dev/null)" "$HOME/.pyenv"; do
    for python in "$root"/versions/3.7.*/bin/python3.7; do
        [ -n "$root" ] && [ -x "$python" ] && try "$python"
    done
done

# In a shell with conda set up, `conda` is a function that this script does not see; CONDA_EXE is there.
while read -r folder; do
    [ -x "$folder/bin/python3.7" ] && try "$folder/bin/python3.7"
done <<EOF
$("${CONDA_EXE:-conda}" env list 2>/dev/null | sed -n 's|^[^/#]*\(/.*\)|\1|p')
EOF

python=$(uv python find 3.7 2>/dev/null) && try "$python"

echo 'No CPython 3.7 found, and TensorFlow 1.15 runs on no newer one. Get it with `pyenv install 3.7`' \
     'or `conda create -n py37 python=3.7`, or name yours: PYTHON=/path/to/python3.7 make venv' >&2
exit 1
