"""Article 6: Slim, tf.contrib.learn, TFLearn and Keras, side by side."""

from companion import cli, printed

import functools
import glob
import inspect
import os
import re
import signal
import tempfile
import time
import types

import numpy as np
import pytest
import tensorflow as tf

import data
from conftest import ROOT, Built, cut, load, read, recorded, stop

CHAPTER = 'ch06_high_level_apis/'
# What differs on TensorFlow 2: random numbers, and so what a training with a seed comes to.
ON_1 = tf.__version__ < '2'
# The constants of the programs, most of them plain numbers in the print.
CONSTANTS = {
    'slim_cnn': {
        'BATCH_SIZE': 100, 'TRAINING_STEPS': 20000, 'LEARNING_RATE': 0.01, 'KEEP_PROB': 0.5, 'SAVE_SECS': 60},
    'contrib_learn_cnn': {
        'BATCH_SIZE': 100, 'TRAINING_STEPS': 20000, 'LEARNING_RATE': 0.01, 'KEEP_PROB': 0.5, 'SAVE_STEPS': 1000},
    'tflearn_cnn': {
        'BATCH_SIZE': 64, 'N_EPOCH': 20, 'LEARNING_RATE': 0.01, 'KEEP_PROB': 0.5, 'MODEL_NAME': 'model.ckpt'},
    'keras_cnn': {'batch_size': 128, 'num_classes': 10, 'epochs': 20, 'img_rows': 28, 'img_cols': 28},
    'predefined_models': {'LAYER1_NODE': 500, 'BATCH_SIZE': 100, 'TRAINING_STEPS': 1000, 'LEARNING_RATE': 0.1},
    'conv_layer': {'CHANNELS': 3, 'DEPTH': 32, 'FILTER_SIZE': 3, 'IMAGE_SIZE': 28},
    'extras/compare_interfaces': {'BATCH_SIZE': 100, 'STEPS': 60, 'REPEATS': 3}}
LENET = [[5, 5, 1, 32], [32], [5, 5, 32, 64], [64], [3136, 500], [500], [500, 10], [10]]


def accuracy(output):
    return float(re.search(r'^(?:Test a|A)ccuracy: ([\d.]+)$', output, re.IGNORECASE | re.MULTILINE).group(1))


