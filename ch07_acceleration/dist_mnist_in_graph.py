"""Train article 3's network on MNIST on a cluster, from one program with one graph (in-graph replication).

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, which describes this way (计算图内分布式) as that of its program
for several GPUs. This is that program with workers in place of GPUs: worker 0 builds one graph, with the
variables on the parameter servers and a tower on each worker, averages the towers' gradients, and feeds all
of them with pictures. The other tasks only run servers. So one machine does all the reading and sending,
and becomes the bottleneck.

    python ch07_acceleration/launch.py dist_mnist_in_graph.py --ps 1 --workers 2

On a real cluster, one command a task, or TF_CONFIG in place of the flags:

    python ch07_acceleration/dist_mnist_in_graph.py --job_name worker --task_index 0 \\
        --ps_hosts tf-ps0:2222,tf-ps1:2222 --worker_hosts tf-worker0:2222,tf-worker1:2222,tf-worker2:2222

Takes half a minute on two cores. Expect a test accuracy of 0.97 or more.
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

MODEL_SAVE_PATH = "runs/ch07_acceleration/dist_in_graph/"
MODEL_NAME = "model.ckpt"
# Steps between two checkpoints: what is lost with the parameter servers.
SAVE_STEPS = 250
# Steps between two lines.
REPORT_STEPS = 100


def average_gradients(tower_grads):
    """The mean over the towers of each variable's gradient.

    Args:
        tower_grads: for each tower, what compute_gradients returns: pairs of gradient and variable.
    Returns:
        Pairs of mean gradient and variable.
    """
    average_grads = []
    for grad_and_vars in zip(*tower_grads):
        grads = [tf.expand_dims(g, 0) for g, _ in grad_and_vars]
        grad = tf.reduce_mean(tf.concat(grads, 0), 0)
        # The towers share their variables, so the first tower's will do.
        average_grads.append((grad, grad_and_vars[0][1]))
    return average_grads


def train(task, server, mnist):
    """Train with one tower on each worker until TRAINING_STEPS steps are done."""
    workers = len(task.cluster['worker'])

    def device(index):
        return tf.device(tf.train.replica_device_setter(
            worker_device=dist_cluster.name_of('worker', index), cluster=tf.train.ClusterSpec(task.cluster)))

    regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE) if REGULARAZTION_RATE else None
    with device(0):
        global_step = tf.train.get_or_create_global_step()
        learning_rate = tf.train.exponential_decay(
            LEARNING_RATE_BASE, global_step,
            max(1, mnist.train.num_examples // (BATCH_SIZE * workers)), LEARNING_RATE_DECAY)
        opt = tf.train.GradientDescentOptimizer(learning_rate)

    inputs, tower_grads = [], []
    for i in range(workers):
        # Operations go to worker i, and variables, which the first tower makes, to a parameter server.
        with device(i), tf.variable_scope(tf.get_variable_scope(), reuse=i > 0), \
                tf.name_scope('WORKER_%d' % i) as scope:
            x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE], name='x-input')
            y_ = tf.placeholder(tf.int64, [None], name='y-input')
            loss = dist_cluster.get_loss(x, y_, regularizer, scope)
            tower_grads.append(opt.compute_gradients(loss))
            inputs += [x, y_]

    with device(0):
        train_op = opt.apply_gradients(average_gradients(tower_grads), global_step=global_step)
        with tf.control_dependencies([train_op]):
            step_op = global_step.read_value()
        saver = tf.train.Saver(save_relative_paths=True)
        # No device filters: this session needs the whole cluster.
        creator = dist_cluster.SessionCreator(server, True, None, saver, MODEL_SAVE_PATH)

    hooks = [tf.train.CheckpointSaverHook(MODEL_SAVE_PATH, save_steps=SAVE_STEPS, saver=saver,
                                          checkpoint_basename=MODEL_NAME)]
    with tf.train.MonitoredSession(creator, hooks, stop_grace_period_secs=2) as sess:
        start, first_step = time.time(), dist_cluster.run_raw(sess, global_step)
        step = first_step
        while step < TRAINING_STEPS:
            batches = sum((mnist.train.next_batch(BATCH_SIZE) for _ in range(workers)), ())
            loss_value, step = sess.run([loss, step_op], feed_dict=dict(zip(inputs, batches)))
            if not np.isfinite(loss_value):
                raise cli.UserError('the loss is %g at step %d: lower --learning_rate_base (now %g)' % (
                    loss_value, step, LEARNING_RATE_BASE))
            if (step - 1) % REPORT_STEPS == 0:
                print('After %d training step(s), loss on training batch is %g.' % (step, loss_value))
        duration = max(time.time() - start, 1e-9)
        print('Trained %d step(s), %.1f examples/sec by all.' % (
            step, (step - first_step) * BATCH_SIZE * workers / duration))


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    dist_cluster.add_flags(parser)
    mnist_inference.add_constants(parser)
    parser.add_constants(
        globals(),
        BATCH_SIZE='pictures in a training batch of one worker',
        LEARNING_RATE_BASE='learning rate at step 0',
        REGULARAZTION_RATE='weight of the L2 loss',
        TRAINING_STEPS='training steps, each with a batch of every worker',
        MODEL_SAVE_PATH='folder of the checkpoints, which worker 0 writes',
        SAVE_STEPS='steps between two checkpoints',
        REPORT_STEPS='steps between two lines')
    parser.add_constants(
        globals(), cli.fraction,
        LEARNING_RATE_DECAY='factor on the learning rate at each epoch')
    parser.add_constants(globals(), cli.file_name, MODEL_NAME='file name of a checkpoint, before -STEP')
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(globals(), args)
    task = dist_cluster.find_task(parser, args)

    server = dist_cluster.start_server(task)
    if (task.job, task.index) != ('worker', 0):
        dist_cluster.serve(task, server, clients=[0])
        return

    others = [(job, index) for job in ('ps', 'worker') for index in range(len(task.cluster[job]))
              if (job, index) != ('worker', 0)]
    end_watches = [dist_cluster.watch(task, 'ps'), dist_cluster.watch(task, 'worker')]
    dist_cluster.check_cluster(task, server, others)
    mnist = input_data.read_data_sets(args.data_dir, seed=args.seed)
    if BATCH_SIZE > mnist.train.num_examples:
        raise cli.UserError('--batch_size %d is more than the %d training pictures' % (
            BATCH_SIZE, mnist.train.num_examples))
    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        train(task, server, mnist)
    dist_cluster.say_done(task, server, others)
    for end in end_watches:
        end()
    dist_cluster.evaluate(mnist, MODEL_SAVE_PATH)


if __name__ == '__main__':
    cli.run(main)
