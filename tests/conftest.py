"""How the tests run the programs: through `main`, as a user does, offline, outputs in tmp_path."""
import importlib
import os
import re
import signal
import subprocess
import sys
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


@pytest.fixture
def drawn(monkeypatch):
    """The figures that programs save, as matplotlib has them."""
    from companion import figures
    saved, save = [], figures.save
    monkeypatch.setattr(figures, 'save', lambda figure, path: saved.append(figure) or save(figure, path))
    return saved


@pytest.fixture
def shell(tmp_path):
    """shell(path, *flags, **environment) runs a script as a process, from another folder."""
    def run(path, *flags, **environment):
        return subprocess.run(
            [sys.executable, os.path.join(ROOT, path)] + [str(flag) for flag in flags],
            cwd=str(tmp_path), env=dict(os.environ, **environment), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, universal_newlines=True, timeout=300)
    return run
