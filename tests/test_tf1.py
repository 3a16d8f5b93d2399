"""tf1.py: the programs on TensorFlow 2.x, where the chapters' own smoke tests run too.

What has numbers in it has the same on both: they were computed by both.
"""
import functools
import hashlib
import importlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

import tf1
from conftest import ROOT, load

ON_2 = not tf.__version__.startswith('1.')
on_2 = pytest.mark.skipif(not ON_2, reason='for the part of the tests on TensorFlow 2.x')

# What both versions compute, 1.15.5 and 2.21.0.
BATCHES = 'ed19f08c170db60b966e71872b3ca367183d3a756a73f636ba27bf5a92146026'
NUMBERS = [-1.1780828, -0.70994139, 0.64330411, 0.12341011]
LOSSES = [2.65225101, 2.59739304, 2.4426043, 2.35633588, 2.24208546, 2.29215336, 2.08507061]
TOWERS = {1: [815.94049, 8562.376, 25582.955, 1.278479, 0.39612603, 0.39608502, 0.39604414, 0.39600337,
              0.39596272],
          4: [1012.4594, 3767.564, 4185.792, 4.8665214, 0.52112418, 0.50131154, 0.49053776, 0.48083192,
              0.47516406]}

PTB = '--hidden_size 8 --num_epoch 1'


def process(command, **environment):
    """Run a command; a variable that is None is not in its environment."""
    env = {name: value for name, value in dict(os.environ, **environment).items() if value is not None}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=200)


def test_the_lists_name_programs():
    assert all(os.path.exists(os.path.join(ROOT, path)) for path in list(tf1.UNABLE) + list(tf1.LIMITS))


@on_2
def test_limits_are_as_listed(run_script, refuses, few_images, monkeypatch):
    check = load('ch01_intro/extras/check_environment.py')
    with pytest.raises(check.Fault, match='TensorFlow 1.15 needs Python 3.7'):
        check.check_python()
    out = run_script('ch07_acceleration/device_manual.py')
    assert 'assigned to /device:XLA_CPU:0 but available devices are' in out and 'Device mapping' not in out
    assert 'Device mapping' not in run_script('ch07_acceleration/device_placement.py')
    few_images(260)
    out = run_script('ch06_high_level_apis/keras_cnn.py', '--epochs', 1)
    assert 'Epoch 1/' not in out and ' - acc: ' in out
    if not hasattr(tf, 'estimator'):
        refuses('no tf.estimator: take --by_hand', 'ch07_acceleration/extras/train_and_evaluate.py')
        with pytest.raises(AttributeError, match='no tf.estimator: use TensorFlow 1.15'):
            tf.estimator.Estimator
    if platform.machine() == 'x86_64':          # where TensorFlow has oneDNN, off in these tests
        monkeypatch.setenv('TF_ENABLE_ONEDNN_OPTS', '1')
        out = python(LAUNCHER, os.path.join(ROOT, 'ch04_cnn', 'conv_pool.py')).stdout
        assert re.search(r'^avg_pool along the depth gives [][]+$', out, re.MULTILINE)


@on_2
@pytest.mark.parametrize('path', sorted(tf1.UNABLE))
def test_a_program_that_cannot_run_is_refused_in_one_line(path, run_script):
    for program in [os.path.join(ROOT, path)], ['-m', path[:-len('.py')].replace('/', '.')]:
        done = python(LAUNCHER, *program + ['--sample'])
        assert done.returncode == 1 and done.stdout == ''
        assert done.stderr == 'tf1.py: error: %s needs TensorFlow 1.15: %s\n' % (path, tf1.UNABLE[path])
    with pytest.raises(AttributeError, match='has no attribute'):
        run_script(path, '--training_steps', 1)         # else it could


# The launcher itself

PROGRAM = """
import os, sys
print(__name__, __file__, sys.argv, sys.path[0], os.environ.get('PYTHONPATH'), 'tf1' in sys.modules)
print([type(finder).__name__ for finder in sys.meta_path], 'tensorflow' in sys.modules)
sys.exit(7)
"""


def python(*arguments):
    """Run this Python, without what the launcher may have left in the environment of these tests."""
    return process([sys.executable] + [str(argument) for argument in arguments], PYTHONPATH=None)


LAUNCHER = os.path.join(ROOT, 'tf1.py')


def test_a_program_is_run_as_python_runs_it(tmp_path):
    program = tmp_path / 'program.py'
    program.write_text(PROGRAM)
    plain, launched = python(program, '--flag', 'x'), python(LAUNCHER, program, '--flag', 'x')
    assert plain.returncode == launched.returncode == 7 and launched.stderr == ''
    if ON_2:
        assert launched.stdout.splitlines()[0].replace(os.path.join(ROOT, 'companion', 'tf2'), 'None') == \
            plain.stdout.splitlines()[0]
    else:
        assert launched.stdout == plain.stdout


