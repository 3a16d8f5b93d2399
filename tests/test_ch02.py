"""Article 2: each printed number, and the network on the sample and on MNIST."""
from companion import cli, printed

import inspect
import os
import re

import numpy as np
import pytest
import tensorflow as tf

from conftest import load, recorded

V1 = tf.__version__ < '2'           # TensorFlow 2 draws other random numbers
FC = 'ch02_mnist_basics/mnist_fc.py'
# The variables of the three-layer network.
NETWORK = [('Variable', [2, 3]), ('Variable_1', [3]), ('Variable_2', [3, 1]), ('Variable_3', [1])]


def accuracies(text, which):
    return [float(value) for value in re.findall(which + r' accuracy using average model is ([\d.]+)', text)]


@pytest.fixture
def sessions(monkeypatch):
    """All sessions that programs open."""
    opened, session = [], tf.Session
    monkeypatch.setattr(tf, 'Session', lambda: opened.append(session()) or opened[-1])
    return opened


@pytest.fixture
def losses():
    """(loss, step, learning rate) of each training step that is checked."""
    with recorded(cli, 'check_loss') as seen:
        yield seen


def variables():
    return [(variable.op.name, variable.get_shape().as_list()) for variable in tf.global_variables()]


def constants(graph, kind):
    """The values of the constants whose name ends so, in order."""
    return [tf.make_ndarray(op.get_attr('value')).tolist() for op in graph.get_operations()
            if op.type == 'Const' and op.name.endswith(kind)]


# The vector sum

def test_vector_sum(run_script, tmp_path, sessions):
    out = run_script('ch02_mnist_basics/vector_sum.py').splitlines()
    folder = str(tmp_path / 'runs' / 'ch02_mnist_basics' / 'vector_sum')
    assert out[:9] == [
        'Tensor("add:0", shape=(2,), dtype=float32)', '[3. 5.]', '[3. 5.]',
        'name: add:0  shape: (2,)  type: float32',
        'node a: from []', 'node b: from []', "node add: from ['a', 'b']", 'Saved the graph in ' + folder,
        'expected, as the session is closed at the end of its with block: '
        'RuntimeError: Attempted to use a closed Session.']
    assert out[9].startswith('expected, as types are checked when the graph is built: TypeError: ')
    assert 'int32 that does not match type float32' in out[9] and len(out) == 10
    assert len(sessions) == 3 and all(session._closed for session in sessions)

    # Figure 1, as TensorBoard reads it.
    events = [os.path.join(folder, name) for name in os.listdir(folder)]
    graph = tf.GraphDef()
    for event in tf.train.summary_iterator(events[0]):
        if event.graph_def:
            graph.ParseFromString(event.graph_def)
    assert {node.name: list(node.input) for node in graph.node} == {'a': [], 'b': [], 'add': ['a', 'b']}


def test_a_folder_that_cannot_be_made_is_named(refuses, tmp_path):
    (tmp_path / 'file').write_text('')
    for folder in tmp_path / 'file', '':
        refuses('choose another --log_dir', 'ch02_mnist_basics/vector_sum.py', '--log_dir', folder)
    refuses('choose another --folder', 'ch02_mnist_basics/drawings.py', '--folder', tmp_path / 'file')


def test_a_tensor_has_no_attribute_type():
    with tf.Graph().as_default():
        result = tf.constant([1.0, 2.0], name="a")
    assert (result.name, result.shape, result.dtype) == ('a:0', (2,), tf.float32)
    with pytest.raises(AttributeError):
        result.type


# The forward pass

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


def test_the_printed_indices_of_the_second_layer():
    """W(1) is [2, 3], from input to node; by the same rule W(2) is [3, 1], and has no W(2)_{1,2}."""
    module = load('ch02_mnist_basics/forward_by_hand.py')
    w2 = module.second_weights().reshape(3, 1)
    a = module.relu(module.hidden_sums())
    with pytest.raises(IndexError):
        sum(a[j] * w2[0, j] for j in range(3))
    assert sum(a[j] * w2[j, 0] for j in range(3)) == pytest.approx(-0.072)
    # The printed terms are those of the sums before ReLU.
    assert module.hidden_sums() * w2[:, 0] == pytest.approx([0.054, 0.028, -0.072])


