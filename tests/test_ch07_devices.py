"""Article 7, first half: placement, record files, towers, and what makes them faster."""
from companion import cli, printed

import argparse
import contextlib
import glob
import gzip
import inspect
import json
import os
import re
import struct
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
import tensorflow as tf
from matplotlib import image as png

from conftest import ROOT, Built, events, load, read, recorded, stop
from network import LAYERS

PLACEMENT = 'ch07_acceleration/device_placement.py'
MANUAL = 'ch07_acceleration/device_manual.py'
RECORDS = 'ch07_acceleration/mnist_to_tfrecords.py'
QUEUE = 'ch07_acceleration/multi_gpu_mnist.py'
TFDATA = 'ch07_acceleration/extras/multi_gpu_mnist_tfdata.py'
SPEED = 'ch07_acceleration/extras/input_speed.py'
MULTI = 'ch07_acceleration.multi_gpu_mnist'

# Figure 1, GPU by GPU: MiB in use, MiB in all, and MiB of the process; per cent of use.
FIGURE_1 = [(3776, 4036, 3768, 4), (3776, 4036, 3768, 4), (3776, 4036, 3768, 3), (3776, 4036, 3768, 3)]

CPU = '/job:localhost/replica:0/task:0/device:CPU:%d'
LINE = r'step (\d+), loss = (\d+\.\d\d) \((\d+\.\d) examples/sec; (\d+\.\d{3}) sec/batch\)\n'
# TensorFlow gives a histogram a free name: layer1/weights is the variable's.
HISTOGRAMS = [name + '_1' for name in LAYERS] + ['gradients_on_average/' + name for name in LAYERS]

# Recorded on TensorFlow 1.15.5: operations of the graph, and what test_losses_of_a_seed computes.
OPERATIONS = 618
LOSSES = [671.97, 526.32, 443.83, 384.87]
SUMS = [28280.418, 0.000511249120, 358.072144, 6.82765749e-05]
TFDATA_LOSSES = [157.62, 57.30]

on_1 = pytest.mark.skipif(tf.__version__ >= '2', reason='the values are those of TensorFlow 1.15')
without_gpu = pytest.mark.skipif(bool(tf.config.experimental.list_physical_devices('GPU')),
                                 reason='what is expected is of a machine without a GPU')


def placed(*pairs):
    return ''.join('%s: (%s): %s\n' % (name, kind, CPU % cpu) for name, kind, cpu in pairs)


def write(path, images, labels):
    load(RECORDS).convert(np.asarray(images, np.uint8), labels, str(path))
    return str(path)


@pytest.fixture(scope='module')
def records(tmp_path_factory):
    """Files of 900 training and 50 test records, as flags. A bright row tells an image's label."""
    folder = tmp_path_factory.mktemp('records')
    random = np.random.RandomState(1)

    def images(n):
        labels = random.randint(10, size=n)
        pixels = random.randint(40, size=(n, 28, 28))
        pixels[np.arange(n), 2 * labels + 4] = 200
        # The first two pixels number the images, so that each can be recognized.
        pixels[:, 0, 0], pixels[:, 0, 1] = np.arange(n) // 250, np.arange(n) % 250
        return pixels.reshape(n, 784), labels
    return ['--data_path', write(folder / 'train.tfrecords', *images(900)),
            '--test_path', write(folder / 'test.tfrecords', *images(50))]


@pytest.fixture
def short_queue(monkeypatch):
    """The queue with 500 records in it in place of 10000, which take two seconds to fill."""
    shuffle_batch = tf.train.shuffle_batch

    def shorter(tensors, batch_size, capacity, min_after_dequeue, **more):
        assert min_after_dequeue == 10000 and capacity > 10000
        return shuffle_batch(tensors, batch_size, capacity=capacity - 9500, min_after_dequeue=500, **more)
    monkeypatch.setattr(tf.train, 'shuffle_batch', shorter)


def numbered(images):
    return (images[..., 0] * 250 + images[..., 1]).astype(int)


def fixed_input(n, high=256):
    """An input of n random images, the same in every step."""
    random = np.random.RandomState(2)
    x = random.randint(high, size=(n, 784)).astype(np.float32)
    y_ = random.randint(10, size=n).astype(np.int32)
    return lambda: (tf.constant(x), tf.constant(y_))


def as_printed(*changes):
    """Return multi_gpu_mnist.py as a module with lines of the print in place of ours: (ours, printed)."""
    load(QUEUE)
    source = read(QUEUE)
    for ours, theirs in changes:
        assert source.count(ours) == 1, ours
        source = source.replace(ours, theirs)
    module = types.ModuleType('as_printed')
    exec(compile(source, 'as_printed.py', 'exec'), vars(module))
    return module


def build(monkeypatch, multi, get_input, n_gpu=4, batch_size=5):
    """Build the program's graph, up to its session.

    Returns:
        The graph, the training operation, and for each tower (x, y_, scope, loss). multi.averaged is what
        average_gradients returned.
    """
    multi.N_GPU, multi.BATCH_SIZE = n_gpu, batch_size
    towers, get_loss, average_gradients = [], multi.get_loss, multi.average_gradients

    def seen(x, y_, regularizer, scope):
        loss = get_loss(x, y_, regularizer, scope)
        towers.append((x, y_, scope, loss))
        return loss

    def averaging(tower_grads):
        multi.averaged = average_gradients(tower_grads)
        return multi.averaged
    with monkeypatch.context() as patch:
        patch.setattr(multi, 'get_loss', seen)
        patch.setattr(multi, 'average_gradients', averaging)
        patch.setattr(tf, 'Session', stop)
        with pytest.raises(Built):
            multi.train(argparse.Namespace(seed=1, log_device_placement=False), get_input)
    graph = towers[0][3].graph
    return graph, graph.get_operation_by_name('group_deps'), towers


@contextlib.contextmanager
def running(graph, n_cpu):
    """A session of a graph with its variables and its queues."""
    with graph.as_default(), tf.Session(config=tf.ConfigProto(
            device_count={'CPU': n_cpu}, allow_soft_placement=True)) as sess:
        sess.run(graph.get_operation_by_name('init'))
        coord = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(sess=sess, coord=coord)
        yield sess
        coord.request_stop()
        coord.join(threads)


# TensorFlow 使用 GPU

@without_gpu
def test_device_placement(capfd):
    load(PLACEMENT).main([])
    out = capfd.readouterr().out.splitlines()
    lines = placed(('add', 'AddV2', 0), ('a', 'Const', 0), ('b', 'Const', 0)).splitlines()
    assert [line for line in out if line in lines] == lines and '[2. 4. 6.]' in out
    # The printed spelling.
    assert not any('/task:0/cpu:0' in line or 'no known devices' in line for line in out)


