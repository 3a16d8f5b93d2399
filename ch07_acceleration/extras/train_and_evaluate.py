"""Train article 3's network on MNIST on a cluster by tf.estimator.train_and_evaluate, asynchronously; or by hand.

Not in the article. Section 分布式 TensorFlow describes between-graph replication (计算图之间分布式) and has no code
for it. dist_mnist_async.py does it by tf.train.MonitoredTrainingSession; here are the way above it, for which
TensorFlow 1.15's guides use TF_CONFIG, and the way below it.

    python ch07_acceleration/launch.py train_and_evaluate.py --ps 1 --workers 2
    python ch07_acceleration/launch.py train_and_evaluate.py -- --by_hand
    sbatch ch07_acceleration/slurm/train.sh ch07_acceleration/extras/train_and_evaluate.py

With tf.estimator one writes a model_fn and an input_fn; server, session, checkpoints, and the wait for the others
are TensorFlow's, and ParameterServerStrategy puts the variables (变量) on the parameter servers (参数服务器). By hand,
all of that is written out around a tf.Session. In both, a parameter server never ends by itself: launch.py, Slurm's
script or Kubernetes ends it.

Needs tf.estimator, which TensorFlow 2.16 and later do not have. Its workers end with a message, *Exception ignored
in Server.__del__*, which is harmless. Takes half a minute on two cores. Expect a test
accuracy of 0.97 or more.
"""
from companion import checkpoint, cli

import json
import os
import time

import tensorflow as tf

from ch03_training_tricks import mnist_inference
from ch07_acceleration import dist_cluster
from ch07_acceleration.multi_gpu_mnist import get_loss

# Article 3's settings, and fewer steps.
BATCH_SIZE = 100
LEARNING_RATE_BASE = 0.8
LEARNING_RATE_DECAY = 0.99
REGULARAZTION_RATE = 0.0001
TRAINING_STEPS = 2000

MODEL_SAVE_PATH = "runs/ch07_acceleration/train_and_evaluate/"
# Steps between two checkpoints: what is lost with the parameter servers.
SAVE_STEPS = 500


def training(x, y_, examples):
    """The loss (损失函数) and the operation of a training step, for both ways."""
    regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE) if REGULARAZTION_RATE else None
    loss = get_loss(x, y_, regularizer, None)
    global_step = tf.train.get_or_create_global_step()
    learning_rate = tf.train.exponential_decay(
        LEARNING_RATE_BASE, global_step, examples // BATCH_SIZE, LEARNING_RATE_DECAY)
    return loss, tf.train.GradientDescentOptimizer(learning_rate).minimize(loss, global_step=global_step)


def say_trained(step, own, worker, steps, seconds):
    print('Trained %d step(s), %d of them by worker %d, %.1f examples/sec by all.' % (
        step, own, worker, steps * BATCH_SIZE / max(seconds, 1e-9)))


# tf.estimator.train_and_evaluate

class Speed(tf.compat.v1.train.SessionRunHook):
    """Print at the end what a worker has done."""

    def __init__(self, worker):
        self.worker, self.own = worker, 0

    def begin(self):
        self.step = tf.train.get_global_step()

    def after_create_session(self, session, coord):
        self.first, self.start = session.run(self.step), time.time()

    def after_run(self, run_context, run_values):
        self.own += 1

    def end(self, session):
        step = session.run(self.step)
        say_trained(step, self.own, self.worker, step - self.first, time.time() - self.start)


def by_estimator(task, mnist):
    # To tf.estimator the chief is a job of its own; the other workers are counted from 0 again.
    workers = task.cluster['worker']
    cluster = {'ps': task.cluster['ps'], 'chief': workers[:1], 'worker': workers[1:]}
    place = {'type': task.job, 'index': task.index}
    if task.job == 'worker':
        place = {'type': 'worker', 'index': task.index - 1} if task.index else {'type': 'chief', 'index': 0}
    os.environ['TF_CONFIG'] = json.dumps({
        'cluster': {job: hosts for job, hosts in cluster.items() if hosts}, 'task': place})

    def model_fn(features, labels, mode):
        loss, train_op = training(features, labels, mnist.train.num_examples)
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)

    def input_fn():
        def batches():
            while True:
                yield mnist.train.next_batch(BATCH_SIZE)
        return tf.data.Dataset.from_generator(
            batches, (tf.float32, tf.int64), ([None, mnist_inference.INPUT_NODE], [None]))

    estimator = tf.estimator.Estimator(model_fn, MODEL_SAVE_PATH, tf.estimator.RunConfig(
        train_distribute=tf.distribute.experimental.ParameterServerStrategy(),
        save_checkpoints_steps=SAVE_STEPS))
    # In a cluster only a task of the job 'evaluator' evaluates; there is none, and the input is never asked for.
    try:
        tf.estimator.train_and_evaluate(
            estimator,
            tf.estimator.TrainSpec(input_fn, max_steps=TRAINING_STEPS, hooks=[Speed(task.index)]),
            tf.estimator.EvalSpec(input_fn, steps=1))
    except tf.train.NanLossDuringTrainingError:
        raise cli.UserError('the loss is NaN: lower --learning_rate_base (now %g), and delete %s, whose checkpoint '
                            'may hold NaN too' % (LEARNING_RATE_BASE, MODEL_SAVE_PATH))


