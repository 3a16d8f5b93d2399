"""How the tests run the programs: through `main`, as a user does, offline, outputs in tmp_path."""
import contextlib
import functools
import glob
import importlib
import io
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import types

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [ROOT, os.path.join(ROOT, 'tools')]
# What the tests start finds this checkout too, whichever one is installed.
os.environ['PYTHONPATH'] = os.pathsep.join([ROOT] + [p for p in [os.environ.get('PYTHONPATH')] if p])

# TensorFlow 2.x's own kernels on every processor: oneDNN's, on by default where there is AVX-512 VNNI, fuse operations,
# name them differently, and do not refuse what the others refuse.
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '0')
# On the processor: several tests at once would each take nearly all of a GPU's memory, and compute other digits.
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '-1')

# The user's data, before `surroundings` below hides it from the tests.
USER_DATA = os.environ.get('TF_TUTORIAL_DATA')


def pytest_addoption(parser):
    parser.addoption('--require-real-data', action='store_true',
                     help='fail, not skip, where the real MNIST and Penn Treebank files are missing')


def pytest_configure(config):
    # Started by a shell in the background, these tests and their processes would take no notice of Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    # Slurm's tests mostly wait: they start first, and the others run beside them.
    items.sort(key=lambda item: 'test_ch07_slurm' not in item.nodeid)


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """Each test: no user settings, the embedded sample, outputs in a folder of its own."""
    monkeypatch.setenv('TF_TUTORIAL_DATA', 'sample')
    monkeypatch.setenv('TF_TUTORIAL_RUNS', str(tmp_path / 'runs'))
    monkeypatch.delenv('TF_TUTORIAL_VERBOSE', raising=False)
    # Set by a program that ran in this process; a new process sets its own.
    monkeypatch.delenv('TF_CPP_MIN_LOG_LEVEL', raising=False)


@pytest.fixture
def real_data(request):
    """The folder with the real files of MNIST and Penn Treebank: TF_TUTORIAL_DATA's or the cache's."""
    import data
    folder = USER_DATA if USER_DATA != 'sample' else None
    faults = {}
    for name in data.FILES:
        place, found = data.locate(name, folder)
        faults.update((os.path.join(place, file), fault) for file, fault in found.items() if fault)
    if faults:
        if request.config.getoption('--require-real-data'):
            pytest.fail('the real data are required: %s' % faults)
        pytest.skip('needs the real data: set TF_TUTORIAL_DATA, or run `python -m data fetch`')
    return os.path.abspath(folder or data.cache())


def read(*path):
    """The text of a file of the project."""
    with open(os.path.join(ROOT, *path), encoding='utf-8') as file:
        return file.read()


def loss_lines(text):
    """The losses of a training's output, as (step, loss)."""
    return [(int(step), float(loss)) for step, loss in re.findall(
        r'After (\d+) training step\(s\), loss on training batch is ([-\w.+]+)\.', text)]


def accuracy_lines(text, which='validation'):
    """The accuracies on these data in its output, as (step, accuracy)."""
    return [(int(step), float(value)) for step, value in re.findall(
        r'After (\d+) training step\(s\), %s accuracy = ([\d.]+)' % which, text)]


def load(path):
    """Import a program, with its constants as printed whatever an earlier test made of them."""
    for name in list(sys.modules):
        if name.startswith('ch0'):
            del sys.modules[name]
    release_locks()
    return importlib.import_module(os.path.splitext(path)[0].replace('/', '.'))


def release_locks():
    """Free the folders of the trainings that ran in this process, as its end would."""
    from companion import checkpoint
    for lock in checkpoint.LOCKS.values():
        lock.close()
    checkpoint.LOCKS.clear()


def run_main(module, *flags):
    """Run a program's main in this process, and return what it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        module.main([str(flag) for flag in flags])
    release_locks()
    return out.getvalue()


@pytest.fixture
def run_script(capsys):
    """run_script(path, *flags) runs a script's main() in this process and returns what it printed."""
    def run(path, *flags):
        module = load(path)
        capsys.readouterr()
        module.main([str(flag) for flag in flags])
        release_locks()
        return capsys.readouterr().out
    return run


@pytest.fixture
def few_images(monkeypatch):
    """few_images(train, test): the programs find so many images to train with, and so many in each of the validation
    and the test data; batches are still drawn from all."""
    from tensorflow.examples.tutorials.mnist import input_data
    read = input_data.read_data_sets

    def patch(train, test=100):
        def part(data, count):
            return types.SimpleNamespace(images=data.images[:count], labels=data.labels[:count],
                                         num_examples=min(count, data.num_examples), next_batch=data.next_batch)

        def few(*args, **kwargs):
            mnist = read(*args, **kwargs)
            return types.SimpleNamespace(train=part(mnist.train, train), validation=part(mnist.validation, test),
                                         test=part(mnist.test, test))
        monkeypatch.setattr(input_data, 'read_data_sets', few)
    return patch


@contextlib.contextmanager
def recorded(module, name):
    """A list that gets the arguments of each call of module.name."""
    calls, function = [], getattr(module, name)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        calls.append(args + tuple(kwargs.values()))
        return function(*args, **kwargs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, wrapper)
        yield calls


class Built(Exception):
    """Ends a program whose graph is complete: this is what it asked for last."""