@without_gpu
@on_1
def test_device_manual(capfd):
    load(MANUAL).main([])
    asked, soft, two, four, no_code, soft_again, types = capfd.readouterr().out.split('\n\n')
    sums = [('add', 'AddV2', 0), ('a', 'Const', 0), ('b', 'Const', 0)]

    def shown(text):
        return [line for line in text.splitlines() if not re.match('Device mapping:|/job:.* -> ', line)]
    heading, error = shown(asked)
    assert heading == 'The sum on /gpu:1, as the program asks:'
    assert re.match('InvalidArgumentError: Cannot assign a device for operation add: node add was '
                    'explicitly assigned to /device:GPU:1 but available devices are .*'
                    'Make sure the device specification refers to a valid device.$', error)
    assert shown(soft) == ['The same, with allow_soft_placement=True:'] + placed(*sums).splitlines() + ['[2. 4. 6.]']
    assert shown(two) == ["The sum on /cpu:1, with device_count={'CPU': 2}:"] + placed(
        ('add', 'AddV2', 1), *sums[1:]).splitlines() + ['[2. 4. 6.]']
    assert four == '4 CPU devices in one session, and what ran on each:\n' + '\n'.join(
        'square_%d: %s' % (i, CPU % i) for i in range(4))
    assert shown(no_code) == ['Operations for which /device:XLA_CPU:0 has no code:'] + [
        'InvalidArgumentError: Cannot assign a device for operation %s: Could not satisfy explicit device '
        "specification '/device:XLA_CPU:0' because no supported kernel for XLA_CPU devices is available."
        % name for name in ('counter', 'text')]
    assert shown(soft_again) == ['The same, with allow_soft_placement=True:', '7', "b'not here'"]
    assert [line.split()[0] for line in types.splitlines()] == ['Types', 'VariableV2', 'MatMul', 'AddV2', 'StringJoin']


def test_another_device_and_no_device(refuses, run_script):
    out = run_script(MANUAL, '--device', '/cpu:0', '--n_cpu', 2)
    assert out.count('[2. 4. 6.]') == 3 and '2 CPU devices in one session' in out
    refuses('--device: must be a name such as /gpu:1', MANUAL, '--device', 'gpu one:two', status=2)


@without_gpu
def test_the_printed_device_is_an_error_without_it():
    """tf.device('/gpu:1') as printed, also for an operation that the session is not asked for."""
    with tf.Graph().as_default():
        with tf.device('/gpu:1'):
            tf.constant(1.0) + tf.constant(2.0)
        other = tf.constant(3.0)
        with tf.Session() as sess, pytest.raises(tf.errors.InvalidArgumentError, match='/device:GPU:1'):
            sess.run(other)


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
    assert types('VariableV2') == sorted(types('VariableV2'))
    assert 'float32' in types('MatMul') and types('StringJoin') == []


# 多 GPU 并行: the record files