def test_forward_variables_and_where_the_printed_number_is_from(run_script, sessions):
    assert run_script('ch02_mnist_basics/forward_variables.py').splitlines() == [
        '[[1.7131824]]', 'without ReLU: [[3.95757794]]', 'shape (2, 3); twice the other: True',
        '60000 such numbers: mean -0.01, standard deviation 2.01']
    assert len(sessions) == 3 and all(session._closed for session in sessions)
    with sessions[0].graph.as_default():
        assert variables() == NETWORK
    with sessions[2].graph.as_default():
        assert variables() == [('Variable', [2, 3]), ('Variable_1', [2, 3])]
        assert constants(sessions[2].graph, 'stddev') == [2, 2] == [2 * value + 2 for value in constants(
            sessions[2].graph, 'mean')]


def test_only_the_weights_of_the_printed_network_are_random():
    with tf.Graph().as_default():
        load('ch02_mnist_basics/forward_variables.py').program()
        names = [variable.initial_value.op.name for variable in tf.global_variables()]
    assert ['random' in name for name in names] == [True, False, True, False]


def test_forward_placeholder(run_script, sessions):
    out = run_script('ch02_mnist_basics/forward_placeholder.py')
    assert out.startswith('[[1.7131824]]\n[[1.7131824]\n ')
    assert [float(value) for value in re.findall(r'\[(\d.*?)\]', out)[1:]] == pytest.approx(
        [1.7131824, 0.2952175, 1.2529254], rel=1e-5)
    assert out.endswith('100 feeds: 0 more nodes; 100 constants: 100 more nodes\n')
    assert len(sessions) == 2 and all(session._closed for session in sessions)
    fed, = [op for op in sessions[0].graph.get_operations() if op.name == 'input']
    assert fed.type == 'Placeholder' and fed.outputs[0].shape == (1, 2)


def test_drawings(run_script, tmp_path, drawn):
    out = run_script('ch02_mnist_basics/drawings.py').splitlines()
    folder = str(tmp_path / 'runs' / 'ch02_mnist_basics')
    assert out == ['Saved %s/figure%d.png' % (folder, number) for number in (2, 3, 4)]
    neuron, network, loop = [[(text.get_text(), text.get_position()) for text in figure.axes[0].texts
                              if text.get_text()] for figure in drawn]
    assert [text for text, _ in neuron] == [
        '$x_1$', '$w_1$', '$x_2$', '$w_2$', '$x_3$', '$w_3$', '$b$', r'$\Sigma$', '$f$', '$y$', 'input',
        'weight', 'bias', 'output', 'weighted sum', 'activation\nfunction',
        '$y = f(w_1 x_1 + w_2 x_2 + w_3 x_3 + b)$']
    assert [text for text, _ in network] == [
        '0.2', '0.3', '-0.6', '$a_{11}$\n0.00', '$b$ = -0.5',
        '0.1', '-0.5', '-0.1', '$a_{12}$\n0.00', '$b$ = 0.1',
        '0.4', '0.2', '-0.2', '$a_{13}$\n0.36', '$b$ = -0.1',
        '$x_1$\n0.7', '$x_2$\n0.9', '$Y$\n0.028', 'input layer', 'hidden layer', 'output layer', '$b$ = 0.1']
    assert [text.split('\n')[0] for text, _ in loop] == [
        'pick a batch of', 'forward pass:', 'loss: how far from', 'back-propagation:']
    for figure, nodes, edges in zip(drawn, (7, 6, 4), (6, 9, 4)):
        kinds = [type(patch).__name__ for patch in figure.axes[0].patches]
        assert (len(kinds), kinds.count('FancyArrowPatch')) == (nodes + edges, edges)
        # All lies within the figure.
        right, top = figure.get_size_inches()
        places = [text.get_position() for text in figure.axes[0].texts]
        assert all(0 < x < right and 0 < y < top for x, y in places)
    # The weight of an edge lies on it: on the line from node to node, a third or a half of its way.
    places = {text.split('\n')[0]: np.array(place) for text, place in network}
    assert places['0.4'] == pytest.approx(0.67 * places['$x_1$'] + 0.33 * places['$a_{13}$'])
    assert places['-0.6'] == pytest.approx((places['$a_{11}$'] + places['$Y$']) / 2)


