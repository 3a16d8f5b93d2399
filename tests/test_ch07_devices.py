"""Article 7, first half: placement, record files, towers, and what makes them faster."""
from companion import cli

import contextlib
import glob
import json
import os
import re
import signal
import struct
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf
from matplotlib import image as png

from conftest import ROOT, load

PLACEMENT = 'ch07_acceleration/device_placement.py'
MANUAL = 'ch07_acceleration/device_manual.py'
RECORDS = 'ch07_acceleration/mnist_to_tfrecords.py'
QUEUE = 'ch07_acceleration/multi_gpu_mnist.py'
TFDATA = 'ch07_acceleration/extras/multi_gpu_mnist_tfdata.py'
SPEED = 'ch07_acceleration/extras/input_speed.py'

# The constants of the article's programs.
CONSTANTS = {
    'multi_gpu_mnist': {
        'BATCH_SIZE': 100, 'LEARNING_RATE_BASE': 0.001, 'LEARNING_RATE_DECAY': 0.99,
        'REGULARAZTION_RATE': 0.0001, 'TRAINING_STEPS': 1000, 'MOVING_AVERAGE_DECAY': 0.99, 'N_GPU': 4,
        'MODEL_NAME': 'model.ckpt'},
    'two_tasks_first': {'TASK0': 'localhost:2222', 'TASK1': 'localhost:2223'},
    'dist_cluster': {'WORKER_HOSTS': 'tf-worker0:2222,tf-worker1:2222,tf-worker2:2222',
                     'PS_HOSTS': 'tf-ps0:2222,tf-ps1:2222'},
}
# Figure 1, GPU by GPU: MiB taken, MiB in all, and of these the process's; watts, of 125; per cent of use.
FIGURE_1 = [(3776, 4036, 3768, 45, 4), (3776, 4036, 3768, 43, 4), (3776, 4036, 3768, 44, 3),
            (3776, 4036, 3768, 42, 3)]

CPU = '/job:localhost/replica:0/task:0/device:CPU:%d'
LINE = r'step (\d+), loss = (\d+\.\d\d) \((\d+\.\d) examples/sec; (\d+\.\d{3}) sec/batch\)\n'


def without_gpu(test):
    gpus = tf.config.experimental.list_physical_devices('GPU')
    return pytest.mark.skipif(bool(gpus), reason='what is expected is of a machine without a GPU')(test)


def placed(*pairs):
    return ''.join('%s: (%s): %s\n' % (name, kind, CPU % cpu) for name, kind, cpu in pairs)


def write(path, images, labels):
    load(RECORDS).convert(np.asarray(images, np.uint8), labels, str(path))
    return str(path)


@pytest.fixture
def records(tmp_path):
    """Files of 900 training and 50 test records. A bright row tells a picture's label."""
    random = np.random.RandomState(1)

    def pictures(n):
        labels = random.randint(10, size=n)
        images = random.randint(40, size=(n, 28, 28))
        images[np.arange(n), 2 * labels + 4] = 200
        # The first two pixels count the pictures, so that one knows each again.
        images[:, 0, 0], images[:, 0, 1] = np.arange(n) // 250, np.arange(n) % 250
        return images.reshape(n, 784), labels
    return ['--data_path', write(tmp_path / 'train.tfrecords', *pictures(900)),
            '--test_path', write(tmp_path / 'test.tfrecords', *pictures(50))]


def build(monkeypatch, records=None, path=QUEUE, n_gpu=4, batch_size=5, get_input=None, devices=None):
    """Build the towers in the default graph; the parts of each are the module's attribute `towers`.

    Returns:
        The module multi_gpu_mnist, the training operation, and tower by tower (x, y_, scope, loss).
    """
    module = load(path)
    multi = sys.modules['multi_gpu_mnist']
    multi.N_GPU, multi.BATCH_SIZE = n_gpu, batch_size
    if records:
        multi.DATA_PATH = records[1]
    towers = []
    get_loss = multi.get_loss

    def seen(x, y_, regularizer, scope):
        loss = get_loss(x, y_, regularizer, scope)
        towers.append((x, y_, scope, loss))
        return loss
    monkeypatch.setattr(multi, 'get_loss', seen)
    train_op, cur_loss, _ = multi.build(
        devices or ['/cpu:%d' % (i + 1) for i in range(n_gpu)], get_input or module.get_input)
    assert cur_loss is towers[-1][3]
    return multi, train_op, towers


@contextlib.contextmanager
def running(n_cpu, **config):
    """A session with its variables and its queues."""
    with tf.Session(config=tf.ConfigProto(device_count={'CPU': n_cpu}, **config)) as sess:
        sess.run(tf.global_variables_initializer())
        coord = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(sess=sess, coord=coord)
        yield sess
        coord.request_stop()
        coord.join(threads)


def numbered(images):
    return (images[..., 0] * 250 + images[..., 1]).astype(int)


@without_gpu
def test_device_placement(shell):
    result = shell(PLACEMENT)
    assert result.returncode == 0 and result.stderr == ''
    assert result.stdout.startswith('Device mapping:\n')
    for line in placed(('add', 'AddV2', 0), ('a', 'Const', 0), ('b', 'Const', 0)).splitlines():
        assert line in result.stdout.splitlines()
    assert result.stdout.endswith('\n[2. 4. 6.]\n')
    # The printed spelling.
    assert '/task:0/cpu:0' not in result.stdout and 'no known devices' not in result.stdout


