"""Train article 3's network on MNIST on a cluster, each worker at its own pace (between-graph, asynchronous).

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, which describes this way (计算图之间分布式) and leaves the code
to its repository; this code is ours. Each worker builds the whole graph; tf.train.replica_device_setter
puts the variables of all these graphs on the same parameter servers, and each worker updates them with its
own gradients, whatever the others did meanwhile.

On one machine, a parameter server and two workers with one command:

    python ch07_acceleration/launch.py dist_mnist_async.py --ps 1 --workers 2

On a real cluster, one command a task, or TF_CONFIG in place of the flags:

    python ch07_acceleration/dist_mnist_async.py --job_name worker --task_index 0 \\
        --ps_hosts tf-ps0:2222,tf-ps1:2222 --worker_hosts tf-worker0:2222,tf-worker1:2222,tf-worker2:2222

Worker 0 is the chief: it saves checkpoints, and evaluates at the end. Takes half a minute on two cores.
Expect a test accuracy of 0.97 or more. Steps are counted over all workers; at the end each worker may do
one step too many.
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
TRAINING_STEPS = 2000

MODEL_SAVE_PATH = "runs/ch07_acceleration/dist_async/"
MODEL_NAME = "model.ckpt"
# Steps between two checkpoints: what is lost with the parameter servers.
SAVE_STEPS = 500
# Steps of a worker between two lines.
REPORT_STEPS = 200


def train(task, server, mnist):
    """Train with the other workers until TRAINING_STEPS steps are done."""
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
            LEARNING_RATE_BASE, global_step, mnist.train.num_examples // BATCH_SIZE, LEARNING_RATE_DECAY)
        train_op = tf.train.GradientDescentOptimizer(learning_rate).minimize(loss, global_step=global_step)
        # Read after the update; fetched beside it, the step may be the one before.
        with tf.control_dependencies([train_op]):
            step_op = global_step.read_value()

        # Also the saver's operations are this worker's, or the files would lie on a parameter server.
        saver = tf.train.Saver(save_relative_paths=True)
        # Only the parameter servers and itself: a worker neither waits for the others nor falls with them.
        creator = dist_cluster.SessionCreator(
            server, is_chief, dist_cluster.only('/job:ps', here), saver, MODEL_SAVE_PATH)

    hooks = [tf.train.CheckpointSaverHook(MODEL_SAVE_PATH, save_steps=SAVE_STEPS, saver=saver,
                                          checkpoint_basename=MODEL_NAME)] if is_chief else []
    with tf.train.MonitoredSession(creator, hooks, stop_grace_period_secs=2) as sess:
        start, first_step, own = time.time(), dist_cluster.run_raw(sess, global_step), 0
        step = first_step
        while step < TRAINING_STEPS:
            xs, ys = mnist.train.next_batch(BATCH_SIZE)
            loss_value, step = sess.run([loss, step_op], feed_dict={x: xs, y_: ys})
            if not np.isfinite(loss_value):
                raise cli.UserError('the loss is %g at step %d: lower --learning_rate_base (now %g)' % (
                    loss_value, step, LEARNING_RATE_BASE))
            own += 1
            if (own - 1) % REPORT_STEPS == 0:
                print('After %d training step(s), %d of them by worker %d, loss on training batch is %g.' % (
                    step, own, task.index, loss_value))
        duration = max(time.time() - start, 1e-9)
        print('Trained %d step(s), %d of them by worker %d, %.1f examples/sec by all.' % (
            step, own, task.index, (step - first_step) * BATCH_SIZE / duration))


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    dist_cluster.add_flags(parser)
    mnist_inference.add_constants(parser)
    parser.add_constants(
        globals(),
        BATCH_SIZE='pictures in a training batch of one worker',
        LEARNING_RATE_BASE='learning rate at step 0',
        REGULARAZTION_RATE='weight of the L2 loss',
        TRAINING_STEPS='training steps of all workers together',
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

    server = dist_cluster.start_server(task)
    if task.job == 'ps':
        dist_cluster.serve(task, server, clients=range(len(task.cluster['worker'])))
        return

    end_watch = dist_cluster.watch(task, 'ps')
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
        train(task, server, mnist)
    dist_cluster.say_done(task, server, ps)
    end_watch()
    if task.index == 0:
        dist_cluster.evaluate(mnist, MODEL_SAVE_PATH)


if __name__ == '__main__':
    cli.run(main)