def test_launcher_without_a_program_or_with_a_wrong_one(tmp_path):
    assert python(LAUNCHER, '--help').stdout.startswith('Run a program of the articles')
    for arguments in [], ['-m'], [tmp_path / 'none.py']:
        done = python(LAUNCHER, *arguments)
        assert done.returncode == 2 and done.stdout == '' and done.stderr.count('\n') == 1


@pytest.mark.skipif(sys.version_info < (3, 8), reason='for the part of the tests on TensorFlow 2.x')
@pytest.mark.parametrize('package, version, text', [
    (None, None, 'no TensorFlow in'), ('tensorflow', '2.9.1', 'TensorFlow 2.9.1 is older than'),
    ('tensorflow', '1.15.5', 'is older than'), ('tensorflow', '2.21.0', None),
    ('tensorflow-cpu', '2.9.1', 'TensorFlow 2.9.1 is older than'), ('tensorflow-cpu', '2.21.0', None)])
def test_a_python_that_cannot_run_it_is_told_the_remedy(package, version, text, monkeypatch):
    import importlib.metadata

    def answer(name):
        if name != package:
            raise importlib.metadata.PackageNotFoundError(name)
        return version
    monkeypatch.setattr(importlib.metadata, 'version', answer)
    fault = tf1.fault()
    assert fault is None if text is None else text in fault and 'make venv-tf2' in fault


@on_2
def test_processes_that_a_program_starts_get_the_same(tmp_path):
    program = tmp_path / 'program.py'
    program.write_text('import subprocess, sys\n'
                       "sys.exit(subprocess.call([sys.executable, '-c', 'import tensorflow as tf, keras; "
                       "print(tf.Session, tf.contrib.slim, keras)']))")
    done = python(LAUNCHER, program)
    assert done.returncode == 0 and re.search('Session.*tf_slim.*tf_keras', done.stdout), done.stderr


def test_a_maker_that_fails_says_why_at_each_import(monkeypatch):
    def fail():
        raise ImportError('the real reason')
    monkeypatch.setattr(sys, 'meta_path', [tf1.Finder({'unmakable': fail})] + sys.meta_path)
    for _ in range(2):
        with pytest.raises(ImportError, match='the real reason'):
            importlib.import_module('unmakable')


KERAS = '''
from {0}.layers import Dense
from {0}.models import Sequential
from {0}.optimizers import SGD, Adam
from {0}.utils import to_categorical
import numpy as np
import tensorflow as tf
for optimizer in SGD(lr=0.1), Adam(), tf.keras.optimizers.Adam(), 'sgd':
    model = Sequential([Dense(3, input_shape=(4,))])
    model.compile(optimizer, 'mse')
    print(model.train_on_batch(np.ones([2, 4]), to_categorical([0, 2], 3)))
'''


@on_2
@pytest.mark.parametrize('name', ['keras', 'tensorflow.keras'])
def test_keras_trains_with_optimizers_that_are_imported_by_name(name, tmp_path):
    (tmp_path / 'program.py').write_text(KERAS.format(name))
    done = python(LAUNCHER, tmp_path / 'program.py')
    assert len(done.stdout.splitlines()) == 4, done.stderr


# The same numbers on both versions

def test_batches_are_the_same(sample):
    from tensorflow.examples.tutorials.mnist import input_data
    mnist = input_data.read_data_sets(sample, one_hot=True, seed=3)
    digest = hashlib.sha256()
    for _ in range(70):                     # into the second epoch
        for array in mnist.train.next_batch(100):
            digest.update(np.ascontiguousarray(array).tobytes())
    assert mnist.train.epochs_completed == 1
    for array in mnist.validation.images, mnist.test.labels:
        digest.update(np.ascontiguousarray(array).tobytes())
    assert digest.hexdigest() == BATCHES


def test_batches_in_the_files_order(sample):
    from tensorflow.examples.tutorials.mnist import input_data
    train = input_data.read_data_sets(sample, False, True, validation_size=10).train      # one_hot is the third
    images, labels = train.images, train.labels
    assert labels.shape == (len(images), 10)
    for start in range(0, len(images) + 100, 100):
        found = train.next_batch(100, fake_data=False, shuffle=False)
        for array, all_of_it in zip(found, (images, labels)):
            np.testing.assert_array_equal(array, np.take(all_of_it, range(start, start + 100), axis=0, mode='wrap'))
    assert train.epochs_completed == 1


@on_2
def test_a_missing_file_is_named_with_the_remedy(tmp_path, capsys):
    from tensorflow.examples.tutorials.mnist import input_data
    with pytest.raises(FileNotFoundError, match='train-images-idx3-ubyte.gz is missing: `python -m data fetch mnist`'):
        input_data.read_data_sets(str(tmp_path / 'MNIST_data'), one_hot=True)
    assert capsys.readouterr().out == ''
    with pytest.raises(ValueError, match='fake_data=True needs TensorFlow 1.15'):
        input_data.read_data_sets('MNIST_data', fake_data=True)