@without_gpu
def test_device_manual(shell):
    result = shell(MANUAL)
    assert result.returncode == 0 and result.stderr == ''
    asked, soft, two, four, no_code, soft_again, types = result.stdout.split('\n\n')
    mapping = 'Device mapping:\n.*'
    sums = [('add', 'AddV2', 0), ('a', 'Const', 0), ('b', 'Const', 0)]
    assert re.match(
        'The sum on /gpu:1, as the program asks:\n' + mapping +
        'InvalidArgumentError: Cannot assign a device for operation add: node add was '
        'explicitly assigned to /device:GPU:1 but available devices are .*'
        'Make sure the device specification refers to a valid device.$', asked, re.DOTALL)
    assert asked.count('\n') <= 3 and '[2. 4. 6.]' not in asked
    assert re.match('The same, with allow_soft_placement=True:\n' + mapping + re.escape(
        placed(*sums) + '[2. 4. 6.]') + '$', soft, re.DOTALL)
    assert re.match(r"The sum on /cpu:1, with device_count={'CPU': 2}:\n" + mapping + re.escape(
        placed(('add', 'AddV2', 1), *sums[1:]) + '[2. 4. 6.]') + '$', two, re.DOTALL)
    assert four == '4 CPU devices in one session, and what ran on each:\n' + '\n'.join(
        'square_%d: %s' % (i, CPU % i) for i in range(4))
    assert no_code.splitlines()[1:] == [
        'InvalidArgumentError: Cannot assign a device for operation %s: Could not satisfy explicit device '
        "specification '/device:XLA_CPU:0' because no supported kernel for XLA_CPU devices is available."
        % name for name in ('counter', 'text')]
    assert soft_again.splitlines()[1:] == ['7', "b'not here'"]
    assert len(types.splitlines()) == 5


def test_device_of_ones_own_and_no_device(run_script, capsys):
    assert run_script(MANUAL, '--device', '/cpu:0', '--n_cpu', 2).count('[2. 4. 6.]') == 3
    with pytest.raises(SystemExit) as stop:
        load(MANUAL).main(['--device', 'gpu one:two'])
    assert stop.value.code == 2 and '--device' in capsys.readouterr().err


@without_gpu
def test_more_cpu_devices_by_device_count():
    manual = load(MANUAL)
    assert manual.devices_used(4) == {'square_%d' % i: CPU % i for i in range(4)}
    with tf.Graph().as_default(), tf.Session() as sess:
        assert [d.name for d in sess.list_devices() if d.device_type == 'CPU'] == [CPU % 0]


def test_which_types_have_code_for_a_gpu():
    types = load(MANUAL).types_on_gpu
    if not types('MatMul'):
        pytest.skip('a TensorFlow built without GPUs')
    assert 'float32' in types('VariableV2') and 'int32' not in types('VariableV2')
    assert 'float32' in types('MatMul') and types('StringJoin') == []


def test_records_hold_the_pictures(run_script, tmp_path):
    out = run_script(RECORDS)
    folder = tmp_path / 'runs' / 'sample' / 'ch07_acceleration'
    assert re.search('Wrote 11235 records, 9.7 MB, to .*data.tfrecords\n', out)
    assert re.search('Wrote 1500 records, 1.3 MB, to .*test.tfrecords\n', out)
    assert sorted(os.listdir(str(folder))) == ['data.tfrecords', 'test.tfrecords']
    compare_records(re.search('Extracting (.*)/train-images', out).group(1), folder)


@pytest.mark.real_data
def test_records_hold_all_of_mnist(run_script, tmp_path, real_data):
    folder = tmp_path / 'runs' / 'ch07_acceleration'
    out = run_script(RECORDS, '--data_dir', real_data)
    assert 'Wrote 60000 records, 51.6 MB' in out and 'Wrote 10000 records, 8.6 MB' in out
    compare_records(os.path.join(real_data, 'mnist'), folder)


def compare_records(mnist_dir, folder):
    """Compare with MNIST's own files, not by our reader: by TensorFlow's parser in the graph."""
    import gzip
    for part, prefix in ('data', 'train'), ('test', 't10k'):
        with gzip.open(os.path.join(mnist_dir, prefix + '-images-idx3-ubyte.gz')) as file:
            images = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 784)
        with gzip.open(os.path.join(mnist_dir, prefix + '-labels-idx1-ubyte.gz')) as file:
            labels = np.frombuffer(file.read()[8:], np.uint8)
        path = str(folder / (part + '.tfrecords'))
        assert load(RECORDS).check(path) == len(labels)
        with tf.Graph().as_default(), tf.Session() as sess:
            dataset = tf.data.TFRecordDataset(path).batch(5000)
            parsed = tf.parse_example(dataset.make_one_shot_iterator().get_next(), {
                'image_raw': tf.FixedLenFeature([], tf.string),
                'pixels': tf.FixedLenFeature([], tf.int64),
                'label': tf.FixedLenFeature([], tf.int64)})
            fetches = [tf.decode_raw(parsed['image_raw'], tf.uint8), parsed['pixels'], parsed['label']]
            for start in range(0, len(labels), 5000):
                found, pixels, label = sess.run(fetches)
                assert (found == images[start:start + 5000]).all() and (pixels == 784).all()
                assert (label == labels[start:start + 5000]).all()
            with pytest.raises(tf.errors.OutOfRangeError):
                sess.run(fetches)