def norms(folder, names):
    """The norms of saved variables. Biases begin at 0, so theirs are what the training made of them."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder)))
    return [np.linalg.norm(reader.get_tensor(name)) for name in names]


# The smallest programs


def test_conv_layer_is_the_same_in_one_line(run_script):
    output = run_script(CHAPTER + 'conv_layer.py', '--seed', 1)
    assert re.findall(r'^(\S+) +\((.*)\)$', output, re.MULTILINE) == [
        ('native/weight', '3, 3, 3, 32'), ('native/bias', '32,'),
        ('Conv/weights', '3, 3, 3, 32'), ('Conv/biases', '32,')]
    own, same = (float(value) for value in re.findall(r'Largest difference, .*: (.*)', output))
    assert own > 0.1 and same == 0
    parameters = inspect.signature(tf.contrib.slim.conv2d).parameters
    assert [name for name, parameter in parameters.items() if parameter.default is parameter.empty] == [
        'inputs', 'num_outputs', 'kernel_size']
    # What the article says may be left out.
    assert {'stride', 'padding', 'activation_fn', 'scope'} <= set(parameters)


def test_the_native_layer_computes_a_convolution(run_script):
    module = load(CHAPTER + 'conv_layer.py')
    image = np.random.RandomState(1).randn(1, 6, 6, 3).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.set_random_seed(1)
        output = module.native_layer(tf.constant(image), 'a')
        weights, biases = tf.trainable_variables()
        tf.global_variables_initializer().run()
        # Drawn with a deviation of 0.1, cut at two of them: 0.088.
        drawn = sess.run(weights)
        assert 0.07 < drawn.std() < 0.1 and abs(drawn).max() <= 0.2 and not sess.run(biases).any()
        biases.load(np.linspace(-1, 1, 32), sess)
        output = sess.run(output)
    padded = np.pad(image[0], [(1, 1), (1, 1), (0, 0)], 'constant')
    for row, column in (0, 0), (2, 3), (5, 5):
        sums = np.tensordot(padded[row:row + 3, column:column + 3], drawn, 3) + np.linspace(-1, 1, 32)
        np.testing.assert_allclose(output[0, row, column], np.maximum(sums, 0), atol=1e-5)


def test_constants_are_as_printed():
    for name, constants in CONSTANTS.items():
        if ON_1 or name != 'predefined_models':
            module = load(CHAPTER + name + '.py')
            assert {key: getattr(module, key) for key in constants} == constants, name


# The trainings


@pytest.mark.parametrize('name, first, layers, wanted, flag, new, old', [
    ('contrib_learn_cnn', ['--save_steps', 1], ['Conv', 'Conv_1', 'fully_connected', 'fully_connected_1'],
     [0.0018007098, 0.003054295, 0.002600566, 0.0011661764], '--learning_rate', 0.5, 0.01),
    ('slim_cnn', [], ['conv1', 'conv2', 'fc1', 'fc2'],
     [0.0019982276, 0.00325948, 0.0029097442, 0.0017630964], '--batch_size', 7, 100),
], ids=['contrib_learn', 'slim'])
def test_trains_resumes_and_names_a_damaged_checkpoint(name, first, layers, wanted, flag, new, old, run_script,
                                                       few_images, tmp_path):
    few_images(2000)
    folder, handler = tmp_path / 'model', signal.getsignal(signal.SIGINT)
    run = functools.partial(run_script, CHAPTER + name + '.py', '--seed', 1, '--model_save_path', folder)
    with recorded(tf.contrib.slim.learning, 'train') as calls:
        start = run('--training_steps', 3, *first)
    assert [call[2:] for call in calls] == [(3, 100, 60)] * (name == 'slim_cnn'), 'it saves every minute'
    assert name == 'slim_cnn' or (folder / 'model.ckpt-2.index').exists(), 'it saves every --save_steps'
    assert 'Resuming' not in start and re.search(r'^Accuracy: 0\.\d{6}$', start, re.MULTILINE)
    found = norms(folder, [layer + '/biases' for layer in layers])
    if ON_1:
        assert found == pytest.approx(wanted, rel=1e-3)
    more = run('--training_steps', 5)
    assert 'Resuming after 3 training step(s) from %s' % folder in more
    # Once the training is finished, it is only evaluated.
    last = run('--training_steps', 5, flag, new)
    assert accuracy(last) == accuracy(more) and 'Resuming' not in last
    assert 'Already trained for 5 steps; not used: %s %s (it was %s)' % (flag, new, old) in last
    # Ctrl-C has its former handler again.
    assert signal.getsignal(signal.SIGINT) == handler
    cut(tf.train.latest_checkpoint(str(folder)) + '.data-00000-of-00001')
    with pytest.raises(cli.UserError, match='cannot read the checkpoint .*model.ckpt-5: it is damaged'):
        run('--training_steps', 6)


def test_a_resumed_training_has_the_new_learning_rate(run_script, few_images, monkeypatch, tmp_path):
    """Also from a checkpoint of the printed line, which has the old rate in it as a variable."""
    few_images(500)
    layers, folder = tf.contrib.layers, tmp_path / 'model'
    run = functools.partial(run_script, CHAPTER + 'contrib_learn_cnn.py', '--model_save_path', folder)
    optimize_loss = layers.optimize_loss
    with monkeypatch.context() as patch:
        patch.setattr(layers, 'optimize_loss', lambda *args, **rest: optimize_loss(
            *args, **dict(rest, learning_rate=0.01)))
        run('--training_steps', 1)
    names = ['Conv/weights', 'fully_connected_1/weights', 'OptimizeLoss/learning_rate']
    before = norms(folder, names)
    assert before[2] == pytest.approx(0.01)
    run('--training_steps', 2, '--learning_rate', 0)
    assert norms(folder, names[:2]) == before[:2]


def test_ctrl_c_saves_and_a_second_one_would_not_wait(few_images, tmp_path, monkeypatch):
    few_images(500)
    module = load(CHAPTER + 'contrib_learn_cnn.py')
    handlers = []

    class AtStep3(module.SaveAtInterrupt):
        steps = 0

        def after_run(self, run_context, run_values):
            self.steps += 1
            if self.steps == 3:
                os.kill(os.getpid(), signal.SIGINT)
            super().after_run(run_context, run_values)
            handlers.append(signal.getsignal(signal.SIGINT))

    monkeypatch.setattr(module, 'SaveAtInterrupt', AtStep3)
    former = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        module.main(['--model_save_path', str(tmp_path / 'model'), '--training_steps', '50'])
    assert tf.train.latest_checkpoint(str(tmp_path / 'model')).endswith('model.ckpt-3')
    assert len(handlers) == 3 and handlers[0] != former and handlers[2] == former


def test_slim_evaluates_all_test_images(tmp_path):
    module = load(CHAPTER + 'slim_cnn.py')
    module.MODEL_SAVE_PATH = str(tmp_path)
    images = np.random.RandomState(1).rand(603, 784).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.set_random_seed(1)
        logits = module.lenet(images.reshape([-1, 28, 28, 1]), False)
        tf.global_variables_initializer().run()
        labels = sess.run(tf.argmax(logits, 1))
        tf.train.Saver().save(sess, str(tmp_path / 'model.ckpt'))
    labels[-3:] += 1  # wrong
    mnist = types.SimpleNamespace(test=types.SimpleNamespace(images=images, labels=labels, num_examples=603))
    with tf.Graph().as_default():
        assert module.evaluate(mnist) == 600 / 603


# What the article prints, with other digits, in a log. Keras 2.3 has `accuracy` for Keras 2.0's `acc`.
TFLEARN_LINES = [
    r'Run id: \w{6}', r'Log directory: \S+', 'Training samples: 130', 'Validation samples: 100',
    r'Training Step: 3 +\| total loss: [\d.]+ \| time: [\d.]+s',
    r'\| SGD \| epoch: 001 \| loss: [\d.]+ - acc: [\d.]+ \| val_loss: [\d.]+ - val_acc: [\d.]+ -- iter: 130/130']
TFLEARN_EPOCH = r'epoch: 001 \| loss: ([\d.]+) - acc: ([\d.]+) \| val_loss: ([\d.]+) - val_acc: ([\d.]+)'


@pytest.fixture
def fixed_batches(monkeypatch):
    """TFLearn's batches as --seed draws them.

    A thread of it hands them on as views of an array, and shuffles this while they wait: what they hold depends on its
    speed.
    """
    if ON_1:
        from tflearn.data_flow import FeedDictFlow
        view = FeedDictFlow.next_batch_ids

        def copied(self):
            ids = view(self)
            return ids if ids is False else ids.copy()          # False at the end
        monkeypatch.setattr(FeedDictFlow, 'next_batch_ids', copied)


@pytest.mark.usefixtures('fixed_batches')
def test_tflearn_trains_resumes_and_names_a_damaged_checkpoint(run_script, few_images, tmp_path):
    few_images(130)
    folder = tmp_path / 'model'
    run = functools.partial(run_script, CHAPTER + 'tflearn_cnn.py', '--seed', 1, '--model_save_path', folder)
    start = run('--n_epoch', 1)
    for line in TFLEARN_LINES:
        assert re.search('^%s$' % line, start, re.MULTILINE), line
    # A log has the lines of epochs only, without a terminal's codes.
    assert start.count('Training Step') == 1 and '\x1b' not in start and '\r' not in start
    assert 'Resuming' not in start
    assert glob.glob(str(tmp_path / 'runs' / '**' / 'tflearn' / 'log' / '*' / 'events*'), recursive=True)
    epoch = [float(value) for value in re.search(TFLEARN_EPOCH, start).groups()]
    found = norms(folder, ['Conv2D/b', 'Conv2D_1/b', 'FullyConnected/b', 'FullyConnected_1/b'])
    assert accuracy(start) == epoch[3]
    if ON_1:
        assert [epoch[0], epoch[2]] == pytest.approx([2.26193, 2.30076], rel=1e-3)
        assert found == pytest.approx([0.001190, 0.0019695, 0.0022347, 0.0057469], rel=1e-3)
    more = run('--n_epoch', 3)
    assert 'Resuming after 1 epoch(s) from %s' % folder in more and 'Training Step: 9 ' in more
    assert (folder / 'model.ckpt-6.index').exists(), 'saved after each epoch'
    with pytest.raises(cli.UserError, match='%s was trained with --batch_size 64, not 32: ' % folder):
        run('--n_epoch', 4, '--batch_size', 32)
    last = run('--n_epoch', 1, '--keep_prob', 0.25)
    assert accuracy(last) == accuracy(more) and 'Training Step' not in last
    assert 'Already trained for 1 epochs; not used: --keep_prob 0.25 (it was 0.5)' in last
    cut(tf.train.latest_checkpoint(str(folder)) + '.data-00000-of-00001')
    with pytest.raises(cli.UserError, match='cannot read the checkpoint .*model.ckpt-9: it is damaged'):
        run('--n_epoch', 4)


KERAS_LINES = [
    'Train on 260 samples, validate on 100 samples',
    # The Keras of 2.x puts the number of images before, and the time of an image after.
    r'(260/260)? - \d+s - loss: [\d.]+ - acc(uracy)?: [\d.]+ - val_loss: [\d.]+ - val_acc(uracy)?: [\d.]+.*',
    r'Test loss: [\d.]+', r'Test accuracy: [\d.]+']


def test_keras_trains_resumes_and_names_a_damaged_model(run_script, few_images, tmp_path):
    few_images(260)
    folder = tmp_path / 'model'
    run = functools.partial(run_script, CHAPTER + 'keras_cnn.py', '--seed', 1, '--model_save_path', folder)
    start = run('--epochs', 1)
    for line in KERAS_LINES + (['Epoch 1/1'] if ON_1 else []):
        assert re.search('^%s$' % line, start, re.MULTILINE), line
    assert 'Resuming' not in start
    epoch = [float(value) for value in re.search(
        r'loss: ([\d.]+) - acc\w*: ([\d.]+) - val_loss: ([\d.]+) - val_acc\w*: ([\d.]+)', start).groups()]
    loss = float(re.search('Test loss: (.*)', start).group(1))
    assert loss == pytest.approx(epoch[2], abs=1e-4) and accuracy(start) == pytest.approx(epoch[3], abs=1e-4)
    if ON_1:
        assert epoch == pytest.approx([2.3018, 0.0923, 2.3133, 0.06], rel=1e-3)
    with recorded(os, 'replace') as saved:
        more = run('--epochs', 3)
    assert [path[-6:] for _, path in saved if path.endswith('.h5')] == ['002.h5', '003.h5'], 'after each epoch'
    assert 'Resuming after epoch 1 from %s' % folder in more
    assert sorted(os.listdir(str(folder))) == ['.lock', 'model-003.h5', 'settings.json']
    last = run('--epochs', 1, '--batch_size', 100)
    assert accuracy(last) == accuracy(more) and 'val_loss' not in last
    assert 'Already trained for 1 epochs; not used: --batch_size 100 (it was 128)' in last
    cut(str(folder / 'model-003.h5'))
    with pytest.raises(cli.UserError, match='cannot read the checkpoint .*model-003.h5: it is damaged'):
        run('--epochs', 4)


def test_the_newest_keras_model_is_that_of_the_largest_epoch(tmp_path):
    module = load(CHAPTER + 'keras_cnn.py')
    module.MODEL_SAVE_PATH = str(tmp_path)
    assert module.newest() == (None, 0)
    for epoch in '999', '1000', 'old':
        (tmp_path / ('model-%s.h5' % epoch)).touch()
    assert module.newest() == (str(tmp_path / 'model-1000.h5'), 1000)


@pytest.mark.parametrize('name', [
    pytest.param('slim_cnn', marks=pytest.mark.slow), 'contrib_learn_cnn', 'tflearn_cnn', 'keras_cnn'])
def test_a_loss_that_is_nan_stops_the_training(refuses, name, few_images, monkeypatch, tmp_path):
    few_images(800)
    module = load(CHAPTER + name + '.py')
    flags = ['--learning_rate', 1e30, '--seed', 1]          # other batches may leave a network that is dead, not NaN
    if name == 'keras_cnn':
        # Its rate is the library's own default, and so no flag.
        sgd = module.keras.optimizers.SGD
        monkeypatch.setattr(sgd, '__init__', functools.partialmethod(sgd.__init__, learning_rate=1e30))
        flags = flags[2:]
    refuses(r'the loss is .*lower (--learning_rate|the learning rate of SGD\(\)) \(now 1e\+30\), and delete .*runs/',
            CHAPTER + name + '.py', *flags)
    for path in glob.glob(str(tmp_path / 'runs' / '**' / 'model.ckpt-*.index'), recursive=True):
        reader = tf.train.load_checkpoint(path[:-len('.index')])
        for key in reader.get_variable_to_shape_map():
            assert np.isfinite(reader.get_tensor(key)).all(), 'a saved %s' % key
    assert not glob.glob(str(tmp_path / 'runs' / '**' / '*.h5'), recursive=True)
    if name == 'keras_cnn':
        # As printed, it goes on.
        module.epochs = 1
        mnist = types.SimpleNamespace(load_data=lambda: ((np.ones([200, 28, 28, 1]), np.arange(200) % 10),) * 2)
        with tf.Graph().as_default(), tf.Session().as_default():
            monkeypatch.setattr(module, 'print', lambda text, value: losses.append(value), raising=False)
            losses = []
            module.program(mnist, None, 0, [])
        assert np.isnan(losses[0])


@pytest.mark.parametrize('name', ['slim_cnn', 'contrib_learn_cnn', 'tflearn_cnn', 'keras_cnn'])
def test_wrong_settings_and_a_folder_that_is_a_file(refuses, name, few_images, tmp_path):
    few_images(300)
    refuses('--batch_size 301 is more than the 300', CHAPTER + name + '.py', '--batch_size', 301)
    if name != 'keras_cnn':             # its dropout has no constant
        refuses('argument --keep_prob: must be over 0', CHAPTER + name + '.py', '--keep_prob', 0, status=2)
    (tmp_path / 'file').write_text('not a folder')
    refuses('--model_save_path', CHAPTER + name + '.py', '--model_save_path', tmp_path / 'file')


# The networks


def build(name, monkeypatch, mode='train'):
    """Build a program's network in the default graph; return what TFLearn or Keras would train."""
    module = load(CHAPTER + name + '.py')
    images = np.zeros([5, 28, 28, 1], np.float32)
    if name == 'slim_cnn':
        module.lenet(images, mode == 'train')
    elif name == 'contrib_learn_cnn':
        tf.train.create_global_step()
        modes = tf.contrib.learn.ModeKeys
        module.conv_model(images.reshape([5, 784]), np.arange(5), modes.TRAIN if mode == 'train' else modes.EVAL)
    else:
        if name == 'tflearn_cnn':
            labels = np.eye(10)[:5]
            load_data = types.SimpleNamespace(load_data=lambda one_hot: (images, labels, images, labels))
            monkeypatch.setattr(module.tflearn, 'DNN', stop)
        else:
            load_data = types.SimpleNamespace(load_data=lambda: ((images, np.arange(5)), (images, np.arange(5))))
            monkeypatch.setattr(module, 'load', stop)
        with pytest.raises(Built) as stopped:
            module.program(load_data, None, 0, [])
        return stopped.value.args[0]


