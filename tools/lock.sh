#!/bin/sh
# Resolve setup.py and requirements/*.in into requirements/*.lock, with every file's sha256.
#   lock.sh                 all five; pins that fit are kept
#   lock.sh six numpy       and these pins are renewed
# A pin that was edited by hand is kept if it fits, and gets the sha256 of its own files. Releases younger than three
# weeks are left out: most that were a mistake, or worse, are withdrawn by then.
cd "$(dirname "$0")/.." || exit
python37=$(tools/find_python.sh) && python2=$(tools/find_python.sh 2.x) || exit
renew=
for package; do renew="$renew --upgrade-package $package"; done
before=$("$python37" -c 'import datetime; print(datetime.date.today() - datetime.timedelta(21))')
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
uv=$("$python37" tools/get_uv.py "$work") || exit

# resolve LOCK SETTINGS ARGUMENTS...
resolve() {
    lock=requirements/$1.lock
    mkdir "$work/$1" && printf '[tool.uv]\n%s\n' "$2" > "$work/$1/pyproject.toml"
    # Without the sha256 that are there: uv would keep them, also where the version was edited.
    [ ! -e "$lock" ] || sed -n 's/^\([a-z][^ ]*==[^\\]*[^ \\]\) *\\*$/\1/p' "$lock" > "$work/$1.lock"
    name=$1
    shift 2
    UV_CUSTOM_COMPILE_COMMAND="make lock (releases before $before)" "$uv" -q --project "$work/$name" pip compile \
        --universal --generate-hashes --no-annotate --exclude-newer "$before" $renew "$@" -o "$work/$name.lock" \
        >/dev/null || exit
    # For one range of Pythons, without "only there": pip on another Python would install nothing, with status 0.
    case $name in
    tf1) sed -i.all -e "s/ ; python_full_version < '3.8' and / ; /" -e "s/ ; python_full_version < '3.8' / /" \
        "$work/$name.lock" ;;
    tf2 | site) sed -i.all -e "s/ ; python_full_version < '3.14' and / ; /" -e "s/ ; python_full_version < '3.14' / /" \
        -e "s/ and python_full_version < '3.14' / /" "$work/$name.lock" ;;
    esac
    cp "$work/$name.lock" "$lock"
}

"$python37" -c 'import runpy, sys, types
setup = lambda **given: print("\n".join(given["install_requires"] + sum(given["extras_require"].values(), [])))
sys.modules["setuptools"] = types.SimpleNamespace(setup=setup)
runpy.run_path("setup.py")' > "$work/tf1.in" || exit
# For Linux, macOS and Windows. Send2Trash 2.0.0 excludes Python 3.7 with a "!=3.7.*", which uv overlooks.
resolve tf1 "environments = [\"python_full_version < '3.8'\"]
constraint-dependencies = ['send2trash<2']" "$work/tf1.in" --python "$python37" --python-version 3.7

# For CPython 3.10 to 3.13, on Linux (x86-64 and ARM), macOS (Apple silicon) and Windows.
resolve tf2 "environments = [\"python_full_version >= '3.10' and python_full_version < '3.14'\"]
required-environments = [\"sys_platform == 'linux' and platform_machine == 'x86_64'\",
    \"sys_platform == 'linux' and platform_machine == 'aarch64'\",
    \"sys_platform == 'darwin' and platform_machine == 'arm64'\",
    \"sys_platform == 'win32' and platform_machine == 'AMD64'\"]" \
    requirements/tf2.in --python "$python2" --python-version 3.10

resolve site "environments = [\"python_full_version >= '3.10' and python_full_version < '3.14'\"]" \
    requirements/site.in --python "$python2" --python-version 3.10

both="environments = [\"python_full_version < '3.8'\",
    \"python_full_version >= '3.10' and python_full_version < '3.14'\"]"
resolve tensorboard "$both" requirements/tensorboard.in --python "$python37" --python-version 3.7
resolve lint '' requirements/lint.in --python "$python37" --python-version 3.7
git diff --stat -- requirements 2>/dev/null || true