def test_a_record_file_is_whole_or_is_not(tmp_path, monkeypatch):
    module = load(RECORDS)
    path = write(tmp_path / 'a.tfrecords', np.ones((3, 784)), [1, 2, 3])
    before = open(path, 'rb').read()

    def full(self, record):
        raise tf.errors.ResourceExhaustedError(None, None, 'a.part; No space left on device')
    monkeypatch.setattr(tf.python_io.TFRecordWriter, 'write', full)
    with pytest.raises(cli.UserError, match='a.tfrecords .*No space left on device'):
        module.convert(np.zeros((3, 784), np.uint8), [1, 2, 3], path)
    monkeypatch.undo()
    # A disk that gives back other bytes.
    monkeypatch.setattr(tf.python_io, 'tf_record_iterator', lambda path: iter([b'other']))
    with pytest.raises(cli.UserError, match='a.tfrecords.* other bytes'):
        module.convert(np.zeros((3, 784), np.uint8), [1, 2, 3], path)
    assert open(path, 'rb').read() == before and os.listdir(str(tmp_path)) == ['a.tfrecords']
    with pytest.raises(cli.UserError, match='cannot write .*--data_path'):
        module.convert(np.zeros((3, 784), np.uint8), [1, 2, 3], path + '/b.tfrecords')


def queue_threads():
    return [thread.name for thread in threading.enumerate() if 'QueueRunner' in thread.name]


def damaged(content, how):
    # A record is its length, 8 bytes, two check sums of 4, and the content.
    size = 8 + 4 + 4 + struct.unpack('<Q', content[:8])[0]
    if how == 'cut':
        return content[:-7]
    if how == 'a bit':
        return content[:size * 3 + 50] + bytes([content[size * 3 + 50] ^ 4]) + content[size * 3 + 51:]
    if how == 'empty':
        return b''
    if how == 'no records':
        return b'to be or not to be, that is the question'


@pytest.mark.parametrize('path', [QUEUE, TFDATA])
@pytest.mark.parametrize('how', ['cut', 'a bit', 'empty', 'no records', 'missing'])
def test_a_damaged_record_file_is_named(path, how, records, tmp_path, run_script):
    for number, name in (1, 'train'), (3, 'test'):
        flags = list(records)
        flags[number] = str(tmp_path / 'bad.tfrecords')
        if how != 'missing':
            with open(flags[number], 'wb') as file:
                file.write(damaged(open(records[number], 'rb').read(), how))
        with pytest.raises(cli.UserError, match='bad.tfrecords') as error:
            run_script(path, '--batch_size', 5, *flags)
        assert '\n' not in str(error.value)
        assert not os.path.exists(str(tmp_path / 'runs' / 'sample' / 'ch07_acceleration'))


def test_records_of_something_else_are_named(tmp_path):
    path = str(tmp_path / 'bad.tfrecords')

    def feature(**kinds):
        return tf.train.Feature(**{
            kind + '_list': {'bytes': tf.train.BytesList, 'int64': tf.train.Int64List}[kind](value=[value])
            for kind, value in kinds.items()})
    good = {'image_raw': feature(bytes=b'0' * 784), 'pixels': feature(int64=784), 'label': feature(int64=9)}
    for change in {'image_raw': feature(bytes=b'0' * 783)}, {'pixels': feature(int64=783)}, \
            {'label': feature(int64=10)}, {'label': feature(bytes=b'9')}, {}:
        example = tf.train.Example(features=tf.train.Features(feature=dict(good, **change)))
        with tf.python_io.TFRecordWriter(path) as writer:
            writer.write(example.SerializeToString())
        if change:
            with pytest.raises(cli.UserError, match='bad.tfrecords: record 0 is no picture'):
                load(RECORDS).check(path)
        else:
            assert load(RECORDS).check(path) == 1
    with tf.python_io.TFRecordWriter(path) as writer:
        writer.write(b'no example')
    with pytest.raises(cli.UserError, match='bad.tfrecords: record 0 is no picture'):
        load(RECORDS).check(path)


@pytest.mark.parametrize('path', [QUEUE, TFDATA])
def test_a_record_that_is_damaged_while_a_training_runs(path, records, tmp_path, monkeypatch, capsys):
    """After the check, so that the reader in the graph finds it."""
    module = load(path)
    content = open(records[1], 'rb').read()
    check = sys.modules['mnist_to_tfrecords'].check

    def check_and_damage(path):
        count = check(path)
        if path == records[1]:
            with open(path, 'wb') as file:
                file.write(damaged(content, 'a bit'))
        return count
    monkeypatch.setattr(sys.modules['mnist_to_tfrecords'], 'check', check_and_damage)
    with pytest.raises(cli.UserError, match='train.tfrecords: a record cannot be read .*corrupted record at'):
        module.main(['--batch_size', '5', '--n_gpu', '2', '--sample'] + records)
    assert not queue_threads()


def test_record_files_of_ours_that_lack_records(run_script, tmp_path):
    run_script(RECORDS)
    path = tmp_path / 'runs' / 'sample' / 'ch07_acceleration' / 'data.tfrecords'
    size = os.path.getsize(str(path)) // 11235
    with open(str(path), 'r+b') as file:
        file.truncate(11234 * size)
    with pytest.raises(cli.UserError, match='data.tfrecords has 11234 records in place of 11235: delete it'):
        run_script(QUEUE)


