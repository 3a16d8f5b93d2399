"""Article 1: the environment check with and without faults, and what its statements come to."""

import collections
import functools
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from conftest import ROOT, load

CHECK = 'ch01_intro/extras/check_environment.py'
V1 = tf.__version__ < '2'           # TensorFlow 2 draws other random numbers

# A TensorFlow with a GPU that is too new for CUDA 10.0; the installed one is hidden.
FAKE_TENSORFLOW = '''
import contextlib, sys, types
from numpy import array as constant
gpu = types.SimpleNamespace(
    device_type='GPU', name='/device:GPU:0', physical_device_desc='name: H100, compute capability: 9.0')
sys.modules['tensorflow.python.client'] = types.SimpleNamespace(
    device_lib=types.SimpleNamespace(list_local_devices=lambda: [gpu]))
test = types.SimpleNamespace(is_built_with_cuda=lambda: True)
def Session():
    return contextlib.nullcontext(types.SimpleNamespace(run=lambda tensor: tensor))
'''


# check_environment.py

def lines(out):
    """Each check's line: a dict from its first word or words to (mark, text)."""
    found = re.findall(r'^\[(OK|FAIL)\] +((?:data: |the )?[\w-]+)(.*)$', out, re.MULTILINE)
    assert len(found) == len(out.splitlines()) - 1
    return {name: (mark, text) for mark, name, text in found}


def ended(value=None, returncode=0, error=''):
    """A process that has ended."""
    out = 'noise\n%s\n' % json.dumps(value)
    return types.SimpleNamespace(returncode=returncode, communicate=lambda: (out, error))


def fault(check, *arguments):
    """The text and the remedy of a check that fails."""
    with pytest.raises(Exception) as error:
        check(*arguments)
    assert str(error.value) == error.value.text
    return error.value.text, error.value.remedy


def test_check_environment_runs_its_checks(monkeypatch, tmp_path, capsys):
    check = load(CHECK)
    # The packages of setup.py, without what takes a process each.
    names = [name for name, _, _ in check.requirements()]
    assert {'numpy', 'matplotlib', 'keras', 'tflearn'} < set(names) and 'pytest' not in names
    assert ('tensorflow' if sys.platform == 'darwin' else 'tensorflow-gpu') in names
    assert not {'tensorflow', 'tensorflow-gpu'} <= set(names)
    assert {extra for name, _, extra in check.requirements() if name in ('keras', 'tflearn')} == {'ch06'}
    # Packages that break: one hides the installed one, one crashes, one is too new.
    fakes = tmp_path / 'fakes'
    fakes.mkdir()
    (fakes / 'tensorflow.py').write_text(FAKE_TENSORFLOW)
    (fakes / 'requests.py').write_text('__version__ = "0.1"')
    (fakes / 'tqdm.py').write_text('import os; os.kill(os.getpid(), 4)')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(fakes), ROOT]))
    monkeypatch.setattr(check, 'requirements', lambda: [
        ('requests', '>=1', ''), ('tqdm', '', ''), ('numpy', '<0.1', 'ch06')])
    monkeypatch.setattr(check, 'check_python', lambda: 'Python')
    monkeypatch.setattr(check, 'check_processor', lambda: 'processor')
    monkeypatch.setattr(check, 'check_folder', functools.partial(check.check_folder, needed_bytes=0))
    started, start = [], check.start
    monkeypatch.setattr(check, 'start', lambda code, *names: started.append(names) or start(code, *names))
    assert check.main([]) == 1
    out = capsys.readouterr().out
    checks = lines(out)
    assert {name for name, (mark, _) in checks.items() if mark == 'FAIL'} == {'requests', 'tqdm', 'numpy', 'devices'}
    assert 'remove %s' % (fakes / 'requests.py') in checks['requests'][1]
    assert 'crashed with signal 4' in checks['tqdm'][1] and 'newer than the CUDA 10.0' in checks['devices'][1]
    assert out.splitlines()[-1] == '4 of 10 checks failed'
    assert ' (for chapter 6 only)' in checks['numpy'][1] and 'must be <0.1' in checks['numpy'][1]
    assert started == [('requests', 'requests'), ('tqdm', 'tqdm'), ('numpy', 'numpy'), (), ('companion', 'data')]
    assert set(checks) == {'Python', 'processor', 'the project', 'requests', 'tqdm', 'numpy', 'devices',
                           'data: MNIST', 'data: Penn', 'outputs'}
    monkeypatch.setattr(check, 'requirements', lambda: [])
    monkeypatch.setitem(check.PROGRAMS, 'devices', 'print(\'[[["CPU", "/device:CPU:0", ""]], [3.0, 5.0], false]\')')
    assert check.main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == 'All 7 checks passed'
    # Where the file lies alone.
    monkeypatch.setattr(check, 'root', lambda: str(tmp_path))
    assert check.main([]) == 1
    assert 'setup.py is missing. Remedy: run the file' in capsys.readouterr().out


