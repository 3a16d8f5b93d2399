"""Model what a distributed step costs, compare it with the measured step, and ask when distribution pays.

Not in the article, whose section 分布式 TensorFlow of TensorFlow 计算加速 promises speed.

    python ch07_acceleration/extras/dist_cost.py

A step fetches the parameters from the parameter server (参数服务器), computes, and sends the gradients (梯度) back.
The model has four numbers, all measured here: the step of one plain program, the seconds for a byte in each
direction (gRPC's copies and serialization), and those of a message without bytes. It predicts the steps of
article 3's network, by size and by batch; beside them are the measured ones. TensorFlow's own counters of one step,
its step_stats, say where the time goes. Then, on paper: how often faster 2, 8 and 64 workers are than one plain
program, with networks of 10 and 100 Gbit/s between machines like this one, for the networks of articles 3, 4 and 5.

Takes three minutes on two idle cores; busy ones spoil the figures, though the least of many measurements is taken.
"""
from companion import cli

import argparse
import collections
import json
import os
import subprocess
import sys
import time

import numpy as np
import portpicker
import tensorflow as tf

from ch03_training_tricks import mnist_inference
from ch04_cnn import mnist_inference as lenet
from ch05_rnn_ptb import ptb_word_lm
from ch07_acceleration.extras import network_namespace
from ch07_acceleration.multi_gpu_mnist import get_loss

REPEATS = 20
# Runs in each of the repeats.
RUNS = 4
# Hidden nodes of article 3's network, and batches: pairs that are measured.
CASES = ((100, 100), (500, 100), (2000, 100), (500, 1000))
# Bytes of the variables whose transfer is measured.
SIZES = (100000, 1000000, 4000000, 12000000)
WORKERS = (2, 8, 64)
GBITS = (10, 100)

# Seconds: for a byte from the server and to it, and without bytes.
Costs = collections.namedtuple('Costs', 'down up message')


def seconds(sess, op, feed=None):
    """The least, over REPEATS, of the mean time of RUNS runs: other programs on the machine only add to it."""
    sess.run(op, feed)
    means = []
    for _ in range(REPEATS):
        start = time.time()
        for _ in range(RUNS):
            sess.run(op, feed)
        means.append((time.time() - start) / RUNS)
    return min(means)


def fit(sizes, times):
    """The seconds for a byte, and without bytes: a line through the times, each size as important as the others."""
    slope, start = np.polyfit(sizes, times, 1, w=1 / np.array(times))
    return slope, max(start, 0.0)


def transfer_costs(target):
    """Measure how long variables take to a worker, and back."""
    down, up = [], []
    for size in SIZES:
        # A server keeps its variables by name: a container for each size.
        with tf.Graph().as_default(), tf.container(str(size)):
            with tf.device('/job:ps/task:0'):
                there = tf.get_variable('there', [size // 4], initializer=tf.zeros_initializer())
            with tf.device('/job:worker/task:0'):
                here = tf.get_variable('here', [size // 4], initializer=tf.zeros_initializer())
                fetch = tf.identity(there).op
            send = tf.assign(there, here).op
            with tf.Session(target) as sess:
                sess.run(tf.global_variables_initializer())
                down.append(seconds(sess, fetch))
                up.append(seconds(sess, send))
    (down, down_start), (up, up_start) = fit(SIZES, down), fit(SIZES, up)
    return Costs(down, up, (down_start + up_start) / 2)


# The networks: each returns the operation of a step, what to feed, and the bytes fetched and sent in a step

def dense_bytes():
    return 4 * sum(int(np.prod(variable.shape.as_list())) for variable in tf.trainable_variables())


def article_3(nodes=500, batch=100):
    mnist_inference.LAYER1_NODE = nodes
    x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE])
    y_ = tf.placeholder(tf.int64, [None])
    loss = get_loss(x, y_, tf.contrib.layers.l2_regularizer(0.0001), None)
    step = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
    images = np.random.rand(batch, mnist_inference.INPUT_NODE).astype(np.float32)
    return step, {x: images, y_: np.random.randint(10, size=batch)}, dense_bytes()


def article_4(batch=100):
    x = tf.placeholder(tf.float32, [batch, lenet.IMAGE_SIZE, lenet.IMAGE_SIZE, lenet.NUM_CHANNELS])
    y_ = tf.placeholder(tf.int64, [None])
    y = lenet.inference(x, True, tf.contrib.layers.l2_regularizer(0.0001))
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=y, labels=y_))
    step = tf.train.GradientDescentOptimizer(0.01).minimize(loss + tf.add_n(tf.get_collection('losses')))
    images = np.random.rand(*x.shape.as_list()).astype(np.float32)
    return step, {x: images, y_: np.random.randint(10, size=batch)}, dense_bytes()