def fixed_input(n):
    """An input of n random pictures, the same in every step."""
    random = np.random.RandomState(2)
    x, y_ = random.randint(256, size=(n, 784)).astype(np.float32), random.randint(10, size=n).astype(np.int32)
    return lambda: (tf.constant(x), tf.constant(y_))


@pytest.mark.parametrize('path', [QUEUE, TFDATA])
def test_towers_have_batches_of_their_own(path, records, monkeypatch):
    labels_of = load(RECORDS).read(records[1])[1]
    with tf.Graph().as_default():
        _, train_op, towers = build(monkeypatch, records, path)
        seen = []
        with running(5) as sess:
            for _ in range(3):
                batches, _ = sess.run([[(x, y_) for x, y_, _, _ in towers], train_op])
                for x, y_ in batches:
                    assert x.shape == (5, 784) and x.dtype == np.float32 and y_.dtype == np.int32
                    assert x[:, 2:].max() == 200 and (labels_of[numbered(x)] == y_).all()
                seen.append([numbered(x).tolist() for x, _ in batches])
    # Shuffled: 20 of 900 pictures, not the first 20.
    assert len({number for step in seen for batch in step for number in batch}) > 45
    assert max(number for step in seen for batch in step for number in batch) > 400
    assert not queue_threads()


def test_each_record_once_in_an_epoch(records, monkeypatch):
    """What tf.data deals out; the queue, of 10000 records, has these 900 many times."""
    with tf.Graph().as_default():
        multi, _, towers = build(monkeypatch, records, TFDATA, n_gpu=2, batch_size=225)
        with running(3) as sess:
            pictures = [tower[0] for tower in towers]
            numbers = np.ravel([[numbered(x) for x in sess.run(pictures)] for _ in range(2)])
    assert sorted(numbers) == list(range(900)) and list(numbers) != sorted(numbers)


def test_the_printed_input_gives_every_tower_the_same_batch(records, monkeypatch):
    """And then, on one device, three of the four towers are optimised away."""
    counts = {}
    for printed in False, True:
        with tf.Graph().as_default():
            split = tf.split
            if printed:
                monkeypatch.setattr(tf, 'split', lambda value, n: [split(value, n)[0]] * n)
            _, train_op, towers = build(monkeypatch, records, devices=['/cpu:0'] * 4)
            monkeypatch.setattr(tf, 'split', split)
            metadata = tf.RunMetadata()
            with running(1) as sess:
                batches, _ = sess.run(
                    [[x for x, _, _, _ in towers], train_op], run_metadata=metadata,
                    options=tf.RunOptions(output_partition_graphs=True))
                sess.run(train_op, run_metadata=metadata,
                         options=tf.RunOptions(output_partition_graphs=True))
            assert (numbered(np.array(batches)) == numbered(batches[0])).all() == printed
            counts[printed] = len([node for graph in metadata.partition_graphs for node in graph.node
                                   if node.op == 'MatMul' and re.match(r'GPU_\d/layer\d/', node.name)])
    assert counts == {False: 8, True: 2}


def test_each_tower_computes_on_its_device(records, monkeypatch):
    metadata = tf.RunMetadata()
    with tf.Graph().as_default() as graph:
        _, train_op, _ = build(monkeypatch, records)
        with running(5) as sess:
            sess.run(train_op, run_metadata=metadata,
                     options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE))
        # Figure 2: a colour for each tower, and one for the CPU, which also has all variables.
        for i in range(4):
            devices = {op.device for op in graph.get_operations() if op.name.startswith('GPU_%d/' % i)}
            assert devices == {'/device:CPU:%d' % (i + 1)}
        assert len(tf.global_variables()) == 9
        assert {v.device for v in tf.global_variables()} == {'/device:CPU:0'}
    ran = {node.node_name: device.device for device in metadata.step_stats.dev_stats
           for node in device.node_stats}
    for i in range(4):
        for layer in 'layer1', 'layer2':
            assert ran['GPU_%d/%s/MatMul' % (i, layer)] == CPU % (i + 1)
            assert ran['GPU_%d/gradients/GPU_%d/%s/MatMul_grad/MatMul_1' % (i, i, layer)] == CPU % (i + 1)


def test_inside_of_a_plain_device_the_first_tower_would_have_the_variables():
    with tf.Graph().as_default(), tf.device('/cpu:0'):
        with tf.device('/gpu:0'):
            assert tf.get_variable('v', [1]).device == '/device:GPU:0'
        setter = tf.train.replica_device_setter(worker_device='/gpu:0', ps_device='/cpu:0', ps_tasks=1)
        with tf.device(setter):
            assert tf.get_variable('w', [1]).device == '/device:CPU:0'
            assert tf.constant(1).op.device == '/device:GPU:0'


