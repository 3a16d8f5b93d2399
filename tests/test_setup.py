"""The set-up: the search for Python 3.7, the pins, and what the Makefile does. Without network."""
import io
import os
import re
import runpy
import shutil
import subprocess
import sys

import importlib_metadata
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = '/usr/bin:/bin'

pytestmark = pytest.mark.skipif(os.name == 'nt', reason='make and find_python.sh are for Linux and macOS')


def executable(path, text):
    """Write a shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('#!/bin/sh\n' + text)
    path.chmod(0o755)
    return path


def fake_python(path, version, before=''):
    """A Python that says it is of another version and place. It runs code given with -c, as Python does."""
    return executable(path, """exec '{real}' -S -c '
import sys
sys.version_info = {version!r}
sys.executable = "{path}"
sys.prefix = sys.base_prefix = "/usr"
{before}
exec(sys.argv[2])' "$@"
""".format(real=sys.executable, version=version, path=path, before=before))


def broken_shim(path):
    """pyenv's `python3.7` on PATH while another version is selected."""
    return executable(path, 'echo "pyenv: python3.7: command not found" >&2; exit 127\n')


def environment(**variables):
    """An environment without the user's Pythons, and without the settings of a make that runs us."""
    return dict({'PATH': TOOLS, 'HOME': '/nonexistent'}, **variables)


