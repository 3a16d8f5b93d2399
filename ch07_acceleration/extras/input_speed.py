"""Measure what makes the training of multi_gpu_mnist.py faster on this machine, and what does not.

Article 7 TensorFlow 计算加速, section 多 GPU 并行; the measurement is not in the article.

    python ch07_acceleration/extras/input_speed.py
    python ch07_acceleration/extras/input_speed.py --ways 0 4 6 --repeats 3        # some of them
    python ch07_acceleration/extras/input_speed.py --help                          # lists them

Shows the examples/sec of the same training with other inputs, batch sizes, numbers of towers, threads, and
with the compiler XLA. Every example counts once, and the time is of STEPS consecutive steps after WARMUP
steps. Each measurement has its own process; all ways take turns, so that whatever else the machine does slows
down all of them. The ratio is the median over the rounds of way / way 0, the printed input.

Takes eight minutes on two cores. Expect the printed input to be the bottleneck: three times the rate or more
where whole batches are parsed, close to that of one constant batch where nothing is parsed. More towers gain
little where all share the cores; one tower with a larger batch gains more. Saves a picture and a JSON file.
"""
from companion import cli, figures

import errno
import json
import math
import os
import statistics
import subprocess
import sys
import time

import matplotlib.figure
import tensorflow as tf
from tensorflow.python.pywrap_tensorflow import IsMklEnabled
from tqdm import tqdm

from ch07_acceleration import mnist_to_tfrecords, multi_gpu_mnist
from ch07_acceleration.extras import multi_gpu_mnist_tfdata

STEPS = 200             # that are timed
WARMUP = 30             # before them: queues fill, XLA compiles
REPEATS = 5             # rounds of all ways

# Where the figures go beside the picture.
JSON = 'runs/ch07_acceleration/input_speed.json'


def batch_size():
    """Return the number of images in a step."""
    return multi_gpu_mnist.N_GPU * multi_gpu_mnist.BATCH_SIZE


def parse(serialized_examples):
    """Parse records, a string tensor [n]: images, float32 [n, 784], and labels, int32 [n]."""
    features = tf.parse_example(serialized_examples, features={
        'image_raw': tf.FixedLenFeature([], tf.string),
        'label': tf.FixedLenFeature([], tf.int64)})
    images = tf.reshape(tf.decode_raw(features['image_raw'], tf.uint8), [-1, 784])
    return tf.cast(images, tf.float32), tf.cast(features['label'], tf.int32)


def parse_one(record):
    """Parse one record: an image, float32 [784], and its label, int32."""
    images, labels = parse([record])
    return images[0], labels[0]


def queue_of_threads():
    """The printed queue, filled by four threads."""
    filename_queue = tf.train.string_input_producer([multi_gpu_mnist.DATA_PATH])
    _, record = tf.TFRecordReader().read(filename_queue)
    return tf.train.shuffle_batch(
        parse_one(record), batch_size(), capacity=10000 + 3 * batch_size(), min_after_dequeue=10000,
        num_threads=4)


def queue_of_many():
    """The same queue, filled with 100 records at a time that are parsed at once."""
    filename_queue = tf.train.string_input_producer([multi_gpu_mnist.DATA_PATH])
    _, records = tf.TFRecordReader().read_up_to(filename_queue, 100)
    return tf.train.shuffle_batch(
        parse(records), batch_size(), capacity=10000 + 3 * batch_size() + 100, min_after_dequeue=10000,
        enqueue_many=True)


def tfdata_of_one(num_parallel_calls=None):
    """tf.data that parses the records one by one, as the queue does."""
    dataset = tf.data.TFRecordDataset(multi_gpu_mnist.DATA_PATH, buffer_size=2 ** 20)
    dataset = dataset.map(parse_one, num_parallel_calls).shuffle(10000).repeat()
    dataset = dataset.batch(batch_size(), drop_remainder=True).prefetch(2)
    return dataset.make_one_shot_iterator().get_next()