def test_records_hold_the_images(refuses, run_script, tmp_path):
    out = run_script(RECORDS)
    folder = tmp_path / 'runs' / 'sample' / 'ch07_acceleration'
    assert re.search('Wrote 11235 records, 9.7 MB, to .*data.tfrecords\n', out)
    assert re.search('Wrote 1500 records, 1.3 MB, to .*test.tfrecords\n', out)
    assert sorted(os.listdir(str(folder))) == ['data.tfrecords', 'test.tfrecords']
    compare_records(re.search('Extracting (.*)/train-images', out).group(1), folder)
    path = str(folder / 'data.tfrecords')
    with open(path, 'r+b') as file:              # cut between two records
        file.truncate(os.path.getsize(path) // 11235 * 11234)
    refuses('data.tfrecords has 11234 records instead of 11235: delete', QUEUE)


@pytest.mark.slow
@pytest.mark.real_data
def test_records_hold_all_of_mnist(run_script, tmp_path, real_data):
    folder = tmp_path / 'runs' / 'ch07_acceleration'
    out = run_script(RECORDS, '--data_dir', real_data)
    assert 'Wrote 60000 records, 51.6 MB' in out and 'Wrote 10000 records, 8.6 MB' in out
    compare_records(os.path.join(real_data, 'mnist'), folder)


def compare_records(mnist_dir, folder):
    """Compare with MNIST's own files, not by our reader: by TensorFlow's parser in the graph."""
    for part, prefix in ('data', 'train'), ('test', 't10k'):
        images, labels = (np.frombuffer(gzip.open(os.path.join(mnist_dir, prefix + name)).read()[head:], np.uint8)
                          for name, head in (('-images-idx3-ubyte.gz', 16), ('-labels-idx1-ubyte.gz', 8)))
        images, path = images.reshape(-1, 784), str(folder / (part + '.tfrecords'))
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
    with pytest.raises(cli.UserError, match='a.tfrecords.* is not what was written'):
        module.convert(np.zeros((3, 784), np.uint8), [1, 2, 3], path)
    assert open(path, 'rb').read() == before and os.listdir(str(tmp_path)) == ['a.tfrecords']
    with pytest.raises(cli.UserError, match='cannot write .*--data_path'):
        module.convert(np.zeros((3, 784), np.uint8), [1, 2, 3], path + '/b.tfrecords')


def queue_threads():
    return [thread.name for thread in threading.enumerate() if 'QueueRunner' in thread.name]


def damaged(content, how):
    # A record is its length, 8 bytes, two check sums of 4, and the content.
    place = 3 * (8 + 4 + 4 + struct.unpack('<Q', content[:8])[0]) + 50
    return {'cut': content[:-7], 'a bit': content[:place] + bytes([content[place] ^ 4]) + content[place + 1:],
            'empty': b'', 'no records': b'to be or not to be, that is the question'}[how]


@pytest.mark.parametrize('how, words', [
    ('cut', 'is damaged after 899 records'), ('a bit', 'is damaged after 3 records'), ('empty', 'is empty'),
    ('no records', 'is damaged after 0 records'), ('missing', 'cannot be read')])
def test_check_names_a_damaged_record_file(how, words, records, tmp_path):
    path = tmp_path / 'bad.tfrecords'
    if how != 'missing':
        path.write_bytes(damaged(open(records[1], 'rb').read(), how))
    with pytest.raises(cli.UserError, match='bad.tfrecords.* ' + words) as error:
        load(RECORDS).check(str(path))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('path', [QUEUE, TFDATA])
@pytest.mark.parametrize('number', [1, 3])
def test_a_damaged_record_file_is_named(refuses, path, number, records, tmp_path):
    bad = tmp_path / 'bad.tfrecords'
    bad.write_bytes(damaged(open(records[number], 'rb').read(), 'a bit'))
    refuses('bad.tfrecords', path, '--batch_size', 5, *records[:number] + [bad] + records[number + 1:])
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
            with pytest.raises(cli.UserError, match='bad.tfrecords: record 0 is not an image'):
                load(RECORDS).check(path)
        else:
            assert load(RECORDS).check(path) == 1
    with tf.python_io.TFRecordWriter(path) as writer:
        writer.write(b'no example')
    with pytest.raises(cli.UserError, match='bad.tfrecords: record 0 is not an image'):
        load(RECORDS).check(path)


@pytest.mark.parametrize('path', [QUEUE, TFDATA])
@pytest.mark.usefixtures('short_queue')
def test_a_record_that_is_damaged_while_a_training_runs(path, records, tmp_path, monkeypatch):
    """After the check, so that the reader in the graph finds it."""
    module = load(path)
    content, train = open(records[1], 'rb').read(), tmp_path / 'train.tfrecords'
    train.write_bytes(content)
    records_of = sys.modules['ch07_acceleration.mnist_to_tfrecords']
    check = records_of.check

    def check_and_damage(path):
        count = check(path)
        if path == str(train):
            train.write_bytes(damaged(content, 'a bit'))
        return count
    monkeypatch.setattr(records_of, 'check', check_and_damage)
    with pytest.raises(cli.UserError, match='train.tfrecords: a record cannot be read .*corrupted record at'):
        module.main(['--batch_size', '5', '--n_gpu', '2', '--sample', '--data_path', str(train)] + records[2:])
    assert not queue_threads()


# 多 GPU 并行: the towers

@pytest.mark.parametrize('path', [QUEUE, TFDATA])
@pytest.mark.usefixtures('short_queue')
def test_towers_have_their_own_batches(path, records, monkeypatch):
    labels_of = load(RECORDS).read(records[1])[1]
    module = load(path)
    multi = sys.modules[MULTI]
    multi.DATA_PATH = records[1]
    graph, train_op, towers = build(monkeypatch, multi, module.get_input)
    seen = []
    with running(graph, 5) as sess:
        for _ in range(3):
            batches, _ = sess.run([[(x, y_) for x, y_, _, _ in towers], train_op])
            for x, y_ in batches:
                assert x.shape == (5, 784) and x.dtype == np.float32 and y_.dtype == np.int32
                assert x[:, 2:].max() == 200 and (labels_of[numbered(x)] == y_).all()
            seen += [number for x, _ in batches for number in numbered(x)]
    # Shuffled: of the 900 images, not the first ones.
    assert len(set(seen)) > 45 and max(seen) > 300
    assert not queue_threads()


def test_each_record_once_in_an_epoch(records, monkeypatch):
    """What tf.data deals out; the queue, which holds 10000 records, has these 900 many times."""
    tfdata = load(TFDATA)
    tfdata.multi_gpu_mnist.DATA_PATH = records[1]
    graph, _, towers = build(monkeypatch, tfdata.multi_gpu_mnist, tfdata.get_input, n_gpu=2, batch_size=225)
    with running(graph, 3) as sess:
        images = [x for x, _, _, _ in towers]
        numbers = np.ravel([[numbered(x) for x in sess.run(images)] for _ in range(2)])
    assert sorted(numbers) == list(range(900)) and list(numbers) != sorted(numbers)


@pytest.mark.parametrize('printed_form', [False, True])
@pytest.mark.usefixtures('short_queue')
def test_the_printed_input_gives_every_tower_the_same_batch(printed_form, records, monkeypatch):
    """And then, on one device, three of the four towers are optimised away."""
    multi = as_printed(*[
        ('batch_size = N_GPU * BATCH_SIZE', 'batch_size = BATCH_SIZE'),
        ('        x, y_ = tf.split(x, N_GPU), tf.split(y_, N_GPU)', '        #'),
        ('get_loss(x[i], y_[i], regularizer, scope)', 'get_loss(x, y_, regularizer, scope)')] * printed_form)
    multi.DATA_PATH = records[1]
    monkeypatch.setattr(multi, 'tower', lambda i: '/cpu:0')
    graph, train_op, towers = build(monkeypatch, multi, multi.get_input)
    metadata = tf.RunMetadata()
    options = tf.RunOptions(output_partition_graphs=True)
    with running(graph, 1) as sess:
        batches, _ = sess.run([[x for x, _, _, _ in towers], train_op])
        sess.run(train_op, run_metadata=metadata, options=options)
    assert (numbered(np.array(batches)) == numbered(batches[0])).all() == printed_form
    products = [node.name for part in metadata.partition_graphs for node in part.node
                if node.op in ('MatMul', '_FusedMatMul') and re.match(r'GPU_\d/layer\d/', node.name)]
    assert len(products) == (2 if printed_form else 8)


@on_1
def test_the_graph(records, monkeypatch):
    """Names, shapes, devices; a line more or less changes the number of operations."""
    multi = load(QUEUE)
    multi.DATA_PATH = records[1]
    graph, _, towers = build(monkeypatch, multi, multi.get_input)
    with graph.as_default():
        assert [(v.op.name, v.shape.as_list()) for v in tf.trainable_variables()] == list(zip(
            LAYERS, ([784, 500], [500], [500, 10], [10])))
        assert [v.op.name for v in tf.global_variables()] == ['global_step'] + LAYERS + [
            name + '/ExponentialMovingAverage' for name in LAYERS]
        assert {v.dtype.name for v in tf.global_variables()} == {'float32_ref'}
        # Figure 2: a colour for each tower, and one for the CPU, which also has all variables.
        assert {v.device for v in tf.global_variables()} == {'/device:CPU:0'}
        for i in range(4):
            devices = {op.device for op in graph.get_operations() if op.name.startswith('GPU_%d/' % i)}
            assert devices == {'/device:CPU:%d' % (i + 1)}
        others = {op.device for op in graph.get_operations() if not op.name.startswith('GPU_')}
        assert others - {''} == {'/device:CPU:0'}
        summaries = sorted(op.name for op in graph.get_operations() if op.type == 'HistogramSummary')
        assert summaries == sorted(HISTOGRAMS)
        assert len([op for op in graph.get_operations() if op.type == 'MergeSummary']) == 1
    assert [scope for _, _, scope, _ in towers] == ['GPU_%d/' % i for i in range(4)]
    assert len(graph.get_operations()) == OPERATIONS


@without_gpu
@pytest.mark.usefixtures('short_queue')
def test_each_tower_computes_on_its_device(records, monkeypatch):
    multi = load(QUEUE)
    multi.DATA_PATH = records[1]
    graph, train_op, _ = build(monkeypatch, multi, multi.get_input)
    metadata = tf.RunMetadata()
    with running(graph, 5) as sess:
        sess.run(train_op, run_metadata=metadata, options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE))
    ran = {node.node_name: device.device for device in metadata.step_stats.dev_stats for node in device.node_stats}
    for i in range(4):
        for layer in 'layer1', 'layer2':
            assert ran['GPU_%d/%s/MatMul' % (i, layer)] == CPU % (i + 1)
            assert ran['GPU_%d/gradients/GPU_%d/%s/MatMul_grad/MatMul_1' % (i, i, layer)] == CPU % (i + 1)