@pytest.mark.parametrize('name, lenet, dropout', [
    ('slim_cnn', LENET, [500]),
    ('contrib_learn_cnn', LENET, [500]),
    ('tflearn_cnn', LENET, [500]),
    # The article's Keras network pads nothing: 4 x 4 x 64 nodes are left; and drops some of them.
    ('keras_cnn', LENET[:4] + [[1024, 500]] + LENET[5:], [4, 4, 64]),
])
def test_three_of_the_networks_are_one(name, lenet, dropout, monkeypatch):
    def of(mode):
        with tf.Graph().as_default() as graph:
            build(name, monkeypatch, mode)
            operations = graph.get_operations()
            assert [op.get_attr('ksize')[1:3] for op in operations if op.type == 'MaxPool'] == [[2, 2], [2, 2]]
            assert [op.get_attr('strides')[1:3] for op in operations if op.type == 'MaxPool'] == [[2, 2], [2, 2]]
            assert [op.get_attr('strides') for op in operations if op.type == 'Conv2D'] == [[1, 1, 1, 1]] * 2
            assert len([op for op in operations if op.type == 'Relu']) == 3
            shapes = [variable.shape.as_list() for variable in tf.trainable_variables() if variable.shape.ndims]
            return shapes[:8], [op.inputs[0].shape.as_list()[1:] for op in operations
                                if re.search(r'dropout(_\d+)?/(mul|SelectV2)$', op.name)][:1]

    assert of('train') == (lenet, [dropout])
    # TFLearn and Keras ask a variable whether it is a training.
    assert name in ('tflearn_cnn', 'keras_cnn') or of('test') == (lenet, [])