def test_check_of_python_and_processor(monkeypatch):
    check = load(CHECK)
    sys_of = collections.namedtuple('Sys', 'version_info maxsize executable platform')
    for version, maxsize, machine, text in [
            ((3, 7, 16), 2 ** 63 - 1, 'x86_64', None), ((3, 7, 16), 2 ** 63 - 1, 'AMD64', None),
            ((3, 8, 1), 2 ** 63 - 1, 'x86_64', 'needs Python 3.7'),
            ((2, 7, 18), 2 ** 63 - 1, 'x86_64', 'needs Python 3.7'),
            ((3, 7, 16), 2 ** 31 - 1, 'AMD64', '32 bit'), ((3, 7, 16), 2 ** 63 - 1, 'arm64', 'x86-64 only')]:
        monkeypatch.setattr(check, 'sys', sys_of(version, maxsize, '/the/python', 'linux'))
        monkeypatch.setattr(check, 'platform', types.SimpleNamespace(
            machine=lambda: machine, python_version=lambda: '.'.join(map(str, version))))
        if text:
            assert text in fault(check.check_python)[0]
        else:
            assert check.check_python().endswith('64 bit, %s, /the/python' % machine)
    for flags, text in [('fpu AVX1.0 sse', 'has AVX'), ('fpu avx2 avx', 'has AVX'), ('fpu sse', 'no AVX'),
                        (None, 'cannot be asked')]:
        def ask(command, **_):
            if flags is None:
                raise OSError
            return flags
        monkeypatch.setattr(check, 'sys', sys_of((3, 7, 16), 2 ** 63, '', 'darwin'))
        monkeypatch.setattr(check.subprocess, 'check_output', ask)
        if text == 'no AVX':
            assert text in fault(check.check_processor)[0]
        else:
            assert text in check.check_processor()


def test_check_of_project_packages_and_devices(monkeypatch):
    check = load(CHECK)
    monkeypatch.setattr(check, 'start', lambda *_: ended([]))
    assert check.check_project() == 'the project is installed'
    monkeypatch.setattr(check, 'start', lambda *_: ended(['companion']))
    text, remedy = fault(check.check_project)
    assert 'does not find companion' in text and '-m pip install --no-deps -e %s' % ROOT in remedy
    monkeypatch.setattr(check, 'start', lambda *_: ended(returncode=1, error='a\nE: no\n'))
    assert '(E: no)' in fault(check.check_project)[0]

    package = check.check_package
    assert package('tqdm', '>=4', '', ended(['4.1', '4.1', '/f'])) == 'tqdm 4.1'
    assert 'cannot be imported (no message)' in fault(package, 'tqdm', '', '', ended(returncode=1))[0]
    text, remedy = fault(package, 'h5py', '<3', 'ch06', ended(returncode=-4))
    assert 'h5py (for chapter 6 only)' in text and 'crashed with signal 4' in text and 'AVX' in remedy
    assert 'AVX' not in fault(package, 'h5py', '<3', '', ended(returncode=-11))[1]
    text, remedy = fault(package, 'h5py', '<3', '', ended(['3.1', '2.9', '/hides.py']))
    assert text == 'h5py 3.1: must be <3'
    assert remedy.startswith('remove /hides.py') and 'installed 2.9' in remedy
    for installed in '3.1', '3.2', None:
        assert 'make venv' in fault(package, 'h5py', '<3', '', ended(['3.1', installed, '/f']))[1]
    assert 'of unknown version: must be' in fault(package, 'h5py', '>=2', '', ended([None, None, '/f']))[0]

    cpu, gpu = ['CPU', '/device:CPU:0', ''], ['GPU', '/device:GPU:0', 'name: T4, compute capability: %s']
    monkeypatch.setattr(check.subprocess, 'check_output', lambda *_, **__: 'GPU 0: T4 (UUID: 1)\n')
    assert check.check_devices(ended([[cpu], [3, 5], False])) == \
        'devices: TensorFlow computes on /device:CPU:0; no GPU, and none is needed'
    assert '(GPU 0: T4 is not used' in check.check_devices(ended([[cpu], [3, 5], True]))
    old, new = gpu[:2] + [gpu[2] % '7.5'], gpu[:2] + [gpu[2] % '8.0']
    assert check.check_devices(ended([[cpu, old], [3, 5], True])).endswith('on /device:CPU:0, /device:GPU:0')
    text, remedy = fault(check.check_devices, ended([[cpu, new], [3, 5], True]))
    assert '/device:GPU:0' in text and 'newer than the CUDA 10.0' in text
    assert 'CUDA_VISIBLE_DEVICES=-1' in remedy
    assert '[3, 4]' in fault(check.check_devices, ended([[cpu], [3, 4], False]))[0]
    assert 'cannot be asked' in fault(check.check_devices, ended(returncode=1))[0]


