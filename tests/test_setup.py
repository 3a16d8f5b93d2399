"""The set-up: the search for Python 3.7, the locks, what make does; with Pythons that record their calls."""
import functools
import hashlib
import http.server
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import threading

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from conftest import ROOT, read, until

TOOLS = ('make sh [ test echo awk basename cat chmod cp curl cut date dirname env find grep head ls '
         'mkdir mktemp mv printf rm sed sha256sum sleep sort tail tar touch tr uname wc wget zstd').split()
V37, V38, V311 = (3, 7, 16), (3, 8, 18), (3, 11, 7)

pytestmark = pytest.mark.skipif(os.name == 'nt', reason='make and the tools are for Linux and macOS')


@pytest.fixture(scope='session')
def bare(tmp_path_factory):
    """A folder for PATH that has the tools of any system, and no Python."""
    folder = tmp_path_factory.mktemp('bare')
    for name in TOOLS:
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return folder


def executable(path, text):
    """Write a shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('#!/bin/sh\n' + text)
    path.chmod(0o755)
    return path


# What a fake Python runs, as Python does: code given with -c, and environment.py.
FAKE = """
import os, runpy, sys
sys.version_info = {version!r}
sys.executable = os.path.abspath(os.environ.pop("SELF"))
sys.prefix = sys.base_prefix = "/usr"
{before}
if sys.argv[1] == "-S":
    del sys.argv[1]
if sys.argv[1] == "-c":
    exec(sys.argv[2])
else:
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


def fake_python(path, version, before='import platform; platform.machine = lambda: "x86_64"', shell=''):
    """A Python that says it is of another version; `shell` comes first."""
    code = FAKE.format(version=version, before=before)
    return executable(path, "%s\nSELF=$0 exec '%s' -S -c '%s' \"$@\"\n" % (shell, sys.executable, code))


def recorder(path, project, version=V37, statuses=(), wait=''):
    """A fake Python that makes environments with copies of itself, and records all else that it shall run.

    `statuses` has (pattern of sh, exit status) of what fails; what matches the pattern `wait` ends when
    there is a file `go`.
    """
    arms = ''.join('%s) echo "ERROR: broken by the test"; exit %d ;;\n' % arm for arm in statuses)
    return fake_python(path, version, shell="""
case "$1" in
-c|-S|tools/environment.py) ;;
*)  echo "$@" >> '{calls}'
    case "$*" in
    {arms}'-m venv '*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" || exit ;;
    esac
    case "$*" in {wait}) while [ ! -e '{go}' ]; do sleep 0.05; done; echo "$@ ended" >> '{calls}' ;; esac
    echo one; echo two; echo three
    exit ;;
esac""".format(calls=project / 'calls', go=project / 'go', arms=arms, wait=wait or 'nothing'))


def calls(project):
    """The recorded calls, and forget them."""
    path = project / 'calls'
    lines = path.read_text().splitlines() if path.exists() else []
    path.write_text('')
    return lines


@pytest.fixture
def project(tmp_path, bare):
    """A copy of what the set-up needs, in a folder with a space and Chinese in its name."""
    folder = tmp_path / 'the project \u4e2d\u6587'
    shutil.copytree(os.path.join(ROOT, 'requirements'), str(folder / 'requirements'))
    (folder / 'README.md').write_text('')
    (folder / 'tools').mkdir()
    for name in ('Makefile', 'setup.py', 'tools/find_python.sh', 'tools/fetch_python.sh',
                 'tools/environment.sh', 'tools/environment.py', 'tools/lock.sh'):
        shutil.copy(os.path.join(ROOT, name), str(folder / name))
    if not (bare / 'make').exists():
        pytest.skip('make is not installed')
    return folder


def surroundings(bare, **variables):
    """The variables of a bare system: none of the user's, nor of a make that runs us."""
    variables = {key: str(value) for key, value in variables.items()}
    return dict({'PATH': str(bare), 'HOME': '/nonexistent'}, **variables)