def test_with_the_printed_device_the_first_tower_has_the_variables(monkeypatch):
    multi = as_printed(('with tf.device(tower(i)):', "with tf.device('/gpu:%d' % i):"))
    graph, _, _ = build(monkeypatch, multi, fixed_input(10), n_gpu=2)
    with graph.as_default():
        assert {v.device for v in tf.trainable_variables()} == {'/device:GPU:0'}


def test_towers_take_the_gpus_there_are(monkeypatch, capsys):
    for gpus, n_gpu, devices in (
            (2, 4, ['/gpu:0', '/gpu:1']), (8, 4, ['/gpu:0', '/gpu:1', '/gpu:2', '/gpu:3']),
            (0, 3, ['/cpu:1', '/cpu:2', '/cpu:3'])):
        multi = load(QUEUE)
        monkeypatch.setattr(tf.config.experimental, 'list_physical_devices',
                            lambda kind: ['GPU'] * gpus * (kind == 'GPU'))
        multi.N_GPU = n_gpu
        assert multi.count_towers() == len(devices)
        out = capsys.readouterr().out
        assert out.count('\n') == 1 and out.endswith(', '.join(devices) + '\n')
        assert out.startswith('No GPU here: 3 tower(s)' if gpus == 0 else
                              '%d GPU(s) here: %d tower(s)' % (gpus, len(devices)))
        # What computes is on the tower's device, and the variables are not.
        graph, _, _ = build(monkeypatch, multi, fixed_input(5 * len(devices)), n_gpu=len(devices))
        with graph.as_default():
            assert {v.device for v in tf.global_variables()} == {'/device:CPU:0'}
        for i, device in enumerate(devices):
            assert {op.device for op in graph.get_operations() if op.name.startswith('GPU_%d/' % i)} == {
                '/device:' + device[1:].upper()}


def test_averaged_gradients_are_those_of_the_big_batch(monkeypatch):
    multi = load(QUEUE)
    multi.REGULARAZTION_RATE = 0.01
    inputs = []
    graph, _, _ = build(monkeypatch, multi, lambda: inputs.append(fixed_input(80)()) or inputs[0], batch_size=20)
    variables = [variable for _, variable in multi.averaged]
    with graph.as_default():
        assert variables == tf.trainable_variables() and len(variables) == 4
        with tf.variable_scope(tf.get_variable_scope(), reuse=True), tf.name_scope('big') as scope:
            loss = multi.get_loss(*inputs[0], tf.contrib.layers.l2_regularizer(0.01), scope)
        gradients = tf.gradients(loss, variables)
    with running(graph, 5) as sess:
        # Pixels up to 255 make large gradients; the error is relative to the largest.
        for big, (mean, _) in zip(*sess.run([gradients, multi.averaged])):
            assert np.abs(big).max() > 0.01
            assert np.abs(big - mean).max() / np.abs(big).max() < 1e-5


def test_regularisation_losses_are_those_of_the_tower(monkeypatch):
    multi = load(QUEUE)
    multi.REGULARAZTION_RATE = 1.0
    # All black: whatever the weights, each digit is equally likely.
    graph, _, towers = build(monkeypatch, multi, lambda: (tf.zeros([11, 784]), tf.range(11) % 10),
                             n_gpu=11, batch_size=1)
    with graph.as_default():
        for i in range(11):
            names = [loss.op.name for loss in tf.get_collection('losses', 'GPU_%d/' % i)]
            assert names == ['GPU_%d/%s/l2_regularizer' % (i, layer) for layer in ('layer1', 'layer2')]
        assert len(tf.get_collection('losses')) == 22
        assert len(tf.get_collection('loss')) == 0
        # The slash matters: without it the first tower would also count the eleventh's.
        assert len(tf.get_collection('losses', 'GPU_1')) == 4
        weights = [v for v in tf.trainable_variables() if 'weights' in v.name]
    with running(graph, 12) as sess:
        losses, weights = sess.run([[loss for _, _, _, loss in towers], weights])
    # l2_regularizer is half the sum of squares.
    regularization = sum((w.astype(float) ** 2).sum() / 2 for w in weights)
    assert np.allclose(losses, np.log(10) + regularization, rtol=1e-5) and regularization > 1000


def test_one_step_moves_the_variables_and_their_averages(monkeypatch):
    multi = load(QUEUE)
    graph, train_op, _ = build(monkeypatch, multi, fixed_input(10), n_gpu=2)
    with graph.as_default():
        variables = tf.trainable_variables()
        averages = {v.op.name: v for v in tf.global_variables() if 'ExponentialMovingAverage' in v.op.name}
        averages = [averages[v.op.name + '/ExponentialMovingAverage'] for v in variables]
        global_step = tf.global_variables()[0]
    with running(graph, 3) as sess:
        before, gradients = sess.run([variables, [gradient for gradient, _ in multi.averaged]])
        assert all((a == b).all() for a, b in zip(sess.run(averages), before))
        sess.run(train_op)
        after, moved, steps = sess.run([variables, averages, global_step])
    assert steps == 1 and steps.dtype == np.float32
    for old, gradient, new, average in zip(before, gradients, after, moved):
        assert np.allclose(new, old - 0.001 * gradient, rtol=1e-3, atol=1e-5 * np.abs(gradient).max())
        # Of the variables before or after the update, and with the step's number before or after it.
        wanted = [decay * old + (1 - decay) * value for value in (old, new) for decay in (1 / 10, 2 / 11)]
        assert any(np.allclose(average, values, rtol=1e-3, atol=1e-5) for values in wanted)


def test_queue_and_learning_rate(monkeypatch):
    multi = load(QUEUE)
    with recorded(tf.train, 'exponential_decay') as decays:
        graph, _, towers = build(monkeypatch, multi, multi.get_input, batch_size=100)
    (queue,), ((base, _, steps, decay),) = [
        op for op in graph.get_operations() if op.type == 'RandomShuffleQueueV2'], decays
    # The printed capacity, 10300, is for one batch; four towers have four.
    assert (queue.get_attr('capacity'), queue.get_attr('min_after_dequeue')) == (11200, 10000)
    assert towers[0][0].shape.as_list() == [100, 784]
    assert (base, steps, decay) == (0.001, 600, 0.99)
    # By 1.7 % in the 1000 steps.
    assert round(100 * (1 - 0.99 ** (1000 / 600)), 1) == 1.7