def test_the_articles_own_lines_of_contrib_learn(sample, tmp_path, monkeypatch):
    """Without the arguments that the program adds, and with its model function, which asks for labels."""
    conv_model = load('ch06_high_level_apis/contrib_learn_cnn.py').conv_model
    learn = tf.contrib.learn
    os.symlink(sample, str(tmp_path / 'MNIST-data'))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    mnist = learn.datasets.load_dataset('mnist')
    classifier = learn.Estimator(model_fn=conv_model)
    for steps in 2, 4:
        classifier.fit(mnist.train.images, mnist.train.labels, batch_size=10, steps=2)
        assert tf.train.load_variable(classifier.model_dir, 'global_step') == steps
    classifier.fit(mnist.train.images, mnist.train.labels, batch_size=10, max_steps=4)
    assert tf.train.load_variable(classifier.model_dir, 'global_step') == 4
    assert os.path.dirname(classifier.model_dir) == str(tmp_path)
    assert set(classifier.predict(mnist.test.images[:50])) <= set(range(10))
    with pytest.raises(ValueError):
        classifier.fit(mnist.train.images, mnist.train.labels, batch_size=10, steps=2, max_steps=6)
    assert learn.RunConfig().tf_random_seed is None


@on_2
def test_without_a_seed_the_batches_differ_and_the_graphs_seed_repeats_them(sample):
    from tensorflow.examples.tutorials.mnist import input_data

    def labels(graph_seed=None):
        with tf.Graph().as_default():
            tf.set_random_seed(graph_seed) if graph_seed else None
            return input_data.read_data_sets(sample).train.next_batch(100)[1].tolist()
    assert labels() != labels() and labels(7) == labels(7) != labels(8)


@pytest.fixture
def sample():
    import data
    return data.folder('mnist', sample=True)


def test_seeds_of_operations_draw_the_same_numbers(sample):
    """Article 3's network, 300 steps, each random operation with a seed of its own."""
    from tensorflow.examples.tutorials.mnist import input_data
    module = load('ch03_training_tricks/mnist_inference.py')
    mnist = input_data.read_data_sets(sample, seed=3)
    with tf.Graph().as_default(), seeded():
        x, y_ = tf.placeholder(tf.float32, [None, 784]), tf.placeholder(tf.int64, [None])
        y = module.inference(x, tf.contrib.layers.l2_regularizer(0.0001))
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=y, labels=y_)) + \
            tf.add_n(tf.get_collection('losses'))
        step = tf.train.GradientDescentOptimizer(0.001).minimize(loss)      # rounding does not show at this rate
        random = [tf.random_normal([2], seed=5), tf.random_uniform([2], seed=6)]
        with tf.Session() as sess:
            tf.global_variables_initializer().run()
            numbers = np.concatenate(sess.run(random))
            losses = [sess.run([loss, step], dict(zip((x, y_), mnist.train.next_batch(100))))[0] for _ in range(300)]
    np.testing.assert_allclose(numbers, NUMBERS, rtol=1e-6)
    np.testing.assert_allclose(losses[::50] + losses[-1:], LOSSES, rtol=2e-6)


def seeded():
    """Give the chapters' initial values an operation's seed."""
    return mock.patch.object(tf, 'truncated_normal_initializer',
                             functools.partial(tf.truncated_normal_initializer, seed=7))


@pytest.mark.parametrize('towers', [1, 4])
def test_towers_have_the_same_loss(towers, monkeypatch):
    """Article 7's towers on one fixed batch each: the version makes no difference to their loss."""
    speed = load('ch07_acceleration/extras/input_speed.py')
    speed.multi_gpu_mnist.N_GPU = towers
    random = np.random.RandomState(1)
    images = random.randint(0, 256, (80, 784)).astype(np.float32)[:20 * towers]
    labels = random.randint(0, 10, 80).astype(np.int32)[:20 * towers]
    with tf.Graph().as_default(), seeded():
        train_op, loss = speed.build(lambda: (tf.constant(images), tf.constant(labels)))
        with tf.Session(config=tf.ConfigProto(allow_soft_placement=True, device_count={'CPU': towers + 1})) as sess:
            tf.global_variables_initializer().run()
            losses = [sess.run([train_op, loss])[1] for _ in range(60)]
    # The first steps, with losses in thousands, make more of the last digits' differences.
    np.testing.assert_allclose(losses[:3] + losses[9::10], TOWERS[towers], rtol=1e-4)


# Checkpoints, from either version to the other