@pytest.fixture
def make(project, bare):
    """make(target, ...) runs make in the project, which succeeds unless `fails`, and returns all that it says."""
    def run(*arguments, fails=False, **variables):
        done = subprocess.run(['make'] + list(arguments), cwd=str(project), env=surroundings(bare, **variables),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert bool(done.returncode) == fails, done.stdout
        return done.stdout
    return run


@pytest.fixture
def start(project, bare):
    """The same, without waiting for the end."""
    started = []

    def run(*arguments, **variables):
        started.append(subprocess.Popen(
            ['make'] + list(arguments), cwd=str(project), env=surroundings(bare, **variables),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True))
        return started[-1]
    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def python37(project, tmp_path):
    return recorder(tmp_path / 'python37' / 'python', project)


@pytest.fixture
def python311(project, tmp_path):
    return recorder(tmp_path / 'python311' / 'python', project, V311)


# Finding a Python -------------------------------------------------------------------------------

@pytest.fixture
def search(tmp_path, bare):
    """search(which, ...) runs find_python.sh with tmp_path/path before the tools."""
    def run(*arguments, **variables):
        path = '%s:%s' % (tmp_path / 'path', bare)
        variables = dict({'HOME': tmp_path / 'home', 'PATH': path}, **variables)
        return subprocess.run(['/bin/sh', os.path.join(ROOT, 'tools', 'find_python.sh')] + list(arguments),
                              env=surroundings(bare, **variables), capture_output=True, text=True)
    return run


def test_finds_python_under_pyenv_whatever_it_has_selected(tmp_path, search):
    executable(tmp_path / 'path' / 'python3.7', 'echo "pyenv: python3.7: command not found" >&2; exit 127\n')
    fake_python(tmp_path / 'path' / 'python3', V311)
    versions = tmp_path / 'home' / '.pyenv' / 'versions'
    fake_python(versions / '3.11.7' / 'bin' / 'python3.7', V311)
    python = fake_python(versions / '3.7.16' / 'bin' / 'python3.7', V37)
    assert search().stdout == '%s\n' % python
    # PATH comes first.
    python = fake_python(tmp_path / 'path' / 'python', V37)
    assert search().stdout == '%s\n' % python


@pytest.mark.parametrize('conda_exe', [False, True])
def test_finds_python_of_a_conda_environment(tmp_path, search, conda_exe):
    fake_python(tmp_path / 'conda base' / 'bin' / 'python3', V311)
    python = fake_python(tmp_path / 'conda base' / 'envs' / 'py37' / 'bin' / 'python3.7', V37)
    conda = executable(tmp_path / ('opt' if conda_exe else 'path') / 'conda', """
[ "$*" = 'env list' ] && cat <<EOF
# conda environments:
#
base                  *  {0}
py37                     {0}/envs/py37

EOF
""".format(tmp_path / 'conda base'))
    assert search(**({'CONDA_EXE': conda} if conda_exe else {})).stdout == '%s\n' % python


def test_finds_python_of_uv(tmp_path, search):
    python = fake_python(tmp_path / 'uv' / 'cpython-3.7' / 'bin' / 'python3.7', V37)
    executable(tmp_path / 'path' / 'uv', '[ "$*" = "python find 3.7" ] && echo "%s"\n' % python)
    assert search().stdout == '%s\n' % python


def test_finds_the_python_of_tensorflow_2_and_any(tmp_path, search):
    fake_python(tmp_path / 'path' / 'python3.8', V38)
    fake_python(tmp_path / 'path' / 'python3.10', (3, 10, 4))
    python = fake_python(tmp_path / 'home' / '.pyenv' / 'versions' / '3.11.7' / 'bin' / 'python3.11', V311)
    assert search('2.x').stdout == search('any').stdout == '%s\n' % python
    python = fake_python(tmp_path / 'path' / 'python3', V37)
    assert search('any').stdout == '%s\n' % python


@pytest.mark.parametrize('version, fault, words', [
    (V37, 'sys.modules["ensurepip"] = None', 'ensurepip'),
    pytest.param(V37, 'sys.maxsize = 2 ** 31 - 1', ' is 3.7.16 for 32 bit', marks=pytest.mark.slow),
    (V37, 'import platform; platform.machine = lambda: "arm64"', ' is 3.7.16 for 64 bit on arm64'),
    pytest.param(V37, 'sys.implementation.name = "pypy"', ' is 3.7.16 of pypy', marks=pytest.mark.slow),
    (V38, '', ' is 3.8.18'),
])
def test_a_refusal_names_the_python_and_what_is_wrong(tmp_path, search, version, fault, words):
    python = fake_python(tmp_path / 'path' / 'python3.7', version, fault)
    for found in search(), search(PYTHON=python):
        assert found.returncode == 1 and found.stdout == '' and found.stderr.count('\n') == 1
        assert str(python) in found.stderr and words in found.stderr
    assert ('sudo apt install python3.7-venv' in found.stderr) == (words == 'ensurepip')
    right = fake_python(tmp_path / 'path' / 'python3', V37)
    assert search().stdout == '%s\n' % right
    assert search(PYTHON=python).returncode == 1            # what the user names is not replaced


@pytest.mark.parametrize('which, ways', [
    ([], ['pyenv install 3.7', 'conda create -n py37', 'PYTHON=/path/to/python3.7', 'make venv-tf2']),
    (['2.x'], ['pyenv install 3.11', 'PYTHON=/path/to/python3.11 make venv-tf2']),
    (['any'], ['pyenv install 3.7', 'pyenv install 3.11', 'PYTHON=/path/to/python make mnist'])])
def test_says_in_one_line_how_to_get_python(search, which, ways):
    found = search(*which)
    assert found.returncode == 1 and found.stdout == '' and found.stderr.count('\n') == 1
    assert all(way in found.stderr for way in ways + ['there is no Python at all'])


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason='the tests do not run in a virtual environment')
def test_answers_with_the_python_behind_a_virtual_environment(search):
    # .venv is active while `make venv` makes it again: it must not be made from itself.
    found = search('any', PYTHON=sys.executable).stdout.strip()
    assert not found.startswith(sys.prefix + os.sep)
    assert os.path.samefile(os.path.realpath(found), os.path.realpath(sys.executable))