@on_1
def test_losses_of_a_seed(monkeypatch, tmp_path, capsys):
    """With a fixed input the whole program repeats; the values are recorded ones."""
    multi = load(QUEUE)
    multi.N_GPU, multi.BATCH_SIZE, multi.TRAINING_STEPS = 4, 20, 41
    # At ten times this rate the loss jumps, and rounding, which another processor does in another order, shows.
    multi.LEARNING_RATE_BASE, multi.MODEL_SAVE_PATH = 2e-6, str(tmp_path)
    capsys.readouterr()
    multi.train(argparse.Namespace(seed=1, log_device_placement=False, n_gpu=4), fixed_input(80))
    losses = [float(loss) for _, loss, _, _ in re.findall(LINE, capsys.readouterr().out)]
    assert losses == pytest.approx(LOSSES, rel=1e-3)
    reader = tf.train.load_checkpoint(str(tmp_path))
    assert reader.get_tensor('global_step') == 41
    found = [float(np.abs(reader.get_tensor(name)).sum()) for name in LAYERS]
    assert found == pytest.approx(SUMS, rel=1e-3)


# 多 GPU 并行: the training

def colours_and_histograms(folder):
    """Return how many devices the graphs in the event files have, and the tags of the histograms."""
    found = list(events(folder))
    graphs = [tf.GraphDef.FromString(event.graph_def) for event in found if event.graph_def]
    return ({len({node.device for node in graph.node} - {''}) for graph in graphs},
            {value.tag for event in found for value in event.summary.value if value.HasField('histo')})


@pytest.mark.usefixtures('short_queue')
def test_training_prints_saves_evaluates_and_resumes(records, run_script, tmp_path):
    folder = tmp_path / 'runs' / 'sample' / 'ch07_acceleration' / 'logs_and_models'
    flags = records + ['--batch_size', 20, '--n_gpu', 3, '--learning_rate_base', 0.0005, '--seed', 1]
    before = threading.active_count()
    first = run_script(QUEUE, '--training_steps', 101, *flags)
    assert threading.active_count() == before and not queue_threads()
    assert '900 training records\n50 test records\n' in first
    assert 'No GPU here: 3 tower(s)' in first or tf.test.is_gpu_available()
    lines = re.findall(LINE, first)
    assert [int(step) for step, _, _, _ in lines] == list(range(10, 101, 10))
    assert first.count('step ') == 10
    for _, _, examples_per_sec, sec_per_batch in lines:
        # 20 images a batch: the two are the same figure, but for the last digit of each.
        rate = float(examples_per_sec)
        assert float(sec_per_batch) == pytest.approx(20 / rate, abs=0.00051 + 1 / rate ** 2)
    assert float(lines[-1][1]) < 15
    assert first.endswith('model.ckpt-100: test accuracy = %s\n' % first.split(' = ')[-1].strip())
    assert 'Trained 101 step(s); checkpoints in %s' % folder in first
    assert float(first.split('test accuracy = ')[1]) > 0.6
    # The printed places of a checkpoint: step 0, 1000, ..., and the last step.
    assert {os.path.basename(name) for name in glob.glob(str(folder / '*.index'))} == {
        'model.ckpt-0.index', 'model.ckpt-100.index'}
    # Three towers and the CPU.
    colours, histograms = colours_and_histograms(folder)
    assert colours == {4}
    assert histograms == set(HISTOGRAMS)

    second = run_script(QUEUE, '--training_steps', 121, *flags)
    assert 'Resuming after 101 training step(s) from %s' % folder in second
    assert [int(step) for step, _, _, _ in re.findall(LINE, second)] == [110, 120]
    # Finished: says so, names the flag that it did not use, and evaluates.
    again = run_script(QUEUE, '--training_steps', 121, *(flags + ['--learning_rate_base', 0.1]))
    assert 'Already trained for 121 steps; not used: --learning_rate_base 0.1 (it was 0.0005).' in again
    assert not re.findall(LINE, again) and 'Trained' not in again
    assert again.splitlines()[-1] == second.splitlines()[-1]
    # With another number of towers, the variables are the same.
    assert 'Resuming after 121' in run_script(QUEUE, '--training_steps', 122, *(flags + ['--n_gpu', 1]))
    # The program with the other input has its own folder.
    assert 'Resuming' not in run_script(TFDATA, '--training_steps', 1, *flags)
    assert sorted(os.listdir(str(folder.parent))) == ['logs_and_models', 'tfdata_logs_and_models']


@pytest.mark.slow
def test_a_checkpoint_every_1000_steps(tmp_path):
    multi = load(QUEUE)
    multi.N_GPU, multi.BATCH_SIZE, multi.TRAINING_STEPS, multi.MODEL_SAVE_PATH = 1, 1, 1003, str(tmp_path)
    # Of the 1003 steps those that matter.
    multi.range = lambda *args: range(*args) if len(args) == 1 else (0, 1, 500, 999, 1000, 1002)
    multi.train(argparse.Namespace(seed=1, log_device_placement=False), fixed_input(1, high=2))
    assert {os.path.basename(path) for path in glob.glob(str(tmp_path / '*.index'))} == {
        'model.ckpt-%d.index' % step for step in (0, 1000, 1002)}


@pytest.mark.usefixtures('short_queue')
def test_the_accuracy_is_of_the_moving_averages(records, run_script, tmp_path):
    flags = ['--batch_size', 5, '--n_gpu', 1, '--training_steps', 2, '--model_save_path', tmp_path / 'model']
    run_script(QUEUE, *(records + flags))
    path = tf.train.latest_checkpoint(str(tmp_path / 'model'))
    with tf.Graph().as_default(), tf.Session() as sess:
        saver = tf.train.import_meta_graph(path + '.meta', clear_devices=True)
        saver.restore(sess, path)
        averages = [v for v in tf.global_variables() if v.op.name.endswith('ExponentialMovingAverage')]
        # Only the last bias: every image is a 3.
        sess.run([tf.assign(v, tf.zeros_like(v)) for v in averages])
        sess.run([tf.assign(v, tf.one_hot(3, 10)) for v in averages if 'layer2/biases' in v.op.name])
        saver.save(sess, path)
    labels = load(RECORDS).read(records[3])[1]
    out = run_script(QUEUE, *(records + flags))
    assert float(out.split('test accuracy = ')[1]) == pytest.approx((labels == 3).mean(), abs=1e-6)


@pytest.mark.slow
def test_queues_run_until_the_last_step(records, run_script):
    """For longer than the queue's content lasts."""
    out = run_script(QUEUE, '--batch_size', 250, '--n_gpu', 2, '--training_steps', 41, *records)
    assert 'step 40, ' in out and 'Trained 41 step(s)' in out