def test_the_same_number_is_kept_by_tflearn_and_dropped_by_keras():
    tflearn = load(CHAPTER + 'tflearn_cnn.py')
    keras = load(CHAPTER + 'keras_cnn.py')
    assert list(inspect.signature(tflearn.dropout).parameters)[1] == 'keep_prob'
    assert keras.Dropout(0.5).rate == 0.5 and (list(inspect.signature(keras.Dropout.__init__).parameters)[1] == 'rate')


def test_keras_takes_channels_first_too(monkeypatch):
    backend, seen = load(CHAPTER + 'keras_cnn.py').K, []
    for order in 'channels_first', 'channels_last':
        backend.set_image_data_format(order)
        try:
            with tf.Graph().as_default(), tf.Session().as_default():
                model = build('keras_cnn', monkeypatch)
                seen.append((model.input_shape, [weights.shape for weights in model.get_weights()]))
        finally:
            backend.set_image_data_format('channels_last')
    (first, shapes), (last, others) = seen
    assert first == (None, 1, 28, 28) and last == (None, 28, 28, 1) and shapes == others


@pytest.mark.skipif(not ON_1, reason='Keras is another package there')
def test_the_libraries_are_those_of_the_lock():
    import pkg_resources

    pinned = dict(re.findall(r'^(keras|tflearn)==(\S+)', read('requirements', 'tf1.lock'), re.MULTILINE))
    assert pinned == {'keras': '2.3.1', 'tflearn': '0.5.0'}
    assert {name: pkg_resources.get_distribution(name).version for name in pinned} == pinned


