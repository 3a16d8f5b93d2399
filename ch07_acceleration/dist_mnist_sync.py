"""Train article 3's network on MNIST on a cluster, all workers in step (between-graph, synchronous).

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, which names tf.train.SyncReplicasOptimizer and leaves the
code to its repository; this code is ours. As in dist_mnist_async.py each worker has its own graph, and the
variables lie on the parameter servers; but the gradients are collected there, and one step is made with the
mean of --replicas of them. With as many replicas as workers a step is the step of one machine with the
larger batch, digit for digit but for rounding. With fewer, the slowest workers are backups: their late
gradients are dropped.

    python ch07_acceleration/launch.py dist_mnist_sync.py --ps 1 --workers 2
    python ch07_acceleration/launch.py dist_mnist_sync.py --ps 1 --workers 3 -- --replicas 2

On a real cluster, one command a task, or TF_CONFIG in place of the flags:

    python ch07_acceleration/dist_mnist_sync.py --job_name worker --task_index 0 \\
        --ps_hosts tf-ps0:2222,tf-ps1:2222 --worker_hosts tf-worker0:2222,tf-worker1:2222,tf-worker2:2222

SyncReplicasOptimizer counts gradients, not workers. Its default of as many tokens as replicas at the start
lets one worker alone make all steps; with none, as here, each step needs a gradient of every worker. A chief
that is started again gives the others a token each, or those that wait for one that the old chief did not
give any more would wait for ever; surplus tokens vanish with the first gradients that come too late.

Worker 0 is the chief: it makes the steps, saves checkpoints, and evaluates at the end. Takes half a minute
on two cores. Expect a test accuracy of 0.97 or more.
"""
from companion import cli

import time

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch03_training_tricks import mnist_inference
from ch07_acceleration import dist_cluster

# Article 3's settings, and fewer steps.
BATCH_SIZE = 100
LEARNING_RATE_BASE = 0.8
LEARNING_RATE_DECAY = 0.99
REGULARAZTION_RATE = 0.0001
TRAINING_STEPS = 1000

MODEL_SAVE_PATH = "runs/ch07_acceleration/dist_sync/"
MODEL_NAME = "model.ckpt"
# Steps between two checkpoints: what is lost with the parameter servers.
SAVE_STEPS = 250
# Steps of a worker between two lines.
REPORT_STEPS = 100


class RestartTokens(tf.compat.v1.train.SessionRunHook):
    """After a restart of the chief, give each other worker a token: it may wait for one that was lost."""

    def __init__(self, creator, tokens):
        self.creator, self.tokens = creator, tokens

    def after_create_session(self, session, coord):
        if self.creator.resumed:
            session.run(self.tokens)