# Fetching one ------------------------------------------------------------------------------------

@pytest.fixture
def sources(project, tmp_path):
    """sources((file, content or None, what its sha256 is of), ...): what requirements/python37.txt lists."""
    site = tmp_path / 'site'
    site.mkdir()
    server = http.server.HTTPServer(('127.0.0.1', 0), functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(site)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    kind = os.uname()

    def serve(*files):
        lines = []
        for name, content, right in files:
            if content is not None:
                (site / name).write_bytes(content)
            lines.append('%s-%s %s %s http://127.0.0.1:%d/%s\n' % (
                kind.sysname, kind.machine, hashlib.sha256(right).hexdigest(),
                'conda' if name.endswith('.sh') else 'zst', server.server_port, name))
        (project / 'requirements' / 'python37.txt').write_text('# a comment\n' + ''.join(lines))
        return server
    yield serve
    server.shutdown()
    server.server_close()


@pytest.fixture
def installer(project, tmp_path):
    """A stand-in of Miniconda's installer: `sh FILE -b -p FOLDER` puts a recording Python there."""
    python = recorder(tmp_path / 'made' / 'python3.7', project)
    return ('[ "$1 $2" = "-b -p" ] && mkdir -p "$3/bin" && cp \'%s\' "$3/bin"\n' % python).encode()


def test_fetches_python_from_the_first_source_that_is_right(project, make, sources, installer):
    (project / '.python37.part.4194305').mkdir()        # of a killed one: no process has this number
    sources(('gone.sh', None, installer), ('changed.sh', installer + b'#', installer),
            ('right.sh', installer, installer))
    out = make('venv')
    lines = out.splitlines()
    # What was wrong with a source is said where the next is taken.
    for line, reason in zip(lines, ('No CPython 3.7 here', 'cannot be reached', ': the sha256 differs')):
        assert reason + ': fetching one' in line and '127.0.0.1' in line
    assert 'Making .venv with' in lines[-3] and '/.python37/bin/python3.7' in lines[-3]
    assert sorted(name for name in os.listdir(str(project)) if name.startswith('.python37')) == ['.python37']
    assert calls(project)[0] == '-m venv .venv'
    # It is fetched once.
    shutil.rmtree(str(project / '.venv'))
    assert 'fetching' not in make('venv')


@pytest.mark.slow
def test_python_that_lies_in_the_folder_needs_no_network(project, make, sources, installer):
    sources(('right.sh', None, installer)).shutdown()
    (project / 'right.sh').write_bytes(installer)
    assert 'fetching' not in make('venv')


def test_without_network_make_goes_on_with_tensorflow_2_or_says_what_to_put_where(
        project, make, sources, installer, bare, tmp_path, python311):
    server = sources(('gone.sh', None, installer), ('changed.sh', b'?', installer))
    out = make('venv', fails=True)
    assert 'make venv-tf2' in out
    host = '127.0.0.1:%d' % server.server_port
    assert '%s cannot be reached; %s: the sha256 differs' % (host, host) in out
    assert 'put http://%s/gone.sh into %s' % (host, os.path.realpath(str(project))) in out
    path = '%s:%s' % (tmp_path / 'path', bare)
    (tmp_path / 'path').mkdir()
    (tmp_path / 'path' / 'python3').symlink_to(python311)
    assert 'TensorFlow 2.x, by way of tf1.py: no CPython 3.7 is here, and none could be' in make('test', PATH=path)
    assert calls(project)[-1] == PYTEST2[0]
    # Once .venv-tf2 is there, nothing is looked for again.
    assert 'fetching' not in make('test', PATH=path) and calls(project) == PYTEST2[:1]
    assert 'fetching' in make('test', PATH=path, COMPANION_TF='1', fails=True) and calls(project) == []


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which('zstd'), reason='needs zstd, which makes the archive')
def test_unpacks_an_archive_as_python_build_standalones(project, bare, sources, tmp_path):
    """A stand-in of the same layout, of the Python that runs the tests, called 3.7 whatever it is."""
    install = tmp_path / 'python' / 'install'
    library = 'lib/python%d.%d' % sys.version_info[:2]
    (install / 'bin').mkdir(parents=True)
    shutil.copy(os.path.realpath(sys.executable), str(install / 'bin' / 'python3.7'))
    shutil.copytree(os.path.join(sys.base_prefix, library), str(install / library), symlinks=True,
                    ignore=shutil.ignore_patterns('test', 'tests', 'site-packages', '__pycache__'))
    (tmp_path / 'python' / 'PYTHON.json').write_text('{}')
    archive = tmp_path / 'cpython-3.7.9.tar.zst'
    subprocess.run('tar -cf - python | zstd -q -1 -o "%s"' % archive, shell=True, check=True, cwd=str(tmp_path))
    content = archive.read_bytes()
    flipped = content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]
    sources(('cpython-3.7.9.tar.zst', flipped, content), ('cpython-3.7.9-2.tar.zst', content, content))
    done = subprocess.run(['sh', str(project / 'tools' / 'fetch_python.sh')], env=surroundings(bare),
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ''), done.stderr
    python = str(project / '.python37' / 'bin' / 'python3.7')
    prefix = subprocess.check_output([python, '-c', 'import sys; print(sys.prefix)'], universal_newlines=True)
    assert os.path.samefile(prefix.strip(), str(project / '.python37'))
    assert not (project / '.python37' / 'PYTHON.json').exists()


