"""The first of two tasks: it waits until the second has started, too.

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, the programs of a cluster with two tasks.

    python ch07_acceleration/two_tasks_first.py         # in one terminal
    python ch07_acceleration/two_tasks_second.py        # in another one
    python ch07_acceleration/launch.py two_tasks_first.py two_tasks_second.py       # or both with one command

Shows that a session on a cluster begins when all of its tasks are there. The article's server.join() never
returns; here each task ends when the other one is done, too, and gives up when it does not come within
--wait_secs. Takes five seconds. Expect the constant on task 0, and Hello from server1!
TF_TUTORIAL_VERBOSE=1 shows TensorFlow's own log, too: it says `CreateSession still waiting` every ten
seconds where the article has `failed to connect`.
"""
from companion import cli

import contextlib

import tensorflow as tf

from ch07_acceleration import dist_cluster

# The two tasks.
TASK0 = "localhost:2222"
TASK1 = "localhost:2223"
WAIT_SECS = 300.0


def run(task_index, c, parser, args):
    """Run `c` as one of the two tasks, and end when the other one has run its own.

    Args:
        c: a string tensor.
    """
    # A cluster of two tasks, both on this machine.
    cluster = tf.train.ClusterSpec(
        {"local": [dist_cluster.addresses(parser, args.task0, '--task0')[0],
                   dist_cluster.addresses(parser, args.task1, '--task1')[0]]})
    dist_cluster.addresses(parser, '%s,%s' % (args.task0, args.task1), '--task0, --task1')
    task = dist_cluster.Task('local', task_index, cluster.as_dict(), args.wait_secs)
    # tf.train.Server(cluster, job_name="local", task_index=task_index), with a clear error for a busy port.
    server = dist_cluster.start_server(task)
    end_watch = dist_cluster.watch(task, 'local')

    with tf.Session(
            server.target, config=tf.ConfigProto(log_device_placement=True)) as sess:
        print(sess.run(c).decode())

    # In place of server.join().
    dist_cluster.say_done(task, server, [('local', 1 - task_index)])
    end_watch()
    dist_cluster.wait_for_done(task, server, 'local', [1 - task_index])


def add_flags(parser):
    parser.add_constants(
        globals(),
        TASK0='host:port of the first task',
        TASK1='host:port of the second task',
        WAIT_SECS='seconds to wait for the other task')
    parser.add_argument('--pin', action='store_true', help='pin the constant to the task that defines it')


def device(args, name):
    """The article's tf.device line with --pin, and nothing without."""
    return tf.device(name) if args.pin else contextlib.suppress()


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    add_flags(parser)
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    with tf.Graph().as_default():
        with device(args, "/job:local/task:0"):
            c = tf.constant("Hello from server1!")
        run(0, c, parser, args)


if __name__ == '__main__':
    cli.run(main)