# Back-propagation

MEASURES = r'After (\d+) .* is (.*), accuracy (.*), called good (.*)'


def measures(text):
    return [[float(value) for value in values] for values in re.findall(MEASURES, text)]


def test_backpropagation(run_script, sessions):
    out = run_script('ch02_mnist_basics/backpropagation.py', '--training_steps', 1000)
    assert out.startswith('Share of good parts: 0.4824\nThe printed loss:\n')
    printed_loss, full = out.split('Full cross entropy:')
    assert np.array(measures(printed_loss)) == pytest.approx(
        np.array([[0, 0.3098, 0.3066, 0.8086], [1000, 0.0009, 0.4824, 1]]), abs=0.0021)
    assert np.array(measures(full)) == pytest.approx(
        np.array([[0, 1.1153, 0.4824, 1], [1000, 0.6387, 0.5273, 0.0371]]), abs=0.0041)
    # Both are Adam's, with its printed learning rate.
    for session in sessions:
        kinds = [op.type for op in session.graph.get_operations()]
        assert kinds.count('ApplyAdam') == 4
        with session.graph.as_default():
            assert variables()[:4] == NETWORK
        assert constants(session.graph, '/learning_rate') == pytest.approx([0.001])
    names = re.search('\n10 optimizers in tf.train: (.*)', out).group(1).split(', ')
    assert len(names) == 10
    assert {'GradientDescentOptimizer', 'AdamOptimizer', 'MomentumOptimizer'} < set(names)


def test_parts_and_settings():
    module = load('ch02_mnist_basics/backpropagation.py')
    assert (module.LEARNING_RATE, module.DATASET_SIZE, module.BATCH_SIZE, module.TRAINING_STEPS) == (
        0.001, 512, 8, 5000)
    parts, good = module.make_parts(300)
    assert parts.shape == (300, 2) and good.shape == (300, 1)
    assert [bool(value) for value in good[:, 0]] == [x + y < 1 for x, y in parts]


# MNIST

def test_mnist_digit(run_script, tmp_path, drawn):
    path = tmp_path / 'seven.png'
    out = run_script('ch02_mnist_basics/mnist_digit.py', '--digit', 7, '--picture', path)
    assert path.exists() and 'training 6235 + validation 5000 = 11235 images, test 1500' in out
    assert re.search(r'training image \d+ is a 7, 28 x 28 pixels from 0 to 1', out)
    assert re.search(r'centre of mass of a test image is at most \d\.\d rows and \d\.\d columns off', out)
    rows = [line.split() for line in out.splitlines() if re.match(' *[01][ .]', line)]
    assert [len(row) for row in rows] == [14] * 14
    left, right = drawn[0].axes
    image = left.images[0].get_array()
    matrix = [[image[y:y + 2, x:x + 2].mean() for x in range(0, 28, 2)] for y in range(0, 28, 2)]
    assert np.array(rows, float) == pytest.approx(np.array(matrix), abs=0.0501)
    assert np.allclose(right.images[0].get_array(), matrix)
    texts = {text.get_position(): text.get_text() for text in right.texts}
    assert len(texts) == 196 and all((float(texts[x, y]) > 0) <= (matrix[y][x] > 0) for x, y in texts)
    assert [texts[x, 7] for x in range(14)] == rows[7]


def test_mnist_fc_has_the_printed_settings():
    module = load(FC)
    assert (module.INPUT_NODE, module.OUTPUT_NODE, module.LAYER1_NODE) == (784, 10, 500)
    assert (module.BATCH_SIZE, module.LEARNING_RATE, module.TRAINING_STEPS) == (100, 0.01, 10000)