# By hand: a server, a session, and everything that the classes above hide

def by_hand(task, mnist):
    cluster = tf.train.ClusterSpec(task.cluster)
    server = tf.train.Server(cluster, job_name=task.job, task_index=task.index)
    if task.job == 'ps':
        server.join()
    is_chief, me = task.index == 0, dist_cluster.name_of('worker', task.index)
    with tf.device(tf.train.replica_device_setter(worker_device=me, cluster=cluster)):
        x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE])
        y_ = tf.placeholder(tf.int64, [None])
        loss, train_op = training(x, y_, mnist.train.num_examples)
        with tf.control_dependencies([train_op]):
            step_op = tf.train.get_global_step().read_value()
        init, missing = tf.global_variables_initializer(), tf.report_uninitialized_variables()
        saver = tf.train.Saver(save_relative_paths=True)

    with tf.Session(server.target, config=tf.ConfigProto(device_filters=['/job:ps', me])) as sess:
        if is_chief:
            newest = tf.train.latest_checkpoint(MODEL_SAVE_PATH)
            if newest:
                saver.restore(sess, newest)
            else:
                sess.run(init)
        while sess.run(missing).size:            # the other workers wait for the chief
            time.sleep(0.3)
        step = first = saved = sess.run(tf.train.get_global_step())
        own, start = 0, time.time()
        while step < TRAINING_STEPS:
            xs, ys = mnist.train.next_batch(BATCH_SIZE)
            loss_value, step = sess.run([loss, step_op], feed_dict={x: xs, y_: ys})
            cli.check_loss(loss_value, step, LEARNING_RATE_BASE, '--learning_rate_base', MODEL_SAVE_PATH)
            own += 1
            if is_chief and (step >= saved + SAVE_STEPS or step >= TRAINING_STEPS):
                saved = step
                saver.save(sess, os.path.join(MODEL_SAVE_PATH, 'model.ckpt'), global_step=step)
        say_trained(step, own, task.index, step - first, time.time() - start)


# Flags

def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    dist_cluster.add_flags(parser)
    parser.add_argument('--by_hand', action='store_true', help='a server and a tf.Session, without tf.estimator')
    dist_cluster.add_settings(
        parser, globals(),
        TRAINING_STEPS='training steps of all workers together')
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(globals(), args)
    if not args.by_hand and not hasattr(tf, 'estimator'):
        raise cli.UserError('TensorFlow %s has no tf.estimator: take --by_hand, or 1.15' % tf.__version__)
    task = dist_cluster.find_task(parser, args)
    is_chief = (task.job, task.index) == ('worker', 0)
    if is_chief:
        _, step = checkpoint.verify(MODEL_SAVE_PATH)
        checkpoint.compare_settings(
            MODEL_SAVE_PATH, dist_cluster.settings(args), step, 'steps', step >= TRAINING_STEPS)
    mnist = dist_cluster.read_mnist(args, task.index, BATCH_SIZE) if task.job == 'worker' else None
    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        (by_hand if args.by_hand else by_estimator)(task, mnist)
    if is_chief:
        dist_cluster.evaluate(mnist, MODEL_SAVE_PATH)


if __name__ == '__main__':
    cli.run(main)