def train(task, server, mnist, replicas, all_steps_done):
    """Train with the other workers until TRAINING_STEPS steps are done, each of `replicas` gradients.

    Then call `all_steps_done`: from here on another worker may well have ended.
    """
    workers = len(task.cluster['worker'])
    is_chief = task.index == 0
    here = dist_cluster.name_of('worker', task.index)
    with tf.device(tf.train.replica_device_setter(
            worker_device=here, cluster=tf.train.ClusterSpec(task.cluster))):
        x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE], name='x-input')
        y_ = tf.placeholder(tf.int64, [None], name='y-input')
        regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE) if REGULARAZTION_RATE else None
        loss = dist_cluster.get_loss(x, y_, regularizer)

        global_step = tf.train.get_or_create_global_step()
        learning_rate = tf.train.exponential_decay(
            LEARNING_RATE_BASE, global_step,
            max(1, mnist.train.num_examples // (BATCH_SIZE * replicas)), LEARNING_RATE_DECAY)
        opt = tf.train.SyncReplicasOptimizer(
            tf.train.GradientDescentOptimizer(learning_rate),
            replicas_to_aggregate=replicas, total_num_replicas=workers)
        train_op = opt.minimize(loss, global_step=global_step)
        sync_hook = opt.make_session_run_hook(is_chief, num_tokens=0)
        # The chief's thread waits for more gradients when all is over: cancelled, it is to end, not to fail.
        opt.get_chief_queue_runner()._queue_closed_exception_types += (tf.errors.CancelledError,)
        # Not with num_tokens=0, which means another operation.
        restart_tokens = opt.get_init_tokens_op(workers - 1) if workers > 1 else tf.no_op()

        # Also the saver's operations are this worker's, or the files would lie on a parameter server.
        saver = tf.train.Saver(save_relative_paths=True)
        # Only the parameter servers and itself: a worker neither waits for the others nor falls with them.
        creator = dist_cluster.SessionCreator(
            server, is_chief, dist_cluster.only('/job:ps', here), saver, MODEL_SAVE_PATH)

    hooks = [sync_hook]
    if is_chief:
        hooks += [RestartTokens(creator, restart_tokens),
                  tf.train.CheckpointSaverHook(MODEL_SAVE_PATH, save_steps=SAVE_STEPS, saver=saver,
                                               checkpoint_basename=MODEL_NAME)]
    with tf.train.MonitoredSession(creator, hooks, stop_grace_period_secs=2) as sess:
        start, first_step, own = time.time(), dist_cluster.run_raw(sess, global_step), 0
        step = first_step
        while step < TRAINING_STEPS:
            xs, ys = mnist.train.next_batch(BATCH_SIZE)
            # The value of train_op is that of the token it waited for: the step that was just made.
            step, loss_value = sess.run([train_op, loss], feed_dict={x: xs, y_: ys})
            if not np.isfinite(loss_value):
                raise cli.UserError('the loss is %g at step %d: lower --learning_rate_base (now %g)' % (
                    loss_value, step, LEARNING_RATE_BASE))
            own += 1
            if (own - 1) % REPORT_STEPS == 0:
                print('After %d training step(s), %d gradient(s) of worker %d, loss on training batch is '
                      '%g.' % (step, own, task.index, loss_value))
        all_steps_done()
        duration = max(time.time() - start, 1e-9)
        print('Trained %d step(s), %d gradient(s) of worker %d, %.1f examples/sec by all.' % (
            step, own, task.index, (step - first_step) * BATCH_SIZE * replicas / duration))


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    dist_cluster.add_flags(parser)
    parser.add_argument('--replicas', type=cli.positive_int, metavar='N',
                        help='gradients in a step, fewer than the workers for backups (default: all workers)')
    mnist_inference.add_constants(parser)
    parser.add_constants(
        globals(),
        BATCH_SIZE='pictures in a training batch of one worker',
        LEARNING_RATE_BASE='learning rate at step 0',
        REGULARAZTION_RATE='weight of the L2 loss',
        TRAINING_STEPS='training steps, each of several gradients',
        MODEL_SAVE_PATH='folder of the checkpoints, which the chief writes',
        SAVE_STEPS='steps between two checkpoints',
        REPORT_STEPS="a worker's steps between two of its lines")
    parser.add_constants(
        globals(), cli.fraction,
        LEARNING_RATE_DECAY='factor on the learning rate at each epoch')
    parser.add_constants(globals(), cli.file_name, MODEL_NAME='file name of a checkpoint, before -STEP')
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(globals(), args)
    task = dist_cluster.find_task(parser, args)
    workers = len(task.cluster['worker'])
    replicas = args.replicas or workers
    if replicas > workers:
        parser.error('argument --replicas: %d are more than the %d workers' % (replicas, workers))

    server = dist_cluster.start_server(task)
    if task.job == 'ps':
        dist_cluster.serve(task, server, clients=range(workers))
        return

    end_watch = dist_cluster.watch(task, 'ps')
    end_watch_of_workers = dist_cluster.watch(task, 'worker', spare=workers - replicas)
    ps = [('ps', index) for index in range(len(task.cluster['ps']))]
    dist_cluster.check_cluster(task, server, ps)
    # Each worker draws batches of its own.
    seed = None if args.seed is None else args.seed + task.index
    mnist = input_data.read_data_sets(args.data_dir, seed=seed)
    if BATCH_SIZE > mnist.train.num_examples:
        raise cli.UserError('--batch_size %d is more than the %d training pictures' % (
            BATCH_SIZE, mnist.train.num_examples))
    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        train(task, server, mnist, replicas, end_watch_of_workers)
    dist_cluster.say_done(task, server, ps)
    end_watch()
    if task.index == 0:
        dist_cluster.evaluate(mnist, MODEL_SAVE_PATH)


if __name__ == '__main__':
    cli.run(main)