def other():
    """How to run a program on the other version: 1.15 as make sets it up, or TF1_PYTHON, which needs pytest."""
    found = os.environ.get('TF1_PYTHON') or os.path.join(ROOT, '.venv', 'bin', 'python')
    return [found] if os.path.exists(found) else None


# Programs one after the other in one process: the folder of each one's outputs, and its command.
THEIRS = '''
import json, os, sys
from conftest import load, release_locks
for argument in sys.argv[1:]:
    os.environ['TF_TUTORIAL_RUNS'], program, *flags = json.loads(argument)
    load(program).main(flags)
    release_locks()
    print('= ended')
'''


@on_2
@pytest.mark.skipif(not other(), reason='no .venv with TensorFlow 1.15, nor TF1_PYTHON')
@pytest.mark.parametrize('train, evaluate, result', [
    ('ch03_training_tricks/mnist_train.py --training_steps 60 --layer1_node 20',
     'ch03_training_tricks/mnist_eval.py --once --layer1_node 20', r'test accuracy = .*'),
    ('ch05_rnn_ptb/extras/ptb_train.py ' + PTB, 'ch05_rnn_ptb/extras/fast_eval.py --words 300 --repeats 1',
     r'[Pp]erplexity\D*[\d.]+'),
    ('ch06_high_level_apis/contrib_learn_cnn.py --training_steps 20',
     'ch06_high_level_apis/contrib_learn_cnn.py --training_steps 20', 'Accuracy: .*'),
])
def test_checkpoints_of_either_version_are_evaluated_alike_by_both(
        train, evaluate, result, run_script, monkeypatch, tmp_path):
    def numbers(out):
        return [float(re.findall(r'[\d.]+', text)[-1]) for text in re.findall(result, out)]

    def ours(folder, command):
        monkeypatch.setenv('TF_TUTORIAL_RUNS', folder)
        program, *flags = command.split()
        return numbers(run_script(program, *flags))

    here, there = str(tmp_path / 'here'), str(tmp_path / 'there')
    ours(here, train)
    done = process(other() + ['-c', THEIRS] + [json.dumps([folder] + command.split()) for folder, command in (
        (here, evaluate), (there, train), (there, evaluate))], PYTHONPATH=os.path.join(ROOT, 'tests'))
    assert done.returncode == 0, done.stderr
    first, _, second = map(numbers, done.stdout.split('= ended\n')[:3])
    for folder, theirs in (here, first), (there, second):
        found = ours(folder, evaluate)
        # Accuracies are the same; a perplexity has seven digits, and the last may differ.
        assert found and found == pytest.approx(theirs, rel=1e-5)


@on_2
def test_what_the_programs_of_the_authors_book_import(tmp_path):
    """Beyond the articles: names that 2.x lost, each used as the book's programs use it."""
    from tensorflow.contrib import rnn
    from tensorflow.contrib.slim.python.slim.nets import inception_v3
    from tensorflow.contrib.tensorboard.plugins import projector
    from tensorflow.python.framework import graph_util
    with tf.Graph().as_default(), tf.Session() as sess:
        total = tf.add(tf.Variable([1.0]), tf.Variable([2.0]), name='total')
        sess.run(tf.global_variables_initializer())
        frozen = graph_util.convert_variables_to_constants(sess, sess.graph_def, ['total'])
        cell = rnn.MultiRNNCell([rnn.DropoutWrapper(rnn.BasicLSTMCell(3), 0.5), rnn.BasicLSTMCell(4)])
        outputs, _ = tf.nn.dynamic_rnn(cell, tf.zeros([2, 5, 6]), dtype=tf.float32)
        assert outputs.shape.as_list() == [2, 5, 4]
        steps, cells = [tf.zeros([2, 6])] * 5, [rnn.GRUCell(3), rnn.GRUCell(4)]
        assert len(rnn.static_rnn(rnn.BasicLSTMCell(3), steps, dtype=tf.float32)[0]) == 5
        assert rnn.static_bidirectional_rnn(*cells, steps, dtype=tf.float32)[0][0].shape.as_list() == [2, 7]
        with tf.contrib.slim.arg_scope(inception_v3.inception_v3_arg_scope()):
            logits, _ = inception_v3.inception_v3(tf.zeros([1, 299, 299, 3]), num_classes=5, is_training=False)
        assert logits.shape.as_list() == [1, 5]
    with tf.Graph().as_default(), tf.Session() as sess:
        assert sess.run(*tf.import_graph_def(frozen, return_elements=['total:0'])) == 3
    config = projector.ProjectorConfig()
    config.embeddings.add().tensor_name = total.op.name
    writer = tf.summary.FileWriter(str(tmp_path))
    projector.visualize_embeddings(writer, config)
    assert 'tensor_name: "total"' in (tmp_path / 'projector_config.pbtxt').read_text()
