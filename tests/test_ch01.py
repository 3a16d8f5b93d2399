"""Article 1: the environment check with and without faults, and what its statements come to."""
from companion import cli

import os
import re
import sys

import numpy as np
import pytest
from matplotlib import image as png

from conftest import load

CHECK = 'ch01_intro/extras/check_environment.py'

# A TensorFlow with a GPU that is too new for CUDA 10.0; the installed one is hidden.
FAKE_TENSORFLOW = '''
import sys, types
__version__ = %r
class Device:
    device_type, name, physical_device_desc = 'GPU', '/device:GPU:0', 'name: H100, compute capability: 9.0'
client = types.ModuleType('tensorflow.python.client')
client.device_lib = types.SimpleNamespace(list_local_devices=lambda: [Device])
sys.modules['tensorflow.python'] = types.ModuleType('tensorflow.python')
sys.modules['tensorflow.python.client'] = client
__path__ = []
class Sum(list):
    def __add__(self, other):
        return Sum(a + b for a, b in zip(self, other))
    def tolist(self):
        return list(self)
constant = Sum
class Session:
    def __enter__(self):
        return self
    def __exit__(self, *error):
        pass
    def run(self, tensor):
        return tensor
test = types.SimpleNamespace(is_built_with_cuda=lambda: True)
'''


def lines(result):
    """Each check's line: a dict from its first word or words to (mark, text)."""
    assert 'Traceback' not in result.stderr
    found = re.findall(r'^\[(OK|FAIL)\] +((?:data: |the )?[\w-]+)(.*)$', result.stdout, re.MULTILINE)
    assert len(found) == len(result.stdout.splitlines()) - 1
    return {name: (mark, text) for mark, name, text in found}


def test_check_environment_finds_nothing_wrong(shell):
    result = shell(CHECK)
    assert result.returncode == 0, result.stdout
    checks = lines(result)
    assert {mark for mark, _ in checks.values()} == {'OK'}
    assert {'Python', 'processor', 'tensorflow-gpu', 'numpy', 'keras', 'devices', 'data: MNIST',
            'data: Penn', 'outputs', 'the project'} <= set(checks)
    assert '/device:CPU:0' in checks['devices'][1]
    assert result.stdout.splitlines()[-1] == 'All %d checks passed' % len(checks)


def test_check_environment_names_each_fault_and_its_remedy(shell, tmp_path):
    fakes, data_dir, file = tmp_path / 'fakes', tmp_path / 'data', tmp_path / 'file'
    fakes.mkdir()
    (data_dir / 'mnist').mkdir(parents=True)
    file.write_text('not a folder')
    (data_dir / 'mnist' / 'train-images-idx3-ubyte.gz').write_bytes(b'short')
    # Another Python, but not for the packages: check_environment.py sets this for its own processes.
    (fakes / 'sitecustomize.py').write_text(
        'import os, sys\n'
        'if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:\n'
        '    sys.version_info = (3, 8, 1, "final", 0)')
    (fakes / 'tensorflow.py').write_text(FAKE_TENSORFLOW % '2.4.0')
    (fakes / 'tqdm.py').write_text('raise ImportError("No module named tqdm")')
    (fakes / 'h5py.py').write_text('import os; os.kill(os.getpid(), 4)')
    result = shell(CHECK, '--data_dir', data_dir, PYTHONPATH=str(fakes), TF_TUTORIAL_RUNS=str(file / 'runs'))
    assert result.returncode == 1
    checks = lines(result)
    failed = {name: text for name, (mark, text) in checks.items() if mark == 'FAIL'}
    assert set(failed) >= {'Python', 'tensorflow-gpu', 'tqdm', 'h5py', 'devices', 'data: MNIST', 'data: Penn',
                           'outputs'}
    assert {'processor', 'the project', 'numpy', 'pooch', 'matplotlib'}.isdisjoint(failed)
    for text in failed.values():
        assert re.search(r'\. Remedy: \S+', text)
    assert 'needs Python 3.7' in failed['Python'] and 'make venv' in failed['Python']
    assert '2.4.0: must be ==1.15.*' in failed['tensorflow-gpu']
    assert 'remove %s' % (fakes / 'tensorflow.py') in failed['tensorflow-gpu']
    assert 'No module named tqdm' in failed['tqdm'] and 'make venv' in failed['tqdm']
    assert 'crashed with signal 4' in failed['h5py'] and 'AVX' in failed['h5py']
    assert 'GPU:0' in failed['devices'] and 'CUDA_VISIBLE_DEVICES=-1' in failed['devices']
    assert 'newer than the CUDA 10.0 of TensorFlow 1.15' in failed['devices']
    assert 'train-images-idx3-ubyte.gz is damaged: it has 5 bytes' in failed['data: MNIST']
    assert 'python -m data fetch mnist --data_dir' in failed['data: MNIST']
    assert 'ptb.train.txt is missing' in failed['data: Penn']
    assert 'set TF_TUTORIAL_RUNS' in failed['outputs']
    assert result.stdout.splitlines()[-1] == '%d of %d checks failed' % (len(failed), len(checks))


