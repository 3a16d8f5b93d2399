"""Train article 3's network on MNIST on a cluster, all workers in step (between-graph, synchronous).

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, which names tf.train.SyncReplicasOptimizer and
leaves the code to its repository.

    python ch07_acceleration/launch.py dist_mnist_sync.py --ps 1 --workers 2
    python ch07_acceleration/launch.py dist_mnist_sync.py --ps 1 --workers 3 -- --replicas 2

On a real cluster, one command per task (任务), or TF_CONFIG instead of the flags:

    python ch07_acceleration/dist_mnist_sync.py --job_name worker --task_index 0 \\
        --ps_hosts tf-ps0:2222,tf-ps1:2222 --worker_hosts tf-worker0:2222,tf-worker1:2222,tf-worker2:2222

Shows synchronous updates (同步更新). As in dist_mnist_async.py each worker (计算服务器) has its own
graph, and the variables lie on the parameter servers (参数服务器); but the gradients (梯度) are collected
there, and each step uses the mean of --replicas of them. With as many replicas as workers, a step equals,
up to rounding, the step of one machine with a batch as large as all of theirs. With fewer, the slowest
workers are backups: their late gradients are dropped.

Worker 0 is the chief: it makes the steps, saves checkpoints, and evaluates at the end. Takes half a
minute on two cores. Expect a test accuracy of about 0.97.
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
TRAINING_STEPS = 1000

MODEL_SAVE_PATH = "runs/ch07_acceleration/dist_sync/"
# Steps between two checkpoints: what is lost with the parameter servers.
SAVE_STEPS = 250
# Steps of a worker between two lines.
REPORT_STEPS = 100


# The listing is ours: the article has none. With --textbook, this is the whole program.
def textbook(job_name, task_index, ps_hosts, worker_hosts, replicas, read_mnist):
    cluster = tf.train.ClusterSpec({"ps": ps_hosts, "worker": worker_hosts})
    server = tf.train.Server(cluster, job_name=job_name, task_index=task_index)

    # A parameter server only serves. It never returns from here.
    if job_name == "ps":
        server.join()

    train(cluster, task_index, replicas, read_mnist(), server,
          tf.train.SyncReplicasOptimizer, tf.train.MonitoredTrainingSession)


# The classes of session and optimizer are arguments: extras/dist_robust.py has others, which survive deaths.
def train(cluster, task_index, replicas, mnist, server, SyncReplicasOptimizer, MonitoredTrainingSession):
    is_chief = task_index == 0
    # Variables (变量) go to the parameter servers in turn, all other operations to this worker.
    with tf.device(tf.train.replica_device_setter(
            worker_device="/job:worker/task:%d" % task_index, cluster=cluster)):
        x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE], name='x-input')
        y_ = tf.placeholder(tf.int64, [None], name='y-input')
        regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE) if REGULARAZTION_RATE else None
        loss = get_loss(x, y_, regularizer, None)

        global_step = tf.train.get_or_create_global_step()
        learning_rate = tf.train.exponential_decay(
            LEARNING_RATE_BASE, global_step,
            max(1, mnist.train.num_examples // (BATCH_SIZE * replicas)), LEARNING_RATE_DECAY)
        opt = SyncReplicasOptimizer(
            tf.train.GradientDescentOptimizer(learning_rate),
            replicas_to_aggregate=replicas, total_num_replicas=cluster.num_tasks("worker"))
        train_op = opt.minimize(loss, global_step=global_step)
        # The optimizer counts gradients, not workers: with its default, as many tokens as replicas at the
        # start, one worker alone can make all steps. With none, workers that keep pace give one gradient
        # each; a worker can still take the token of one that is late to fetch it, or dead.
        sync_hook = opt.make_session_run_hook(is_chief, num_tokens=0)

        # Made here, as the saver that the session would make writes its files on a parameter server.
        scaffold = tf.train.Scaffold(saver=tf.train.Saver(save_relative_paths=True))

    with MonitoredTrainingSession(
            master=server.target, is_chief=is_chief, checkpoint_dir=MODEL_SAVE_PATH,
            scaffold=scaffold, hooks=[sync_hook, tf.train.StopAtStepHook(last_step=TRAINING_STEPS)],
            save_checkpoint_steps=SAVE_STEPS,
            # At the end a thread of the chief waits for gradients that no longer come; the default is to wait
            # two minutes for it.
            stop_grace_period_secs=2,
            # This session uses only the parameter servers and this worker.
            config=tf.ConfigProto(device_filters=["/job:ps", "/job:worker/task:%d" % task_index])) as sess:
        step = first_step = sess.run(global_step)
        own, start = 0, time.time()
        while not sess.should_stop():
            xs, ys = mnist.train.next_batch(BATCH_SIZE)
            # train_op returns the token that it waited for: the number of the step just made.
            step, loss_value = sess.run([train_op, loss], feed_dict={x: xs, y_: ys})
            cli.check_loss(loss_value, step, LEARNING_RATE_BASE, '--learning_rate_base', MODEL_SAVE_PATH)  # ours
            own += 1
            if (own - 1) % REPORT_STEPS == 0:
                print('After %d training step(s), %d gradient(s) of worker %d, loss on training batch is '
                      '%g.' % (step, own, task_index, loss_value))
        duration = max(time.time() - start, 1e-9)
        print('Trained %d step(s), %d gradient(s) of worker %d, %.1f examples/sec by all.' % (
            step, own, task_index, (step - first_step) * BATCH_SIZE * replicas / duration))


# Flags, and what lets the tasks end and survive.

def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    dist_cluster.add_flags(parser)
    parser.add_argument('--replicas', type=cli.positive_int, metavar='N',
                        help='gradients in a step, fewer than the workers for backups (default: all workers)')
    dist_cluster.add_settings(
        parser, globals(),
        TRAINING_STEPS='training steps, each of several gradients',
        REPORT_STEPS="a worker's steps between two of its lines")
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(globals(), args)
    task = dist_cluster.find_task(parser, args)
    workers = len(task.cluster['worker'])
    replicas = args.replicas or workers
    if replicas > workers:
        parser.error('argument --replicas: %d are more than the %d workers' % (replicas, workers))

    @functools.lru_cache(maxsize=1)
    def read_mnist():
        return dist_cluster.read_mnist(args, task.index, BATCH_SIZE)

    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        if args.textbook:
            textbook(task.job, task.index, task.cluster['ps'], task.cluster['worker'], replicas, read_mnist)
        else:
            cluster = tf.train.ClusterSpec(task.cluster)
            dist_robust.run(
                task, lambda **robust: train(
                    cluster, task.index, replicas, read_mnist(),
                    SyncReplicasOptimizer=dist_robust.SyncReplicasOptimizer, **robust),
                servers=[('ps', index) for index in range(len(task.cluster['ps']))],
                folder=MODEL_SAVE_PATH, steps=TRAINING_STEPS, settings=dist_cluster.settings(args),
                spare=workers - replicas)
    if (task.job, task.index) == ('worker', 0):
        dist_cluster.evaluate(read_mnist(), MODEL_SAVE_PATH)


if __name__ == '__main__':
    cli.run(main)
