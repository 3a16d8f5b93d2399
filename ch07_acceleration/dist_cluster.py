"""What the distributed programs share: the flags that place a task (任务) in its cluster (集群).

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, the ClusterSpec of parameter servers
(参数服务器) and workers (计算服务器). A library: dist_mnist_async.py, dist_mnist_sync.py and
dist_mnist_in_graph.py use it. What makes their tasks end and survive each other's deaths is in
extras/dist_robust.py, and the place of a task that Slurm has started in extras/slurm_cluster.py.
"""
from companion import cli

import argparse
import collections
import json
import os

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch03_training_tricks import mnist_inference
from ch07_acceleration.extras import slurm_cluster

# The article's tf.train.ClusterSpec: three workers and two parameter servers.
WORKER_HOSTS = "tf-worker0:2222,tf-worker1:2222,tf-worker2:2222"
PS_HOSTS = "tf-ps0:2222,tf-ps1:2222"

# What the article does not have: which task of which cluster is this?

# Seconds until a task that does not answer counts as gone for good.
WAIT_SECS = 60.0
# Under Slurm, how many of the tasks are parameter servers.
SLURM_PS = 1

# A task: its job and index, and the cluster as a dict from job to list of 'host:port'.
Task = collections.namedtuple('Task', 'job index cluster wait_secs')


def name_of(job, index):
    return '/job:%s/task:%d' % (job, index)


def add_flags(parser):
    """Add the flags that place a task in its cluster."""
    parser.add_argument('--job_name', choices=['ps', 'worker'],
                        help='job of this task; without it, TF_CONFIG says which task this is, or else Slurm')
    parser.add_argument('--task_index', type=int, default=0, metavar='N',
                        help='index of this task in its job, from 0 (default: %(default)s)')
    parser.add_constants(
        globals(),
        PS_HOSTS='host:port of each parameter server, with commas',
        WORKER_HOSTS='host:port of each worker, with commas; the first is the chief',
        WAIT_SECS='seconds to wait for a task that does not answer',
        SLURM_PS='under Slurm, how many of the tasks are parameter servers')
    parser.add_argument('--textbook', action='store_true',
                        help="train by TensorFlow's means alone, without what lets tasks end and survive: "
                             'parameter servers stay in server.join() until launch.py ends them')


def add_settings(parser, namespace, **helps):
    """Add the flags of a training: of article 3's network, and of the constants that all these programs have.

    Args:
        namespace: the program's `globals()`.
        helps: for each of its further constants the help text.
    """
    mnist_inference.add_constants(parser)
    parser.add_constants(
        namespace,
        BATCH_SIZE='images in a training batch of one worker',
        LEARNING_RATE_BASE='learning rate at step 0',
        REGULARAZTION_RATE='weight of the L2 loss',
        MODEL_SAVE_PATH='folder of the checkpoints, which the chief writes',
        SAVE_STEPS='steps between two checkpoints',
        **helps)
    parser.add_constants(
        namespace, cli.fraction,
        LEARNING_RATE_DECAY='factor on the learning rate at each epoch')


def settings(args):
    """Return the flags but those that place the task, which may differ each time a training resumes."""
    place = ('job_name', 'task_index', 'ps_hosts', 'worker_hosts', 'wait_secs', 'slurm_ps', 'textbook')
    return argparse.Namespace(**{name: value for name, value in vars(args).items() if name not in place})


def addresses(parser, text, flag):
    """Split 'host:port,host:port', or end with an error that names the flag."""
    # The article's 'localhost: 2223' has a blank.
    hosts = text.replace(' ', '').split(',')
    for host in hosts:
        name, _, port = host.rpartition(':')
        if not name or not port.isdigit() or not 0 < int(port) < 65536:
            parser.error('%s: %r is not host:port' % (flag, host))
    if len(set(hosts)) < len(hosts):
        parser.error('%s: the same host:port twice in %s' % (flag, text))
    return hosts


def find_task(parser, args):
    """Return the Task that the flags name, or else TF_CONFIG, as Kubernetes sets it, or else Slurm; say which.

    TF_CONFIG is {"cluster": {"ps": [...], "worker": [...]}, "task": {"type": "worker", "index": 0}}.
    """
    job, index = args.job_name, args.task_index
    hosts, source = {'ps': args.ps_hosts, 'worker': args.worker_hosts}, '--%s_hosts'
    told_by = 'its flags'
    if job is None and not os.environ.get('TF_CONFIG') and 'SLURM_STEP_ID' in os.environ:
        job, index, cluster, told_by = slurm_cluster.find_place(args.slurm_ps)
        hosts, source = {name: ','.join(tasks) for name, tasks in cluster.items()}, 'Slurm, %s'
    elif job is None:
        told_by = 'TF_CONFIG'
        if not os.environ.get('TF_CONFIG'):
            parser.error('which task is this? Give --job_name and --task_index, or TF_CONFIG, or start it by '
                         "Slurm's srun; `python ch07_acceleration/launch.py %s` starts a whole cluster here" % (
                             parser.prog))
        try:
            config = json.loads(os.environ['TF_CONFIG'])
            job, index = config['task']['type'], int(config['task']['index'])
            hosts = {name: ','.join(tasks) for name, tasks in config['cluster'].items()}
            source = 'TF_CONFIG, %s'
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            parser.error('TF_CONFIG is not of the form {"cluster": ..., "task": {"type": ..., "index": ...}} '
                         '(%s: %s)' % (type(error).__name__, error))
        if set(hosts) != {'ps', 'worker'} or job not in hosts:
            parser.error('TF_CONFIG: task %r of jobs %s; these programs know ps and worker, and worker 0 '
                         'is the chief' % (job, ', '.join(sorted(hosts))))
    cluster = {name: addresses(parser, text, source % name) for name, text in hosts.items()}
    addresses(parser, ','.join(cluster['ps'] + cluster['worker']), 'the cluster')
    if not 0 <= index < len(cluster[job]):
        parser.error('%s %d: the cluster has %s 0 to %d' % (
            '--task_index' if args.job_name else told_by + ', task index', index, job, len(cluster[job]) - 1))
    print('This is %s %d, by %s; ps: %s; worker: %s' % (
        job, index, told_by, ', '.join(cluster['ps']), ', '.join(cluster['worker'])))
    return Task(job, index, cluster, args.wait_secs)


def read_mnist(args, worker, batch_size):
    """Read the data. Each worker draws different batches; with --seed, the same ones in each run."""
    mnist = input_data.read_data_sets(args.data_dir, seed=None if args.seed is None else args.seed + worker)
    cli.check_batch_size(batch_size, mnist.train.num_examples)
    return mnist


def evaluate(mnist, folder):
    """Print the accuracy (正确率) of the newest checkpoint in `folder`, computed in this process alone."""
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None, 784])
        y_ = tf.placeholder(tf.int64, [None])
        correct = tf.equal(tf.argmax(mnist_inference.inference(x, None), 1), y_)
        accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
        path = tf.train.latest_checkpoint(folder)
        tf.train.Saver().restore(sess, path)
        for name, part in ('validation', mnist.validation), ('test', mnist.test):
            print('After %s training step(s), %s accuracy = %g' % (
                path.rpartition('-')[2], name, sess.run(accuracy, {x: part.images, y_: part.labels})))