def test_averaged_gradients_are_those_of_the_big_batch(monkeypatch):
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        multi = load(QUEUE)
        averaged = []
        average_gradients = multi.average_gradients
        monkeypatch.setattr(multi, 'average_gradients', lambda towers: averaged.append(
            average_gradients(towers)) or averaged[0])
        monkeypatch.setattr(sys.modules[__name__], 'load', lambda path: multi)
        monkeypatch.setattr(multi, 'REGULARAZTION_RATE', 0.01)
        inputs = fixed_input(80)()
        build(monkeypatch, n_gpu=4, batch_size=20, get_input=lambda: inputs)
        variables = [variable for _, variable in averaged[0]]
        assert variables == tf.trainable_variables() and len(variables) == 4
        with tf.variable_scope(tf.get_variable_scope(), reuse=True), tf.name_scope('big') as scope:
            loss = multi.get_loss(*inputs, tf.contrib.layers.l2_regularizer(0.01), scope)
        with running(5) as sess:
            # Pixels up to 255 make large gradients; the error is relative to the largest.
            for big, (mean, _) in zip(*sess.run([tf.gradients(loss, variables), averaged[0]])):
                assert np.abs(big).max() > 0.01
                assert np.abs(big - mean).max() / np.abs(big).max() < 1e-5


def test_regularisation_losses_are_those_of_the_tower(monkeypatch):
    with tf.Graph().as_default():
        load(QUEUE).REGULARAZTION_RATE = 1.0
        multi = sys.modules['multi_gpu_mnist']
        monkeypatch.setattr(sys.modules[__name__], 'load', lambda path: multi)
        # All black: whatever the weights, each digit is as likely.
        black = tf.zeros([11, 784]), tf.range(11) % 10
        _, _, towers = build(monkeypatch, n_gpu=11, batch_size=1, get_input=lambda: black)
        assert [scope for _, _, scope, _ in towers] == ['GPU_%d/' % i for i in range(11)]
        for i in range(11):
            names = [loss.op.name for loss in tf.get_collection('losses', 'GPU_%d/' % i)]
            assert names == ['GPU_%d/%s/l2_regularizer' % (i, layer) for layer in ('layer1', 'layer2')]
        assert len(tf.get_collection('losses')) == 22
        assert len(tf.get_collection('loss')) == 0
        # The slash matters: else the first tower would count the eleventh's too.
        assert len(tf.get_collection('losses', 'GPU_1')) == 4
        with running(12) as sess:
            losses = sess.run([loss for _, _, _, loss in towers])
            weights = sess.run([v for v in tf.trainable_variables() if 'weights' in v.name])
        assert np.allclose(losses, losses[0], rtol=1e-5)
        # l2_regularizer is half the sum of squares.
        regularization = sum((w.astype(float) ** 2).sum() / 2 for w in weights)
        assert losses[0] == pytest.approx(np.log(10) + regularization, rel=1e-5) and regularization > 1000


def test_moving_averages_are_made_and_move(records, monkeypatch):
    with tf.Graph().as_default():
        _, train_op, _ = build(monkeypatch, records, n_gpu=2)
        averages = {v.op.name: v for v in tf.global_variables() if 'ExponentialMovingAverage' in v.op.name}
        assert sorted(averages) == [v.op.name + '/ExponentialMovingAverage' for v in sorted(
            tf.trainable_variables(), key=lambda v: v.op.name)]
        bias = averages['layer2/biases/ExponentialMovingAverage']
        with running(3) as sess:
            assert not sess.run(bias).any()
            for _ in range(5):
                sess.run(train_op)
            assert sess.run(bias).any()


def test_the_accuracy_is_of_the_moving_averages(records, run_script, tmp_path):
    flags = ['--batch_size', 5, '--n_gpu', 1, '--training_steps', 2, '--model_save_path', tmp_path / 'model']
    run_script(QUEUE, *(records + flags))
    path = tf.train.latest_checkpoint(str(tmp_path / 'model'))
    with tf.Graph().as_default(), tf.Session() as sess:
        saver = tf.train.import_meta_graph(path + '.meta', clear_devices=True)
        saver.restore(sess, path)
        averages = [v for v in tf.global_variables() if v.op.name.endswith('ExponentialMovingAverage')]
        # Only the last bias: every picture is a 3.
        sess.run([tf.assign(v, tf.zeros_like(v)) for v in averages])
        sess.run([tf.assign(v, tf.one_hot(3, 10)) for v in averages if 'layer2/biases' in v.op.name])
        saver.save(sess, path)
    labels = load(RECORDS).read(records[3])[1]
    out = run_script(QUEUE, *(records + flags))
    assert float(out.split('test accuracy = ')[1]) == pytest.approx((labels == 3).mean(), abs=1e-6)


def test_the_printed_reuse_leaves_no_moving_averages():
    with tf.Graph().as_default():
        for _ in range(2):
            variable = tf.get_variable('v', [1])
            tf.get_variable_scope().reuse_variables()
        with pytest.raises(ValueError, match='v/ExponentialMovingAverage/ does not exist'):
            tf.train.ExponentialMovingAverage(0.99).apply([variable])