def test_l2_of_tflearn_is_minimized_and_not_printed(monkeypatch):
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        build('tflearn_cnn', monkeypatch)
        penalties = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
        weights = [variable for variable in tf.trainable_variables() if variable.shape.ndims == 2]
        tf.global_variables_initializer().run()
        for penalty, matrix in zip(penalties, sess.run(weights)):
            assert sess.run(penalty) == pytest.approx(0.001 * (matrix ** 2).sum() / 2, rel=1e-4)
        assert [variable.shape.as_list() for variable in weights] == [[3136, 500], [500, 10]] and len(penalties) == 2
        (op,) = tf.get_collection(tf.GraphKeys.TRAIN_OPS)
        assert op.loss not in penalties
        op.initialize_training_ops(0, sess, 0, 0)
        (total,) = [operation for operation in graph.get_operations() if operation.name.endswith('Total_Loss')]
        assert set(penalties) | {op.loss} <= set(total.inputs)


def test_tflearn_shuffles_batches_that_wait(monkeypatch):
    """An epoch of the printed size, at a training's pace: what waits in the queue is shuffled with the next epoch's."""
    load(CHAPTER + 'tflearn_cnn.py')
    from tflearn.data_flow import FeedDictFlow
    images = 55000
    coordinator = tf.train.Coordinator()
    np.random.seed(1)
    flow = FeedDictFlow({'images': np.arange(images)}, coordinator, 64, num_threads=1, shuffle=True, continuous=True)
    order = flow.index_array.copy()
    flow.start()
    batches = []
    for _ in range(860):
        while not (flow.feed_dict_queue.full() and flow.batch_ids_queue.full()):
            time.sleep(0.001)
        time.sleep(0.002)       # a step takes longer than what the threads of the flow do meanwhile
        batches.append(flow.next(timeout=60)['images'])
    coordinator.request_stop()
    epoch = np.concatenate(batches)
    times = np.bincount(np.bincount(epoch, minlength=images))
    assert len(epoch) == images and times[0] == times[2] and 1700 < times[0] < 2300
    (other,) = np.nonzero(epoch != order)
    assert 859 - 35 <= other[0] // 64 <= 859 - 30, 'the last 32 batches or so are not of this epoch'

    # A shuffle between the images and the labels of a batch.
    def slice_array(array, ids):
        part = array[ids]
        pairs.shuffle_samples()
        return part
    pairs = FeedDictFlow({'images': np.arange(images), 'labels': np.arange(images)}, coordinator, 64)
    monkeypatch.setattr('tflearn.data_flow.utils.slice_array', slice_array)
    batch = pairs.retrieve_data(pairs.index_array[:64])
    assert (batch['images'] == np.arange(64)).all() and (batch['labels'] != np.arange(64)).any()