def memory():
    """All images in memory, of which each step draws some; nothing is read or parsed in training."""
    images, labels = mnist_to_tfrecords.read(multi_gpu_mnist.DATA_PATH)
    dataset = tf.data.Dataset.range(len(labels)).shuffle(len(labels)).repeat()
    indices = dataset.batch(batch_size(), drop_remainder=True).make_one_shot_iterator().get_next()
    return (tf.cast(tf.gather(tf.constant(images), indices), tf.float32),
            tf.cast(tf.gather(tf.constant(labels), indices), tf.int32))


def constant():
    """The same images in every step: the rate of the training alone."""
    images, labels = mnist_to_tfrecords.read(multi_gpu_mnist.TEST_PATH)
    chosen = [i % len(labels) for i in range(batch_size())]
    # Variables: with constants, TensorFlow would compute parts of the step once, ahead of time.
    x, y_ = (tf.get_variable(name, initializer=values, trainable=False) for name, values in (
        ('x', images[chosen].astype('float32')), ('y_', labels[chosen].astype('int32'))))
    return x, y_


# Name, input, towers, batch of a tower, and settings of the session's configuration.
WAYS = [
    ('queue, as printed', multi_gpu_mnist.get_input, 4, 100, {}),
    ('queue, 1 tower', multi_gpu_mnist.get_input, 1, 100, {}),
    ('queue, 2 towers', multi_gpu_mnist.get_input, 2, 100, {}),
    ('queue, 4 threads fill it', queue_of_threads, 4, 100, {}),
    ('queue, records parsed by 100', queue_of_many, 4, 100, {}),
    ('tf.data, records parsed one by one', tfdata_of_one, 4, 100, {}),
    ('tf.data, batches parsed', multi_gpu_mnist_tfdata.get_input, 4, 100, {}),
    ('tf.data, batches parsed, 1 tower', multi_gpu_mnist_tfdata.get_input, 1, 100, {}),
    ('tf.data, batches parsed, 1 tower, batch 400', multi_gpu_mnist_tfdata.get_input, 1, 400, {}),
    ('tf.data, batches parsed, 1 thread for all', multi_gpu_mnist_tfdata.get_input, 4, 100,
     {'intra_op_parallelism_threads': 1, 'inter_op_parallelism_threads': 1}),
    ('tf.data, batches parsed, XLA', multi_gpu_mnist_tfdata.get_input, 4, 100, {'xla': True}),
    ('all images in memory', memory, 4, 100, {}),
    ('all images in memory, 1 tower, batch 400', memory, 1, 400, {}),
    ('one constant batch', constant, 4, 100, {}),
    ('one constant batch, XLA', constant, 4, 100, {'xla': True}),
]


def build(get_input):
    """Build the training of multi_gpu_mnist.py without its summaries.

    Returns:
        The training operation and the loss of the last tower.
    """
    with tf.device('/cpu:0'):
        x, y_ = (tf.split(part, multi_gpu_mnist.N_GPU) for part in get_input())
        regularizer = tf.contrib.layers.l2_regularizer(multi_gpu_mnist.REGULARAZTION_RATE)
        global_step = tf.get_variable(
            'global_step', [], initializer=tf.constant_initializer(0), trainable=False)
        opt = tf.train.GradientDescentOptimizer(tf.train.exponential_decay(
            multi_gpu_mnist.LEARNING_RATE_BASE, global_step, 60000 // multi_gpu_mnist.BATCH_SIZE,
            multi_gpu_mnist.LEARNING_RATE_DECAY))
        tower_grads = []
        for i in range(multi_gpu_mnist.N_GPU):
            with tf.device(multi_gpu_mnist.tower(i)), tf.name_scope('GPU_%d' % i) as scope, \
                    tf.variable_scope(tf.get_variable_scope(), reuse=i > 0):
                cur_loss = multi_gpu_mnist.get_loss(x[i], y_[i], regularizer, scope)
                tower_grads.append(opt.compute_gradients(cur_loss))
        averages = tf.train.ExponentialMovingAverage(multi_gpu_mnist.MOVING_AVERAGE_DECAY, global_step)
        return tf.group(
            opt.apply_gradients(multi_gpu_mnist.average_gradients(tower_grads), global_step=global_step),
            averages.apply(tf.trainable_variables())), cur_loss


