#!/bin/sh
# Make an environment ready, as its lock says; where it is, this does nothing.
#   environment.sh .venv            one of .venv, .venv-tf2, .venv-tensorboard, .venv-lint, .venv-site
#   environment.sh any              .venv, or .venv-tf2 where no CPython 3.7 is to be had; prints what runs a program
# COMPANION_TF=1: TensorFlow 1.15 or an error; COMPANION_TF=2: TensorFlow 2.x at once.
cd "$(dirname "$0")/.." || exit
# With LC_ALL=C, CPython 3.7 cannot read its own path if that has Chinese in it.
unset LC_ALL
export LC_CTYPE=C.UTF-8

ready() {
    "$1/bin/python" -S tools/environment.py --ready "$1" 2>/dev/null
}

# Sets $python to a CPython 3.7 that is here or could be fetched; or fails, and says why in $reason.
find37() {
    python=$(tools/find_python.sh 2>/dev/null) && return
    if [ -n "$PYTHON" ]; then
        reason=$(tools/find_python.sh 2>&1)
    elif reason=$(tools/fetch_python.sh); then
        python=$(tools/find_python.sh)
        return
    else
        reason="no CPython 3.7 is here, and $reason"
    fi
    return 1
}

# set_up ENVIRONMENT PYTHON
set_up() {
    ready "$1" || "$2" tools/environment.py "$1"
}

case $1 in
.venv)
    ready .venv && exit
    find37 && { set_up .venv "$python"; exit; }
    tools/find_python.sh
    [ -n "$PYTHON" ] || echo "Nor is there another way: $reason." >&2
    exit 1 ;;
.venv-tf2 | .venv-site)
    ready "$1" && exit
    python=$(tools/find_python.sh 2.x) && set_up "$1" "$python" ;;
.venv-*)
    ready "$1" && exit
    python=$(tools/find_python.sh any) && set_up "$1" "$python" ;;
any)
    case $COMPANION_TF in
    1) "$0" .venv && echo .venv/bin/python; exit ;;
    2) reason='COMPANION_TF=2 asks for it' ;;
    *)  if ready .venv; then
            echo .venv/bin/python
            exit
        elif ready .venv-tf2 && ! tools/find_python.sh >/dev/null 2>&1; then
            # Looks for no 3.7 in the network each time.
            reason='.venv-tf2 is here, and no CPython 3.7; `make venv` looks for one elsewhere'
        elif find37; then
            set_up .venv "$python" && echo .venv/bin/python
            exit
        fi ;;
    esac
    python=$(tools/find_python.sh 2.x 2>/dev/null) || {
        tools/find_python.sh any
        [ -n "$PYTHON" ] || echo "Of 3.7, $reason." >&2
        exit 1; }
    echo "TensorFlow 2.x, by way of tf1.py: $reason" >&2
    set_up .venv-tf2 "$python" && echo '.venv-tf2/bin/python tf1.py' ;;
esac