@pytest.mark.slow
def test_the_printed_margin_stops_the_queue_after_step_0(records, tmp_path):
    """coord.request_stop() below saver.save, at its margin: inside of the `if`, as the print can be read."""
    end = '                coord.request_stop()\n                coord.join(threads)\n'
    save = 'saver.save(sess, checkpoint_path, global_step=step)\n'
    multi = as_printed((end, ''), (save, save + ' ' * 24 + 'coord.request_stop()\n' +
                                   ' ' * 24 + 'coord.join(threads)\n'),
                       ('with stopped_at_the_end(coord, threads, summary_writer)', 'with contextlib.nullcontext()'))
    multi.N_GPU, multi.BATCH_SIZE, multi.TRAINING_STEPS = 2, 250, 41
    multi.DATA_PATH, multi.MODEL_SAVE_PATH = records[1], str(tmp_path / 'model')
    os.mkdir(multi.MODEL_SAVE_PATH)
    steps, check_loss = [], multi.cli.check_loss
    multi.cli = types.SimpleNamespace(UserError=cli.UserError, check_loss=lambda loss, step, *more: (
        steps.append(step), check_loss(loss, step, *more)))
    with pytest.raises(tf.errors.OutOfRangeError, match='is closed and has insufficient elements'):
        multi.train(argparse.Namespace(seed=1, log_device_placement=False, n_gpu=2), multi.get_input)
    # What was in the queue, at most 10000 + 3 * 500 records, was still there; a summary takes a batch too.
    assert 12 < max(steps) < 24


@pytest.mark.slow
@pytest.mark.usefixtures('short_queue')
def test_a_training_that_is_killed_resumes(records, run_script, start, tmp_path):
    flags = ['--batch_size', 5, '--n_gpu', 2, '--model_save_path', tmp_path / 'model'] + records
    killed = start(QUEUE, '--training_steps', 10 ** 6, *flags)
    killed.wait_for('^step 10,')
    killed.popen.kill()
    killed.end()
    # Killed before the second checkpoint, at step 1000, or after it, where this test had to wait long.
    saved = tf.train.load_variable(str(tmp_path / 'model'), 'global_step')
    out = run_script(QUEUE, '--training_steps', int(saved) + 11, *flags)
    assert 'Resuming after %d training step(s)' % saved in out and 'model.ckpt-%d: test' % (saved + 10) in out


@pytest.mark.usefixtures('short_queue')
def test_a_loss_that_is_nan_is_not_saved_and_a_batch_needs_data(refuses, records, tmp_path, monkeypatch):
    refuses('the loss is .* after step .*--learning_rate_base .now 1e[+]30.*delete .*/logs_and_models/', QUEUE,
            '--batch_size', 5, '--learning_rate_base', 1e30, '--training_steps', 7, *records)
    names = glob.glob(str(tmp_path / 'runs' / 'sample' / 'ch07_acceleration' / 'logs_and_models' / '*.index'))
    assert [os.path.basename(name) for name in names] == ['model.ckpt-0.index'] and not queue_threads()
    for gpus, towers in ([], 4), (['GPU'], 1):
        monkeypatch.setattr(tf.config.experimental, 'list_physical_devices', lambda kind: gpus)
        refuses('--n_gpu %d x --batch_size 901 = %d is more than the 900 training images' % (towers, 901 * towers),
                QUEUE, '--batch_size', 901, *records)


@pytest.mark.usefixtures('short_queue')
def test_training_without_regularisation(records, run_script):
    assert 'test accuracy' in run_script(QUEUE, '--regularaztion_rate', 0, '--batch_size', 5, '--n_gpu', 1,
                                         '--training_steps', 1, *records)


def test_with_tfdata_a_seed_repeats_the_losses(records, run_script, tmp_path):
    losses = []
    for name in 'a', 'b':
        out = run_script(TFDATA, '--batch_size', 20, '--n_gpu', 3, '--training_steps', 21, '--seed', 1,
                         '--learning_rate_base', 1e-5, '--model_save_path', tmp_path / name, *records)
        assert 'model.ckpt-20: test accuracy' in out and not queue_threads()
        losses.append([float(loss) for _, loss, _, _ in re.findall(LINE, out)])
    assert len(losses[0]) == 2 and losses[0] == losses[1]
    if tf.__version__ < '2':
        assert losses[0] == pytest.approx(TFDATA_LOSSES, rel=1e-3)


@pytest.mark.usefixtures('short_queue')
def test_placement_of_all_operations_on_demand(records, capfd):
    multi = load(QUEUE)
    for flag, expected in ([], False), (['--log_device_placement'], True):
        multi.main(['--batch_size', '5', '--n_gpu', '2', '--training_steps', '1'] + flag + records)
        assert ('GPU_1/layer1/MatMul: (MatMul): %s\n' % (CPU % 2) in capfd.readouterr().out) == expected


def test_constants_are_as_printed():
    multi = load(QUEUE)
    constants = {
        'BATCH_SIZE': 100, 'LEARNING_RATE_BASE': 0.001, 'LEARNING_RATE_DECAY': 0.99,
        'REGULARAZTION_RATE': 0.0001, 'TRAINING_STEPS': 1000, 'MOVING_AVERAGE_DECAY': 0.99, 'N_GPU': 4,
        'MODEL_NAME': 'model.ckpt'}
    assert {name: getattr(multi, name) for name in constants} == constants
    assert multi.datetime.__name__ == 'datetime', 'imported and not used, as in the print'


# 多 GPU 并行: the printed forms, and the printed output

def without_tower_scope(source):
    """The loop over the towers without the variable scope around it, as printed."""
    start = source.index('        with tf.variable_scope(tf.get_variable_scope()):\n')
    end = source.index('        # Their mean')
    loop = source[start:end].split('\n', 1)[1]
    return source[start:end], re.sub('^    ', '', loop, flags=re.MULTILINE)


PRINTED_FORMS = {
    # What an erratum names: (ours, printed), ..., and the error.
    'tf.histogram_summary': ([('tf.summary.histogram(var.op.name', 'tf.histogram_summary(var.op.name')],
                             AttributeError, 'histogram_summary'),
    'tf.merge_all_summaries': ([('tf.summary.merge_all()', 'tf.merge_all_summaries()')],
                               AttributeError, 'merge_all_summaries'),
    'the network is not imported': ([('from ch03_training_tricks.mnist_inference import inference\n', '')],
                                    NameError, 'inference'),
    'cross entropy without names': ([('(logits=y, labels=y_)', '(y, y_)')], ValueError, 'named arguments'),
    'the axis of tf.concat first': ([('tf.concat(grads, 0)', 'tf.concat(0, grads)')], Exception, ''),
    'the eighth of a pair': ([('grad_and_vars[0][1]', 'grad_and_vars[0][7]')], IndexError, 'out of range'),
    'reuse on the root scope': ([without_tower_scope], ValueError,
                                'layer1/weights/ExponentialMovingAverage/ does not exist'),
    'add_n of no losses, at rate 0': ([('REGULARAZTION_RATE = 0.0001', 'REGULARAZTION_RATE = 0.0'),
                               (" or [0.0])", ')')], ValueError, 'at least one|same shape'),
}