# The locks ---------------------------------------------------------------------------------------

def locked(name):
    """A lock as a list of (name, version, marker or None, [hash, ...])."""
    pins = []
    for line in read('requirements', name + '.lock').replace('\\\n', ' ').splitlines():
        if line and not line.startswith('#'):
            # As pip reads it: a requirement, then options.
            requirement = Requirement(line.split(' --hash')[0])
            (specifier,) = requirement.specifier
            assert specifier.operator == '==', line
            pins.append((canonicalize_name(requirement.name), specifier.version, requirement.marker,
                         re.findall(r'--hash=sha256:([0-9a-f]{64})\b', line)))
    return pins


@pytest.mark.parametrize('name, count', [('tf1', 100), ('tf2', 60), ('tensorboard', 30), ('lint', 1), ('site', 60)])
def test_lock_has_hashes_and_no_places(name, count):
    pins = locked(name)
    assert len(pins) >= count
    assert [pin for pin in pins if not pin[3]] == []
    for one in pins:
        for other in pins:          # no pin has another's hashes
            assert one[:2] == other[:2] or not set(one[3]) & set(other[3]), (one[:2], other[:2])
    text = read('requirements', name + '.lock')
    assert re.match(r'# .*\n#    make lock \(releases before 20\d\d-\d\d-\d\d\)\n', text)
    for place in ('://', '@', '--index', '--find-links', '--extra', '--trusted'):
        assert place not in text, place
    # Else pip on another Python would skip every line, and report success.
    unmarked = [pin for pin in pins if not pin[2] or 'python' not in str(pin[2])]
    assert name == 'tensorboard' or len(unmarked) > 0.5 * len(pins)
    assert name != 'tf1' or not re.search('python_(full_)?version', text)


def declared(monkeypatch):
    """What setup.py gives to setuptools."""
    given = {}
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr('setuptools.setup', lambda **arguments: given.update(arguments))
    monkeypatch.setattr(sys, 'argv', ['setup.py'])
    runpy.run_path(os.path.join(ROOT, 'setup.py'))
    return given