def test_training_resumes_evaluates_and_leaves_no_thread(records, run_script, tmp_path):
    folder = tmp_path / 'runs' / 'sample' / 'ch07_acceleration' / 'logs_and_models'
    flags = records + ['--batch_size', 20, '--n_gpu', 3, '--learning_rate_base', 0.0005, '--seed', 1]
    before = threading.active_count()
    first = run_script(QUEUE, '--training_steps', 101, *flags)
    assert threading.active_count() == before
    assert '900 training records\n50 test records\n' in first
    lines = re.findall(LINE, first)
    assert [int(step) for step, _, _, _ in lines] == list(range(10, 101, 10))
    assert first.count('step ') == 10
    for _, _, examples_per_sec, sec_per_batch in lines:
        # 20 pictures a batch: the two are the same figure.
        assert float(sec_per_batch) == pytest.approx(20 / float(examples_per_sec), abs=0.00051)
    assert float(lines[-1][1]) < 15
    assert 'Trained 101 step(s)' in first
    assert float(re.search(r'model.ckpt-100: test accuracy = (\S+)', first).group(1)) > 0.6
    assert {os.path.basename(name) for name in glob.glob(str(folder / '*.index'))} == {
        'model.ckpt-0.index', 'model.ckpt-100.index'}

    # The other program has a folder of its own.
    assert 'Resuming' not in run_script(TFDATA, '--training_steps', 1, *flags)
    assert sorted(os.listdir(str(folder.parent))) == ['logs_and_models', 'tfdata_logs_and_models']

    second = run_script(QUEUE, '--training_steps', 121, *flags)
    assert 'Resuming after 101 training step(s)' in second
    assert [int(step) for step, _, _, _ in re.findall(LINE, second)] == [110, 120]
    again = run_script(QUEUE, '--training_steps', 121, *flags)
    assert 'Resuming after 121 training step(s)' in again and not re.findall(LINE, again)
    assert again.splitlines()[-1] == second.splitlines()[-1]
    # With other towers, the variables are the same.
    assert 'Resuming after 121' in run_script(QUEUE, '--training_steps', 122, *(flags + ['--n_gpu', 1]))

    histograms, colours = set(), set()
    for path in glob.glob(str(folder / 'events*')):
        for event in tf.train.summary_iterator(path):
            histograms.update(value.tag for value in event.summary.value if value.HasField('histo'))
            if event.graph_def:
                devices = {node.device for node in tf.GraphDef.FromString(event.graph_def).node}
                colours.add(len(devices - {''}))
    names = ['layer%d/%s' % (layer, kind) for layer in (1, 2) for kind in ('weights', 'biases')]
    # tf.summary.histogram counts on where there is an operation of the name, as the variable is.
    assert histograms == {name + '_1' for name in names} | {'gradients_on_average/' + name for name in names}
    # Three towers and the CPU. Event files of the same second have one name; the first run took longer.
    assert 4 in colours and colours <= {4, 2}


def test_queues_run_until_the_last_step(records, run_script):
    """Longer than the queue's content lasts, if it were stopped at step 0 as the print can be read."""
    flags = ['--batch_size', 250, '--n_gpu', 2]
    out = run_script(QUEUE, '--training_steps', 41, *(records + flags))
    assert 'step 40, ' in out and 'Trained 41 step(s)' in out

    with tf.Graph().as_default(), tf.Session() as sess:
        multi = load(QUEUE)
        multi.N_GPU, multi.BATCH_SIZE, multi.DATA_PATH = 2, 250, records[1]
        x, _ = multi.get_input()
        coord = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(sess=sess, coord=coord)
        with pytest.raises(tf.errors.OutOfRangeError):
            for step in range(41):
                sess.run(x)
                if step % 1000 == 0:
                    coord.request_stop()
                    coord.join(threads)
        # What was in the queue, at most 10000 + 3 * 500 records, was still there.
        assert 15 < step < 24


def test_a_training_that_is_killed_resumes(records, tmp_path):
    command = [sys.executable, os.path.join(ROOT, QUEUE), '--batch_size', '5', '--n_gpu', '2',
               '--model_save_path', str(tmp_path / 'model')] + records
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'universal_newlines': True}
    killed = subprocess.Popen(command + ['--training_steps', '1000000'], **pipes)
    try:
        for line in killed.stdout:
            if line.startswith('step 10,'):
                break
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    # The printed places of a checkpoint: step 0, step 1000, ...
    resumed = subprocess.run(command + ['--training_steps', '12'], timeout=200, **pipes)
    assert resumed.returncode == 0 and 'Traceback' not in resumed.stderr
    assert 'Resuming after 1 training step(s)' in resumed.stdout and 'model.ckpt-11: test' in resumed.stdout


def test_a_loss_that_is_no_number_is_not_saved(records, run_script, tmp_path):
    with pytest.raises(cli.UserError, match='the loss is .* at step .*--learning_rate_base'):
        run_script(QUEUE, '--batch_size', 5, '--learning_rate_base', 1e30, '--training_steps', 7, *records)
    names = glob.glob(str(tmp_path / 'runs' / 'sample' / 'ch07_acceleration' / 'logs_and_models' / '*.index'))
    assert [os.path.basename(name) for name in names] == ['model.ckpt-0.index'] and not queue_threads()


def test_batches_larger_than_the_data(records, run_script):
    with pytest.raises(cli.UserError, match='--n_gpu 4 .* --batch_size 300 .* 900'):
        run_script(QUEUE, '--batch_size', 300, *records)


def test_training_without_regularisation(records, run_script):
    assert 'test accuracy' in run_script(QUEUE, '--regularaztion_rate', 0, '--batch_size', 5, '--n_gpu', 1,
                                         '--training_steps', 1, *records)