def article_5(batch=ptb_word_lm.TRAIN_BATCH_SIZE, words=ptb_word_lm.TRAIN_NUM_STEP):
    with tf.variable_scope('language_model'):
        model = ptb_word_lm.PTBModel(True, batch, words)
    ids = np.random.randint(ptb_word_lm.VOCAB_SIZE, size=(batch, words))
    # Of the word vectors only those of the batch travel.
    table = 4 * ptb_word_lm.VOCAB_SIZE * ptb_word_lm.HIDDEN_SIZE
    return (model.train_op, {model.input_data: ids, model.targets: ids},
            dense_bytes() - table + 4 * batch * words * ptb_word_lm.HIDDEN_SIZE)


def local_seconds(network, *sizes):
    """Seconds of a step in a plain session, and the bytes that a distributed one would send each way."""
    with tf.Graph().as_default():
        step, feed, size = network(*sizes)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            return seconds(sess, step, feed), size


def cluster_seconds(target, cluster, nodes, batch):
    """Seconds of a step by one worker and one parameter server, and those of its parts by step_stats."""
    with tf.Graph().as_default(), tf.container('%d-%d' % (nodes, batch)), tf.device(
            tf.train.replica_device_setter(cluster=cluster)):
        step, feed, _ = article_3(nodes, batch)
        with tf.Session(target) as sess:
            sess.run(tf.global_variables_initializer())
            taken, stats = seconds(sess, step, feed), tf.RunMetadata()
            sess.run(step, feed, tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), stats)
    parts = collections.Counter()
    for device in stats.step_stats.dev_stats:
        for node in device.node_stats:
            kind = 'transfers' if 'RecvTensor' in node.node_name else device.device.split('/')[1][4:]
            parts[kind] += node.all_end_rel_micros / 1e6
    return taken, parts


# The model

def predicted(local, size, costs):
    """Seconds of a step of one worker."""
    return local + 2 * costs.message + size * (costs.down + costs.up)


def speed_up(local, size, costs, workers, servers, gbit):
    """How often faster than one plain program asynchronous workers are, each on a machine of its own."""
    wire = 8e-9 / gbit * size
    alone = predicted(local, size, costs) + 2 * wire
    # Shared: the link of each server, both ways at once, and the half of gRPC's work that is the server's.
    server = max(wire, size * (costs.down + costs.up) / 2) / servers
    return local / max(alone / workers, server)


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(
        globals(),
        REPEATS='measurements of each time, of which the least is taken',
        RUNS='runs in each of them')
    parser.add_argument('--no_namespace', action='store_true',
                        help='stay in the network of the machine, where others can reach the tasks')
    parser.add_argument('--inside', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    if args.inside:
        network_namespace.loopback_up()
    elif not args.no_namespace:
        print('NOTICE: no network namespace (%s): for some minutes others can reach the tasks.' % (
            network_namespace.enter(__file__, ['--inside'] + (sys.argv[1:] if argv is None else argv))),
            file=sys.stderr)

    hosts = {job: ['localhost:%d' % portpicker.pick_unused_port()] for job in ('ps', 'worker')}
    cluster, parent = tf.train.ClusterSpec(hosts), os.getpid()
    ps = subprocess.Popen([sys.executable, '-c', (
        'import json, sys, tensorflow as tf\n'
        'tf.train.Server(tf.train.ClusterSpec(json.loads(sys.argv[1])), job_name="ps", task_index=0).join()'),
        json.dumps(hosts)], stderr=subprocess.DEVNULL, preexec_fn=lambda: network_namespace.die_with(parent))
    try:
        target = tf.train.Server(cluster, job_name='worker', task_index=0).target
        costs = transfer_costs(target)
        print('A message: %.2f ms; a megabyte from the server: %.2f ms, to it: %.2f ms' % (
            1e3 * costs.message, 1e9 * costs.down, 1e9 * costs.up))
        for nodes, batch in CASES:
            local, size = local_seconds(article_3, nodes, batch)
            measured, parts = cluster_seconds(target, cluster, nodes, batch)
            model = predicted(local, size, costs)
            print('%4d nodes, batch of %4d, %5.2f MB each way: plain %6.2f ms, cluster %6.2f ms, model %6.2f ms '
                  '(%+3.0f %%); in it, added up: %s' % (
                      nodes, batch, size / 1e6, 1e3 * local, 1e3 * measured, 1e3 * model,
                      100 * (model / measured - 1), ', '.join(
                          '%s %.2f ms' % (kind, 1e3 * parts[kind]) for kind in ('worker', 'ps', 'transfers'))))
    finally:
        ps.kill()
        ps.wait()

    print('By the model, times a plain program (1 parameter server; as many as workers):')
    for article, network in (3, article_3), (4, article_4), (5, article_5):
        local, size = local_seconds(network)
        print('article %d: %.1f ms a step, %.2f MB each way' % (article, 1e3 * local, size / 1e6))
        for gbit in GBITS:
            print('  %3d Gbit/s: %s' % (gbit, ', '.join('%d workers %.2f; %.2f' % (
                workers, speed_up(local, size, costs, workers, 1, gbit),
                speed_up(local, size, costs, workers, workers, gbit)) for workers in WORKERS)))


if __name__ == '__main__':
    cli.run(main)