def measure(number):
    """Train in this process in one way of WAYS.

    Returns:
        Examples per second; NaN if the way is with XLA, and XLA compiles nothing in this TensorFlow.
    """
    _, get_input, multi_gpu_mnist.N_GPU, multi_gpu_mnist.BATCH_SIZE, settings = WAYS[number]
    multi_gpu_mnist.N_GPU = multi_gpu_mnist.count_towers()
    config = tf.ConfigProto(allow_soft_placement=True, device_count={'CPU': multi_gpu_mnist.N_GPU + 1})
    for name, value in settings.items():
        if name == 'xla':
            config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
        else:
            setattr(config, name, value)
    with tf.Graph().as_default():
        train_op, cur_loss = build(get_input)
        with tf.Session(config=config) as sess:
            tf.global_variables_initializer().run()
            coord = tf.train.Coordinator()
            threads = tf.train.start_queue_runners(sess=sess, coord=coord)
            metadata = tf.RunMetadata()
            sess.run([train_op, cur_loss], run_metadata=metadata,
                     options=tf.RunOptions(output_partition_graphs=True))
            for _ in range(WARMUP):
                sess.run([train_op, cur_loss])
            start = time.time()
            for _ in range(STEPS):
                sess.run([train_op, cur_loss])
            seconds = time.time() - start
            coord.request_stop()
            coord.join(threads)
    compiled = any(node.op == '_XlaRun' for graph in metadata.partition_graphs for node in graph.node)
    if 'xla' in settings and not compiled:
        return math.nan
    return STEPS * batch_size() / seconds


def measure_in_process(number):
    """Call `measure` in a new process, as threads and XLA are set only once in a process."""
    environment = dict(os.environ)
    if 'xla' in WAYS[number][4]:
        # Without this, XLA compiles for GPUs only.
        environment['TF_XLA_FLAGS'] = '--tf_xla_cpu_global_jit'
    child = subprocess.run(
        [sys.executable, os.path.abspath(__file__), '--measure', str(number), '--steps', str(STEPS),
         '--warmup', str(WARMUP), '--data_path', multi_gpu_mnist.DATA_PATH,
         '--test_path', multi_gpu_mnist.TEST_PATH],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if child.returncode:
        fault = (child.stderr.strip().splitlines() or ['failed'])[-1]
        raise cli.UserError('%s: %s' % (WAYS[number][0], fault))
    return float(child.stdout.splitlines()[-1])


def figure_of(results):
    """Draw a bar for each way's median, and a point for each round."""
    figure = matplotlib.figure.Figure(figsize=(9, 1 + 0.4 * len(results)))
    axes = figure.add_subplot(1, 1, 1)
    for y, result in enumerate(results):
        axes.barh(y, result['median'], color='tab:blue' if y else 'tab:gray')
        axes.plot(result['examples_per_sec'], [y] * len(result['examples_per_sec']), 'k.', markersize=4)
        axes.text(result['median'] / 50, y, '%.2f' % result['ratio'], color='white', va='center')
    axes.set_yticks(range(len(results)))
    axes.set_yticklabels([result['way'] for result in results])
    axes.invert_yaxis()
    axes.set_xlabel('distinct examples/sec (in white: ratio to the first)')
    figure.tight_layout()
    return figure


def check_json(path):
    """Make sure that the results can be saved there, before minutes of measuring; raise UserError if not."""
    try:
        if not path or os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, 'a file name is needed')
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        open(path + '.part', 'w').close()
        os.unlink(path + '.part')
    except OSError as error:
        raise cli.UserError('cannot save %r (%s): choose another --json' % (path, error.strerror))