def test_with_tfdata_a_seed_repeats_the_losses(records, run_script, tmp_path):
    def losses(seed, name):
        out = run_script(TFDATA, '--batch_size', 20, '--n_gpu', 3, '--training_steps', 41, '--seed', seed,
                         '--learning_rate_base', 1e-5, '--model_save_path', tmp_path / name, *records)
        assert 'model.ckpt-40: test accuracy' in out
        return [loss for _, loss, _, _ in re.findall(LINE, out)]
    first = losses(1, 'a')
    assert len(first) == 4 and losses(1, 'b') == first and losses(2, 'c') != first
    assert not queue_threads()


def test_towers_take_the_gpus_there_are(monkeypatch, capsys):
    multi = load(QUEUE)
    for gpus, n_gpu, devices, n_cpu in (
            (2, 4, ['/gpu:0', '/gpu:1'], 1), (8, 4, ['/gpu:0', '/gpu:1', '/gpu:2', '/gpu:3'], 1),
            (0, 3, ['/cpu:1', '/cpu:2', '/cpu:3'], 4)):
        monkeypatch.setattr(tf.config.experimental, 'list_physical_devices', lambda kind: ['GPU'] * gpus)
        multi.N_GPU = n_gpu
        assert multi.tower_devices() == (devices, n_cpu)
        out = capsys.readouterr().out
        assert out.count('\n') == 1 and ', '.join(devices) in out and ('No GPU' in out) == (gpus == 0)
    # On GPUs too, what trains is on them and the variables are not.
    with tf.Graph().as_default() as graph:
        multi.BATCH_SIZE = 5
        multi.build(['/gpu:0', '/gpu:1'], fixed_input(10))
        assert {v.device for v in tf.global_variables()} == {'/device:CPU:0'}
        second = [op for op in graph.get_operations() if op.name.startswith('GPU_1/')]
        assert {op.device for op in second} == {'/device:GPU:1'}


def test_placement_of_all_operations_on_demand(records, capfd):
    multi = load(QUEUE)
    for flag, expected in ([], False), (['--log_device_placement'], True):
        multi.main(['--batch_size', '5', '--n_gpu', '2', '--training_steps', '1'] + flag + records)
        assert ('GPU_1/layer1/MatMul: (MatMul): %s\n' % (CPU % 2) in capfd.readouterr().out) == expected


def test_the_printed_lines_are_one_batch_for_all_towers():
    """Examples/sec and sec/batch of the print agree with each other, at 400 examples a step."""
    for examples_per_sec, sec_per_batch in ((15292.3, 0.007), (18758.3, 0.005), (16313.3, 0.006),
                                            (14199.0, 0.007), (15034.7, 0.007), (16134.1, 0.006)):
        assert round(400 / examples_per_sec / 4, 3) == sec_per_batch
    # 100 of the 400 are distinct.
    assert round(15292.3 / 4) == 3823
    printed = 'step %d, loss = %.2f (%.1f examples/ ' ' sec; %.3f sec/batch)'
    assert 'examples/  sec' in printed % (10, 71.90, 15292.3, 0.007)
    assert not re.match(LINE, printed % (10, 71.90, 15292.3, 0.007) + '\n')


def test_recorded_lines_are_near_the_print():
    """Losses of single batches: at first they depend on the weights that are drawn, at the end they swing."""
    paths = sorted(glob.glob(os.path.join(ROOT, 'results', 'logs', 'multi_gpu_mnist-seed*.log')))
    assert len(paths) == 5
    for path in paths:
        lines = re.findall(LINE, open(path).read())
        losses = {int(step): float(loss) for step, loss, _, _ in lines}
        assert sorted(losses) == list(range(10, 1000, 10))
        for step, printed in ((10, 71.90), (20, 37.97), (30, 9.54), (40, 11.84)):
            assert printed / 4 < losses[step] < printed * 4
        # From step 900 on, as the docstring says; the print has 0.66 and 1.56.
        assert all(0.1 < losses[step] < 5 for step in range(900, 1000, 10))
        for _, _, examples_per_sec, sec_per_batch in lines:
            assert float(sec_per_batch) == pytest.approx(100 / float(examples_per_sec), abs=0.00051)


def test_figure_1_is_memory_and_not_computing():
    for used, total, process, _, load_ in FIGURE_1:
        assert used - process == 8 and round(100 * used / total, 1) == 93.6 and load_ <= 4
    assert len(FIGURE_1) == 4


def test_constants_are_as_printed():
    for name, constants in CONSTANTS.items():
        module = load('ch07_acceleration/%s.py' % name)
        assert {key: getattr(module, key) for key in constants} == constants, name
    hosts = CONSTANTS['dist_cluster']
    assert len(hosts['WORKER_HOSTS'].split(',')) == 3 and len(hosts['PS_HOSTS'].split(',')) == 2


def test_queue_decay_and_steps_are_as_printed(monkeypatch):
    """What stands as plain numbers in the program."""
    queues, decays = [], []
    shuffle_batch, exponential_decay = tf.train.shuffle_batch, tf.train.exponential_decay
    monkeypatch.setattr(tf.train, 'shuffle_batch',
                        lambda *args, **kwargs: queues.append(kwargs) or shuffle_batch(*args, **kwargs))
    monkeypatch.setattr(tf.train, 'exponential_decay',
                        lambda *args: decays.append(args) or exponential_decay(*args))
    with tf.Graph().as_default():
        build(monkeypatch, batch_size=100)
        (queue,), ((base, _, steps, decay),) = queues, decays
        # The printed capacity, 10300, is for one batch; four towers have four.
        assert (queue['min_after_dequeue'], queue['capacity'], queue['batch_size']) == (10000, 11200, 400)
        assert (base, steps, decay) == (0.001, 600, 0.99)
        # By 1.7 % in the 1000 steps.
        assert round(100 * (1 - 0.99 ** (1000 / 600)), 1) == 1.7
        assert [v.op.name for v in tf.trainable_variables()] == [
            'layer%d/%s' % (layer, kind) for layer in (1, 2) for kind in ('weights', 'biases')]
        assert tf.trainable_variables()[0].shape == [784, 500]