def test_every_requirement_is_pinned_to_a_version_it_allows(monkeypatch):
    given = declared(monkeypatch)
    extras = given['extras_require']
    pins = {name: (version, marker) for name, version, marker, _ in locked('tf1')}
    assert len(given['install_requires']) >= 10 and {'ch06', 'test', 'all'} <= set(extras)
    for requirement in map(Requirement, given['install_requires'] + sum(extras.values(), [])):
        version, marker = pins[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, '%s: %s is pinned' % (requirement, version)
        assert str(marker) == str(requirement.marker)
    for name in 'tf2', 'tensorboard', 'lint', 'site':
        pins = locked(name)
        for line in read('requirements', name + '.in').splitlines():
            if not line.startswith('#'):
                wanted = Requirement(line)
                assert [pin for pin in pins if pin[0] == canonicalize_name(wanted.name) and
                        pin[1] in wanted.specifier], (name, line)


def test_setup_py_declares_all_that_is_imported_across_folders(monkeypatch):
    packages = declared(monkeypatch)['packages']
    assert {'companion', 'data'} <= set(packages)
    for package in packages:
        assert os.path.isdir(os.path.join(ROOT, package.replace('.', os.sep))), package
    for chapter in range(1, 8):
        assert any(package.startswith('ch0%d_' % chapter) for package in packages), chapter


def test_locks_are_made_without_the_hashes_that_are_there(project, make, tmp_path, bare, python37, python311):
    """A pin that was edited by hand would keep the sha256 of the other version."""
    path = tmp_path / 'path'
    path.mkdir()
    for name, python in ('python3.7', python37), ('python3.11', python311):
        (path / name).symlink_to(python)
    uv = executable(tmp_path / 'uv', 'echo "$@" >> %s/asked\nfor last; do :; done\n'
                    'cp "$last" "%s/$(basename "$last")"; echo "six==1.16.0" > "$last"\n' % (2 * (tmp_path,)))
    fake_python(python37, V37, shell='case "$1" in *get_uv.py) echo "%s"; exit ;; esac' % uv)
    lock = project / 'requirements' / 'tf1.lock'
    lock.write_text(re.sub('^six==.* ', 'six==1.16.0 ', lock.read_text(), flags=re.MULTILINE))
    make('lock', PATH='%s:%s' % (path, bare), PACKAGES='six numpy')
    lines = (tmp_path / 'tf1.lock').read_text().splitlines()
    assert 'six==1.16.0' in lines and len(lines) > 100 and not [line for line in lines if 'hash' in line]
    assert lock.read_text() == 'six==1.16.0\n'
    asked = (tmp_path / 'asked').read_text().splitlines()
    assert len(asked) == len(list((project / 'requirements').glob('*.lock')))
    for line in asked:
        assert '--generate-hashes' in line and '--upgrade-package six --upgrade-package numpy' in line
        assert re.search(r'--exclude-newer 20\d\d-\d\d-\d\d ', line)


def test_make_lock_without_python_3_7_leaves_nothing(project, make):
    before = sorted(os.listdir(str(project)))
    assert 'is not a 64-bit CPython 3.7' in make('lock', PYTHON='/nonexistent', fails=True)
    assert sorted(os.listdir(str(project))) == before


# make venv ---------------------------------------------------------------------------------------

SET_UP = ['-m venv .venv',
          '-m pip install --require-hashes -r .venv/build.lock',
          '-m pip install --require-hashes --no-build-isolation -r requirements/tf1.lock',
          '-m pip install --no-deps --no-build-isolation -e .']
SET_UP2 = [call.replace('.venv', '.venv-tf2').replace('tf1.lock', 'tf2.lock') for call in SET_UP[:3]]


def test_make_alone_says_what_there_is(project, make):
    targets = re.findall('^make ([a-z0-9-]+) ', make(), re.MULTILINE)
    assert {'mnist', 'test', 'test-all', 'venv', 'venv-tf2', 'tensorboard', 'lint', 'lock'} <= set(targets)
    for target in targets:
        assert 'No rule' not in make('-n', target)
    assert not (project / '.venv').exists()


def test_make_venv_sets_up_from_the_lock_once(project, make, python37):
    out = make('venv', PYTHON=python37)
    assert calls(project) == SET_UP
    # A line a step; what pip says is in the log.
    assert [line.split()[0] for line in out.splitlines()] == ['Making', 'Installing', 'Ready']
    assert (project / '.venv' / 'set-up.log').read_text().count('three\n') == 4
    lines = [line.split('==')[0] for line in (project / '.venv' / 'build.lock').read_text().splitlines()
             if not line.startswith(' ')]
    assert {'pip', 'setuptools', 'wheel'} <= set(lines) <= {'pip', 'setuptools', 'wheel', 'packaging'}
    assert make('venv', PYTHON='/nonexistent') == '' and calls(project) == []


@pytest.mark.parametrize('file', [pytest.param('setup.py', marks=pytest.mark.slow), 'requirements/tf1.lock'])
def test_make_venv_is_brought_up_to_date_in_place(project, make, python37, file):
    make('venv', PYTHON=python37)
    calls(project)
    (project / '.venv' / 'old').write_text('')
    with open(str(project / file), 'a') as changed:
        changed.write('# changed\n')
    assert 'up to date' in make('venv', PYTHON=python37)
    assert calls(project) == SET_UP[1:] and (project / '.venv' / 'old').exists()
    with open(str(project / file), 'a') as changed:
        changed.write('# again\n')
    recorder(project / '.venv' / 'bin' / 'python', project, statuses=[('*tf1.lock', 7)])
    make('venv', PYTHON=python37, fails=True)
    assert not (project / '.venv' / 'ready').exists()


@pytest.mark.parametrize('step', ['"-m venv"', '*tf1.lock'])
def test_make_venv_that_failed_does_not_count_as_ready(project, make, tmp_path, python37, step):
    broken = recorder(tmp_path / 'broken' / 'python', project, statuses=[('*' + step + '*', 7)])
    out = make('venv', PYTHON=broken, fails=True)
    assert 'error: .venv could not be set up: broken by the test. ' in out
    assert str(project / '.venv' / 'set-up.log') in out
    assert not (project / '.venv' / 'ready').exists()
    calls(project)
    make('venv', PYTHON=python37)
    assert calls(project) == SET_UP


@pytest.mark.parametrize('fault', [
    pytest.param(lambda path: (path / 'ready').write_text(
        re.sub('.*', '/somewhere/else', (path / 'ready').read_text(), count=1)), id='moved'),
    pytest.param(lambda path: (path / 'ready').unlink(), id='interrupted'),
    pytest.param(lambda path: (path / 'bin' / 'python').unlink(), id='python-gone', marks=pytest.mark.slow),
    pytest.param(lambda path: fake_python(path / 'bin' / 'python', V38), id='another-python', marks=pytest.mark.slow)])
def test_make_venv_makes_a_broken_one_again_and_says_so(project, make, python37, fault):
    make('venv', PYTHON=python37)
    calls(project)
    (project / '.venv' / 'old').write_text('')
    fault(project / '.venv')
    make('venv', PYTHON='/nonexistent', fails=True)
    assert (project / '.venv' / 'old').exists()    # without a Python nothing is lost
    assert '.venv is incomplete, was moved, or has lost its Python: it is made again\n' in make('venv', PYTHON=python37)
    assert calls(project) == SET_UP
    assert not (project / '.venv' / 'old').exists() and (project / '.venv' / 'ready').exists()


def test_two_makes_at_once_set_up_once(project, start, tmp_path):
    slow = recorder(tmp_path / 'slow' / 'python', project, wait='*tf1.lock')
    first = start('venv', PYTHON=slow)
    until(lambda: SET_UP[2] in ((project / 'calls').read_text() if (project / 'calls').exists() else ''))
    second = start('venv', PYTHON=slow)
    line = second.stdout.readline()
    assert 'sets up an environment here; waiting for it' in line
    (project / 'go').write_text('')
    assert first.wait(60) == second.wait(60) == 0
    assert calls(project) == SET_UP[:3] + [SET_UP[2] + ' ended'] + SET_UP[3:]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which('ps'), reason='needs ps')
