"""Train article 3's network on MNIST on a cluster, each worker at its own pace (between-graph, asynchronous).

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, which describes this way and leaves the code to
its repository.

On one machine, a parameter server (参数服务器) and two workers (计算服务器) with one command:

    python ch07_acceleration/launch.py dist_mnist_async.py --ps 1 --workers 2

On a real cluster, one command per task (任务), or TF_CONFIG instead of the flags:

    python ch07_acceleration/dist_mnist_async.py --job_name worker --task_index 0 \\
        --ps_hosts tf-ps0:2222,tf-ps1:2222 --worker_hosts tf-worker0:2222,tf-worker1:2222,tf-worker2:2222

Shows between-graph replication (计算图之间分布式): each worker builds the whole computational graph;
tf.train.replica_device_setter puts the variables of all these graphs on the same parameter servers, and
each worker updates them with its own gradients (梯度), whatever the others have done in the meantime:
asynchronous updates (异步更新).

Worker 0 is the chief: it saves checkpoints, and evaluates at the end. Takes half a minute on two cores.
Expect a test accuracy of 0.97 or more. Steps are counted over all workers; at the end each worker may make
two steps too many.
"""
from companion import cli

import functools
import time

import tensorflow as tf

from ch03_training_tricks import mnist_inference
from ch07_acceleration import dist_cluster
from ch07_acceleration.extras import dist_robust
from ch07_acceleration.multi_gpu_mnist import get_loss

# Article 3's settings, and fewer steps.
BATCH_SIZE = 100
LEARNING_RATE_BASE = 0.8
LEARNING_RATE_DECAY = 0.99
REGULARAZTION_RATE = 0.0001
TRAINING_STEPS = 2000

MODEL_SAVE_PATH = "runs/ch07_acceleration/dist_async/"
# Steps between two checkpoints: what is lost with the parameter servers.
SAVE_STEPS = 500
# Steps of a worker between two lines.
REPORT_STEPS = 200


# The listing is ours: the article has none. With --textbook, this is the whole program.
def textbook(job_name, task_index, ps_hosts, worker_hosts, read_mnist):
    cluster = tf.train.ClusterSpec({"ps": ps_hosts, "worker": worker_hosts})
    server = tf.train.Server(cluster, job_name=job_name, task_index=task_index)

    # A parameter server only serves. It never returns from here.
    if job_name == "ps":
        server.join()

    train(cluster, task_index, read_mnist(), server, tf.train.MonitoredTrainingSession)


# The session's class is an argument: extras/dist_robust.py has another, which survives deaths.
def train(cluster, task_index, mnist, server, MonitoredTrainingSession):
    # Variables (变量) go to the parameter servers in turn, all other operations to this worker.
    with tf.device(tf.train.replica_device_setter(
            worker_device="/job:worker/task:%d" % task_index, cluster=cluster)):
        x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE], name='x-input')
        y_ = tf.placeholder(tf.int64, [None], name='y-input')
        regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE) if REGULARAZTION_RATE else None
        loss = get_loss(x, y_, regularizer, None)

        global_step = tf.train.get_or_create_global_step()
        learning_rate = tf.train.exponential_decay(
            LEARNING_RATE_BASE, global_step, mnist.train.num_examples // BATCH_SIZE, LEARNING_RATE_DECAY)
        train_op = tf.train.GradientDescentOptimizer(learning_rate).minimize(loss, global_step=global_step)
        # Read after the update; fetched together with it, the step may still be the old one.
        with tf.control_dependencies([train_op]):
            step_op = global_step.read_value()

        # Made here, as the saver that the session would make writes its files on a parameter server.
        scaffold = tf.train.Scaffold(saver=tf.train.Saver(save_relative_paths=True))

    with MonitoredTrainingSession(
            master=server.target, is_chief=(task_index == 0), checkpoint_dir=MODEL_SAVE_PATH,
            scaffold=scaffold, hooks=[tf.train.StopAtStepHook(last_step=TRAINING_STEPS)],
            save_checkpoint_steps=SAVE_STEPS,
            # Without the other workers: this one neither waits for them nor fails with them.
            config=tf.ConfigProto(device_filters=["/job:ps", "/job:worker/task:%d" % task_index])) as sess:
        step = first_step = sess.run(global_step)
        own, start = 0, time.time()
        while not sess.should_stop():
            xs, ys = mnist.train.next_batch(BATCH_SIZE)
            loss_value, step = sess.run([loss, step_op], feed_dict={x: xs, y_: ys})
            cli.check_loss(loss_value, step, LEARNING_RATE_BASE, '--learning_rate_base', MODEL_SAVE_PATH)  # ours
            own += 1
            if (own - 1) % REPORT_STEPS == 0:
                print('After %d training step(s), %d of them by worker %d, loss on training batch is %g.' % (
                    step, own, task_index, loss_value))
        duration = max(time.time() - start, 1e-9)
        print('Trained %d step(s), %d of them by worker %d, %.1f examples/sec by all.' % (
            step, own, task_index, (step - first_step) * BATCH_SIZE / duration))


# Flags, and what lets the tasks end and survive.

def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    dist_cluster.add_flags(parser)
    dist_cluster.add_settings(
        parser, globals(),
        TRAINING_STEPS='training steps of all workers together',
        REPORT_STEPS="a worker's steps between two of its lines")
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(globals(), args)
    task = dist_cluster.find_task(parser, args)

    @functools.lru_cache(maxsize=1)
    def read_mnist():
        return dist_cluster.read_mnist(args, task.index, BATCH_SIZE)

    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        if args.textbook:
            textbook(task.job, task.index, task.cluster['ps'], task.cluster['worker'], read_mnist)
        else:
            cluster = tf.train.ClusterSpec(task.cluster)
            dist_robust.run(
                task, lambda **robust: train(cluster, task.index, read_mnist(), **robust),
                servers=[('ps', index) for index in range(len(task.cluster['ps']))],
                folder=MODEL_SAVE_PATH, steps=TRAINING_STEPS, settings=dist_cluster.settings(args))
    if (task.job, task.index) == ('worker', 0):
        dist_cluster.evaluate(read_mnist(), MODEL_SAVE_PATH)


if __name__ == '__main__':
    cli.run(main)
