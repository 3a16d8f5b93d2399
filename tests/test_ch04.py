"""Article 4: each count, the filter's walk, pooling, the drawings, and the network on the sample."""
from companion import cli, figures, printed

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
import tensorflow as tf
from matplotlib import colors
from tensorflow.examples.tutorials.mnist import input_data

from conftest import accuracy_lines, load, loss_lines, read, recorded, run_main

TRAIN = 'ch04_cnn/mnist_train.py'
EVAL = 'ch04_cnn/mnist_eval.py'
PICTURES = 'ch04_cnn/extras/pictures.py'
RATES = 'ch04_cnn/extras/learning_rates.py'
# A network of the same layers that trains a thousand steps in seconds.
NETWORK = ['--conv1_deep', 2, '--conv2_deep', 4, '--fc_size', 16]
SMALL = NETWORK + ['--batch_size', 10, '--learning_rate_base', 0.05, '--regularaztion_rate', 0.01]
TF1 = tf.__version__ < '2'
# On TensorFlow 1.15, with seed 1 and the images of `Drawn`.
FIRST_LOSSES = [5.6832075, 4.349967, 3.8356116, 3.1886399]


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A training of 1002 steps: what it printed, its losses, its rate of learning, and where it is."""
    runs = tmp_path_factory.mktemp('ch04')
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()) as err, \
            recorded(cli, 'check_loss') as losses, recorded(tf.train, 'exponential_decay') as decays, \
            recorded(tf.train, 'ExponentialMovingAverage') as averages:
        patch.setenv('TF_TUTORIAL_DATA', 'sample')
        patch.setenv('TF_TUTORIAL_RUNS', str(runs))
        text = run_main(load(TRAIN), '--training_steps', 1002, '--seed', 1, *SMALL)
    return types.SimpleNamespace(
        out=text, err=err.getvalue(), losses=losses, decays=decays, averages=averages,
        folder=runs / 'sample' / 'ch04_cnn' / 'model',
        data=re.search('Extracting (.*)/train-images', text).group(1))


@pytest.fixture
def model(trained, tmp_path):
    """The flag with a copy of the trained model."""
    shutil.copytree(str(trained.folder), str(tmp_path / 'model'))
    return ['--model_save_path', tmp_path / 'model']


@pytest.fixture(scope='module')
def answers(trained):
    """Images, labels and logits of the sample, from the moving averages in the checkpoint, part by part."""
    path = tf.train.latest_checkpoint(str(trained.folder))
    values = {name: tf.train.load_variable(path, '%s/ExponentialMovingAverage' % name) for name in (
        'layer1-conv1/weight', 'layer1-conv1/bias', 'layer3-conv2/weight', 'layer3-conv2/bias',
        'layer5-fc1/weight', 'layer5-fc1/bias', 'layer6-fc2/weight', 'layer6-fc2/bias')}
    weights = list(values.values())
    with contextlib.redirect_stdout(io.StringIO()):
        mnist = input_data.read_data_sets(trained.data, one_hot=False)
    result = {}
    with tf.Graph().as_default(), tf.Session() as sess:
        for name in 'validation', 'test':
            data_set = getattr(mnist, name)
            nodes = tf.constant(data_set.images.reshape(-1, 28, 28, 1))
            for i in 0, 2:
                nodes = tf.nn.relu(tf.nn.conv2d(nodes, weights[i], [1, 1, 1, 1], 'SAME') + weights[i + 1])
                nodes = tf.nn.max_pool(nodes, [1, 2, 2, 1], [1, 2, 2, 1], 'VALID')
            logits = tf.reshape(nodes, [-1, 7 * 7 * 4])
            logits = tf.nn.relu(tf.matmul(logits, weights[4]) + weights[5])
            logits = tf.matmul(logits, weights[6]) + weights[7]
            result[name] = types.SimpleNamespace(
                images=data_set.images.reshape(-1, 28, 28), labels=data_set.labels, logits=sess.run(logits),
                values=values)
    return result


def accuracy(part, n=1):
    """The share of labels among the n largest logits."""
    return np.mean((part.logits.argsort(axis=1)[:, -n:] == part.labels[:, None]).any(axis=1))


def test_parameter_counts(run_script):
    out = run_script('ch04_cnn/parameter_counts.py')
    single, lenet, paper, program = [
        [re.split('  +', line.strip()) for line in part.splitlines()[2:]]
        for part in re.split(r'\n(?=\S)', out.strip())]
    assert single == [
        ['500 nodes on MNIST', '28 x 28 x 1', '500', '392500', '28x28x500+500 = 392500'],
        ['500 nodes on Cifar-10', '32 x 32 x 3', '500', '1536500', '3072x500+50, about 1.5 million'],
        ['2x2x3 filter, depth 5', '2 x 2 x 3', '1 x 1 x 5', '65', '2x2x3x5+5 = 65'],
        ['5x5 filter, depth 16, Cifar-10', '32 x 32 x 3', '32 x 32 x 16', '1216', '5x5x3x16+16 = 1216'],
        ['the same on 320 x 320 pixels', '320 x 320 x 3', '320 x 320 x 16', '1216', 'the same for any size']]
    assert lenet == [
        ['1 convolution', '32 x 32 x 1', '28 x 28 x 6', '156', '122304', '156; 4704x(25+1) = 122304'],
        ['2 pooling', '28 x 28 x 6', '14 x 14 x 6', '0', '4704'],
        ['3 convolution', '14 x 14 x 6', '10 x 10 x 16', '2416', '241600', '2416; 10x10x16x(25+1) = 41600'],
        ['4 pooling', '10 x 10 x 16', '5 x 5 x 16', '0', '1600'],
        ['5 fully connected', '5 x 5 x 16', '120', '48120', '48120', '48120'],
        ['6 fully connected', '120', '84', '10164', '10164', '10164'],
        ['7 fully connected', '84', '10', '850', '850', '850'], ['in all', '61706'],
        ['layer 3: 10*10*16*(5*5*6+1) = 241600 connections; the article leaves out the depth of 6']]
    # The sums are those of the paper (LeCun et al. 1998).
    assert paper == [
        ['1 C1', '32 x 32 x 1', '28 x 28 x 6', '156', '122304'],
        ['2 S2', '28 x 28 x 6', '14 x 14 x 6', '12', '5880'],
        ['3 C3', '14 x 14 x 6', '10 x 10 x 16', '1516', '151600'],
        ['4 S4', '10 x 10 x 16', '5 x 5 x 16', '32', '2000'],
        ['5 C5', '5 x 5 x 16', '120', '48120', '48120'], ['6 F6', '120', '84', '10164', '10164'],
        ['7 output', '84', '10', '0', '840'],
        ['in all', '60000', '340908', '(the paper: 60,000 and 340,908)']]
    assert program == [
        ['layer1-conv1', '28 x 28 x 1', '28 x 28 x 32', '832', '28x28x32'],
        ['layer2-pool1', '28 x 28 x 32', '14 x 14 x 32', '0', '14x14x32'],
        ['layer3-conv2', '14 x 14 x 32', '14 x 14 x 64', '51264', '14x14x64'],
        ['layer4-pool2', '14 x 14 x 64', '7 x 7 x 64', '0', '7x7x64'],
        ['flattened', '7 x 7 x 64', '3136', '0', '3136'], ['layer5-fc1', '3136', '512', '1606144', '512'],
        ['layer6-fc2', '512', '10', '5130', '10'], ['in all', '1663370']]


WALK = '''g(1) to g(5), term by term:
[0.     0.     1.3898 0.2983 3.5303]
tf.nn.conv2d gives the same
and as one product of a vector and a matrix:
[0.     0.     1.3898 0.2983 3.5303]
tf.nn.conv2d gives the same

Figure 5, a 2 x 2 filter on 3 x 3 nodes:
nodes          filter, bias 1, stride 1
[[ 1 -1  0]    [[ 1 -1]
 [-1  2  1]     [ 0  2]]
 [ 0  2 -2]]
top left:     1 x 1 + (-1) x (-1) + (-1) x 0 + 2 x 2 + 1 = 7
bottom left:  (-1) x 1 + 2 x (-1) + 0 x 0 + 2 x 2 + 1 = 2
top right:    (-1) x 1 + 0 x (-1) + 2 x 0 + 1 x 2 + 1 = 2
bottom right: 2 x 1 + 1 x (-1) + 2 x 0 + (-2) x 2 + 1 = -2
together:
[[ 7.  2.]
 [ 2. -2.]]
tf.nn.conv2d gives the same

Figure 6, the same nodes with zeros at the top and left, stride 2:
nodes          filter, bias 1, stride 2
[[ 0  0  0  0] [[ 1 -1]
 [ 0  1 -1  0]  [ 0  2]]
 [ 0 -1  2  1]
 [ 0  0  2 -2]]
top left:     0 x 1 + 0 x (-1) + 0 x 0 + 1 x 2 + 1 = 3
bottom left:  0 x 1 + (-1) x (-1) + 0 x 0 + 0 x 2 + 1 = 2
top right:    0 x 1 + 0 x (-1) + (-1) x 0 + 0 x 2 + 1 = 1
bottom right: 2 x 1 + 1 x (-1) + 2 x 0 + (-2) x 2 + 1 = -2
The printed formula: ReLU(0 x 1 + 0 x (-1) + 0 x 0 + 1 x 2 + 1) = ReLU(3) = 3
together, after ReLU:
[[3. 1.]
 [2. 0.]]
tf.nn.conv2d gives the same
the same zeros by padding=[[0, 0], [1, 0], [1, 0], [0, 0]]:
[[3. 1.]
 [2. 0.]]
tf.nn.conv2d gives the same
'''
SAME = ''' as expected:
[[7. 1.]
 [0. 0.]]
zeros at the bottom and right by hand:
[[7. 1.]
 [0. 0.]]
tf.nn.conv2d gives the same
'''


def test_filter_walk(run_script):
    out = run_script('ch04_cnn/filter_walk.py', '--seed', 1)
    assert out.startswith(WALK) and SAME in out and 'differs:' not in out
    assert re.findall(r'\? (yes|no)\b', out) == ['no', 'yes', 'yes'], 'shared weights: the result moves'


def test_conv_pool(run_script):
    with recorded(tf, 'set_random_seed') as seeds, recorded(tf.nn, 'conv2d') as convolutions, \
            recorded(tf.nn, 'max_pool') as maxima, recorded(tf.nn, 'avg_pool') as averages:
        out = run_script('ch04_cnn/conv_pool.py', '--seed', 1)
    assert seeds == [(1,)]
    assert [call[2:] for call in convolutions] == [([1, 1, 1, 1], 'SAME')] + [
        ([1, stride, stride, 1], padding) for stride in (1, 2) for padding in ('SAME', 'VALID')] + [
        ([2, 1, 1, 1], 'SAME'), ([1, 1, 1, 2], 'SAME')]
    twice = [([1, 2, 2, 1], [1, 2, 2, 1], padding) for padding in ('SAME', 'VALID')] * 2
    depth = ([1, 1, 1, 2], [1, 1, 1, 2], 'SAME')
    assert [call[1:] for call in maxima] == [([1, 3, 3, 1], [1, 2, 2, 1], 'SAME')] + twice + [
        ([2, 1, 1, 1], [2, 1, 1, 1], 'SAME'), depth]
    assert [call[1:] for call in averages] == twice + [depth]
    for line in ['input           (2, 32, 32, 3)', 'conv            (2, 32, 32, 16)',
                 'activated_conv  (2, 32, 32, 16)', 'pool            (2, 16, 16, 16)',
                 'conv + biases equals tf.nn.bias_add(conv, biases): True',
                 'conv2d, stride 1, SAME   32 x 32 -> 32 x 32',
                 'conv2d, stride 1, VALID  32 x 32 -> 28 x 28', 'conv2d, stride 2, SAME   32 x 32 -> 16 x 16',
                 'conv2d, stride 2, VALID  32 x 32 -> 14 x 14',
                 'max_pool of 1 to 9, 2 x 2, stride 2, SAME   [[5.0, 6.0], [8.0, 9.0]]',
                 'max_pool of 1 to 9, 2 x 2, stride 2, VALID  [[5.0]]',
                 # With zeros added, the last of these would be 2.25, and 0 the maximum of negative numbers.
                 'avg_pool of 1 to 9, 2 x 2, stride 2, SAME   [[3.0, 4.5], [7.5, 9.0]]',
                 'max_pool of -1 to -9, 2 x 2, stride 2, SAME   [[-1.0, -3.0], [-7.0, -9.0]]',
                 'avg_pool of -1 to -9, 2 x 2, stride 2, VALID  [[-3.0]]',
                 'max_pool along the depth of 0 to 7, by twos gives [[[[1.0, 3.0, 5.0, 7.0]]]]']:
        assert line + '\n' in out
    for line in ['conv2d, stride 2 along the batch is refused', 'conv2d, stride 2 along the depth is refused',
                 'max_pool along the batch is refused', 'avg_pool along the depth is refused']:
        assert line in out
    assert out.count('does not yet support strides in the batch and depth') == 2


def test_the_snippets_are_as_printed():
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.set_random_seed(1)
        tensors = load('ch04_cnn/conv_pool.py').snippets(tf.ones([2, 32, 32, 3]))
        names = {v.op.name: v.get_shape().as_list() for v in tf.trainable_variables()}
        assert names == {'weights': [5, 5, 3, 16], 'biases': [16]}
        sess.run(tf.global_variables_initializer())
        weights, biases, conv, bias, activated, pool = sess.run(list(tensors))
        assert (biases == np.float32(0.1)).all() and 0.07 < weights.std() < 0.1 and abs(weights).max() < 0.2
        np.testing.assert_allclose(bias, conv + 0.1, atol=1e-6)
        np.testing.assert_array_equal(activated, np.maximum(bias, 0))
        np.testing.assert_allclose(conv[0, 10, 10], weights.sum(axis=(0, 1, 2)), atol=1e-5)
        # SAME with 3 x 3 nodes and stride 2: the odd row and column are added at the end.
        np.testing.assert_array_equal(pool[1, 15, 15], activated[1, 30:, 30:].max(axis=(0, 1)))
        np.testing.assert_array_equal(pool[1, 3, 4], activated[1, 6:9, 8:11].max(axis=(0, 1)))


def test_printed_forms_that_fail():
    with tf.Graph().as_default():
        weights = tf.ones([5, 5, 3, 16])
        with pytest.raises((TypeError, ValueError, AttributeError)):       # the printed `input` is Python's
            tf.nn.conv2d(input, weights, strides=[1, 1, 1, 1], padding='SAME')
        # mnist_train.py of article 3, if the shape of the input were all that changes.
        with pytest.raises(TypeError):
            load('ch04_cnn/mnist_inference.py').inference(
                tf.zeros([100, 28, 28, 1]), tf.contrib.layers.l2_regularizer(0.0001))
    assert not hasattr(load('ch03_training_tricks/mnist_train.py'), 'np')


def test_the_printed_reshape_and_what_replaces_it():
    for batch, fed, works in (100, 100, True), (100, 5000, False), (None, 100, False):
        with tf.Graph().as_default(), tf.Session() as sess:
            pool2 = tf.placeholder(tf.float32, [batch, 7, 7, 64])
            pool_shape = pool2.get_shape().as_list()
            try:
                reshaped = tf.reshape(pool2, [pool_shape[0], 3136])
                assert sess.run(reshaped, {pool2: np.zeros([fed, 7, 7, 64])}).shape == (fed, 3136)
                assert works
            except (TypeError, ValueError):
                assert not works
    mnist_inference = load('ch04_cnn/mnist_inference.py')
    for batch in 100, None:
        with tf.Graph().as_default():
            x = tf.placeholder(tf.float32, [batch, 28, 28, 1])
            assert mnist_inference.inference(x, False, None).get_shape().as_list() == [batch, 10]


def test_the_programs_have_the_printed_settings():
    inference = load('ch04_cnn/mnist_inference.py')
    assert (inference.INPUT_NODE, inference.OUTPUT_NODE, inference.IMAGE_SIZE) == (784, 10, 28)
    assert (inference.NUM_CHANNELS, inference.NUM_LABELS, inference.FC_SIZE) == (1, 10, 512)
    assert (inference.CONV1_DEEP, inference.CONV1_SIZE) == (32, 5)
    assert (inference.CONV2_DEEP, inference.CONV2_SIZE) == (64, 5)
    train = load(TRAIN)
    assert (train.BATCH_SIZE, train.LEARNING_RATE_DECAY, train.REGULARAZTION_RATE) == (100, 0.99, 0.0001)
    assert (train.TRAINING_STEPS, train.MOVING_AVERAGE_DECAY, train.MODEL_NAME) == (30000, 0.99, 'model.ckpt')
    assert train.LEARNING_RATE_BASE == 0.01, 'article 3 has 0.8'
    assert load(EVAL).EVAL_INTERVAL_SECS == 10


def test_variables_dropout_and_losses_are_as_printed():
    mnist_inference = load('ch04_cnn/mnist_inference.py')
    shapes = {'layer1-conv1/weight': [5, 5, 1, 32], 'layer1-conv1/bias': [32],
              'layer3-conv2/weight': [5, 5, 32, 64], 'layer3-conv2/bias': [64],
              'layer5-fc1/weight': [3136, 512], 'layer5-fc1/bias': [512],
              'layer6-fc2/weight': [512, 10], 'layer6-fc2/bias': [10]}
    biases = {'layer1-conv1/bias': 0, 'layer3-conv2/bias': 0, 'layer5-fc1/bias': 0.1, 'layer6-fc2/bias': 0.1}
    for train, regularizer in (True, tf.contrib.layers.l2_regularizer(0.0001)), (False, None):
        with tf.Graph().as_default() as graph, tf.Session() as sess:
            tf.set_random_seed(1)
            x = tf.placeholder(tf.float32, [None, 28, 28, 1])
            mnist_inference.inference(x, train, regularizer)
            variables = {v.op.name: v for v in tf.trainable_variables()}
            assert {name: v.get_shape().as_list() for name, v in variables.items()} == shapes
            sess.run(tf.global_variables_initializer())
            values = sess.run(variables)
            for name, value in values.items():
                if name in biases:
                    assert (value == np.float32(biases[name])).all()
                else:       # a normal distribution of 0.1, cut off at 0.2
                    assert 0.08 < value.std() < 0.095 and 0.19 < abs(value).max() < 0.2
            for kind, names in ('Conv2D', ['layer1-conv1', 'layer3-conv2']), (
                    'MaxPool', ['layer2-pool1', 'layer4-pool2']):
                operations = [op for op in graph.get_operations() if op.type == kind]
                assert [op.name for op in operations] == ['%s/%s' % (name, kind) for name in names]
                for op in operations:
                    stride = 2 if kind == 'MaxPool' else 1
                    assert list(op.get_attr('strides')) == [1, stride, stride, 1]
                    assert op.get_attr('padding') == b'SAME'
                    assert kind == 'Conv2D' or list(op.get_attr('ksize')) == [1, 2, 2, 1]
            losses = sess.run(tf.get_collection('losses'))
            assert losses == pytest.approx([5e-5 * (values[name] ** 2).sum() for name in (
                'layer5-fc1/weight', 'layer6-fc2/weight')] if regularizer else [], rel=1e-4)
            dropout = [op for op in graph.get_operations() if 'dropout' in op.name]
            assert bool(dropout) == train
            assert all(op.name.startswith('layer5-fc1/') for op in dropout)
            if train:
                # Half of the nodes are 0; the others double, so that the sum stays.
                kept = graph.get_operation_by_name('layer6-fc2/MatMul').inputs[0]
                all_nodes, kept = sess.run(['layer5-fc1/Relu:0', kept], {x: np.ones([20, 28, 28, 1])})
                assert 0.4 < np.mean(kept[all_nodes > 0] == 0) < 0.6
                np.testing.assert_allclose(kept[kept > 0], 2 * all_nodes[kept > 0], rtol=1e-5)


class Drawn:
    """Images and labels by chance, always the same."""

    num_examples = 55000

    def __init__(self):
        self.train = self
        self.random = np.random.RandomState(1)

    def next_batch(self, count):
        labels = self.random.randint(10, size=count)
        images = self.random.rand(count, 784) * (labels[:, None] + 1) / 10
        return images.astype(np.float32), np.eye(10)[labels]


def test_the_first_losses_at_printed_size(tmp_path, capsys):
    module = load(TRAIN)
    module.TRAINING_STEPS, module.MODEL_SAVE_PATH = 4, str(tmp_path)
    with recorded(cli, 'check_loss') as calls, tf.Graph().as_default():
        tf.set_random_seed(1)
        module.train(Drawn())
    losses = [call[0] for call in calls]
    assert [call[1:] for call in calls] == [
        (step, 0.01, '--learning_rate_base', str(tmp_path)) for step in (1, 2, 3, 4)]
    assert loss_lines(capsys.readouterr().out) == [(1, pytest.approx(losses[0], rel=1e-5))]
    assert 4 < losses[0] < 9
    if TF1:
        assert losses == pytest.approx(FIRST_LOSSES, rel=1e-3)


def test_the_seed_repeats_a_training(run_script, trained, tmp_path):
    losses = {}
    for seed in 1, 2:
        with recorded(cli, 'check_loss') as calls:
            run_script(TRAIN, '--training_steps', 2, '--seed', seed, '--model_save_path', tmp_path / str(seed), *SMALL)
        losses[seed] = [call[0] for call in calls]
    assert losses[1] == pytest.approx([call[0] for call in trained.losses[:2]], rel=1e-4)
    assert losses[2] != pytest.approx(losses[1], rel=1e-4)


def test_training(trained):
    lines = loss_lines(trained.out)
    assert [step for step, _ in lines] == [1, 1001] and lines[1][1] < 1.5
    assert [call[1] for call in trained.losses] == list(range(1, 1003))
    assert {name.split('.index')[0] for name in os.listdir(str(trained.folder)) if
            name.endswith('.index')} == {'model.ckpt-1', 'model.ckpt-1001', 'model.ckpt-1002'}
    assert 'Trained 1002 step(s)' in trained.out and 'Resuming' not in trained.out
    assert '%|' not in trained.err, 'no progress bar, but where there is a terminal'
    # A decay at each epoch.
    (base, step, steps, decay), = trained.decays
    examples = input_data.read_data_sets(trained.data).train.num_examples
    assert (base, steps, decay) == (0.05, examples // 10, 0.99) and step.op.name == 'Variable'
    reader = tf.train.NewCheckpointReader(str(trained.folder / 'model.ckpt-1'))
    assert reader.get_tensor('Variable') == 1
    assert [(decay, step.op.name) for decay, step in trained.averages] == [(0.99, 'Variable')]


def test_training_resumes_and_says_when_it_is_finished(run_script, model):
    with recorded(tf.train.Saver, 'save') as saved:
        resumed = run_script(TRAIN, '--training_steps', 1004, *(SMALL + model))
        finished = run_script(TRAIN, '--training_steps', 1004, *(SMALL + model + ['--learning_rate_base', 0.1]))
    assert 'Resuming after 1002 training step(s)' in resumed and 'Trained 1004 step(s)' in resumed
    assert not loss_lines(resumed)
    assert 'Already trained for 1004 steps; not used: --learning_rate_base 0.1 (it was 0.05).' in finished
    assert 'Trained' not in finished and 'Resuming' not in finished
    assert [call[0].saver_def.max_to_keep for call in saved] == [5], 'the newest five; and one save, none by the second'


def test_training_without_regularisation(run_script):
    out = run_script(TRAIN, '--training_steps', 1, *(SMALL + ['--regularaztion_rate', 0]))
    # What is left is the cross entropy of a network that knows nothing yet.
    assert 2 < loss_lines(out)[0][1] < 3


def test_evaluation(run_script, trained, model, answers):
    out = run_script(EVAL, '--once', *(NETWORK + model))
    for name in 'validation', 'test':
        (step, value), = accuracy_lines(out, name)
        assert step == 1002 and value == pytest.approx(accuracy(answers[name]), abs=1e-5) and value > 0.7
    assert "not MNIST's: the article's ~99.4 % does not apply" in out
    # In batches of any size, and until a step that is reached.
    again = run_script(EVAL, '--until_step', 1002, '--eval_batch_size', 333, *(NETWORK + model))
    assert accuracy_lines(again) == accuracy_lines(out) and not accuracy_lines(again, 'test')


@pytest.mark.parametrize('flags, checkpoint, line, error', [
    ([], True, r'After 1002 training step\(s\), validation accuracy = 0\.\d+', ''),
    (['--until_step', 1003], True, r'After 1002 training step\(s\), validation accuracy = 0\.\d+', ''),
    ([], False, 'No checkpoint file found', ''),
    (['--until_step', 1], False, 'No checkpoint file found', ''),
    (['--fc_size', 17], True, '', 'being replaced, damaged, or of another network .*trying again in 10 s'),
    pytest.param(['--fc_size', 17, '--until_step', 1], True, '', 'being replaced.*trying again in 10 s',
                 marks=pytest.mark.slow)])
def test_evaluation_goes_on(flags, checkpoint, line, error, run_script, few_images, model, tmp_path, monkeypatch,
                            capsys):
    few_images(500, 500)
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            raise KeyboardInterrupt
    monkeypatch.setattr(time, 'sleep', wait)
    with pytest.raises(KeyboardInterrupt):
        folder = model if checkpoint else ['--model_save_path', tmp_path / 'none']
        run_script(EVAL, *(NETWORK + folder + flags))
    out, err = capsys.readouterr()
    lines = [found for found in out.splitlines() if not found.startswith('Extracting')]
    assert waits == [10, 10] and len(lines) == (2 if line else 0)
    assert all(re.fullmatch(line, found) for found in lines)
    assert len(re.findall(error, err)) == 2 if error else 'trying' not in err


def test_pictures(run_script, model, answers):
    part = answers['test']
    with recorded(figures, 'save') as saved, pytest.MonkeyPatch.context() as patch:
        patch.setattr('matplotlib.figure.Figure.savefig', lambda self, path, **kwargs: None)
        out = run_script(PICTURES, '--shown_digits', 13, *(NETWORK + model))
    assert re.findall(r'After 1002 training step\(s\), top-(\d) test accuracy = (\S+)', out) == [
        (str(n), '%g' % accuracy(part, n)) for n in (1, 2, 3, 5)]
    chosen = part.logits.argmax(axis=1)
    wrong = np.flatnonzero(chosen != part.labels)
    assert '%d of %d test digits are wrong\n' % (len(wrong), len(chosen)) in out
    assert [os.path.basename(path) for _, path in saved] == ['filters.png', 'feature_maps.png', 'wrong.png']
    shown = [[(axes.get_title(), axes.images[0].get_array()) for axes in figure.axes if axes.images]
             for figure, _ in saved]
    titles = [figure._suptitle.get_text() for figure, _ in saved]
    assert [len(figure.axes) for figure, _ in saved] == [8, 50, 20]
    assert titles[0] == 'The 2 filters of layer1-conv1, step 1002' and len(shown[0]) == 2
    for i, (_, pixels) in enumerate(shown[0]):
        np.testing.assert_allclose(pixels, part.values['layer1-conv1/weight'][:, :, 0, i])
    digit = np.flatnonzero(part.labels == 5)[0]
    assert shown[1][0][0] == 'test digit %d' % digit and titles[1].endswith('step 1002')
    np.testing.assert_array_equal(shown[1][0][1], part.images[digit])
    layers = [('conv1', 2, 28), ('pool1', 2, 14), ('conv2', 4, 14), ('pool2', 4, 7)]
    assert [title.split()[0] for title, _ in shown[1][1:]] == [name for name, count, _ in layers for _ in range(count)]
    rest = shown[1][1:]
    for name, count, size in layers:
        sums = [pixels.sum() for _, pixels in rest[:count]]
        assert sums == sorted(sums, reverse=True) and rest[0][1].shape == (size, size)
        assert {title for title, _ in rest[:count]} == {'%s %d' % (name, i) for i in range(count)}
        rest = rest[count:]
    assert len(shown[2]) == 13 and titles[2].startswith('label > answer: 13 of the %d wrong' % len(wrong))
    for (title, pixels), i in zip(shown[2], wrong):
        assert title == '%d > %d' % (part.labels[i], chosen[i])
        np.testing.assert_array_equal(pixels, part.images[i])


def test_faults_are_one_line(refuses, model, tmp_path):
    for flags, words in [
            (['--learning_rate_base', '1e30', '--seed', 1] + NETWORK,
             'the loss is nan after step .*--learning_rate_base .*, and delete .*ch04_cnn/model'),
            (['--batch_size', 100000], '--batch_size 100000 is more than'),
            (['--input_node', 783], '--input_node: 783 pixels do not fit'),
            (['--output_node', 11], '--output_node: 11 classes do not fit'),
            (['--num_channels', 3], '--image_size, --num_channels: 2352 pixels do not fit'),
            (['--image_size', 27], '--image_size, --num_channels: 729 pixels do not fit')]:
        refuses(words, TRAIN, '--training_steps', 9, *flags)
    for script, flags in (EVAL, ['--once']), (PICTURES, []):
        refuses('run mnist_train.py first', script, '--model_save_path', tmp_path / 'none', *flags)
        refuses('another network.*--model_save_path', script, *(flags + model))         # the checkpoint is of NETWORK
    for name in 'filters', 'feature_maps', 'wrong':
        (tmp_path / 'mine.png').write_text('my own')
        refuses('choose another --%s_picture' % name, PICTURES, '--%s_picture' % name, tmp_path / 'mine.png')
    refuses('--output_node: 11 classes do not fit', EVAL, '--output_node', 11, *model)      # it does not wait


def digest(figure):
    """What a drawing is made of: counts, a weighted sum of all places, the texts and the colours."""
    axes, = figure.axes
    places = [np.array(patch.get_xy()) for patch in axes.patches] + [line.get_xydata() for line in axes.lines]
    places += [np.array([text.get_position()]) for text in axes.texts]
    places += [np.array([text.xy]) for text in axes.texts if hasattr(text, 'xy')]
    limits = np.array([axes.get_xlim(), axes.get_ylim()])
    points = np.concatenate(places + [limits])
    total = float((points * [1, 3]).sum(axis=1).dot(1 + np.arange(len(points)) % 7))
    colours = [colors.to_hex(patch.get_facecolor()) for patch in axes.patches] + [
        line.get_markerfacecolor() for line in axes.lines if line.get_marker() == 'o']
    return (len(axes.patches), len(axes.lines), round(total, 1),
            ' '.join('%d' % colours.count(colour) for colour in (
                '#9ecae1', '#fdae6b', '#a1d99b', '#e4e4e4', '#ffffff')))


# By `digest`, of patches, lines, places and colours.
DRAWINGS = {
    'figure2.png': (24, 54, 12714.4, '4 16 3 0 5'), 'figure4.png': (240, 0, 63287.2, '189 36 15 0 0'),
    'figure5.png': (168, 0, 23356.8, '0 60 12 0 96'), 'figure6.png': (252, 0, 39069.8, '0 60 12 63 117'),
    'figure7.png': (24, 0, 5713.7, '3 9 6 0 6'), 'pooling.png': (72, 0, -1570.2, '18 18 18 18 0')}


def drawings(run_script, *flags):
    with recorded(figures, 'save') as saved, pytest.MonkeyPatch.context() as patch:
        patch.setattr('matplotlib.figure.Figure.savefig', lambda self, path, **kwargs: None)
        run_script('ch04_cnn/drawings.py', *flags)
    assert {os.path.basename(os.path.dirname(path)) for _, path in saved} == {'ch04_cnn'}
    return {os.path.basename(path): figure for figure, path in saved}


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def test_drawings(run_script):
    drawn = drawings(run_script)
    assert {name: digest(figure) for name, figure in drawn.items()} == DRAWINGS
    assert words(drawn['figure2.png']) == [
        'input', 'hidden layer', 'hidden layer', 'output', 'input', 'convolution', 'pooling', 'output',
        'fully connected network', 'convolutional network']
    assert words(drawn['figure4.png']) == ['filter 2 x 2', 'node matrix 5 x 5 x 3', 'unit node matrix 1 x 1 x 5']
    for name, values, results, stride in ('figure5.png', 9, '7 7 2 7 2 2 7 2 2 -2', 1), (
            'figure6.png', 16, '3 3 2 3 1 2 3 1 2 0', 2):
        found = [word for word in words(drawn[name]) if word[-1].isdigit()]
        assert found[-6:] == ['1', '-1', '0', '2', 'bias 1', 'stride %d' % stride]
        results, place = results.split(), 0
        for i in range(4):
            assert found[place + values:place + values + i + 1] == results[:i + 1]
            results, place = results[i + 1:], place + values + i + 1
    assert words(drawn['pooling.png']) == [str(i) for i in range(16)] + [
        '5', '7', '13', '15', '2.5', '4.5', '10.5', '12.5', 'node matrix', 'max pooling', 'average pooling']
    assert words(drawn['figure7.png']) == [
        'input\n32 x 32 x 1', 'convolution\n28 x 28 x 6', 'pooling\n14 x 14 x 6', 'convolution\n10 x 10 x 16',
        'pooling\n5 x 5 x 16', 'fully connected\n120', 'fully connected\n84', 'fully connected\n10']


def test_the_recorded_losses_are_near_the_print():
    losses = dict(loss_lines(read('results', 'logs', 'lenet-train-seed1.log')))
    # 60 draws of the initial weights gave 4.5 to 8.1.
    assert 4 < losses[1] < 9
    # The L2 loss, 0.62 at first, and on top of it the cross entropy of one batch of 100 with dropout. Its
    # standard deviation over batches, measured at step 1001, is 0.076: three of the difference of two.
    for step, loss in printed.LENET_LOSS.items():
        assert step == 1 or losses[step] > 0.55 and abs(losses[step] - loss) < 0.32


@pytest.mark.slow
def test_at_the_base_learning_rate_of_article_3_nothing_is_learned(run_script, tmp_path):
    """The loss stays finite all the same: ln 10, as every image gets the same answer."""
    mnist_inference = load('ch04_cnn/mnist_inference.py')
    entropy, spread = {}, {}
    for rate, flags in ('0.8', ['--learning_rate_base', 0.8]), ('ours', []):
        out = run_script(TRAIN, '--training_steps', 20, '--seed', 1, '--model_save_path', tmp_path / rate, *flags)
        folder = re.search('Extracting (.*)/train-images', out).group(1)
        validation = input_data.read_data_sets(folder, one_hot=True).validation
        images, labels = validation.images[:500].reshape(-1, 28, 28, 1), validation.labels[:500]
        # The full network's logits from the plain variables of the newest checkpoint.
        with tf.Graph().as_default(), tf.Session() as sess:
            y = mnist_inference.inference(tf.constant(images), False, None)
            tf.train.Saver().restore(sess, tf.train.latest_checkpoint(str(tmp_path / rate)))
            logits = sess.run(y).astype(float)
        entropy[rate] = np.mean(np.log(np.exp(logits).sum(axis=1)) - (logits * labels).sum(axis=1))
        spread[rate] = logits.std(axis=0).max()
    assert entropy['0.8'] == pytest.approx(np.log(10), abs=0.05) and spread['0.8'] < 1e-3
    assert entropy['ours'] < 2.1 and spread['ours'] > 0.1


@pytest.mark.slow
@pytest.mark.real_data
def test_the_first_step_on_mnist(run_script, few_images, real_data, tmp_path):
    few_images(10 ** 6, 500)
    flags = ['--data_dir', real_data, '--model_save_path', tmp_path / 'model']
    out = run_script(TRAIN, '--training_steps', 1, '--seed', 1, *flags)
    # As in the recorded run, of another number of steps.
    logged = dict(loss_lines(read('results', 'logs', 'lenet-train-seed1.log')))
    assert not TF1 or loss_lines(out)[0] == (1, pytest.approx(logged[1], rel=1e-3))
    out = run_script(EVAL, '--until_step', 1, *flags)
    assert accuracy_lines(out)[0][0] == 1
    assert 'The article: ~99.4 % of MNIST.' in out


@pytest.mark.slow
def test_learning_rates(run_script, few_images, tmp_path, monkeypatch):
    few_images(10 ** 6, 1000)
    flags = ['--sample', '--rates', 0.05, '--training_steps', 3, '--folder', tmp_path / 'scan',
             '--picture', tmp_path / 'curves.png']
    out = run_script(RATES, *flags)
    folder = str(tmp_path / 'scan' / 'rate-0.05-seed1')
    curve = load(RATES).read(os.path.join(folder, 'curve.csv'))
    assert sorted(curve) == [1, 3] and figures.ours(str(tmp_path / 'curves.png'))
    once = run_script(EVAL, '--sample', '--once', '--model_save_path', folder)
    for part in 'validation', 'test':
        assert accuracy_lines(once, part) == [(3, pytest.approx(curve[3][part]))]
    # The L2 term and the cross entropy of the moving averages, computed again.
    reader = tf.train.load_checkpoint(os.path.join(folder, 'model.ckpt-3'))
    weights = [reader.get_tensor(name + '/weight/ExponentialMovingAverage') for name in ('layer5-fc1', 'layer6-fc2')]
    assert curve[3]['l2_loss'] == pytest.approx(0.0001 * sum((w ** 2).sum() / 2 for w in weights), rel=1e-4)
    assert 0 < curve[3]['cross_entropy'] < curve[1]['cross_entropy']
    # What is trained is not trained again.
    monkeypatch.setattr(subprocess, 'Popen', None)
    assert [line for line in run_script(RATES, *flags).splitlines() if line.startswith('rate')] == [
        line for line in out.splitlines() if line.startswith('rate')]
    # Of two rates, the one whose losses are nearer fits; here the other one has the better accuracy.
    other = folder.replace('0.05', '0.01')
    shutil.copytree(folder, other)
    for name, pattern, change in (('train.log', r'(?<=batch is )\S+\.\n', '99.\n'),
                                  ('curve.csv', r'(?m)(?<=,)[\d.]+(?=,[\d.]+\r?$)', '1')):
        with open(os.path.join(other, name), newline='') as file:
            text = file.read()
        with open(os.path.join(other, name), 'w', newline='') as file:
            file.write(re.sub(pattern, change, text))
    out = run_script(RATES, '--sample', '--rates', 0.01, 0.05, *flags[3:])
    assert 'reported losses best: 0.05; best validation accuracy: 0.01\n' in out


def test_misfit_of_learning_rates():
    rates = load(RATES)
    # What L2 alone does to a weight, step by step.
    weight = 1.0
    for step in range(100, 1300):
        weight -= 0.05 * 0.99 ** (step / 550) * 0.0001 * weight
    assert rates.l2_factor(0.05, 100, 1300) == pytest.approx(weight ** 2, rel=1e-4)
    # The print itself and a training that stays at 0.6 until its end.
    losses = dict(printed.LENET_LOSS)
    losses.update({step: 0.6 for step in range(6001, 30002, 1000)})
    curve = {30000: {'l2_loss': 0.58}}
    ours = {5000: np.mean([losses[step] for step in (3001, 4001, 5001, 6001, 7001)]), 20000: 0.6,
            60000: 0.6 - 0.58 * (1 - rates.l2_factor(0.01, 30000, 60000)),
            80000: 0.6 - 0.58 * (1 - rates.l2_factor(0.01, 30000, 80000))}
    logs = [0] * 5 + [np.log(ours[step] / loss) for step, loss in zip(ours, (0.6, 0.6, 0.58, 0.57))]
    assert rates.misfit(0.01, curve, losses) == pytest.approx(np.sqrt(np.mean(np.square(logs))))
    assert rates.misfit(0.3, curve, losses) > 0.1


@pytest.mark.parametrize('code, error, status', [
    ('raise SystemExit(3)', cli.UserError, 3), ('import time; time.sleep(1000)', SystemExit, -signal.SIGTERM)])
def test_a_scan_ends_with_its_trainer_and_its_trainer_with_it(code, error, status, tmp_path, monkeypatch):
    popen, trainers = subprocess.Popen, []

    def start(command, **rest):
        assert command[3:7] == ['--learning_rate_base', '1e+30', '--seed', '1']
        trainers.append(popen([sys.executable, '-c', code]))
        if status < 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return trainers[0]
    monkeypatch.setattr(subprocess, 'Popen', start)
    with pytest.raises(error) as ended:
        load(RATES).main(['--sample', '--rates', '1e30', '--folder', str(tmp_path),
                          '--picture', str(tmp_path / 'curves.png')])
    assert trainers[0].wait() == status and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert '--learning_rate_base 1e+30 --seed 1 ended with status 3' in str(ended.value) if status > 0 else \
        ended.value.code == 128 + signal.SIGTERM