def test_mnist_fc_learns_and_a_seed_repeats_it(run_script, losses, sessions):
    flags = ['--learning_rate', 0.1, '--seed', 1]
    out = run_script(FC, '--training_steps', 1001, *flags)
    assert re.sub(r'0\.\d+', '0.', '\n'.join(out.split('\n')[-4:])) == (
        'After 0 training step(s), validation accuracy using average model is 0. \n'
        'After 1000 training step(s), validation accuracy using average model is 0. \n'
        'After 1001 training step(s), test accuracy using average model is 0.\n')
    # Ten balanced classes: an untrained network is right once in ten, give or take.
    start, end = accuracies(out, 'validation')
    assert start < 0.3 and end > 0.9 and accuracies(out, 'test')[0] > 0.9
    assert [step for _, step, _ in losses] == list(range(1, 1002))
    assert {rate for _, _, rate in losses} == {0.1}
    first = [loss for loss, _, _ in losses]
    if V1:
        assert first[:4] == pytest.approx([2.7514167, 2.5247998, 2.1901827, 2.1413898], rel=1e-3)
        assert start == pytest.approx(0.1138, abs=0.001) and end == pytest.approx(0.9388, abs=0.01)

    del losses[:]
    run_script(FC, '--training_steps', 4, *flags)
    assert [loss for loss, _, _ in losses] == pytest.approx(first[:4], rel=1e-5)

    graph = sessions[0].graph
    with graph.as_default():
        assert variables() == [('Variable', [784, 500]), ('Variable_1', [500]), ('Variable_2', [500, 10]),
                               ('Variable_3', [10]), ('Variable_4', [])]
        assert [variable.op.name for variable in tf.trainable_variables()] == [
            'Variable', 'Variable_1', 'Variable_2', 'Variable_3']
    assert constants(graph, 'stddev') == pytest.approx([0.1, 0.1])
    operations = [(op.type, op.name) for op in graph.get_operations()]
    assert {('Placeholder', 'x-input'), ('Placeholder', 'y-input')} <= set(operations)
    kinds = [kind for kind, _ in operations]
    assert kinds.count('ApplyGradientDescent') == 4 and kinds.count('Relu') == 1
    # The steps are counted.
    assert [op.inputs[0].op.name for op in graph.get_operations() if op.type == 'AssignAdd'] == ['Variable_4']


def test_the_printed_input_tensor_is_not_defined():
    module = load(FC)
    listing = inspect.getsource(module.train)
    assert listing.count('tf.matmul(x, weights1)') == 1
    exec(listing.replace('tf.matmul(x, weights1)', 'tf.matmul(input_tensor, weights1)'), vars(module))
    with tf.Graph().as_default(), pytest.raises(NameError, match='input_tensor'):
        module.train(None)


def test_read_data_sets_is_no_class():
    assert not inspect.isclass(load(FC).input_data.read_data_sets)


def test_mnist_fc_stops_at_a_nan_and_at_flags_that_do_not_fit(refuses, run_script):
    refuses(r'lower --learning_rate \(now 1e\+30\)', FC, '--learning_rate', '1e30', '--training_steps', 50)
    refuses('--batch_size 6236 is more than the 6235 training images', FC, '--batch_size', 6236)
    for flag in '--input_node', '--output_node':
        with pytest.raises(ValueError, match='Cannot feed value of shape'):
            run_script(FC, flag, 77)


@pytest.mark.slow
def test_a_batch_learns_more_than_single_images_in_as_many_steps(run_script):
    test = [accuracies(run_script(FC, '--training_steps', 301, '--learning_rate', 0.1, '--seed', 1,
                                  '--batch_size', size), 'test')[0] for size in (1, 100)]
    assert test[1] > test[0] + 0.05


@pytest.mark.slow
@pytest.mark.real_data
def test_mnist_fc_on_mnist_at_the_printed_settings(run_script, real_data):
    # A fifth of the printed steps; test_results.py has the logs of whole runs.
    out = run_script(FC, '--data_dir', real_data, '--seed', 1, '--training_steps', 2001)
    ours = dict(zip(sorted(printed.FC_ACCURACY), accuracies(out, 'validation')))
    assert list(ours) == [0, 1000, 2000] and ours.pop(0) < 0.25
    # The standard error of an accuracy of 0.93 on 5000 images is 0.0036: three of them.
    for step, accuracy in ours.items():
        assert abs(accuracy - printed.FC_ACCURACY[step]) < 0.011, step
    assert abs(accuracies(out, 'test')[0] - ours[2000]) < 0.015
