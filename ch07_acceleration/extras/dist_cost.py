"""Model what a distributed step costs, compare it with the measured step, and ask when distribution pays.

Not in the article, whose section 分布式 TensorFlow of TensorFlow 计算加速 promises speed.

    python ch07_acceleration/extras/dist_cost.py

A step fetches the parameters from the parameter server (参数服务器), computes, and sends the gradients (梯度) back.
The model has five numbers, all measured here: the step of one plain program, the seconds for a byte in each
direction (gRPC's copies and serialization), and those of a message and of each variable without bytes. It
predicts the steps of article 3's network, by size and by batch; beside them are the measured ones. TensorFlow's own
counters of one step, its step_stats, say where the time goes. What moves it is measured: two parameter servers, and
gradients that are added up over ten batches. Then, on paper: how often faster 2, 8 and 64 workers are than one
plain program, with networks of 10 and 100 Gbit/s between machines like this one, for the networks of articles 3, 4
and 5.

Takes two minutes on two idle cores; busy ones spoil the figures, though the least of many measurements is taken.
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
import scipy.optimize
import tensorflow as tf

from ch03_training_tricks import mnist_inference
from ch04_cnn import mnist_inference as lenet
from ch05_rnn_ptb import ptb_word_lm
from ch07_acceleration.extras import network_namespace
from ch07_acceleration.multi_gpu_mnist import get_loss

REPEATS = 60
# Runs in each of the repeats.
RUNS = 4
# Hidden nodes of article 3's network, and batches: pairs that are measured.
CASES = ((100, 100), (500, 100), (2000, 100), (500, 1000))
# What moves the cost, measured for these nodes and this batch: parameter servers, and batches whose gradients are
# added up before they are sent.
MOVED = (500, 100)
SERVERS = 2
ADDED_UP = 10
RATE = 0.01
# Transfers that are measured: how many variables, and their bytes together.
TRANSFERS = ((1, 100000), (1, 1000000), (1, 3000000), (1, 6000000), (8, 100000), (8, 3000000))
WORKERS = (2, 8, 64)
GBITS = (10, 100)

# Seconds: for a byte from the server and to it, and for what has no bytes: one direction of a step, one variable.
Costs = collections.namedtuple('Costs', 'down up message variable')


def seconds(run):
    """The least, over REPEATS, of the mean time of RUNS runs: other programs on the machine only add to it."""
    run()
    means = []
    for _ in range(REPEATS):
        start = time.time()
        for _ in range(RUNS):
            run()
        means.append((time.time() - start) / RUNS)
    return min(means)


def fit(transfers, times):
    """Seconds of a message, for a variable, and for a byte: least squares, all transfers equally important."""
    rows = np.array([(1, variables, size) for variables, size in transfers]) / np.array(times)[:, np.newaxis]
    return scipy.optimize.nnls(rows, np.ones(len(times)))[0]


def transfer_costs(target):
    """Measure how long variables take to a worker, and gradients back."""
    down, up = [], []
    for variables, size in TRANSFERS:
        # A server keeps its variables by name: a container for each transfer.
        with tf.Graph().as_default(), tf.container('%d-%d' % (variables, size)):
            fetches, pairs = [], []
            for _ in range(variables):
                with tf.device('/job:ps/task:0'):
                    there = tf.Variable(tf.zeros([size // variables // 4]))
                with tf.device('/job:worker/task:0'):
                    fetches.append(tf.identity(there).op)
                    pairs.append((tf.Variable(tf.zeros(there.shape)), there))
            send = tf.train.GradientDescentOptimizer(RATE).apply_gradients(pairs)
            with tf.Session(target) as sess:
                sess.run(tf.global_variables_initializer())
                down.append(seconds(lambda: sess.run(fetches)))
                up.append(seconds(lambda: sess.run(send)))
    (down_message, down_variable, down), (up_message, up_variable, up) = fit(TRANSFERS, down), fit(TRANSFERS, up)
    return Costs(down, up, (down_message + up_message) / 2, (down_variable + up_variable) / 2)


# The networks: each returns the operation of a step, what to feed, and the bytes and variables fetched and sent

def dense_bytes():
    return 4 * sum(int(np.prod(variable.shape.as_list())) for variable in tf.trainable_variables())


def article_3_loss(nodes, batch):
    mnist_inference.LAYER1_NODE = nodes
    x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE])
    y_ = tf.placeholder(tf.int64, [None])
    images = np.random.rand(batch, mnist_inference.INPUT_NODE).astype(np.float32)
    return (get_loss(x, y_, tf.contrib.layers.l2_regularizer(0.0001), None),
            {x: images, y_: np.random.randint(10, size=batch)})


def article_3(nodes=500, batch=100):
    loss, feed = article_3_loss(nodes, batch)
    return tf.train.GradientDescentOptimizer(RATE).minimize(loss), feed, dense_bytes(), len(tf.trainable_variables())


def article_4(batch=100):
    x = tf.placeholder(tf.float32, [batch, lenet.IMAGE_SIZE, lenet.IMAGE_SIZE, lenet.NUM_CHANNELS])
    y_ = tf.placeholder(tf.int64, [None])
    y = lenet.inference(x, True, tf.contrib.layers.l2_regularizer(0.0001))
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=y, labels=y_))
    step = tf.train.GradientDescentOptimizer(RATE).minimize(loss + tf.add_n(tf.get_collection('losses')))
    images = np.random.rand(*x.shape.as_list()).astype(np.float32)
    return (step, {x: images, y_: np.random.randint(10, size=batch)}, dense_bytes(), len(tf.trainable_variables()))


def article_5(batch=ptb_word_lm.TRAIN_BATCH_SIZE, words=ptb_word_lm.TRAIN_NUM_STEP):
    with tf.variable_scope('language_model'):
        model = ptb_word_lm.PTBModel(True, batch, words)
    ids = np.random.randint(ptb_word_lm.VOCAB_SIZE, size=(batch, words))
    # Of the word vectors only those of the batch travel.
    table = 4 * ptb_word_lm.VOCAB_SIZE * ptb_word_lm.HIDDEN_SIZE
    return (model.train_op, {model.input_data: ids, model.targets: ids},
            dense_bytes() - table + 4 * batch * words * ptb_word_lm.HIDDEN_SIZE, len(tf.trainable_variables()))


def local_seconds(network, *sizes):
    """Seconds of a step in a plain session; bytes and variables that a distributed one would send each way."""
    with tf.Graph().as_default():
        step, feed, size, variables = network(*sizes)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            return seconds(lambda: sess.run(step, feed)), size, variables


def cluster_seconds(target, nodes, batch, servers=1):
    """Seconds of a step by one worker, and those of its parts by step_stats; each server has its part of a variable."""
    partitioner = tf.fixed_size_partitioner(servers) if servers > 1 else None
    with tf.Graph().as_default(), tf.container('%d-%d-%d' % (nodes, batch, servers)), tf.device(
            tf.train.replica_device_setter(ps_tasks=servers)), tf.variable_scope('', partitioner=partitioner):
        step, feed, _, _ = article_3(nodes, batch)
        with tf.Session(target) as sess:
            sess.run(tf.global_variables_initializer())
            taken, stats = seconds(lambda: sess.run(step, feed)), tf.RunMetadata()
            sess.run(step, feed, tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), stats)
    parts = collections.Counter()
    for device in stats.step_stats.dev_stats:
        for node in device.node_stats:
            kind = 'transfers' if 'RecvTensor' in node.node_name else device.device.split('/')[1][4:]
            parts[kind] += node.all_end_rel_micros / 1e6
    return taken, parts


def added_up(loss, batches):
    """Parameters; operations that start and fetch them, add a batch's gradient, and send the mean of `batches`."""
    copies = tf.trainable_variables()
    with tf.device('/job:worker/task:0'):
        sums = [tf.Variable(tf.zeros(copy.shape), trainable=False) for copy in copies]
        add = tf.group(*map(tf.assign_add, sums, tf.gradients(loss, copies)))
        changes = [RATE / batches * total for total in sums]
    with tf.device('/job:ps/task:0'):
        parameters = [tf.Variable(tf.zeros(copy.shape), trainable=False) for copy in copies]
    start = tf.group(*map(tf.assign, parameters, copies))
    fetch = tf.group(*map(tf.assign, copies, parameters))
    with tf.control_dependencies(list(map(tf.assign_sub, parameters, changes))):
        send = tf.group(*[tf.assign(total, tf.zeros(total.shape)) for total in sums])
    return parameters, start, fetch, add, send