def test_tflearns_second_argument_is_the_depth():
    tflearn = load(CHAPTER + 'tflearn_cnn.py')
    with tf.Graph().as_default():
        layer = tflearn.conv_2d(tflearn.input_data(shape=[None, 28, 28, 1], name='input'), 32, 5, activation='relu')
        assert layer.shape.as_list() == [None, 28, 28, 32] and layer.W.shape.as_list() == [5, 5, 1, 32]


def test_the_printed_model_function_cannot_predict_without_labels():
    module = load(CHAPTER + 'contrib_learn_cnn.py')
    images = np.zeros([3, 784], np.float32)
    mode = tf.contrib.learn.ModeKeys.INFER
    with tf.Graph().as_default(), pytest.raises(ValueError, match='None values not supported'):
        module.conv_model(images, None, mode)
    with tf.Graph().as_default():
        tf.train.create_global_step()
        labels, loss, step = module.predicting(module.conv_model)(tf.constant(images), None, mode)
        assert labels.shape == [3] and labels.dtype == tf.int64
    seen = []
    module.predicting(lambda *args: seen.extend(args))('images', 'labels', 'mode')
    assert seen == ['images', 'labels', 'mode'], 'labels that there are stay'


@pytest.mark.parametrize('broken', [
    'layers.convolution2d(network, 32, activation_\nfn=tf.nn.relu)',
    'def conv_model(input, target, mode):\n    target = 0\nreturn target',
    'model.fit(trainX, trainY, n_epoch=20, show_\nmetric=True)',
])
def test_the_broken_lines_do_not_compile(broken):
    with pytest.raises(SyntaxError):
        compile(broken, 'print', 'exec')
    # Inside of parentheses a line may end after the dot.
    compile('score = f(list(c.predict(mnist.\ntest.images)))', 'print', 'exec')


