"""Measure what distributed training brings on this machine, and what it costs.

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, whose promise is speed.

    python ch07_acceleration/extras/dist_speed.py

Shows the examples per second of article 3's network trained by one plain program, and on a cluster with one
parameter server and 1 to 3 workers, asynchronous and synchronous, all in one run, one after the other in
turns, medians of --repeats; and for three sizes of the network the plain program beside a cluster of one
worker. Each step sends all parameters to the worker and all gradients back, so what a step costs grows with
the parameters, and what it brings with the images in its batch.

Takes about five minutes on two idle cores. Expect no gain on one machine: the workers share its cores,
and the network costs time on top.
"""
from companion import cli, figures

import collections
import os
import re
import subprocess
import sys
import tempfile
import time

import matplotlib.figure
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch03_training_tricks import mnist_inference
from ch07_acceleration.extras.input_speed import check_json, save_json
from ch07_acceleration.multi_gpu_mnist import get_loss

EXAMPLES = 60000
BATCH_SIZE = 100
MAX_WORKERS = 3
REPEATS = 3
# Hidden nodes of the networks compared; the middle one is article 3's.
SIZES = [100, 500, 2000]


def local_speed(mnist, nodes):
    """Examples per second of the same network and loop in one plain session."""
    mnist_inference.LAYER1_NODE = nodes
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE])
        y_ = tf.placeholder(tf.int64, [None])
        loss = get_loss(x, y_, tf.contrib.layers.l2_regularizer(0.0001), None)
        train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        sess.run(tf.global_variables_initializer())
        steps, start = EXAMPLES // BATCH_SIZE, time.time()
        for _ in range(steps):
            xs, ys = mnist.train.next_batch(BATCH_SIZE)
            sess.run([train_op, loss], feed_dict={x: xs, y_: ys})
        return steps * BATCH_SIZE / (time.time() - start)


def cluster_speed(data_flags, program, workers, nodes):
    """Examples per second of all workers together, as the chief of a cluster measures it.

    Raises:
        cli.UserError: the cluster failed.
    """
    steps = EXAMPLES // BATCH_SIZE // (workers if program == 'dist_mnist_sync.py' else 1)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, os.path.join(cli.ROOT, 'ch07_acceleration', 'launch.py'), program,
             '--ps', '1', '--workers', str(workers), '--logs', folder] + data_flags + [
                 '--', '--training_steps', str(steps), '--batch_size', str(BATCH_SIZE),
                 '--layer1_node', str(nodes), '--learning_rate_base', '0.1',
                 '--save_steps', str(10 ** 8), '--model_save_path', folder],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    found = re.search(r'^\[worker 0\] Trained .* ([\d.]+) examples/sec by all', done.stdout, re.MULTILINE)
    if done.returncode or not found:
        raise cli.UserError('%s with %d worker(s) failed: %s' % (
            program, workers, (done.stderr.strip() or done.stdout.strip()).split('\n')[-1]))
    return float(found.group(1))


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist', seed=False)
    parser.add_constants(
        globals(),
        EXAMPLES='images trained on in each run',
        BATCH_SIZE='images in a training batch of one worker',
        MAX_WORKERS='largest number of workers',
        REPEATS='runs of each kind, in turns')
    parser.add_argument('--sizes', type=cli.positive_int, nargs='+', default=SIZES, metavar='NODES',
                        help='hidden nodes of the networks compared (default: %(default)s)')
    parser.add_argument('--picture', default='runs/ch07_acceleration/dist_speed.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    parser.add_argument('--json', default='runs/ch07_acceleration/dist_speed.json', metavar='FILE',
                        help='the file with all figures (default: %(default)s)')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    figures.check(args.picture)
    check_json(args.json)
    data_flags = ['--sample'] if args.sample else ['--data_dir', args.data_dir]
    mnist = input_data.read_data_sets(args.data_dir)
    cli.check_batch_size(BATCH_SIZE, mnist.train.num_examples)
    if EXAMPLES < BATCH_SIZE * MAX_WORKERS:
        parser.error('--examples %d is less than --batch_size %d x --max_workers %d = %d: each worker needs a '
                     'batch' % (EXAMPLES, BATCH_SIZE, MAX_WORKERS, BATCH_SIZE * MAX_WORKERS))

    # Keys: program, workers, hidden nodes.
    middle = args.sizes[len(args.sizes) // 2]
    kinds = [('local', 0, nodes) for nodes in args.sizes] + \
        [('async', 1, nodes) for nodes in args.sizes if nodes != middle] + \
        [(name, workers, middle) for name in ('async', 'sync') for workers in range(1, MAX_WORKERS + 1)]
    speeds = collections.defaultdict(list)
    for _ in range(REPEATS):
        for name, workers, nodes in kinds:
            speeds[name, workers, nodes].append(
                local_speed(mnist, nodes) if name == 'local' else
                cluster_speed(data_flags, 'dist_mnist_%s.py' % name, workers, nodes))
    median = {kind: float(np.median(values)) for kind, values in speeds.items()}

    print('%d hidden nodes, batches of %d for each worker, %d core(s), medians of %d:' % (
        middle, BATCH_SIZE, os.cpu_count(), REPEATS))
    for name, workers, nodes in kinds:
        if nodes == middle:
            print('%-5s  %s  %8.0f examples/sec  %5.2f of local  (%s)' % (
                name, '%d worker(s)' % workers if workers else 'one program', median[name, workers, nodes],
                median[name, workers, nodes] / median['local', 0, nodes],
                ', '.join('%.0f' % value for value in speeds[name, workers, nodes])))
    print('One parameter server and one worker, by size:')
    for nodes in args.sizes:
        parameters = (mnist_inference.INPUT_NODE + 1) * nodes + (nodes + 1) * mnist_inference.OUTPUT_NODE
        local, cluster = median['local', 0, nodes], median['async', 1, nodes]
        print('%5d nodes  %8d parameters  %6.2f MB sent a step  local %8.0f  cluster %8.0f examples/sec  '
              '%.2f of local  %.2f ms/step more' % (
                  nodes, parameters, 2 * 4 * parameters / 1e6, local, cluster, cluster / local,
                  1000 * BATCH_SIZE * (1 / cluster - 1 / local)))

    save_json([{'program': name, 'workers': workers, 'nodes': nodes, 'examples_per_sec': values}
               for (name, workers, nodes), values in speeds.items()], args.json)

    figure = matplotlib.figure.Figure(figsize=(10, 4))
    by_workers, by_size = figure.subplots(1, 2)
    counts = range(1, MAX_WORKERS + 1)
    by_workers.axhline(median['local', 0, middle], color='gray', label='one plain program')
    for name, marker in ('async', 'o'), ('sync', 's'):
        by_workers.plot(counts, [median[name, workers, middle] for workers in counts], marker=marker,
                        label=name)
    by_workers.set(xlabel='workers', ylabel='examples/sec', xticks=list(counts), ylim=(0, None),
                   title='%d hidden nodes' % middle)
    by_workers.legend()
    by_size.loglog(args.sizes, [median['local', 0, nodes] for nodes in args.sizes], marker='o', color='gray',
                   label='one plain program')
    by_size.loglog(args.sizes, [median['async', 1, nodes] for nodes in args.sizes], marker='o',
                   label='1 parameter server, 1 worker')
    by_size.set(xlabel='hidden nodes', ylabel='examples/sec', title='by size of the network')
    by_size.legend()
    figure.tight_layout()
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