def search(tmp_path, *arguments, **variables):
    """Run a copy of find_python.sh with `path` first on a PATH that has no real Python."""
    tools = tmp_path / 'tools'
    tools.mkdir()
    (tools / 'sed').symlink_to(shutil.which('sed', path=TOOLS))
    path = ':'.join([str(tmp_path / 'path'), str(tools)])
    return subprocess.run(['/bin/sh', os.path.join(ROOT, 'find_python.sh')] + list(arguments),
                          env=environment(HOME=str(tmp_path / 'home'), PATH=path, **variables),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


V37, V38, V311 = (3, 7, 16), (3, 8, 18), (3, 11, 7)


@pytest.mark.parametrize('name', ['python3.7', 'python3', 'python'])
def test_finds_python_on_path(tmp_path, name):
    python = fake_python(tmp_path / 'path' / name, V37)
    found = search(tmp_path)
    assert (found.returncode, found.stdout) == (0, '%s\n' % python)


def test_finds_python_under_pyenv_whatever_it_has_selected(tmp_path):
    broken_shim(tmp_path / 'path' / 'python3.7')
    fake_python(tmp_path / 'path' / 'python3', V311)
    versions = tmp_path / 'home' / '.pyenv' / 'versions'
    fake_python(versions / '3.11.7' / 'bin' / 'python3.7', V311)
    python = fake_python(versions / '3.7.16' / 'bin' / 'python3.7', V37)
    assert search(tmp_path).stdout == '%s\n' % python


def test_finds_python_in_another_pyenv_root(tmp_path):
    python = fake_python(tmp_path / 'elsewhere' / 'versions' / '3.7.9' / 'bin' / 'python3.7', V37)
    assert search(tmp_path, PYENV_ROOT=str(tmp_path / 'elsewhere')).stdout == '%s\n' % python


@pytest.mark.parametrize('conda_exe', [False, True])
def test_finds_python_of_a_conda_environment(tmp_path, conda_exe):
    fake_python(tmp_path / 'conda base' / 'bin' / 'python3', V311)
    python = fake_python(tmp_path / 'conda base' / 'envs' / 'py37' / 'bin' / 'python3.7', V37)
    conda = executable(tmp_path / ('opt' if conda_exe else 'path') / 'conda', """
[ "$*" = 'env list' ] && cat <<EOF
# conda environments:
#
base                  *  {0}
py37                     {0}/envs/py37

EOF
""".format(tmp_path / 'conda base').replace('cat', shutil.which('cat', path=TOOLS)))
    variables = {'CONDA_EXE': str(conda)} if conda_exe else {}
    assert search(tmp_path, **variables).stdout == '%s\n' % python


def test_finds_python_of_uv(tmp_path):
    python = fake_python(tmp_path / 'uv' / 'cpython-3.7' / 'bin' / 'python3.7', V37)
    executable(tmp_path / 'path' / 'uv', '[ "$*" = "python find 3.7" ] && echo "%s"\n' % python)
    assert search(tmp_path).stdout == '%s\n' % python


def test_passes_over_a_python_without_ensurepip(tmp_path):
    fake_python(tmp_path / 'path' / 'python3.7', V37, 'sys.modules["ensurepip"] = None')
    python = fake_python(tmp_path / 'path' / 'python3', V37)
    assert search(tmp_path).stdout == '%s\n' % python


def test_says_in_one_line_how_to_get_python(tmp_path):
    broken_shim(tmp_path / 'path' / 'python3.7')
    fake_python(tmp_path / 'path' / 'python3', V311)
    fake_python(tmp_path / 'home' / '.pyenv' / 'versions' / '3.8.18' / 'bin' / 'python3.7', V38)
    executable(tmp_path / 'path' / 'uv', 'echo "error: No interpreter found for Python 3.7" >&2; exit 2\n')
    found = search(tmp_path)
    assert found.returncode == 1 and found.stdout == ''
    assert found.stderr.count('\n') == 1
    for way in ('pyenv install 3.7', 'conda create -n py37 python=3.7',
                'PYTHON=/path/to/python3.7 make venv'):
        assert way in found.stderr


def test_finds_the_python_of_tensorflow_2(tmp_path):
    fake_python(tmp_path / 'path' / 'python3.7', V37)
    fake_python(tmp_path / 'path' / 'python3.8', V38)
    fake_python(tmp_path / 'path' / 'python3.13', (3, 13, 0))
    python = fake_python(tmp_path / 'home' / '.pyenv' / 'versions' / '3.11.7' / 'bin' / 'python3.11', V311)
    assert search(tmp_path, '2.x').stdout == '%s\n' % python


@pytest.mark.parametrize('has37', [True, False])
def test_finds_any_python_but_3_7_first(tmp_path, has37):
    python = fake_python(tmp_path / 'path' / 'python3.13', (3, 13, 0))
    if has37:
        python = fake_python(tmp_path / 'home' / '.pyenv' / 'versions' / '3.7.16' / 'bin' / 'python3.7', V37)
    assert search(tmp_path, 'any').stdout == '%s\n' % python


@pytest.mark.parametrize('which, ways', [
    ('2.x', ['pyenv install 3.11', 'PYTHON=/path/to/python3.11 make venv-tf2']),
    ('any', ['pyenv install 3.7', 'pyenv install 3.11', 'PYTHON=/path/to/python make mnist'])])
def test_says_in_one_line_how_to_get_another_python(tmp_path, which, ways):
    fake_python(tmp_path / 'path' / 'python3', V38)
    found = search(tmp_path, which)
    assert found.returncode == 1 and found.stdout == '' and found.stderr.count('\n') == 1
    assert all(way in found.stderr for way in ways)


def test_PYTHON_comes_before_all_and_is_not_replaced(tmp_path):
    fake_python(tmp_path / 'path' / 'python3.7', V37)
    mine = fake_python(tmp_path / 'mine' / 'python', V37)
    assert search(tmp_path, PYTHON=str(mine)).stdout == '%s\n' % mine


def test_PYTHON_of_another_version_is_refused(tmp_path):
    fake_python(tmp_path / 'path' / 'python3.7', V37)
    mine = fake_python(tmp_path / 'mine' / 'python', V38)
    found = search(tmp_path, PYTHON=str(mine))
    assert found.returncode == 1 and found.stdout == ''
    assert found.stderr == (
        'PYTHON=%s is not a 64-bit CPython 3.7 with the modules venv and ensurepip.\n' % mine)


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason='the tests do not run in a virtual environment')
def test_answers_with_the_python_behind_a_virtual_environment(tmp_path):
    # .venv is active while `make venv` makes it anew: it must not be made from itself.
    found = search(tmp_path, PYTHON=sys.executable).stdout.strip()
    assert not found.startswith(sys.prefix + os.sep)
    assert os.path.samefile(os.path.realpath(found), os.path.realpath(sys.executable))


def locked():
    """requirements.lock as {name: (version, marker or None, [hash, ...])}."""
    pins = {}
    with open(os.path.join(ROOT, 'requirements.lock')) as file:
        text = file.read().replace('\\\n', ' ')
    for line in text.splitlines():
        if line and not line.startswith('#'):
            # As pip reads it: a requirement, then options.
            requirement = Requirement(line.split(' --hash')[0])
            (specifier,) = requirement.specifier
            assert specifier.operator == '==', line
            pins[canonicalize_name(requirement.name)] = (
                specifier.version, requirement.marker, re.findall(r'--hash=sha256:([0-9a-f]{64})\b', line))
    return pins