def test_the_printed_forms_fail():
    y, y_ = np.zeros((2, 10), np.float32), np.zeros(2, np.int32)
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match='named arguments'):
            tf.nn.sparse_softmax_cross_entropy_with_logits(y, y_)
        with pytest.raises(ValueError, match='must have rank 0'):
            tf.concat(0, [tf.constant([[1.0]]), tf.constant([[2.0]])])
        with pytest.raises(IndexError):
            (tf.constant(1.0), tf.constant(1.0))[7]
        for name in 'histogram_summary', 'merge_all_summaries':
            assert not hasattr(tf, name)
        assert not hasattr(tf.train, 'SummaryWriter')
    for printed in ('def get_input():\n    pass\nreturn 1',
                    "for i in range(4):\n    with a:\n        pass\n# comment\ntf.get_variable()\n  b()"):
        with pytest.raises(SyntaxError):
            compile(printed, 'print', 'exec')


@pytest.mark.real_data
def test_the_call_fits_the_network_of_article_3():
    from ch03_training_tricks import mnist_inference as fully_connected
    from ch04_cnn import mnist_inference as convolutional
    with tf.Graph().as_default():
        x = tf.zeros([2, 784])
        assert fully_connected.inference(x, None).shape == (2, 10)
        with pytest.raises(TypeError):
            convolutional.inference(x, None)


def test_input_speed(run_script, tmp_path):
    """Small: the ratios are for the real measurement, in RESULTS.md."""
    out = run_script(SPEED, '--ways', 6, '--repeats', 1, '--steps', 3, '--warmup', 1)
    rows = re.findall(r'^ ?(\d+) (.{43}) +(\d+) +(\d+) +(\d+\.\d\d)$', out, re.MULTILINE)
    assert [row[0] for row in rows] == ['0', '6'] and rows[0][4] == '1.00'
    assert 'Fastest with distinct examples: ' in out and 'constant' not in out.split('Fastest')[1]
    folder = tmp_path / 'runs' / 'sample' / 'ch07_acceleration'
    results = json.load(open(str(folder / 'input_speed.json')))
    assert [result['way'] for result in results] == [row[1].strip() for row in rows]
    for row, result in zip(rows, results):
        assert result['median'] == pytest.approx(float(row[2]), abs=0.51) and result['towers'] == 4
        assert result['ratio'] == pytest.approx(result['median'] / results[0]['median'])
    assert png.imread(str(folder / 'input_speed.png')).std() > 0.05


@pytest.mark.parametrize('number', range(15))
def test_every_way_trains_on_pictures_with_their_labels(number, records, monkeypatch):
    speed = load(SPEED)
    multi = sys.modules['multi_gpu_mnist']
    name, get_input, towers, batch, _ = speed.WAYS[number]
    multi.N_GPU, multi.BATCH_SIZE = towers, 5
    multi.DATA_PATH, multi.TEST_PATH = records[1], records[3]
    images, labels = load(RECORDS).read(records[3 if 'constant' in name else 1])
    with tf.Graph().as_default():
        x, y_ = get_input()
        with running(1) as sess:
            steps = [sess.run([x, y_]) for _ in range(2)]
    for x, y_ in steps:
        assert x.shape == (5 * towers, 784) and x.dtype == np.float32 and y_.dtype == np.int32
        assert (images[numbered(x)] == x).all() and (labels[numbered(x)] == y_).all()
    assert (steps[0][0] == steps[1][0]).all() == ('constant' in name)


def test_a_way_that_fails_or_is_not_there(monkeypatch, run_script):
    def child(command, **kwargs):
        number = command[command.index('--measure') + 1]
        if number == '10':
            assert kwargs['env']['TF_XLA_FLAGS'] == '--tf_xla_cpu_global_jit'
        else:
            assert 'TF_XLA_FLAGS' not in kwargs['env']
        return subprocess.CompletedProcess(
            command, number == '6', 'some words\n%s\n' % {'0': 100.0, '10': 'nan', '11': 250.0}.get(number),
            'noise\ninput_speed.py: error: no way\n')
    monkeypatch.delenv('TF_XLA_FLAGS', raising=False)
    monkeypatch.setattr(subprocess, 'run', child)
    out = run_script(SPEED, '--ways', 10, 11, '--repeats', 3)
    assert re.search(r'10 tf.data, batches parsed, XLA +XLA compiles nothing', out)
    assert re.search(r'11 all pictures in memory +250 +250 +2.50\n', out)
    assert 'Fastest with distinct examples: all pictures in memory, 2.50 times' in out
    with pytest.raises(cli.UserError, match='^tf.data, batches parsed: input_speed.py: error: no way$'):
        run_script(SPEED, '--ways', 6)