@on_1
@pytest.mark.parametrize('name', sorted(PRINTED_FORMS))
def test_the_printed_forms_fail(name, monkeypatch):
    changes, error, message = PRINTED_FORMS[name]
    source = read(QUEUE)
    multi = as_printed(*[change(source) if callable(change) else change for change in changes])
    with pytest.raises(error, match=message):
        build(monkeypatch, multi, fixed_input(20))


@on_1
def test_the_printed_summary_writer_is_gone(tmp_path):
    multi = as_printed(('tf.summary.FileWriter(', 'tf.train.SummaryWriter('))
    multi.N_GPU, multi.BATCH_SIZE, multi.MODEL_SAVE_PATH = 1, 5, str(tmp_path)
    with pytest.raises(AttributeError, match='SummaryWriter'):
        multi.train(argparse.Namespace(seed=1, log_device_placement=False), fixed_input(5))


@pytest.mark.parametrize('line', [
    # get_input's `features` and `return`, average_gradients' inner loop and `return`, a tower's name scope.
    '    features = tf.parse_single_example(\n', '    return tf.train.shuffle_batch(\n',
    '            expanded_g = tf.expand_dims(g, 0)\n', '    return average_grads\n',
    "                    with tf.name_scope('GPU_%d' % i) as scope:\n"])
def test_the_printed_margins_are_errors(line):
    with pytest.raises(SyntaxError):
        as_printed((line, line[4:]))


def test_the_printed_margin_averages_the_last_variable_only():
    """average_gradients' outer loop from tf.concat on, with the indentation of the `for` itself, as printed."""
    ours = load(QUEUE)
    lines = inspect.getsource(ours.average_gradients).splitlines(True)
    start, = [i for i, line in enumerate(lines) if 'tf.concat' in line]
    rest = ''.join(lines[start:-1])
    multi = as_printed((rest, re.sub('^    ', '', rest, flags=re.MULTILINE)))
    with tf.Graph().as_default():
        towers = [[(tf.constant(1.0), 'weights'), (tf.constant(2.0), 'biases')]] * 2
        assert [variable for _, variable in ours.average_gradients(towers)] == ['weights', 'biases']
        assert [variable for _, variable in multi.average_gradients(towers)] == ['biases']


def test_the_printed_format_has_two_blanks():
    """examples/ sec: the format, run as printed, gives a line that is not the printed output's."""
    ours = re.search(r"format_str = \((.*?)\)\n", read(QUEUE), re.DOTALL).group(1)
    theirs = ours.replace("examples/'", "examples/ '").replace("'sec;", "' sec;")
    values = 10, 71.90, 15292.3, 0.007
    assert re.match(LINE, eval('(%s)' % ours) % values + '\n')
    assert '(15292.3 examples/  sec; 0.007 sec/batch)' in eval('(%s)' % theirs) % values


def test_the_printed_lines_are_one_batch_for_all_towers():
    """Examples/sec and sec/batch of the print agree with each other, at 400 examples a step."""
    for examples_per_sec, sec_per_batch in ((15292.3, 0.007), (18758.3, 0.005), (16313.3, 0.006),
                                            (14199.0, 0.007), (15034.7, 0.007), (16134.1, 0.006)):
        assert round(400 / examples_per_sec / 4, 3) == sec_per_batch
    # 100 of the 400 are distinct.
    assert round(15292.3 / 4) == 3823


def test_recorded_losses_are_near_the_print():
    """Losses of single batches: at first they depend on the weights that are drawn, at the end they vary."""
    paths = sorted(glob.glob(os.path.join(ROOT, 'results', 'logs', 'multi_gpu_mnist-seed*.log')))
    assert len(paths) == 5
    for path in paths:
        lines = re.findall(LINE, open(path, encoding='utf-8').read())
        losses = {int(step): float(loss) for step, loss, _, _ in lines}
        assert sorted(losses) == list(range(10, 1000, 10))
        assert 20 < losses[10] < 80
        for step in 20, 30, 40:
            assert printed.TOWERS_LOSS[step] / 4 < losses[step] < printed.TOWERS_LOSS[step] * 4
        # From step 900 on, as the docstring says; the print has 0.66 and 1.56.
        assert all(0.1 < losses[step] < 5 for step in range(900, 1000, 10))
        for _, _, examples_per_sec, sec_per_batch in lines:
            assert float(sec_per_batch) == pytest.approx(100 / float(examples_per_sec), abs=0.00051)


def test_the_first_losses_are_in_reach_of_the_printed_program():
    """And the band of step 10, 20 to 80, tells it from what is trained otherwise."""
    text = read('results', 'logs', 'towers-first-losses.log')
    rows = re.findall(r'^(.{38})  +([\d.]+) .* (?:lowest|median of \d+|highest)$', text, re.MULTILINE)
    step_10, name = {}, None
    for label, value in rows:
        name = label.strip() or name
        step_10.setdefault(name, []).append(float(value))
    low, median, high = step_10['as printed, one batch for all towers']
    assert 20 < low < 2 * median - 20 and low < printed.TOWERS_LOSS[10] < high < 80
    for name in ('gradients added, not averaged', 'weights: stddev 0.05', 'pixels from 0 to 1', "article 4's network"):
        assert step_10[name][2] < 20
    for name in ('learning rate 0.0001', 'weights: stddev 1, the default', 'weights: stddev 0.2',
                 'regularization 0.04'):
        assert step_10[name][0] > 80
    # The README's table, from the same log.
    ends = [line.split() for line in re.findall(r'(?m)^.{38}  ([\d. ]+) (?:lowest|highest)$', text)]
    for page, to in ('README.md', ' to '), ('README.zh-CN.md', ' 到 '):
        names, cells = zip(*re.findall(r'\| (.+?) \| ([\d.]+%s[\d.]+ \| .*) \|' % to, read('ch07_acceleration', page)))
        assert list(cells) == [' | '.join(map(to.join, zip(*pair))) for pair in zip(ends[::2], ends[1::2])]
        assert list(names) == list(step_10) or page != 'README.md'