def declared(monkeypatch):
    """What setup.py gives to setuptools."""
    given = {}
    monkeypatch.setattr('setuptools.setup', lambda **arguments: given.update(arguments))
    runpy.run_path(os.path.join(ROOT, 'setup.py'))
    return given


def test_every_requirement_is_pinned_to_a_version_it_allows(monkeypatch):
    pins, given = locked(), declared(monkeypatch)
    extras = given['extras_require']
    texts = given['install_requires'] + sum(extras.values(), [])
    assert len(given['install_requires']) >= 10 and {'ch06', 'test', 'all'} <= set(extras)
    assert set(extras['all']) == set(extras['ch06'] + extras['test'])
    for requirement in map(Requirement, texts):
        version, marker, _ = pins[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, '%s: %s is pinned' % (requirement, version)
        assert str(marker) == str(requirement.marker)


def test_what_the_pinned_packages_require_is_pinned():
    pins, checked = locked(), 0
    for name, (version, marker, _) in pins.items():
        if marker and not marker.evaluate():
            continue
        try:
            distribution = importlib_metadata.distribution(name)
        except importlib_metadata.PackageNotFoundError:
            distribution = None
        if distribution is None or distribution.version != version:
            pytest.skip('%s %s is not installed: not the environment of `make venv`' % (name, version))
        for requirement in map(Requirement, distribution.requires or []):
            if not requirement.marker or requirement.marker.evaluate({'extra': ''}):
                key = canonicalize_name(requirement.name)
                assert key in pins, '%s requires %s' % (name, requirement)
                assert pins[key][0] in requirement.specifier, '%s requires %s' % (name, requirement)
        checked += 1
    assert checked > 100


def test_lock_has_hashes_and_no_places():
    pins = locked()
    assert len(pins) > 100
    for name, (_, _, hashes) in pins.items():
        assert hashes, name
    # One wheel each for Linux and Windows, one for macOS (with CPython 3.6's beside them).
    assert len(pins['tensorflow-gpu'][2]) == 4 and len(pins['tensorflow'][2]) == 6
    with open(os.path.join(ROOT, 'requirements.lock')) as file:
        text = file.read()
    assert text.splitlines()[1].split() == ['#', 'make', 'lock']
    for place in ('://', '/', '@', '--index', '--find-links', '--extra', '--trusted'):
        assert place not in text, place
    # Else pip on another Python would skip every line, and report success.
    assert 'python_full_version' not in text and 'python_version' not in text


def test_readme_names_the_pins():
    pins = locked()
    with io.open(os.path.join(ROOT, 'README.md'), encoding='utf-8') as file:
        named = re.findall(r'\b(pip|setuptools|wheel)==([0-9.]+)', file.read())
    assert {name for name, _ in named} == {'pip', 'setuptools', 'wheel'}
    for name, version in named:
        assert pins[name][0] == version


def make(folder, *arguments, **variables):
    """Run make in `folder`."""
    return subprocess.run(['make'] + list(arguments), cwd=str(folder), env=environment(**variables),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)


@pytest.fixture
def project(tmp_path):
    """A copy of what the Makefile needs, with a Python on PATH that records its calls in `calls`."""
    if not shutil.which('make', path=TOOLS):
        pytest.skip('make is not installed')
    folder = tmp_path / 'the project'
    folder.mkdir()
    for name in ('Makefile', 'find_python.sh', 'requirements.lock', 'setup.py'):
        shutil.copy(os.path.join(ROOT, name), str(folder / name))
    (folder / 'tf2').mkdir()
    shutil.copy(os.path.join(ROOT, 'tf2', 'requirements.lock'), str(folder / 'tf2'))
    return folder


def recorder(path, calls, statuses=(), version=V37):
    """A Python that records its calls. `statuses` has (pattern of sh, exit status) of those that fail."""
    arms = ''.join('%s) exit %d ;;\n' % arm for arm in statuses)
    fake_python(path.parent / 'python-c', version, 'sys.executable = "%s"' % path)
    return executable(path, """
if [ "$1" = -c ]; then exec "$(dirname "$0")/python-c" "$@"; fi
echo "$@" >> '{calls}'
case "$*" in
{arms}'-m venv '*) mkdir -p "$3/bin" && cp "$0" "$(dirname "$0")/python-c" "$3/bin/" || exit ;;
esac
""".format(calls=calls, arms=arms))


def calls(project):
    """The recorded calls, and forget them."""
    path = project / 'calls'
    lines = path.read_text().splitlines() if path.exists() else []
    path.write_text('')
    return lines


def ready(project, **options):
    """A finished .venv whose Python records its calls."""
    recorder(project / '.venv' / 'bin' / 'python', project / 'calls', **options)
    (project / '.venv' / 'ready').write_text('%s\n' % os.path.realpath(str(project)))


def python37(project, tmp_path, **options):
    """A Python 3.7 for PYTHON=, that makes a .venv with a copy of itself."""
    return str(recorder(tmp_path / 'python37' / 'python', project / 'calls', **options))


def test_make_alone_says_what_there_is(project):
    done = make(project)
    assert done.returncode == 0
    for target in ('mnist', 'test', 'venv', 'venv-tf2', 'clean', 'lock', 'lock-tf2'):
        assert 'make %s ' % target in done.stdout
    assert not (project / '.venv').exists()


def test_make_venv_sets_up_from_the_lock_once(project, tmp_path):
    python = python37(project, tmp_path)
    done = make(project, 'venv', PYTHON=python)
    assert done.returncode == 0, done.stdout
    assert calls(project) == [
        '-m venv .venv',
        '-m pip install -q --require-hashes -r .venv/build.lock',
        '-m pip install --require-hashes --no-build-isolation -r requirements.lock',
        '-m pip install -q --no-deps --no-build-isolation -e .']
    lines = [line.split('==')[0] for line in (project / '.venv' / 'build.lock').read_text().splitlines()
             if not line.startswith(' ')]
    assert lines == ['pip', 'setuptools', 'wheel']
    done = make(project, 'venv', PYTHON=python)
    assert (done.returncode, done.stdout, calls(project)) == (0, '', [])


@pytest.mark.parametrize('file', ['setup.py', 'requirements.lock'])
def test_make_venv_depends_on_the_requirements(project, file):
    ready(project)
    stamp = os.stat(str(project / '.venv' / 'ready')).st_mtime
    for name in ('setup.py', 'requirements.lock'):
        os.utime(str(project / name), (stamp - 10, stamp - 10))
    assert 'pip install' not in make(project, '-n', 'venv').stdout
    os.utime(str(project / file), (stamp + 10, stamp + 10))
    assert 'pip install' in make(project, '-n', 'venv').stdout
    # What is whole is brought up to date in place: that needs no network where the pins are the same.
    assert make(project, 'venv').returncode == 0
    assert [call.split()[1] for call in calls(project)] == ['pip', 'pip', 'pip']


@pytest.mark.parametrize('step', ['"-m venv"', '*build.lock', '*requirements.lock', '*"-e ."'])
def test_make_venv_that_failed_does_not_count_as_ready(project, tmp_path, step):
    done = make(project, 'venv', PYTHON=python37(project, tmp_path, statuses=[('*' + step + '*', 7)]))
    assert done.returncode != 0
    assert not (project / '.venv' / 'ready').exists()
    calls(project)
    done = make(project, 'venv', PYTHON=python37(project, tmp_path))
    assert done.returncode == 0, done.stdout
    assert calls(project)[0] == '-m venv .venv'


def test_make_venv_whose_update_failed_does_not_count_as_ready(project):
    ready(project, statuses=[('*requirements.lock', 7)])
    stamp = os.stat(str(project / '.venv' / 'ready')).st_mtime
    os.utime(str(project / 'requirements.lock'), (stamp + 10, stamp + 10))
    assert make(project, 'venv').returncode != 0
    assert not (project / '.venv' / 'ready').exists()


def moved(project):
    (project / '.venv' / 'ready').write_text('/somewhere/else\n')


def interrupted(project):
    (project / '.venv' / 'ready').unlink()


def python_gone(project):
    (project / '.venv' / 'bin' / 'python').unlink()


def other_version(project):
    fake_python(project / '.venv' / 'bin' / 'python', V38)


@pytest.mark.parametrize('fault', [moved, interrupted, python_gone, other_version])
def test_make_venv_makes_a_broken_one_anew_and_says_so(project, tmp_path, fault):
    ready(project)
    (project / '.venv' / 'old').write_text('')
    fault(project)
    done = make(project, 'venv', PYTHON=python37(project, tmp_path))
    assert done.returncode == 0, done.stdout
    assert '.venv is incomplete, was moved, or has lost its Python 3.7: it is made anew.\n' in done.stdout
    assert calls(project)[0] == '-m venv .venv'
    assert not (project / '.venv' / 'old').exists() and (project / '.venv' / 'ready').exists()


def test_make_venv_without_python_keeps_what_there_is(project):
    ready(project)
    interrupted(project)
    done = make(project, 'venv', PYTHON='/nonexistent')
    assert done.returncode != 0
    assert 'PYTHON=/nonexistent is not a 64-bit CPython 3.7' in done.stdout
    assert (project / '.venv' / 'bin' / 'python').exists()


FETCH = '-m data fetch mnist'
TRAIN, EVAL = 'ch03_training_tricks/mnist_train.py', 'ch03_training_tricks/mnist_eval.py --once'


def test_make_mnist_on_the_data(project):
    ready(project)
    done = make(project, 'mnist')
    assert done.returncode == 0, done.stdout
    assert calls(project) == [FETCH, TRAIN, EVAL]
    assert 'sample' not in done.stdout


def test_make_mnist_without_network_goes_on_with_the_sample(project):
    ready(project, statuses=[('*fetch*', 3)])
    done = make(project, 'mnist')
    assert done.returncode == 0, done.stdout
    assert calls(project) == [FETCH, TRAIN + ' --sample', EVAL + ' --sample']
    assert 'No MNIST files and no network: going on with the embedded sample' in done.stdout


@pytest.mark.parametrize('status', [1, 2, 130])
def test_make_mnist_stops_at_other_faults_of_the_data(project, status):
    ready(project, statuses=[('*fetch*', status)])
    done = make(project, 'mnist')
    assert done.returncode != 0
    assert calls(project) == [FETCH]
    assert 'sample' not in done.stdout


def test_make_mnist_stops_when_the_training_fails(project):
    ready(project, statuses=[('*train*', 1)])
    assert make(project, 'mnist').returncode != 0
    assert calls(project) == [FETCH, TRAIN]


PYTEST, PYTEST2 = '-m pytest -ra -n 4 --dist worksteal tests', 'tf1.py -m pytest -ra -n 2 tests/test_tf1.py'
SET_UP2 = ['-m venv .venv-tf2', '-m pip install -q --require-hashes -r .venv-tf2/build.lock',
           '-m pip install --require-hashes --no-build-isolation -r requirements/tf2.lock']


def test_make_test_names_the_other_part_and_fails_with_pytest(project):
    ready(project)
    done = make(project, 'test', PYTHON='/nonexistent')
    assert done.returncode == 0
    assert calls(project) == [PYTEST]
    assert '`make test-tf2` tests tf1.py, on TensorFlow 2.x' in done.stdout
    ready(project, statuses=[('*pytest*', 1)])
    assert make(project, 'test', PYTHON='/nonexistent').returncode != 0


def python311(project, tmp_path, **options):
    """A Python 3.11 for PYTHON=, that makes a .venv-tf2 with a copy of itself."""
    return str(recorder(tmp_path / 'python311' / 'python', project / 'calls', version=V311, **options))


def test_make_test_tf2(project, tmp_path):
    python = python311(project, tmp_path)
    assert make(project, 'test-tf2', PYTHON=python).returncode == 0
    assert calls(project) == SET_UP2 + [PYTEST2]
    assert make(project, 'test-tf2', PYTHON=python).returncode == 0
    assert calls(project) == [PYTEST2]
    recorder(project / '.venv-tf2' / 'bin' / 'python', project / 'calls', [('*pytest*', 1)], V311)
    assert make(project, 'test-tf2', PYTHON=python).returncode != 0


def test_make_test_tf2_fails_where_tensorflow_2_cannot_be_installed(project, tmp_path):
    python = python311(project, tmp_path, statuses=[('*requirements/tf2.lock', 7)])
    assert make(project, 'test-tf2', PYTHON=python).returncode != 0
    assert calls(project) == SET_UP2


@pytest.mark.parametrize('target, commands', [
    ('mnist', ['tf1.py ' + FETCH, 'tf1.py ' + TRAIN, 'tf1.py ' + EVAL]), ('test', [PYTEST2])])
def test_without_python_3_7_make_goes_on_with_tensorflow_2_and_says_so(project, tmp_path, target, commands):
    done = make(project, target, PYTHON=python311(project, tmp_path))
    assert done.returncode == 0, done.stdout
    assert calls(project) == SET_UP2 + commands
    assert done.stdout.count('No Python 3.7, so no TensorFlow 1.15: going on with TensorFlow 2.x') == 1
    assert not (project / '.venv').exists()


@pytest.mark.parametrize('target', ['mnist', 'test'])
def test_without_any_python_make_names_the_remedy(project, target):
    done = make(project, target, PYTHON='/nonexistent')
    assert done.returncode != 0 and calls(project) == []
    assert 'PYTHON=/nonexistent is not a 64-bit CPython 3.7, 3.11, 3.12 or 3.13' in done.stdout


def test_lock_of_tensorflow_2_has_hashes_and_no_places():
    with open(os.path.join(ROOT, 'tf2', 'requirements.lock')) as file:
        text = file.read()
    lines = [line for line in text.replace('\\\n', ' ').splitlines() if line and not line.startswith('#')]
    assert len(lines) > 60
    for line in lines:
        assert re.match(r'[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}', line), line
    assert not [place for place in ('://', '@', '--index', '--find-links', '--trusted') if place in text]
    # Else pip on another Python would skip every line, and report success.
    assert "python_full_version < '3.14'" not in text
    pins = {line.split('==')[0] for line in lines}
    with open(os.path.join(ROOT, 'tf2', 'requirements.in')) as file:
        wanted = [line for line in file.read().splitlines() if not line.startswith('#')]
    assert {re.split('[ <=]', line)[0] for line in wanted} <= pins


def test_make_clean_leaves_the_users_files(project):
    ready(project)
    kept = [project / 'runs' / 'ch03' / 'model.ckpt', project / 'runs' / '__pycache__' / 'kept',
            project / 'data' / 'mnist' / 'train.gz']
    gone = [project / 'data' / '__pycache__' / 'a.pyc', project / '.pytest_cache' / 'a']
    for path in kept + gone:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('')
    assert make(project, 'clean').returncode == 0
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone) and not (project / '.venv').exists()


