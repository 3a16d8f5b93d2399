"""Train article 3's network on MNIST on a cluster, from one program with one graph (in-graph replication).

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, which says that its program for several GPUs
works this way.

    python ch07_acceleration/launch.py dist_mnist_in_graph.py --ps 1 --workers 2

On a real cluster, one command per task (任务), or TF_CONFIG instead of the flags:

    python ch07_acceleration/dist_mnist_in_graph.py --job_name worker --task_index 0 \\
        --ps_hosts tf-ps0:2222,tf-ps1:2222 --worker_hosts tf-worker0:2222,tf-worker1:2222,tf-worker2:2222

Shows in-graph replication (计算图内分布式): multi_gpu_mnist.py with workers (计算服务器) in place of
GPUs. Worker 0 builds one computational graph (计算图), with the variables on the parameter servers
(参数服务器) and a tower on each worker, averages the towers' gradients (梯度), and feeds all of them with
images. The other tasks only run servers. So one machine does all the reading and sending, and becomes the
bottleneck.

Takes half a minute on two cores. Expect a test accuracy of 0.97 or more.
"""
from companion import cli

import functools
import time

import tensorflow as tf

from ch03_training_tricks import mnist_inference
from ch07_acceleration import dist_cluster
from ch07_acceleration.extras import dist_robust
from ch07_acceleration.multi_gpu_mnist import average_gradients, get_loss

# Article 3's settings, and fewer steps.
BATCH_SIZE = 100
LEARNING_RATE_BASE = 0.8
LEARNING_RATE_DECAY = 0.99
REGULARAZTION_RATE = 0.0001
TRAINING_STEPS = 1000

MODEL_SAVE_PATH = "runs/ch07_acceleration/dist_in_graph/"
# Steps between two checkpoints: what is lost with the parameter servers.
SAVE_STEPS = 250
# Steps between two lines.
REPORT_STEPS = 100


# The listing is ours: the article has none. With --textbook, this is the whole program.
def textbook(job_name, task_index, ps_hosts, worker_hosts, read_mnist):
    cluster = tf.train.ClusterSpec({"ps": ps_hosts, "worker": worker_hosts})
    server = tf.train.Server(cluster, job_name=job_name, task_index=task_index)

    # All but worker 0 only serve. They never return from here.
    if (job_name, task_index) != ("worker", 0):
        server.join()

    train(cluster, read_mnist(), server, tf.train.MonitoredTrainingSession)


# The session's class is an argument: extras/dist_robust.py has another, which survives deaths.
def train(cluster, mnist, server, MonitoredTrainingSession):
    workers = cluster.num_tasks("worker")
    regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE) if REGULARAZTION_RATE else None

    # Variables (变量) on the parameter servers, other operations on a worker.
    def device(index):
        return tf.device(tf.train.replica_device_setter(
            worker_device="/job:worker/task:%d" % index, cluster=cluster))

    with device(0):
        global_step = tf.train.get_or_create_global_step()
        learning_rate = tf.train.exponential_decay(
            LEARNING_RATE_BASE, global_step,
            max(1, mnist.train.num_examples // (BATCH_SIZE * workers)), LEARNING_RATE_DECAY)
        opt = tf.train.GradientDescentOptimizer(learning_rate)

    # A tower on each worker, with its own placeholders. The first tower makes the variables, the others
    # share them.
    inputs, tower_grads = [], []
    for i in range(workers):
        with device(i), tf.variable_scope(tf.get_variable_scope(), reuse=i > 0), \
                tf.name_scope('WORKER_%d' % i) as scope:
            x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE], name='x-input')
            y_ = tf.placeholder(tf.int64, [None], name='y-input')
            loss = get_loss(x, y_, regularizer, scope)
            tower_grads.append(opt.compute_gradients(loss))
            inputs += [x, y_]

    with device(0):
        train_op = opt.apply_gradients(average_gradients(tower_grads), global_step=global_step)
        # Read after the update; fetched together with it, the step may still be the old one.
        with tf.control_dependencies([train_op]):
            step_op = global_step.read_value()
        # Made here, as the saver that the session would make writes its files on a parameter server.
        scaffold = tf.train.Scaffold(saver=tf.train.Saver(save_relative_paths=True))

    # No device filters: this session needs the whole cluster.
    with MonitoredTrainingSession(
            master=server.target, is_chief=True, checkpoint_dir=MODEL_SAVE_PATH,
            scaffold=scaffold, hooks=[tf.train.StopAtStepHook(last_step=TRAINING_STEPS)],
            save_checkpoint_steps=SAVE_STEPS) as sess:
        step = first_step = sess.run(global_step)
        start = time.time()
        while not sess.should_stop():
            batches = sum((mnist.train.next_batch(BATCH_SIZE) for _ in range(workers)), ())
            loss_value, step = sess.run([loss, step_op], feed_dict=dict(zip(inputs, batches)))
            cli.check_loss(loss_value, step, LEARNING_RATE_BASE, '--learning_rate_base', MODEL_SAVE_PATH)  # ours
            if (step - 1) % REPORT_STEPS == 0:
                print('After %d training step(s), loss on training batch is %g.' % (step, loss_value))
        duration = max(time.time() - start, 1e-9)
        print('Trained %d step(s), %.1f examples/sec by all.' % (
            step, (step - first_step) * BATCH_SIZE * workers / duration))


# Flags, and what lets the tasks end and survive.

def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    dist_cluster.add_flags(parser)
    dist_cluster.add_settings(
        parser, globals(),
        TRAINING_STEPS='training steps, each with a batch of every worker',
        REPORT_STEPS="steps between two lines")
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(globals(), args)
    task = dist_cluster.find_task(parser, args)

    @functools.lru_cache(maxsize=1)
    def read_mnist():
        return dist_cluster.read_mnist(args, 0, BATCH_SIZE)

    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        if args.textbook:
            textbook(task.job, task.index, task.cluster['ps'], task.cluster['worker'], read_mnist)
        else:
            cluster = tf.train.ClusterSpec(task.cluster)
            dist_robust.run(
                task, lambda **robust: train(cluster, read_mnist(), **robust),
                servers=[(job, index) for job in ('ps', 'worker') for index in range(len(task.cluster[job]))
                         if (job, index) != ('worker', 0)],
                folder=MODEL_SAVE_PATH, steps=TRAINING_STEPS, settings=dist_cluster.settings(args), spare=0)
    if (task.job, task.index) == ('worker', 0):
        dist_cluster.evaluate(read_mnist(), MODEL_SAVE_PATH)


if __name__ == '__main__':
    cli.run(main)