def test_check_of_data_and_folders(tmp_path, monkeypatch):
    check = load(CHECK)
    assert 'the embedded sample' in check.check_data('mnist', 'sample')
    (tmp_path / 'mnist').mkdir()
    (tmp_path / 'mnist' / 'train-images-idx3-ubyte.gz').write_bytes(b'short')
    text, remedy = fault(check.check_data, 'mnist', str(tmp_path))
    assert 'train-images-idx3-ubyte.gz is damaged: it has 5 bytes' in text
    assert 'then `python -m data fetch mnist --data_dir %s`' % tmp_path in remedy
    text, _ = fault(check.check_data, 'ptb', str(tmp_path))
    assert 'Penn Treebank in ' in text and 'ptb.train.txt is missing' in text

    folder = str(tmp_path / 'not' / 'yet')
    text = check.check_folder('outputs', folder, 'VARIABLE', 1)
    assert text.startswith('outputs: %s can be written, ' % folder) and not os.path.exists(folder)
    text, remedy = fault(check.check_folder, 'outputs', folder, 'VARIABLE', 1e20)
    assert 'all chapters together fill 100000000000.0' in text and 'VARIABLE' in remedy
    (tmp_path / 'file').write_text('')
    text, remedy = fault(check.check_folder, 'outputs', str(tmp_path / 'file' / 'runs'), 'VARIABLE')
    assert 'cannot be written' in text and remedy == 'set VARIABLE to a folder that can be written'


@pytest.mark.parametrize('version, condition, fits', [
    ('1.15.5', '==1.15.*', True), ('1.14.0', '==1.15.*', False), ('3.20.3', '<3.21', True),
    ('3.21.0', '<3.21', False), ('1.18.5', '>=1.16,<1.19', True), ('1.9.0', '>=1.16,<1.19', False),
    ('1.19.0', '>=1.16,<1.19', False), ('v1.8.2', '>=1.6', True), ('2.3.1', '==2.3.1', True),
    ('4.1', '', True)])
def test_version_conditions(version, condition, fits):
    assert load(CHECK).fits(version, condition) is fits


@pytest.mark.slow
@pytest.mark.skipif(not V1, reason='it checks what TensorFlow 1.15 needs')
def test_check_environment_finds_nothing_wrong(shell):
    result = shell(CHECK)
    assert result.returncode == 0 and not result.stderr, result.stdout
    checks = lines(result.stdout)
    assert {mark for mark, _ in checks.values()} == {'OK'}
    assert {'Python', 'processor', 'tensorflow-gpu', 'numpy', 'keras', 'devices', 'data: MNIST',
            'data: Penn', 'outputs', 'the project'} <= set(checks)
    assert '/device:CPU:0' in checks['devices'][1]
    assert result.stdout.splitlines()[-1] == 'All %d checks passed' % len(checks)