def test_ci_run_refuses_without_the_real_data(tmp_path):
    folder = tmp_path / 'checkout' / '.ci'
    folder.mkdir(parents=True)
    shutil.copy(os.path.join(ROOT, '.ci', 'run'), str(folder / 'run'))
    done = subprocess.run(['bash', str(folder / 'run')], env=environment(), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr.count('\n') == 1 and 'real data are missing' in done.stderr


def test_ci_run_requires_the_real_data(tmp_path):
    folder = tmp_path / 'checkout' / '.ci'
    folder.mkdir(parents=True)
    shutil.copy(os.path.join(ROOT, '.ci', 'run'), str(folder / 'run'))
    for name in ('mnist', 'ptb'):
        (tmp_path / 'shared' / 'data' / name).mkdir(parents=True)
    executable(tmp_path / 'bin' / 'make', 'echo "$@ $TF_TUTORIAL_DATA $PYTEST_ADDOPTS"; exit 5\n')
    done = subprocess.run(['bash', str(folder / 'run')],
                          env=environment(PATH='%s:%s' % (tmp_path / 'bin', TOOLS)),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert done.stdout.split() == ['test', str(tmp_path / 'shared' / 'data'), '--require-real-data']
    assert done.returncode == 5


def test_tensorboard_is_a_newer_one_on_loopback(tmp_path):
    """TensorBoard 1.15 cannot colour article 7's figure 2 by device."""
    with io.open(os.path.join(ROOT, 'requirements', 'tensorboard.lock'), encoding='utf-8') as file:
        pins = re.findall(r"^tensorboard==([0-9.]+) ; python_full_version (.)", file.read(), re.MULTILINE)
    assert ('2.3.0', '<') in pins and ('1.15.0', '<') not in pins
    (tmp_path / 'events.out.tfevents.1').write_text('')
    (tmp_path / 'empty').mkdir()
    shown = make(ROOT, '-n', 'tensorboard', 'LOGDIR=%s' % tmp_path)
    assert "-m tensorboard.main --logdir '%s' --host localhost" % tmp_path in shown.stdout
    nothing = make(ROOT, 'tensorboard', 'LOGDIR=%s' % (tmp_path / 'empty'))
    assert nothing.returncode == 2 and 'There is nothing to show in' in nothing.stdout