@pytest.mark.slow
def test_first_losses(capsys):
    first_losses = load('tools/first_losses.py')
    first_losses.STEPS = 10,
    first_losses.main(['--sample', '--seeds', '1', '--seeds_as_printed', '1'])
    out = capsys.readouterr().out
    assert re.search(r'^article +71.90$', out, re.MULTILINE)
    rows = dict(re.findall(r'^(\S.*?)  +([\d.]+)  lowest$', out, re.MULTILINE))
    assert len(rows) == 14 and 10 < float(rows['as printed, one batch for all towers']) < 160
    assert float(rows['pixels from 0 to 1']) < 5


def test_figure_1_is_memory_and_not_computing():
    for used, total, process, use in FIGURE_1:
        assert used - process == 8 and round(100 * used / total, 1) == 93.6 and use <= 4
    assert len(FIGURE_1) == 4


def test_the_call_fits_the_network_of_article_3():
    from ch03_training_tricks import mnist_inference as fully_connected
    from ch04_cnn import mnist_inference as convolutional
    with tf.Graph().as_default():
        x = tf.zeros([2, 784])
        assert fully_connected.inference(x, None).shape == (2, 10)
        with pytest.raises(TypeError):
            convolutional.inference(x, None)


# What makes it faster

@pytest.mark.parametrize('way', [6, 12])
def test_input_speed_measures_one_way(way, records, monkeypatch, capsys):
    """In this process, on a clock that is a second later each time."""
    speed, seconds = load(SPEED), iter(range(100))
    monkeypatch.setattr(speed, 'time', types.SimpleNamespace(time=lambda: next(seconds)))
    speed.main(['--measure', str(way), '--steps', '3', '--warmup', '1'] + records)
    # 400 distinct images in each of three steps.
    assert float(capsys.readouterr().out.splitlines()[-1]) == 1200


def test_xla_that_compiles_nothing_is_no_measurement(records, capsys):
    """Without TF_XLA_FLAGS, as in this process, it compiles nothing for CPUs."""
    speed = load(SPEED)
    ways = [number for number, way in enumerate(speed.WAYS) if 'xla' in way[4]]
    speed.main(['--measure', str(ways[0]), '--steps', '1', '--warmup', '1'] + records)
    assert capsys.readouterr().out.splitlines()[-1] == 'nan'


@pytest.mark.slow
def test_input_speed(records, run_script, tmp_path):
    """Small: the ratios are for the real measurement, in RESULTS.md."""
    out = run_script(SPEED, '--ways', 0, '--repeats', 1, '--steps', 3, '--warmup', 1, *records)
    rows = re.findall(r'^ ?(\d+) (.{43}) +(\d+) +(\d+) +(\d+\.\d\d)$', out, re.MULTILINE)
    assert [row[0] for row in rows] == ['0'] and rows[0][4] == '1.00'
    assert 'Fastest with distinct examples: queue, as printed, 1.00 times' in out
    folder = tmp_path / 'runs' / 'sample' / 'ch07_acceleration'
    results = json.load(open(str(folder / 'input_speed.json')))
    assert [result['way'] for result in results] == [row[1].strip() for row in rows]
    for row, result in zip(rows, results):
        assert result['median'] == pytest.approx(float(row[2]), abs=0.51) and result['towers'] == 4
        assert result['ratio'] == pytest.approx(result['median'] / results[0]['median'])
    assert png.imread(str(folder / 'input_speed.png')).std() > 0.05


def test_parsing_whole_batches_was_at_least_twice_as_fast():
    """In the recorded measurement, on an idle machine."""
    ratios = dict(re.findall(r'(?m)^ ?(\d+) .{43} +\d+ +\d+ +(\d+\.\d\d)$', read('results/logs/input_speed.log')))
    assert len(ratios) == 15 and float(ratios['0']) == 1
    assert float(ratios['4']) >= 2 and float(ratios['6']) >= 2


def test_each_way_is_as_named():
    inputs = {}
    for name, get_input, towers, batch, settings in load(SPEED).WAYS:
        assert batch == (400 if 'batch 400' in name else 100)
        assert towers == int((re.search(r'(\d) tower', name) or [0, 4])[1])
        assert settings.get('xla', False) == ('XLA' in name)
        inputs.setdefault(re.sub(', (as printed|. towers?.*|1 thread for all|XLA)$', '', name), set()).add(get_input)
    assert [len(found) for found in inputs.values()] == [1] * 7


@pytest.mark.usefixtures('short_queue')
@pytest.mark.parametrize('number', [0, 3, 4, 5, 6, 11, 13])        # one for each input
def test_every_way_trains_on_images_with_their_labels(number, records, monkeypatch):
    speed = load(SPEED)
    multi = speed.multi_gpu_mnist
    name, get_input, towers, batch, _ = speed.WAYS[number]
    multi.N_GPU, multi.BATCH_SIZE = towers, 5
    multi.DATA_PATH, multi.TEST_PATH = records[1], records[3]
    images, labels = load(RECORDS).read(records[3 if 'constant' in name else 1])
    with tf.Graph().as_default() as graph:
        x, y_ = get_input()
        tf.group(tf.global_variables_initializer(), name='init')
    with running(graph, 1) as sess:
        steps = [sess.run([x, y_]) for _ in range(2)]
    for x, y_ in steps:
        assert x.shape == (5 * towers, 784) and x.dtype == np.float32 and y_.dtype == np.int32
        assert (images[numbered(x)] == x).all() and (labels[numbered(x)] == y_).all()
    assert (steps[0][0] == steps[1][0]).all() == ('constant' in name)


def test_input_speed_measures_the_same_training(monkeypatch):
    """Its step, without summaries, gives the losses of multi_gpu_mnist.py's."""
    speed = load(SPEED)
    multi, losses = speed.multi_gpu_mnist, []
    multi.LEARNING_RATE_BASE = 1e-4
    for here in False, True:
        if here:
            multi.N_GPU, multi.BATCH_SIZE = 4, 20
            with tf.Graph().as_default() as graph:
                tf.set_random_seed(1)
                train_op, loss = speed.build(fixed_input(80))
                tf.group(tf.global_variables_initializer(), name='init')
        else:
            graph, train_op, towers = build(monkeypatch, multi, fixed_input(80), batch_size=20)
            loss = towers[-1][3]
        with running(graph, 5) as sess:
            losses.append([sess.run([train_op, loss])[1] for _ in range(20)])
            names = sorted(v.op.name for v in tf.global_variables())
            assert len(names) == 9 and sess.run('global_step:0') == 20
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_a_way_that_fails_or_is_not_there(refuses, monkeypatch, run_script, tmp_path):
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
    assert re.search(r'11 all images in memory +250 +250 +2.50\n', out)
    assert 'Fastest with distinct examples: all images in memory, 2.50 times' in out
    refuses('^tf.data, batches parsed: input_speed.py: error: no way$', SPEED, '--ways', 6)
    # Before the way that fails.
    refuses('^cannot save .*: choose another --json$', SPEED, '--ways', 6, '--json', tmp_path)