def test_printed_counts():
    # TFLearn: 860 steps are an epoch of 55,000 images in batches of 64; epoch 2 stands at 12416 of them.
    batch_size = load(CHAPTER + 'tflearn_cnn.py').BATCH_SIZE
    assert -(-55000 // batch_size) == 860 and (1054 - 860) * batch_size == 12416
    # Keras: 35,072 images are whole batches.
    assert 35072 % load(CHAPTER + 'keras_cnn.py').batch_size == 0
    # An accuracy on 10,000 images has four digits; the printed format has six.
    assert '{0:f}'.format(printed.LEARN_ACCURACY) == '0.990100'


# The logs, and the real data

# The article's loss and accuracy of training by epoch, then those of the test data.
TFLEARN_PRINTED = {1: (0.25554, 0.9267, 0.24617, printed.TFLEARN_ACCURACY[1]), 2: (0.28228, 0.9207)}
KERAS_PRINTED = {
    1: (1.3127, 0.5943, 0.3409, printed.KERAS_ACCURACY[1]),
    2: (0.3827, 0.8840, 0.2006, printed.KERAS_ACCURACY[2]),
    3: (0.2752, 0.9163)}


def log(name):
    return read('results', 'logs', name + '.log')


def test_recorded_epochs_are_near_the_print():
    """One training of ours beside one of the article's: within a tenth of a loss, 0.02 of an accuracy.

    TFLearn's loss and accuracy of training are means over the last few batches, not over the epoch, and so
    within 0.1 and 0.05.
    """
    tflearn = {int(epoch): [float(value) for value in values] for epoch, *values in re.findall(
        r'epoch: (\d+) \| loss: ([\d.]+) - acc: ([\d.]+) \| val_loss: ([\d.]+) - val_acc: ([\d.]+)',
        log('tflearn_cnn-seed1'))}
    # Bands set after the runs: losses of one seed, and accuracies of half an epoch of this or that order of images.
    for ours, theirs, band in zip(tflearn[1], TFLEARN_PRINTED[1], (0.1, 0.05, 0.1, 0.02)):
        assert ours == pytest.approx(theirs, abs=band)
    # The line of epoch 2 is of its 194th step; ours are of the steps 860 and 1720.
    for ours, theirs in zip(zip(tflearn[1], tflearn[2]), TFLEARN_PRINTED[2]):
        assert min(ours) - 0.05 < theirs < max(ours) + 0.05
    assert 'Training samples: 55000\nValidation samples: 10000\n' in log('tflearn_cnn-seed1')

    text = log('keras_cnn-seed1')
    assert 'Train on 60000 samples, validate on 10000 samples\nEpoch 1/20\n' in text
    keras = dict(enumerate(([float(value) for value in values] for values in re.findall(
        r'loss: ([\d.]+) - accuracy: ([\d.]+) - val_loss: ([\d.]+) - val_accuracy: ([\d.]+)', text)), 1))
    assert len(keras) == 20
    for epoch, values in KERAS_PRINTED.items():
        for i, value in enumerate(values):
            # Set after the runs.
            band = {'rel': 0.1} if i in (0, 2) else {'abs': 0.02}
            assert keras[epoch][i] == pytest.approx(value, **band), (epoch, i)


@pytest.mark.slow
@pytest.mark.real_data
def test_keras_has_60000_images_and_the_others_55000(real_data, monkeypatch):
    real_data = data.folder('mnist', real_data)
    module = load(CHAPTER + 'keras_cnn.py')
    (images, labels), (tests, _) = module.Mnist(real_data).load_data()
    assert images.shape == (60000, 28, 28, 1) and images.dtype == np.uint8 and images.max() == 255
    assert labels.shape == (60000,) and len(tests) == 10000
    images, labels, tests, _ = load(CHAPTER + 'tflearn_cnn.py').Mnist(real_data, 1).load_data(one_hot=True)
    assert (images.shape == (55000, 784) and images.max() == 1 and labels.shape == (55000, 10) and len(tests) == 10000)
    seen = []
    for name, function in ('slim_cnn', 'train'), ('contrib_learn_cnn', 'program'):
        module = load(CHAPTER + name + '.py')
        monkeypatch.setattr(module, function, lambda mnist, *args: seen.append(mnist))  # in place of training
        monkeypatch.setattr(module, 'evaluate', lambda mnist: 0, raising=False)
        module.main(['--data_dir', real_data])
        # Pixels from 0 to 1, and labels as they are, not one-hot.
        assert seen[-1].train.images.shape == (55000, 784) and seen[-1].train.images.max() == 1
        assert seen[-1].train.labels.shape == (55000,) and seen[-1].test.num_examples == 10000


@pytest.mark.slow
def test_progress_is_the_librarys_and_nothing_else_is_on_stderr(shell):
    for name, steps, line in (
            ('slim_cnn', 101, r'INFO:tensorflow:global step 100: loss = [\d.]+ \([\d.]+ sec/step\)'),
            ('contrib_learn_cnn', 2, r'INFO:tensorflow:(loss = [\d.]+, step = .*|Saving checkpoints for .*)')):
        result = shell(CHAPTER + name + '.py', '--batch_size', 10, '--training_steps', steps)
        assert result.returncode == 0
        lines = [text for text in result.stderr.splitlines() if not text.startswith('Note: this is the embedded')]
        assert lines and all(re.match(line + '$', text) for text in lines), result.stderr


@pytest.mark.slow
@pytest.mark.usefixtures('fixed_batches')
def test_tflearn_learns(run_script, few_images):
    """Slim and tf.contrib.learn: their biases after three steps are in the test of resuming."""
    few_images(10 ** 6, 300)
    assert accuracy(run_script(CHAPTER + 'tflearn_cnn.py', '--seed', 1, '--n_epoch', 1)) > 0.3, 'guessing is 0.1'

# The table


def test_table_of_the_interfaces(run_script):
    output = run_script(CHAPTER + 'extras/compare_interfaces.py', '--steps', 7, '--repeats', 1, '--batch_size', 10)
    lines = output.splitlines()
    rows = [dict(zip(map(str.strip, lines[0].split('|')), map(str.strip, line.split('|')))) for line in lines[2:7]]
    assert [(row['interface'], row['parameters']) for row in rows] == [
        ('native', '1663370'), ('Slim', '1625606'), ('tf.contrib.learn', '1625606'), ('TFLearn', '1625606'),
        ('Keras', '569606')]
    # The article's programs have 35, 22 and 45 lines: 31, 17 and 35 without imports and constants, and 5 of
    # tf.contrib.learn's are broken over two. Ours have a def line and two lines for resuming more.
    assert [row['lines of code'] for row in rows[1:]] == ['36', '27', '20', '38'] and (
        int(rows[0]['lines of code']) > 90)
    for row in rows:
        speed = float(row['ms/step'])
        assert speed > 0
        assert float(row['native / it']) == pytest.approx(float(rows[0]['ms/step']) / speed, abs=0.3, rel=0.1)
    assert lines[0] == '| interface | lines of code | parameters | ms/step | native / it |', 'accuracies when asked for'
    assert rows[0]['native / it'] == '1.00' and lines[7] == 'ms/step: median of 1 x 1 steps of 10 images.'


def test_a_program_is_as_before_after_it_was_measured(refuses):
    module = load(CHAPTER + 'extras/compare_interfaces.py')
    module.STEPS, module.BATCH_SIZE = 9, 5
    slim = module.load(CHAPTER + 'slim_cnn.py')
    before = dict(vars(slim))
    seconds, parameters = module.measure('Slim', slim)
    # Of nine steps there are eight times between them, and five are not counted.
    assert len(seconds) == 3 and parameters == 1625606
    assert {name: value for name, value in vars(slim).items() if name.isupper()} == {
        name: value for name, value in before.items() if name.isupper()}
    refuses('--steps: must be 7 or more, as the first five and the last are not timed',
            CHAPTER + 'extras/compare_interfaces.py', '--steps', 6, status=2)


def test_code_lines():
    module = load(CHAPTER + 'extras/compare_interfaces.py')
    source = '"""Doc\nstring."""\n\n# comment\nx = ("a"\n     "b")  # two\n\n\ndef f():\n    "doc"\n'
    source += '    return """a\nb"""\n'
    assert module.code_lines(source) == 5


def test_accuracy_is_that_of_the_test_data(monkeypatch):
    module = load(CHAPTER + 'extras/compare_interfaces.py')
    calls = []
    outputs = iter([
        'Test accuracy: 0.5\n', 'After 2 step(s), validation accuracy = 0.1\nAccuracy: 0.250000\n', 'Trained\n',
        'validation accuracy = 0.3\nAfter 2, test accuracy = 0.4\n'])

    def run(command, env, **kwargs):
        calls.append((os.path.relpath(command[1], ROOT), command[2:], env['TF_TUTORIAL_RUNS']))
        return types.SimpleNamespace(returncode=0, stdout=next(outputs))

    monkeypatch.setattr(module.subprocess, 'run', run)
    found = [module.accuracy_of(name, ['--a'], ['--sample'], 'f') for name in ('Keras', 'Slim', 'native')]
    assert found == [0.5, 0.25, 0.4]
    assert calls[2:] == [('ch04_cnn/mnist_train.py', ['--a', '--sample'], 'f'),
                         ('ch04_cnn/mnist_eval.py', ['--once', '--sample'], 'f')]
    monkeypatch.setattr(module.subprocess, 'run', lambda *args, **kwargs: types.SimpleNamespace(returncode=2))
    with pytest.raises(cli.UserError, match='slim_cnn.py ended with status 2'):
        module.accuracy_of('Slim', [], [], 'f')


@pytest.mark.slow
def test_accuracies_of_short_trainings(run_script, few_images, monkeypatch, tmp_path):
    few_images(10 ** 6, 1000)
    module = load(CHAPTER + 'extras/compare_interfaces.py')

    def run(command, env, **kwargs):
        monkeypatch.setenv('TF_TUTORIAL_RUNS', env['TF_TUTORIAL_RUNS'])
        return types.SimpleNamespace(returncode=0, stdout=run_script(os.path.relpath(command[1], ROOT), *command[2:]))
    monkeypatch.setattr(module.subprocess, 'run', run)
    for name in 'native', 'Slim':
        assert 0 < module.accuracy_of(name, ['--training_steps', '2'], ['--sample'], str(tmp_path)) < 0.6


# The predefined models

ONLY_1 = pytest.mark.skipif(not ON_1, reason='nothing has replaced the predefined models of tf.contrib.learn')


def predefined(output):
    return {name: (question, float(score)) for name, question, score in re.findall(
        r'^(\w+) +(digit|even) +accuracy (0\.\d{4})$', output, re.MULTILINE)}


@ONLY_1
def test_predefined_models(run_script, few_images):
    few_images(2000, 250)
    found = predefined(run_script(CHAPTER + 'predefined_models.py', '--seed', 1, '--training_steps', 10))
    assert [(name, question) for name, (question, _) in found.items()] == [
        ('LinearRegressor', 'digit'), ('LogisticRegressor', 'even'), ('LinearClassifier', 'digit'),
        ('DNNClassifier', 'digit'), ('DNNRegressor', 'digit')]
    assert [score for _, score in found.values()] == pytest.approx([0.092, 0.712, 0.5, 0.56, 0.136], abs=0.01)


@ONLY_1
def test_predefined_models_stop_at_wrong_settings(refuses, few_images, tmp_path, monkeypatch):
    few_images(500)
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    script = CHAPTER + 'predefined_models.py'
    refuses('--batch_size 501 is more than', script, '--batch_size', 501)
    refuses(r'loss is .*lower --learning_rate \(now 1e\+38\)', script, '--training_steps', 20, '--learning_rate', 1e38)
    assert os.listdir(str(tmp_path)) == [], 'nothing is kept'


@ONLY_1
def test_logistic_regressor_wants_a_model():
    learn = tf.contrib.learn
    with pytest.raises(TypeError, match='model_fn'):
        learn.LogisticRegressor()
    columns = [tf.contrib.layers.real_valued_column('x')]
    # The other four that the article names.
    others = [learn.LinearRegressor(columns), learn.LinearClassifier(columns), learn.DNNClassifier([3], columns),
              learn.DNNRegressor([3], columns)]
    # fit and evaluate, as the article says, and no train.
    assert all(hasattr(model, 'fit') and hasattr(model, 'evaluate') and not hasattr(model, 'train') for model in others)