def test_a_pip_that_outlives_its_make_is_waited_for(project, start, tmp_path, python37):
    slow = recorder(tmp_path / 'slow' / 'python', project, wait='*tf1.lock')
    first = start('venv', PYTHON=slow)
    until(lambda: SET_UP[2] in ((project / 'calls').read_text() if (project / 'calls').exists() else ''))
    def running():
        """The process that the lock names, once it is that of this pip: the one before it has ended."""
        pip = int((project / '.venv-lock').read_text() or 0)
        try:
            os.kill(pip, 0)
        except ProcessLookupError:
            return 0
        return pip
    until(running)
    pip = running()
    parent = int(subprocess.check_output(['ps', '-o', 'ppid=', '-p', str(pip)]))
    os.kill(parent, signal.SIGKILL)                     # the set-up itself, so that it can stop nothing
    assert first.wait(60) != 0
    os.kill(pip, 0)                                     # is still there
    second = start('venv', PYTHON=python37)
    assert second.stdout.readline() == 'Process %d sets up an environment here; waiting for it\n' % pip
    assert (project / '.venv').exists() and SET_UP[2] + ' ended' not in (project / 'calls').read_text()
    (project / 'go').write_text('')
    assert second.wait(60) == 0
    assert calls(project) == SET_UP[:3] + [SET_UP[2] + ' ended'] + SET_UP


# make mnist, test, and the others ------------------------------------------------------------------

FETCH = '-m data fetch mnist'
TRAIN, EVAL = 'ch03_training_tricks/mnist_train.py', 'ch03_training_tricks/mnist_eval.py --once'
PYTEST = '-m pytest -n 4 --dist worksteal -m not slow'
PYTEST2 = ['tf1.py ' + PYTEST,
           'tf1.py ' + PYTEST[:-len(' -m not slow')] + ' -k runs_on_the_sample tests/test_notebooks.py']


@pytest.fixture
def ready(project, make, python37):
    """A finished .venv; ready(statuses) lets some of its calls fail."""
    make('venv', PYTHON=python37)
    calls(project)
    return lambda *statuses: recorder(project / '.venv' / 'bin' / 'python', project, statuses=statuses)


def test_make_mnist(project, make, ready):
    out = make('mnist')
    assert calls(project) == [FETCH, TRAIN, EVAL] and 'sample' not in out
    ready(('*fetch*', 3))
    out = make('mnist')
    assert calls(project) == [FETCH, TRAIN + ' --sample', EVAL + ' --sample']
    assert 'No MNIST files and no network: going on with the embedded sample' in out
    for status in 1, 130:
        ready(('*fetch*', status))
        make('mnist', fails=True)
        assert calls(project) == [FETCH]
    ready(('*train*', 1))
    make('mnist', fails=True)
    assert calls(project) == [FETCH, TRAIN]


def test_make_test_and_test_all(project, make, ready, python311):
    make('test', PYTHON='/nonexistent')
    assert calls(project) == [PYTEST]
    make('test-all', PYTHON=python311)
    assert calls(project) == SET_UP2 + [PYTEST[:-len(' -m not slow')]] + PYTEST2
    ready(('*pytest*', 1))
    make('test', fails=True)
    make('test-all', fails=True)