def test_check_environment_without_tensorflow(shell, tmp_path):
    """As where nothing was ever installed: the check still runs, and says how to install it."""
    (tmp_path / 'sitecustomize.py').write_text(
        'import sys\nfor name in "tensorflow", "numpy", "sklearn", "keras", "tflearn", "checkpoint":\n'
        '    sys.modules[name] = None')
    result = shell(CHECK, PYTHONPATH=str(tmp_path))
    checks = lines(result)
    assert result.returncode == 1
    for name in 'tensorflow-gpu', 'numpy', 'scikit-learn', 'keras', 'devices':
        assert checks[name][0] == 'FAIL'
    assert '%s -m pip install "tensorflow-gpu==1.15.*"' % sys.executable in checks['tensorflow-gpu'][1]
    assert 'does not find checkpoint' in checks['the project'][1] and 'make venv' in checks['the project'][1]
    assert checks['Python'][0] == checks['tqdm'][0] == checks['outputs'][0] == 'OK'


@pytest.mark.parametrize('version, condition, fits', [
    ('1.15.5', '==1.15.*', True), ('1.14.0', '==1.15.*', False), ('3.20.3', '<3.21', True),
    ('3.21.0', '<3.21', False), ('1.18.5', '>=1.16,<1.19', True), ('1.9.0', '>=1.16,<1.19', False),
    ('1.19.0', '>=1.16,<1.19', False), ('v1.8.2', '>=1.6', True), ('2.3.1', '==2.3.1', True),
    ('4.1', '', True)])
def test_version_conditions(version, condition, fits):
    assert load(CHECK).fits(version, condition) is fits


def test_spam_filter(run_script, tmp_path):
    out = run_script('ch01_intro/spam_filter.py', '--seed', 1, '--repeats', 5)
    everything, hour = [
        {int(mails): float(score) for mails, score in re.findall(r'E: +(\d+) mails  P: (\S+)', part)}
        for part in out.split('T: spam or not, from ')[1:]]
    assert list(everything) == [4, 8, 16, 32, 64, 128, 256, 1024] == list(hour)
    # P grows with E; from the hour alone, it stays where guessing is.
    assert everything[4] < everything[16] < everything[1024] and everything[1024] > 0.82
    assert everything[1024] - everything[4] > 0.1
    assert all(abs(score - 0.5) < 0.03 for score in hour.values())
    weights = {name: float(weight) for name, weight in re.findall(r'([a-z][a-z ]+) ([+-][\d.]+)', out)}
    assert weights['recipients'] > 0.5 and weights['known sender'] < -0.5
    assert png.imread(str(tmp_path / 'runs' / 'ch01_intro' / 'spam_filter.png')).std() > 0.05


