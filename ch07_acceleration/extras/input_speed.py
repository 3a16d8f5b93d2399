"""Measure what makes the training of multi_gpu_mnist.py faster on this machine, and what does not.

Article 7 TensorFlow 计算加速, section 多 GPU 并行; the measurement is not in the article.

    python ch07_acceleration/extras/input_speed.py
    python ch07_acceleration/extras/input_speed.py --ways 0 4 6 --repeats 3        # some of them
    python ch07_acceleration/extras/input_speed.py --help                          # lists them

Shows the examples per second of one training with other inputs, batch sizes, numbers of towers, threads, and
with the compiler XLA. Every example counts once, and the time is of STEPS steps in a row after WARMUP steps.
Each measurement is a process of its own; all ways take turns, so that whatever else the machine does slows
all down. The ratio is the median over the rounds of way / way 0, the printed input, in the same round.

Takes six minutes on two cores. Expect the printed input to be what holds the training up: three times the
rate or more where whole batches are parsed, near that of one constant batch where nothing is parsed. More
towers are worth little where all are on the same cores, and one with a larger batch more. Saves a picture and
a JSON file.
"""
from companion import cli, figures

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
    """Pictures in a step."""
    return multi_gpu_mnist.N_GPU * multi_gpu_mnist.BATCH_SIZE


def parse(serialized_examples):
    """Parse records, a string tensor [n] with n known: pictures float32 [n, 784], labels int32 [n]."""
    features = tf.parse_example(serialized_examples, features={
        'image_raw': tf.FixedLenFeature([], tf.string),
        'label': tf.FixedLenFeature([], tf.int64)})
    images = tf.reshape(tf.decode_raw(features['image_raw'], tf.uint8), [-1, 784])
    return tf.cast(images, tf.float32), tf.cast(features['label'], tf.int32)


def queue_of_many():
    """The same queue, filled by 100 records at a time that are parsed at once."""
    filename_queue = tf.train.string_input_producer([multi_gpu_mnist.DATA_PATH])
    _, records = tf.TFRecordReader().read_up_to(filename_queue, 100)
    return tf.train.shuffle_batch(
        parse(records), batch_size(), capacity=10000 + 3 * batch_size() + 100, min_after_dequeue=10000,
        enqueue_many=True)


def tfdata_of_one(num_parallel_calls=None):
    """tf.data that parses each record by itself, as the queue does."""
    def parse_one(record):
        images, labels = parse([record])
        return images[0], labels[0]
    dataset = tf.data.TFRecordDataset(multi_gpu_mnist.DATA_PATH, buffer_size=2 ** 20)
    dataset = dataset.map(parse_one, num_parallel_calls).shuffle(10000).repeat()
    dataset = dataset.batch(batch_size(), drop_remainder=True).prefetch(2)
    return dataset.make_one_shot_iterator().get_next()


def memory():
    """All pictures in memory, each step a choice of them; nothing is read or parsed in training."""
    images, labels = mnist_to_tfrecords.read(multi_gpu_mnist.DATA_PATH)
    dataset = tf.data.Dataset.range(len(labels)).shuffle(len(labels)).repeat()
    indices = dataset.batch(batch_size(), drop_remainder=True).make_one_shot_iterator().get_next()
    return (tf.cast(tf.gather(tf.constant(images), indices), tf.float32),
            tf.cast(tf.gather(tf.constant(labels), indices), tf.int32))


def constant():
    """The same pictures in every step: the rate of the training alone."""
    images, labels = mnist_to_tfrecords.read(multi_gpu_mnist.TEST_PATH)
    chosen = [i % len(labels) for i in range(batch_size())]
    # A variable, as the optimiser would compute with a constant ahead of time.
    x, y_ = (tf.get_variable(name, initializer=values, trainable=False) for name, values in (
        ('x', images[chosen].astype('float32')), ('y_', labels[chosen].astype('int32'))))
    return x, y_


# Name, input, towers, batch of a tower, and what is set in the session's configuration.
WAYS = [
    ('queue, as printed', multi_gpu_mnist.get_input, 4, 100, {}),
    ('queue, 1 tower', multi_gpu_mnist.get_input, 1, 100, {}),
    ('queue, 2 towers', multi_gpu_mnist.get_input, 2, 100, {}),
    ('queue, 4 threads fill it', lambda: multi_gpu_mnist.get_input(4), 4, 100, {}),
    ('queue, records parsed by 100', queue_of_many, 4, 100, {}),
    ('tf.data, records parsed one by one', tfdata_of_one, 4, 100, {}),
    ('tf.data, batches parsed', multi_gpu_mnist_tfdata.get_input, 4, 100, {}),
    ('tf.data, batches parsed, 1 tower', multi_gpu_mnist_tfdata.get_input, 1, 100, {}),
    ('tf.data, batches parsed, 1 tower, batch 400', multi_gpu_mnist_tfdata.get_input, 1, 400, {}),
    ('tf.data, batches parsed, 1 thread for all', multi_gpu_mnist_tfdata.get_input, 4, 100,
     {'intra_op_parallelism_threads': 1, 'inter_op_parallelism_threads': 1}),
    ('tf.data, batches parsed, XLA', multi_gpu_mnist_tfdata.get_input, 4, 100, {'xla': True}),
    ('all pictures in memory', memory, 4, 100, {}),
    ('all pictures in memory, 1 tower, batch 400', memory, 1, 400, {}),
    ('one constant batch', constant, 4, 100, {}),
    ('one constant batch, XLA', constant, 4, 100, {'xla': True}),
]


def measure(number):
    """Train in this process in one way of WAYS.

    Returns:
        Examples per second; NaN if the way is with XLA, and XLA compiles nothing in this TensorFlow.
    """
    _, get_input, multi_gpu_mnist.N_GPU, multi_gpu_mnist.BATCH_SIZE, settings = WAYS[number]
    devices, n_cpu = multi_gpu_mnist.tower_devices()
    multi_gpu_mnist.N_GPU = len(devices)
    config = tf.ConfigProto(allow_soft_placement=True, device_count={'CPU': n_cpu})
    for name, value in settings.items():
        if name == 'xla':
            config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
        else:
            setattr(config, name, value)
    with tf.Graph().as_default():
        train_op, cur_loss, _ = multi_gpu_mnist.build(devices, get_input)
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
    """Call `measure` in a process of its own, for threads and XLA are set once in a process."""
    environment = dict(os.environ)
    if 'xla' in WAYS[number][4]:
        # Without it, XLA in a session is for GPUs alone.
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
    axes.set_xlabel('distinct examples per second (in white: ratio to the first)')
    figure.tight_layout()
    return figure


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
    # A process that measures is handed the record files, and has no need of the data set.
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
    parser.add_argument('--ways', type=int, nargs='+', choices=numbers, default=numbers, metavar='N',
                        help='the ways to measure, of the list above; 0, the printed input, is always '
                             'measured (default: all)')
    parser.add_argument('--measure', type=int, choices=numbers, metavar='N',
                        help='measure one way, once, in this process, and print examples per second alone')
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
    cli.set_constants(vars(multi_gpu_mnist), args)
    ways = sorted(set([0] + args.ways))
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
    print('\n%-46s  %10s  %10s  %5s' % ('distinct examples per second', 'median', 'lowest', 'ratio'))
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