@pytest.mark.slow
@pytest.mark.parametrize('python', ['python2.7', 'python3.6', 'python3.13'])
def test_check_environment_on_a_python_without_packages(python, tmp_path):
    """As where nothing was ever installed: the check still runs, and says how to install it."""
    places = [shutil.which(python)] + glob.glob(os.path.expanduser('~/.pyenv/versions/*/bin/' + python))
    found = [place for place in places if place and os.path.exists(place) and not subprocess.call(
        [place, '-c', 'import os'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
    if not found:
        pytest.skip('there is no %s' % python)
    # -S: no packages, whatever there is installed.
    result = subprocess.run(
        [found[0], '-S', os.path.join(ROOT, CHECK)], cwd=str(tmp_path), capture_output=True, text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith('PYTHON')})
    checks = lines(result.stdout)
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert {'Python', 'the project', 'tensorflow-gpu', 'numpy', 'scikit-learn', 'keras', 'devices'} <= {
        name for name, (mark, _) in checks.items() if mark == 'FAIL'}
    assert 'does not find companion, data. Remedy: `make venv`' in checks['the project'][1]
    assert checks['processor'][0] == checks['outputs'][0] == checks['data: MNIST'][0] == 'OK'


# What the article's statements come to

def test_drawings(run_script, tmp_path, drawn):
    out = run_script('ch01_intro/drawings.py')
    path = str(tmp_path / 'runs' / 'ch01_intro' / 'figure3.png')
    assert out == 'Saved %s\n' % path
    axes = drawn[0].axes[0]
    assert [text.get_text() for text in axes.texts if text.get_text()] == [
        'artificial intelligence', 'machine learning', 'spam_filter.py', 'deep learning',
        'learned_features.py']
    ellipses = [((x, y), patch.width, patch.height) for patch in axes.patches for x, y in [patch.center]]
    # Each lies within the one before it.
    for (outer, width, height), (inner, smaller_width, smaller_height) in zip(ellipses, ellipses[1:]):
        assert outer[0] == inner[0] and smaller_width < width
        assert outer[1] - height / 2 < inner[1] - smaller_height / 2
        assert inner[1] + smaller_height / 2 < outer[1] + height / 2
    for text, (centre, _, height) in zip([axes.texts[0], axes.texts[2], axes.texts[4]], ellipses):
        assert abs(text.get_position()[1] - centre[1]) < height / 2


def test_spam_filter(run_script, drawn):
    out = run_script('ch01_intro/spam_filter.py', '--seed', 1, '--repeats', 2, '--training_steps', 30,
                     '--test_mails', 1000)
    everything, hour = [
        {int(mails): float(score) for mails, score in re.findall(r'E: +(\d+) mails  P: (\S+)', part)}
        for part in out.split('T: spam or not, from ')[1:]]
    # NumPy draws the mails, and the weights start at 0: the same numbers everywhere.
    experience = [4, 8, 16, 32, 64, 128, 256, 1024]
    assert list(everything) == list(hour) == experience
    assert list(everything.values()) == pytest.approx(
        [0.646, 0.701, 0.794, 0.782, 0.812, 0.839, 0.834, 0.827], abs=0.0011)
    assert list(hour.values()) == pytest.approx([0.518, 0.476, 0.500, 0.522, 0.502, 0.512, 0.497, 0.504], abs=0.0011)
    weights = [(name, float(weight)) for name, weight in re.findall(r'([a-z][a-z ]+) ([+-][\d.]+)', out)]
    assert weights == [('known sender', -0.84), ('title length', 0.94), ('recipients', 1.03),
                       ('hour of sending', 0.13), ('hour of sending', 0.08)]
    for line, curve in zip(drawn[0].axes[0].lines, (everything, hour)):
        assert list(line.get_xdata()) == experience
        assert list(line.get_ydata()) == pytest.approx(list(curve.values()), abs=0.0006)


def test_mails():
    module = load('ch01_intro/spam_filter.py')
    assert (module.LEARNING_RATE, module.TRAINING_STEPS) == (0.5, 200)
    assert (module.REPEATS, module.TEST_MAILS) == (10, 5000)
    features, spam = module.make_mails(20000, np.random.RandomState(1))
    assert features.shape == (20000, 4) and spam.shape == (20000, 1) and abs(spam.mean() - 0.5) < 0.02
    bad, good = features[spam[:, 0] == 1], features[spam[:, 0] == 0]
    assert bad.mean(axis=0) == pytest.approx([-0.6, 0.5, 1.0, 0], abs=0.15)
    assert good.mean(axis=0) == pytest.approx([0.4, -0.5, 0.0, 0], abs=0.15)
    assert set(features[:, 0]) == {-1, 1} and abs(features[:, 3]).max() <= 12 / 7


def test_features_by_hand():
    points = {(7, 3): 1.0, (8, 4): 1.0, (8, 23): 0.8, (19, 4): 0.6, (12, 20): 0.5}
    image = np.zeros([1, 28, 28])
    for place, value in points.items():
        image[(0,) + place] = value
    features = load('ch01_intro/learned_features.py').features_by_hand(image.reshape(1, 784))
    ink = sum(points.values())
    rows, columns = [sum(place[i] / 27 * value for place, value in points.items()) / ink for i in (0, 1)]

    def spread(i, j):
        centre = rows, columns
        return sum(value * (place[i] / 27 - centre[i]) * (place[j] / 27 - centre[j])
                   for place, value in points.items()) / ink
    assert features[0] == pytest.approx([
        ink, rows, columns, spread(0, 0), spread(1, 1), spread(0, 1),
        2 * 1.0 * 0.6 / ink, 2 * 1.0 * 0.8 / ink,           # upside down, and left to right
        0, 3.3 / ink, 0.6 / ink, 0,                         # bands of seven rows
        2, 0, 0, 0], abs=1e-5)                              # 0.5 is no stroke


def test_learned_features(run_script, drawn):
    out = run_script('ch01_intro/learned_features.py', '--seed', 1, '--training_steps', 200)
    found = re.findall(r'Features (.{10}) +(\d+) numbers .* accuracy (\S+)', out)
    assert [(name.strip(), int(size)) for name, size, _ in found] == [
        ('by hand', 16), ('the pixels', 784), ('learned', 16)]
    accuracy = [float(value) for _, _, value in found]
    # The sample's digits, not MNIST's.
    assert accuracy == pytest.approx([0.71, 0.767, 0.842], abs=0.01 if V1 else 0.1)
    axes = drawn[0].axes
    assert len(axes) == 6 and len(axes[0].patches) == 16
    for scatter in axes[3:]:
        sizes = [len(part.get_offsets()) for part in scatter.collections]
        assert len(sizes) == 10 and sum(sizes) == 1500 and min(sizes) > 100
    # What fills layer 1's picture: 16 nodes' weights, each scaled, with a margin.
    weights = axes[2].images[0].get_array()
    assert weights.shape == (120, 120) and abs(weights).max() == 1
    assert all(not weights[i].any() and not weights[:, i].any() for i in (0, 29, 30, 59, 119))
    assert axes[1].images[0].get_array().shape == (28, 28)


def test_training_of_learned_features():
    module = load('ch01_intro/learned_features.py')
    assert (module.LAYER1_NODE, module.LAYER2_NODE, module.BATCH_SIZE, module.LEARNING_RATE,
            module.TRAINING_STEPS) == (64, 16, 100, 0.2, 4000)
    random = np.random.RandomState(1)
    features, labels = random.rand(50, 3), np.eye(2)[random.randint(2, size=50)]
    module.TRAINING_STEPS = 3
    accuracy, inputs, weights = module.train(features, labels, features[:7], labels[:7], [5, 4], 1)
    assert inputs.shape == (7, 4) and inputs.min() >= 0 and weights.shape == (3, 5)
    if V1:
        assert [weights.sum(), inputs.sum()] == pytest.approx([4.897559, 2.8650672], rel=1e-3)
    accuracy, inputs, weights = module.train(features, labels, features[:7], labels[:7], [], 1)
    assert inputs == pytest.approx(features[:7]) and weights.shape == (3, 2)


@pytest.mark.slow
@pytest.mark.real_data
def test_learned_features_on_mnist(run_script, real_data):
    out = run_script('ch01_intro/learned_features.py', '--data_dir', real_data, '--seed', 1, '--training_steps', 2000)
    by_hand, pixels, learned = [float(value) for value in re.findall('test accuracy (.*)', out)]
    assert 0.72 < by_hand < 0.82 and 0.90 < pixels < 0.93 and 0.955 < learned < 0.98


def test_perceptron(run_script, drawn):
    out = run_script('ch01_intro/perceptron.py', '--seed', 1, '--epochs', 100, '--starts', 2)
    results = [(model, name, right, epochs) for model, name, right, epochs in re.findall(
        r'^(\w+) +([A-Z]+) +right answers of 4: ([\d ]+)  epochs: (.*)$', out, re.MULTILINE)]
    if V1:
        assert results == [
            ('perceptron', 'AND', '4 4', '4 9'), ('perceptron', 'OR', '4 4', '1 9'),
            ('perceptron', 'XOR', '3 2', '100 100'), ('network', 'AND', '4 4', '7 4'),
            ('network', 'OR', '4 4', '3 1'), ('network', 'XOR', '4 4', '9 9')]
    for model, name, right, epochs in results:
        # The perceptron learns no XOR; all else is learned.
        assert (model, name) == ('perceptron', 'XOR') and epochs == '100 100' or right == '4 4'
    assert len(results) == 6
    for axes, (model, name, right, _) in zip(drawn[0].axes, results):
        assert axes.get_title() == '%s, %s: %s of 4' % (model, name, right[-1])
        assert axes.collections[-1].get_offsets().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize('words, script, flags', [
    ('lower --learning_rate', 'perceptron.py', ['--learning_rate', 1e38]),
    ('lower --learning_rate', 'spam_filter.py', ['--learning_rate', 1e39, '--repeats', 1, '--training_steps', 3]),
    ('lower --learning_rate', 'learned_features.py', ['--learning_rate', 1e30, '--training_steps', 3]),
    ('argument --layer2_node: must be 2 or more', 'learned_features.py', ['--layer2_node', 1]),
    ('choose another --folder', 'drawings.py', ['--folder', '{file}'])])
def test_faults_are_one_line(refuses, tmp_path, words, script, flags):
    (tmp_path / 'file').write_text('')
    refuses(words, 'ch01_intro/' + script, *[str(flag).format(file=tmp_path / 'file') for flag in flags],
            status=2 if words.startswith('argument ') else 1)


def test_perceptron_divides_by_a_line_and_the_network_does_not():
    module = load('ch01_intro/perceptron.py')
    assert (module.LAYER1_NODE, module.LEARNING_RATE, module.EPOCHS, module.STARTS) == (8, 0.3, 200, 10)
    module.STARTS, module.EPOCHS = 2, 100
    # A straight line crosses each diagonal once at most. The diagonals' ends are the four examples of XOR,
    # so a division that is right crosses one diagonal twice, between two zeros or between two ones.
    line = np.linspace(0, 1, 101)
    diagonals = np.concatenate([np.column_stack([line, line]), np.column_stack([line, 1 - line])])
    for build, crossings in (module.perceptron, [0, 1]), (module.network, [2]):
        best, _, region = module.learn(build, module.FUNCTIONS['XOR'], diagonals, 1)
        assert max((part[1:] != part[:-1]).sum() for part in (region[:101], region[101:])) in crossings


@pytest.mark.slow
def test_the_smallest_network_learns_xor_from_some_starts():
    module = load('ch01_intro/perceptron.py')
    module.LAYER1_NODE, module.EPOCHS = 2, 100
    best, _, _ = module.learn(module.network, module.FUNCTIONS['XOR'], module.INPUTS, 1)
    assert set(best) == {3, 4}


def test_ilsvrc_errors(run_script, tmp_path, drawn):
    out = run_script('ch01_intro/ilsvrc_errors.py')
    path = str(tmp_path / 'runs' / 'ch01_intro' / 'ilsvrc_errors.png')
    assert out == '''\
year   article   published
2010       - %      28.2 %
2011      26 %      25.8 %
2012      16 %      16.4 %
2013       - %      11.7 %
2014       - %       6.7 %
2015       4 %       3.6 %
person   5 %       5.1 %
2010 to 2011, published: 2.4 points a year, 8.5 % of the errors each year
2011 to 2012, article: 10.0 points a year, 38.5 % of the errors each year
2012 to 2015, article: 4.0 points a year, 37.0 % of the errors each year
2011 to 2012, published: 9.4 points a year, 36.4 % of the errors each year
2012 to 2015, published: 4.3 points a year, 39.7 % of the errors each year
TIMIT, 21.7 % to 17.9 %: 3.8 points, 17.5 % of the errors
Saved %s
''' .replace('%s\n', path + '\n')
    axes, = drawn[0].axes
    assert axes.get_ylabel() == 'top-5 error, per cent'
    assert [bar.get_height() for bar in axes.patches] == [28.2, 25.8, 16.4, 11.7, 6.7, 3.6]
    assert [axes.lines[0].get_xydata().tolist(), axes.lines[1].get_ydata()] == [
        [[2011, 26], [2012, 16], [2015, 4]], [5, 5]]
    assert [text.get_text() for text in axes.texts] == ['26 %', '16 %', '4 %']
    assert os.listdir(os.path.dirname(path)) == ['ilsvrc_errors.png']