def test_learned_features(run_script, tmp_path):
    out = run_script('ch01_intro/learned_features.py', '--seed', 1, '--training_steps', 1500)
    accuracy = {name.strip(): float(value) for name, value in re.findall(
        r'Features (.{10}) +\d+ numbers .* accuracy (\S+)', out)}
    assert accuracy['by hand'] < accuracy['learned'] and accuracy['the pixels'] < accuracy['learned']
    # The sample's digits, not MNIST's.
    assert accuracy['by hand'] > 0.5 and accuracy['learned'] > 0.85
    assert png.imread(str(tmp_path / 'runs/sample/ch01_intro/learned_features.png')).std() > 0.05


@pytest.mark.real_data
def test_learned_features_on_mnist(run_script, real_data):
    out = run_script('ch01_intro/learned_features.py', '--data_dir', real_data, '--seed', 1)
    by_hand, pixels, learned = [float(value) for value in re.findall('test accuracy (.*)', out)]
    assert 0.72 < by_hand < 0.82 and 0.90 < pixels < 0.93 and 0.955 < learned < 0.98


def test_perceptron(run_script, tmp_path):
    for seed in 1, 2, 3:
        out = run_script('ch01_intro/perceptron.py', '--seed', seed, '--epochs', 100, '--starts', 4)
        results = {(model, name): ([int(n) for n in right.split()], [int(n) for n in epochs.split()])
                   for model, name, right, epochs in re.findall(
                       r'^(\w+) +([A-Z]+) +right answers of 4: ([\d ]+)  epochs: (.*)$', out, re.MULTILINE)}
        assert len(results) == 6
        right, epochs = results.pop(('perceptron', 'XOR'))
        # Never the fourth, and no end.
        assert max(right) == 3 and epochs == [100] * 4
        for right, epochs in results.values():
            assert right == [4] * 4 and max(epochs) < 100
    assert png.imread(str(tmp_path / 'runs/ch01_intro/perceptron.png')).std() > 0.05
    with pytest.raises(cli.UserError, match='lower --learning_rate'):
        run_script('ch01_intro/perceptron.py', '--learning_rate', 1e38)


def test_perceptron_divides_by_a_line_and_the_network_does_not():
    module = load('ch01_intro/perceptron.py')
    # A straight line crosses each diagonal once at most. Their ends are all of XOR, so who has it right crosses
    # one of them twice, between two zeros or between two ones.
    line = np.linspace(0, 1, 101)
    diagonals = np.concatenate([np.column_stack([line, line]), np.column_stack([line, 1 - line])])
    for build, crossings in (module.perceptron, [0, 1]), (module.network, [2]):
        best, _, region = module.learn(build, module.FUNCTIONS['XOR'], diagonals, 1)
        assert max((part[1:] != part[:-1]).sum() for part in (region[:101], region[101:])) in crossings
    # With the fewest nodes that can do it, it is a matter of the start.
    module.LAYER1_NODE, module.EPOCHS = 2, 100
    best, epochs, _ = module.learn(module.network, module.FUNCTIONS['XOR'], diagonals, 1)
    assert set(best) == {3, 4}


def test_ilsvrc_errors(run_script, tmp_path):
    out = run_script('ch01_intro/ilsvrc_errors.py')
    assert '2011      26 %      25.8 %\n2012      16 %      16.4 %\n' in out
    assert '2015       4 %       3.6 %\nperson   5 %       5.1 %\n' in out
    assert '2010 to 2011, published: 2.4 points a year' in out
    assert '2011 to 2012, article: 10.0 points a year' in out
    assert '2012 to 2015, article: 4.0 points a year, 37.0 % of the errors each year\n' in out
    assert 'TIMIT, 21.7 % to 17.9 %: 3.8 points, 17.5 % of the errors\n' in out
    assert png.imread(str(tmp_path / 'runs' / 'ch01_intro' / 'ilsvrc_errors.png')).std() > 0.05
    assert os.listdir(str(tmp_path / 'runs' / 'ch01_intro')) == ['ilsvrc_errors.png']
