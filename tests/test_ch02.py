"""Article 2: each printed number, and the network on the sample and on MNIST."""
from companion import cli

import os
import re

import numpy as np
import pytest
import tensorflow as tf
from matplotlib import image as png

from conftest import load


def accuracies(text, which):
    return [float(value) for value in re.findall(which + r' accuracy using average model is ([\d.]+)', text)]


def test_vector_sum(run_script, tmp_path):
    out = run_script('ch02_mnist_basics/vector_sum.py').splitlines()
    assert out[:3] == ['Tensor("add:0", shape=(2,), dtype=float32)', '[3. 5.]',
                       'name: add:0  shape: (2,)  type: float32']
    assert out[3:6] == ['node a: from []', 'node b: from []', "node add: from ['a', 'b']"]
    assert out[6] == '[3. 5.]'
    assert out[7] == 'RuntimeError: Attempted to use a closed Session.'
    assert 'int32 that does not match type float32' in out[-1]

    # Figure 1, as TensorBoard reads it.
    folder = str(tmp_path / 'runs' / 'ch02_mnist_basics' / 'vector_sum')
    events = [os.path.join(folder, name) for name in os.listdir(folder)]
    graph = tf.GraphDef()
    for event in tf.train.summary_iterator(events[0]):
        if event.graph_def:
            graph.ParseFromString(event.graph_def)
    assert {node.name: list(node.input) for node in graph.node} == {'a': [], 'b': [], 'add': ['a', 'b']}


def test_forward_by_hand(run_script):
    out = run_script('ch02_mnist_basics/forward_by_hand.py').splitlines()
    assert out == [
        'a11 = f(0.7 x 0.2 + 0.9 x 0.3 + -0.5) = f(-0.09) = 0.00',
        'a12 = f(0.7 x 0.1 + 0.9 x -0.5 + 0.1) = f(-0.28) = 0.00',
        'a13 = f(0.7 x 0.4 + 0.9 x 0.2 + -0.1) = f(0.36) = 0.36',
        'W2 = [-0.6 -0.1 -0.2]',
        'as printed:  Y = f(0.054 + 0.028 + -0.072 + 0.1) = 0.11',
        'with ReLU:   Y = f(0 + 0 + -0.072 + 0.1) = 0.028',
        'TensorFlow:  a = [[0.   0.   0.36]]  Y = 0.028']


def test_forward_variables_and_where_the_printed_number_is_from(run_script):
    assert run_script('ch02_mnist_basics/forward_variables.py').splitlines() == [
        '[[1.7131824]]', 'without ReLU: [[3.95757794]]', 'shape (2, 3); twice the other: True',
        '60000 such numbers: mean -0.01, standard deviation 2.01']


def test_forward_placeholder(run_script):
    out = run_script('ch02_mnist_basics/forward_placeholder.py').splitlines()
    assert out[0] == '[[1.7131824]]'
    assert out[1] == '[[1.7131824]' and len(out) == 5
    assert out[-1] == '100 feeds: 0 more nodes; 100 constants: 100 more nodes'


@pytest.mark.parametrize('seed', [1, 2])
def test_backpropagation(run_script, seed):
    out = run_script('ch02_mnist_basics/backpropagation.py', '--seed', seed)
    good = float(re.search('Share of good parts: (.*)', out).group(1))
    printed, full = out.split('Full cross entropy:')
    last = re.compile('After 5000 .* is (.*), accuracy (.*), called good (.*)')
    # The printed loss is zero when every part is called good.
    assert [float(value) for value in last.search(printed).groups()] == [0, good, 1]
    assert float(last.search(full).group(2)) > 0.95
    names = re.search('\n10 optimizers in tf.train: (.*)', out).group(1).split(', ')
    assert len(names) == 10
    assert {'GradientDescentOptimizer', 'AdamOptimizer', 'MomentumOptimizer'} < set(names)


def test_mnist_digit(run_script, tmp_path):
    out = run_script('ch02_mnist_basics/mnist_digit.py', '--digit', 7, '--picture', tmp_path / 'seven.png')
    assert re.search(r'training picture \d+ is a 7, 28 x 28 pixels from 0 to 1', out)
    rows = [line.split() for line in out.splitlines() if re.match(' *[01][ .]', line)]
    assert [len(row) for row in rows] == [14] * 14
    assert png.imread(str(tmp_path / 'seven.png')).std() > 0.05