def test_tensorflow_2_by_choice_and_without_python_3_7(project, make, ready, python311):
    out = make('mnist', PYTHON=python311, COMPANION_TF='2')
    assert calls(project) == SET_UP2 + ['tf1.py ' + call for call in (FETCH, TRAIN, EVAL)]
    assert 'TensorFlow 2.x, by way of tf1.py: COMPANION_TF=2 asks for it' in out
    shutil.rmtree(str(project / '.venv'))
    out = make('test', PYTHON=python311)
    assert calls(project) == PYTEST2[:1]
    assert out.count('TensorFlow 2.x, by way of tf1.py: ') == 1
    assert 'PYTHON=/nonexistent is not a 64-bit CPython 3.7 with' in make(
        'test', PYTHON='/nonexistent', COMPANION_TF='1', fails=True)
    shutil.rmtree(str(project / '.venv-tf2'))
    assert 'PYTHON=/nonexistent is not a 64-bit CPython 3.7, or 3.10 to 3.13,' in make(
        'test', PYTHON='/nonexistent', fails=True)
    assert calls(project) == []


def test_make_clean_leaves_the_users_files(project, make, ready):
    kept = [project / 'runs' / 'ch03' / 'model.ckpt', project / 'runs' / '__pycache__' / 'kept',
            project / 'data' / 'mnist' / 'train.gz']
    gone = [project / 'data' / '__pycache__' / 'a.pyc', project / '.pytest_cache' / 'a', project / '.python37' / 'a']
    for path in kept + gone:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('')
    make('clean')
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)
    assert [name for name in os.listdir(str(project)) if name.startswith('.')] == []


def test_tensorboard_is_a_newer_one_on_loopback(project, make, tmp_path, python37):
    assert 'There is nothing to show in runs' in make('tensorboard', PYTHON=python37, fails=True)
    (project / 'mine').mkdir()
    (project / 'mine' / 'events.out.tfevents.1').write_text('')
    make('tensorboard', PYTHON=python37, TF_TUTORIAL_RUNS='mine')
    assert calls(project)[-1] == '-m tensorboard.main --logdir mine --host localhost'
    # TensorBoard 1.15 cannot colour article 7's figure 2 by device.
    versions = {version for name, version, _, _ in locked('tensorboard') if name == 'tensorboard'}
    assert '2.3.0' in versions and len(versions) == 2


@pytest.mark.parametrize('folders, status', [
    (['mnist', 'ptb'], 5), (['mnist'], 1), ([], 5)], ids=['shared', 'incomplete', 'fork'])
def test_ci_run(tmp_path, bare, folders, status):
    checkout = tmp_path / 'checkout' / '.ci'
    checkout.mkdir(parents=True)
    shutil.copy(os.path.join(ROOT, '.ci', 'run'), str(checkout / 'run'))
    shared = tmp_path / 'shared' / 'data'
    for name in folders:
        (shared / name).mkdir(parents=True)
    executable(tmp_path / 'bin' / 'make', 'echo "$@ $TF_TUTORIAL_DATA $PYTEST_ADDOPTS"; [ "$1" = lint ] || exit 5\n')
    done = subprocess.run([shutil.which('bash'), str(checkout / 'run')], capture_output=True, text=True,
                          env=surroundings(bare, PATH='%s:%s' % (tmp_path / 'bin', bare)))
    assert done.returncode == status
    if status == 1:
        assert done.stdout == '' and done.stderr.count('\n') == 1 and 'real data are missing' in done.stderr
    elif folders:
        assert done.stdout.splitlines() == ['%s %s --require-real-data ' % (target, shared)
                                            for target in ('lint', 'test-all')]
    else:
        lines = done.stdout.splitlines()
        assert 'embedded sample' in lines[0] and lines[1:] == ['lint sample ', 'test-all sample ']