def stop(*args, **kwargs):
    raise Built(*args, kwargs)


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """The figures that programs save, as matplotlib has them; each is in the test's folder, and none is blank."""
    from companion import figures

    from matplotlib import image
    saved, save = [], figures.save

    def keep(figure, path):
        save(figure, path)
        saved.append(figure)
        assert os.path.abspath(path).startswith(str(tmp_path)) and image.imread(path).std() > 0.05, path
    monkeypatch.setattr(figures, 'save', keep)
    return saved


@pytest.fixture
def refuses(run_script, capsys):
    """refuses(words, path, *flags, status=1): a script's main() says in one line why it does not run.

    `words` is a pattern. Flags that the parser refuses have status 2.
    """
    from companion import cli

    def run(words, path, *flags, status=1):
        capsys.readouterr()
        with pytest.raises(SystemExit if status == 2 else cli.UserError) as refused:
            run_script(path, *flags)
        reason = str(refused.value)
        if status == 2:
            assert refused.value.code == 2
            # A note that the data are the sample may come before.
            reason = re.sub(r'^Note: .*\n|\n$', '', capsys.readouterr().err)
        assert re.search(words, reason) and '\n' not in reason, reason
    return run


@pytest.fixture
def shell(tmp_path):
    """shell(path, *flags, **environment) runs a script as a process, from another folder."""
    def run(path, *flags, **environment):
        return subprocess.run(
            [sys.executable, os.path.join(ROOT, path)] + [str(flag) for flag in flags],
            cwd=str(tmp_path), env=dict(os.environ, **environment), capture_output=True, text=True, timeout=300)
    return run


def cut(path):
    """Leave the first half of a file."""
    os.truncate(path, os.path.getsize(path) // 2)


def contents(folder):
    """What lies in a folder, hidden files as well: a dict from name to bytes."""
    return {path.name: path.read_bytes() for path in pathlib.Path(str(folder)).iterdir()}


def events(folder):
    """The events in the files of a folder, the oldest file first."""
    import tensorflow as tf
    for path in sorted(glob.glob(os.path.join(str(folder), 'events.out.*')), key=os.path.getmtime):
        yield from tf.train.summary_iterator(path)


def until(condition, seconds=60, told=str):
    """Wait until a condition holds; `told` says what there was where it does not."""
    limit = time.time() + seconds
    while not condition():
        assert time.time() < limit, told() or 'waited %d s in vain' % seconds
        time.sleep(0.05)


def newest_step(folder):
    """The step of the newest checkpoint in a folder, 0 without one."""
    return max([0] + [int(re.search(r'(\d+)\.index$', path).group(1))
                      for path in glob.glob(os.path.join(str(folder), '*.index'))])


class Program:
    """A program in the background: its lines, as they come, and its end."""

    # Steps are counted by the values of global_step that the programs print, never by lines.
    STEP = r'^\[%s\] After (\d+) training step'

    def __init__(self, path, *flags, **environment):
        self.lines, self.changed, self.seen = [], threading.Condition(), 0
        self.popen = subprocess.Popen(
            [sys.executable, '-u', os.path.join(ROOT, path)] + [str(flag) for flag in flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
            env=dict(os.environ, **environment))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.popen.stdout:
            with self.changed:
                self.lines.append(line.rstrip('\n'))
                self.changed.notify_all()

    def wait_for(self, pattern, seconds=100):
        """Return the match of the next line in which `pattern` is found, after the last that this found."""
        limit = time.time() + seconds
        with self.changed:
            while True:
                while self.seen < len(self.lines):
                    self.seen += 1
                    match = re.search(pattern, self.lines[self.seen - 1])
                    if match:
                        return match
                assert time.time() < limit and (self.popen.poll() is None or self.reader.is_alive()), \
                    'no line has %r:\n%s' % (pattern, self.text())
                self.changed.wait(0.2)

    def wait_for_step(self, task, step=0):
        """Return the value of global_step in the task's next line that has `step` or more."""
        found = -1
        while found < step:
            found = int(self.wait_for(self.STEP % task).group(1))
        return found

    def text(self):
        return '\n'.join(self.lines)

    def end(self, seconds=100):
        """Wait for the end, and return the status."""
        self.popen.wait(seconds)
        self.reader.join(10)
        return self.popen.returncode

    def pid(self, task):
        """The process of a task of launch.py, the newest one."""
        return int(re.findall(r'^\[%s\] process (\d+)$' % task, self.text(), re.MULTILINE)[-1])

    def kill(self, task):
        os.kill(self.pid(task), signal.SIGKILL)
        self.wait_for(r'^\[%s\] ended with signal 9' % task)

    def alive(self):
        """The processes of the tasks that are still there."""
        pids = map(int, re.findall(r'^\[[\w ]+\] process (\d+)$', self.text(), re.MULTILINE))
        return [pid for pid in pids if running(pid)]


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open('/proc/%d/stat' % pid) as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return not os.path.exists('/proc/self')


@pytest.fixture
def start():
    """start(path, *flags) runs a program in the background; none outlives the test."""
    programs = []

    def run(path, *flags, **environment):
        programs.append(Program(path, *flags, **environment))
        return programs[-1]
    yield run
    for program in programs:
        if program.popen.poll() is None:
            program.popen.send_signal(signal.SIGTERM)
        try:
            program.end(10)
        except subprocess.TimeoutExpired:
            program.popen.kill()
            program.end(10)
        assert not program.alive()