@pytest.mark.real_data
def test_mnist_digit_on_mnist(run_script, real_data):
    out = run_script('ch02_mnist_basics/mnist_digit.py', '--data_dir', real_data)
    assert 'training 55000 + validation 5000 = 60000 pictures, test 10000' in out
    assert 'training picture 3 is a 1, 28 x 28 pixels from 0 to 1' in out
    off = re.search('centre of mass of a test picture is at most (.*) rows and (.*) columns off', out).groups()
    assert max(map(float, off)) <= 1


def test_mnist_fc_has_the_printed_settings():
    module = load('ch02_mnist_basics/mnist_fc.py')
    assert (module.INPUT_NODE, module.OUTPUT_NODE, module.LAYER1_NODE) == (784, 10, 500)
    assert (module.BATCH_SIZE, module.LEARNING_RATE, module.TRAINING_STEPS) == (100, 0.01, 10000)
    assert load('ch02_mnist_basics/backpropagation.py').LEARNING_RATE == 0.001


def test_mnist_fc_learns_and_a_seed_repeats_it(run_script):
    flags = ['--training_steps', 1001, '--learning_rate', 0.1, '--seed', 1]
    first = run_script('ch02_mnist_basics/mnist_fc.py', *flags)
    start, end = accuracies(first, 'validation')
    # Ten balanced classes: an untrained network is right once in ten, give or take. A tenth of the
    # printed steps on digits of other writers leaves room for more than 0.7.
    assert start < 0.3 and end > 0.7 and accuracies(first, 'test')[0] > 0.7
    assert run_script('ch02_mnist_basics/mnist_fc.py', *flags) == first
    assert re.search('^After 0 training step\\(s\\), validation accuracy using average model is [0-9.]+ $',
                     first, re.MULTILINE), 'the line as printed, with its blank at the end'


def test_a_batch_learns_more_than_single_pictures_in_as_many_steps(run_script):
    test = [accuracies(run_script('ch02_mnist_basics/mnist_fc.py', '--training_steps', 301, '--learning_rate', 0.1,
                                  '--seed', 1, '--batch_size', size), 'test')[0] for size in (1, 100)]
    assert test[1] > test[0] + 0.1


def test_mnist_fc_stops_at_a_loss_that_is_no_number(shell):
    result = shell('ch02_mnist_basics/mnist_fc.py', '--learning_rate', '1e30', '--training_steps', 50)
    assert result.returncode == 1
    assert 'Traceback' not in result.stderr
    assert '--learning_rate (now 1e+30)' in result.stderr.splitlines()[-1]


@pytest.mark.parametrize('flag', ['input_node', 'output_node'])
def test_mnist_fc_with_a_flag_that_does_not_fit_the_data(shell, flag):
    result = shell('ch02_mnist_basics/mnist_fc.py', '--' + flag, 77)
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert 'flag does not fit the data' in result.stderr.splitlines()[-1]


@pytest.mark.parametrize('path', ['ch02_mnist_basics/mnist_fc.py', 'ch03_training_tricks/mnist_train.py'])
def test_a_batch_larger_than_the_data(run_script, path):
    with pytest.raises(cli.UserError, match='--batch_size 6236 is more than the 6235 training pictures'):
        run_script(path, '--batch_size', 6236)


@pytest.mark.real_data
def test_mnist_fc_on_mnist_at_the_printed_settings(run_script, real_data):
    out = run_script('ch02_mnist_basics/mnist_fc.py', '--data_dir', real_data, '--seed', 1)
    printed = [0.103, 0.9044, 0.9174, 0.9258, 0.93, 0.9346, 0.94, 0.9422, 0.9472, 0.9498]
    ours = accuracies(out, 'validation')
    assert len(ours) == len(printed) and ours[0] < 0.25
    # The standard error of an accuracy of 0.93 on 5000 pictures is 0.0036: three of them.
    assert np.abs(np.subtract(ours[1:], printed[1:])).max() < 0.011
    assert abs(accuracies(out, 'test')[0] - 0.9475) <= 0.005