@pytest.mark.slow
@pytest.mark.parametrize('locale', ['C', 'xx_XX.UTF-8'])
def test_programs_run_in_a_folder_with_chinese_in_its_name_or_name_the_remedy(tmp_path, locale):
    """CPython 3.7 reads its own path as ASCII with LC_ALL=C, and TensorFlow then finds itself nowhere."""
    place = tmp_path / '\u6df1\u5165'
    place.symlink_to(ROOT)
    python = os.path.relpath(os.path.join(sys.prefix, 'bin', 'python'), ROOT)
    launcher = [] if sys.version_info < (3, 8) else [str(place / 'tf1.py')]
    if python.startswith(os.pardir):
        pytest.skip('the environment is not in the project')
    done = subprocess.run(
        [str(place / python)] + launcher + [str(place / 'ch02_mnist_basics' / 'vector_sum.py')],
        env={'PATH': '/usr/bin:/bin', 'LC_ALL': locale, 'TF_TUTORIAL_RUNS': str(tmp_path / 'runs')},
        cwd=str(place), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        assert sys.version_info < (3, 8) and done.stderr.count(b'\n') == 1
        assert b'export LC_ALL=C.UTF-8' in done.stderr
    else:
        assert done.stderr == b'' and b'[3. 5.]' in done.stdout


# The container ------------------------------------------------------------------------------------

def let_in(path):
    """Whether .dockerignore lets a file in: the last pattern that fits it, or a folder that it is in, decides."""
    result = True
    for pattern in read('.dockerignore').splitlines():
        regex = re.escape(pattern.lstrip('!')).replace(r'\*\*/', '(.*/)?').replace(r'\*', '[^/]*')
        if not pattern.startswith('#') and re.match(regex + '(/|$)', path):
            result = pattern.startswith('!')
    return result


def test_the_image_has_what_git_keeps_and_nothing_else():
    if not (shutil.which('git') and os.path.exists(os.path.join(ROOT, '.git'))):
        pytest.skip('needs git, which says what the files are')
    files = subprocess.check_output(['git', 'ls-files', '-z'], cwd=ROOT).decode().rstrip('\0').split('\0')
    assert len(files) > 200 and [path for path in files if not let_in(path)] == []
    for path in (
            '.git/config', '.venv/bin/python', '.venv-lock', '.python37/bin/python3.7', '.env', 'build/lib/a.py',
            'runs/ch03/model.ckpt', 'data/mnist/train-images-idx3-ubyte.gz', 'data/__pycache__/sample.pyc',
            'ch01_intro/.ipynb_checkpoints/ch01.ipynb', 'cpython-3.7.9.tar.zst', 'results/logs/lenet.log.part',
            'tests/__pycache__/a.pyc', 'tensorflow_companion.egg-info/PKG-INFO'):
        assert not let_in(path), path


def test_the_image_is_made_from_the_lock(tmp_path):
    lines = re.sub(r'#.*\n|\\\n', '', read('Dockerfile'))
    assert re.search(r'^FROM python:3\.7-', lines, re.MULTILINE)
    assert lines.count('pip install ') == lines.count('pip install --require-hashes ') == 3
    # What is installed before all else: the pins of the lock, as tools/environment.py takes them.
    shutil.copy(os.path.join(ROOT, 'requirements', 'tf1.lock'), str(tmp_path))
    subprocess.run(re.search(r'sed -nE .* > build\.lock', lines).group(), shell=True, check=True, cwd=str(tmp_path))
    names = re.search(r"BUILD = re\.compile\('\((.*)\)=='", read('tools', 'environment.py')).group(1).split('|')
    build = re.findall(r'^(\S+)==(\S+) .*\n(?:    --hash=.* ?\\?\n)+', (tmp_path / 'build.lock').read_text(),
                       re.MULTILINE)
    assert sorted(build) == sorted(pin[:2] for pin in locked('tf1') if pin[0] in names)
    settings = json.loads(re.sub('(?m)^//.*', '', read('.devcontainer', 'devcontainer.json')))
    folder = re.findall('^WORKDIR (.*)', lines, re.MULTILINE)[-1]
    assert settings['workspaceFolder'] == folder == '/companion'
    assert settings['remoteUser'] in lines and 'USER 1000' in lines
    assert lines.endswith('\nCMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser"]\n'), 'Jupyter asks for a token'


# pip install -------------------------------------------------------------------------------------

@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] != (3, 7), reason='the project is installed on Python 3.7 only')
def test_pip_install_is_refused_and_an_editable_one_works(tmp_path):
    """In an environment with nothing in it but pip, setuptools and wheel."""
    copy = tmp_path / 'project'
    shutil.copytree(ROOT, str(copy), ignore=shutil.ignore_patterns('.*', 'runs', 'results', '*.egg-info'))
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(tmp_path / 'empty')], check=True)
    site = os.path.dirname(os.path.dirname(pytest.__file__))
    for name in os.listdir(site):
        if re.match('(pip|setuptools|pkg_resources|_distutils_hack|wheel)(-|$)', name):
            packages = tmp_path / 'empty' / 'lib' / 'python3.7' / 'site-packages'
            (packages / name).symlink_to(os.path.join(site, name))
    python, environ = str(tmp_path / 'empty' / 'bin' / 'python'), dict(os.environ, PYTHONPATH='')

    def install(*arguments):
        command = [python, '-m', 'pip', 'install', '--no-build-isolation', '--no-index']
        return subprocess.run(command + list(arguments), cwd=str(copy), env=environ, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True)
    # Before it looks for what is required, of which there is nothing.
    done = install('.')
    assert done.returncode != 0 and 'the programs run from the folder of the' in done.stdout, done.stdout
    done = install('--no-deps', '-e', '.')
    assert done.returncode == 0, done.stdout
    code = 'import companion.errors, data; print(data.__file__)'
    where = subprocess.check_output([python, '-c', code], cwd=str(tmp_path), env=environ, universal_newlines=True)
    assert where.strip() == str(copy / 'data' / '__init__.py')


def test_readme_names_the_pins():
    pins = {pin[:2] for pin in locked('tf1') if pin[0] in ('pip', 'setuptools', 'wheel')}
    for page in 'README.md', 'README.zh-CN.md':
        assert pins == set(re.findall(r'\b(pip|setuptools|wheel)==([0-9.]+)', read(page))) and len(pins) == 3