def save_json(results, path):
    """Save the results, whole or not at all."""
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path + '.part', 'w') as file:
            json.dump(results, file, indent=1)
        os.replace(path + '.part', path)
    except OSError as error:
        raise cli.UserError('cannot save %r (%s): choose another --json' % (path, error.strerror))
    print('Saved %s' % path)


def main(argv=None):
    numbers = list(range(len(WAYS)))
    # A process that measures gets the record files as flags, and does not need the data set.
    measuring = '--measure' in (sys.argv if argv is None else argv)
    ways = ''.join('%4d  %s\n' % (i, way[0]) for i, way in enumerate(WAYS))
    parser = cli.Parser(__doc__ + '\nThe ways:\n' + ways, data=None if measuring else 'mnist', seed=False)
    parser.add_constants(
        globals(),
        STEPS='steps that are timed',
        WARMUP='steps before them',
        REPEATS='rounds of all ways',
        JSON='file of the figures')
    parser.add_constants(
        vars(multi_gpu_mnist),
        DATA_PATH='file of the training records',
        TEST_PATH='file of the test records')
    parser.add_argument('--ways', dest='chosen', type=int, nargs='+', choices=numbers, default=numbers,
                        metavar='N', help='ways to measure, of the list above, besides 0 (default: all)')
    parser.add_argument('--measure', type=int, choices=numbers, metavar='N',
                        help='measure one way, once, in this process, and print only examples/sec')
    parser.add_argument('--picture', default='runs/ch07_acceleration/input_speed.png', metavar='FILE',
                        help='the picture to save (default: %(default)s)')
    if measuring:
        args = parser.parse(argv)
        cli.set_constants(globals(), args)
        cli.set_constants(vars(multi_gpu_mnist), args)
        print(measure(args.measure))
        return

    args = multi_gpu_mnist.parse(parser, argv)
    cli.set_constants(globals(), args)
    figures.check(args.picture)
    check_json(JSON)
    ways = sorted(set([0] + args.chosen))
    print('TensorFlow %s%s, %d cores, %d GPU(s)' % (
        tf.__version__, ' with MKL' if IsMklEnabled() else '', os.cpu_count(),
        len(tf.config.experimental.list_physical_devices('GPU'))))
    rates = {number: [] for number in ways}
    with tqdm(total=REPEATS * len(ways), disable=None) as bar:
        for _ in range(REPEATS):
            for number in ways:
                rates[number].append(measure_in_process(number))
                bar.update()

    results = []
    print('\n%-46s  %10s  %10s  %5s' % ('distinct examples/sec', 'median', 'lowest', 'ratio'))
    for number in ways:
        name, _, towers, batch, _ = WAYS[number]
        if math.isnan(sum(rates[number])):
            print('%2d %-43s  XLA compiles nothing in this TensorFlow' % (number, name))
            continue
        # Of pairs from the same round, as the machine's load may change between rounds.
        ratio = statistics.median(a / b for a, b in zip(rates[number], rates[0]))
        results.append({'way': name, 'towers': towers, 'batch': batch, 'examples_per_sec': rates[number],
                        'median': statistics.median(rates[number]), 'ratio': ratio})
        print('%2d %-43s  %10.0f  %10.0f  %5.2f' % (
            number, name, results[-1]['median'], min(rates[number]), ratio))
    best = max(results, key=lambda result: result['ratio'] if 'constant' not in result['way'] else 0)
    print('Fastest with distinct examples: %s, %.2f times the printed input' % (best['way'], best['ratio']))
    figures.save(figure_of(results), args.picture)
    save_json(results, JSON)


if __name__ == '__main__':
    cli.run(main)