def added_up_seconds(target, nodes, batch, batches):
    """Seconds for each of `batches` steps of a worker with one fetch and one sending."""
    with tf.Graph().as_default(), tf.container('added-up'):
        with tf.device('/job:worker/task:0'):
            loss, feed = article_3_loss(nodes, batch)
        _, start, fetch, add, send = added_up(loss, batches)
        with tf.Session(target) as sess:
            sess.run(tf.global_variables_initializer())
            sess.run(start)

            def steps():
                sess.run(fetch)
                for _ in range(batches):
                    sess.run(add, feed)
                sess.run(send)
            return seconds(steps) / batches


# The model

def transfer_seconds(size, variables, costs):
    """Seconds for the parameters to a worker and the gradients back."""
    return 2 * (costs.message + variables * costs.variable) + size * (costs.down + costs.up)


def speed_up(local, size, variables, costs, workers, servers, gbit):
    """How often faster than one plain program asynchronous workers are, each on a machine of its own."""
    wire = 8e-9 / gbit * size
    alone = local + transfer_seconds(size, variables, costs) + 2 * wire
    # Shared: the link of each server, both ways at once, and the half of gRPC's work that is the server's.
    server = max(wire, size * (costs.down + costs.up) / 2) / servers
    return local / max(alone / workers, server)


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(
        globals(),
        REPEATS='measurements of each time, of which the least is taken',
        RUNS='runs in each of them',
        SERVERS='parameter servers, beside one',
        ADDED_UP='batches whose gradients are added up before they are sent',
        RATE='learning rate')
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

    hosts = {job: ['localhost:%d' % portpicker.pick_unused_port() for _ in range(tasks)]
             for job, tasks in (('ps', SERVERS), ('worker', 1))}
    parent = os.getpid()
    servers = [subprocess.Popen([sys.executable, '-c', (
        'import json, sys, tensorflow as tf\n'
        'tf.train.Server(json.loads(sys.argv[1]), job_name="ps", task_index=int(sys.argv[2])).join()'),
        json.dumps(hosts), str(index)], stderr=subprocess.DEVNULL,
        preexec_fn=lambda: network_namespace.die_with(parent))
        for index in range(SERVERS)]
    try:
        target = tf.train.Server(hosts, job_name='worker', task_index=0).target
        costs = transfer_costs(target)
        print('A message: %.2f ms; for each variable: %.2f ms; a megabyte from the server: %.2f ms, to it: %.2f ms' % (
            1e3 * costs.message, 1e3 * costs.variable, 1e9 * costs.down, 1e9 * costs.up))
        for nodes, batch in CASES:
            local, size, variables = local_seconds(article_3, nodes, batch)
            measured, parts = cluster_seconds(target, nodes, batch)
            model = local + transfer_seconds(size, variables, costs)
            print('%4d nodes, batch of %4d, %5.2f MB each way: plain %6.2f ms, cluster %6.2f ms, model %6.2f ms '
                  '(%+3.0f %%); in it, added up: %s' % (
                      nodes, batch, size / 1e6, 1e3 * local, 1e3 * measured, 1e3 * model,
                      100 * (model / measured - 1), ', '.join(
                          '%s %.2f ms' % (kind, 1e3 * parts[kind]) for kind in ('worker', 'ps', 'transfers'))))
        nodes, batch = MOVED
        local, size, variables = local_seconds(article_3, nodes, batch)
        print('What moves it, %d nodes, batch of %d: 1 parameter server %.2f ms, %d with a part of each variable '
              '%.2f ms; %d batches, then one gradient: %.2f ms for each, model %.2f ms' % (
                  nodes, batch, 1e3 * cluster_seconds(target, nodes, batch)[0], SERVERS,
                  1e3 * cluster_seconds(target, nodes, batch, SERVERS)[0], ADDED_UP,
                  1e3 * added_up_seconds(target, nodes, batch, ADDED_UP),
                  1e3 * (local + transfer_seconds(size, variables, costs) / ADDED_UP)))
    finally:
        for server in servers:
            server.kill()
            server.wait()

    print('By the model, times a plain program (1 parameter server; as many as workers):')
    for article, network in (3, article_3), (4, article_4), (5, article_5):
        local, size, variables = local_seconds(network)
        print('article %d: %.1f ms a step, %.2f MB each way' % (article, 1e3 * local, size / 1e6))
        for gbit in GBITS:
            print('  %3d Gbit/s: %s' % (gbit, ', '.join('%d workers %.2f; %.2f' % (
                workers, speed_up(local, size, variables, costs, workers, 1, gbit),
                speed_up(local, size, variables, costs, workers, workers, gbit)) for workers in WORKERS)))


if __name__ == '__main__':
    cli.run(main)
