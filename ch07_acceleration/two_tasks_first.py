"""Start the first of two tasks (任务); it waits until the second one has started, too.

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, the programs of a cluster (集群) with two tasks.

    python ch07_acceleration/two_tasks_first.py         # in one terminal
    python ch07_acceleration/two_tasks_second.py        # in another terminal
    python ch07_acceleration/launch.py two_tasks_first.py two_tasks_second.py       # or both with one command

Shows that a session on a cluster starts only when all tasks of the cluster run. Takes five seconds. Expect
the constant on task 0, and Hello from server1!

As printed, both would stay in server.join() forever. Here both end once both have printed their line, and
the first gives up if the second does not start within --wait_secs. TF_TUTORIAL_VERBOSE=1 also shows
TensorFlow's own log, which says `CreateSession still waiting` every ten seconds where the article has
`failed to connect`.
"""
from companion import cli

import tensorflow as tf

from ch07_acceleration import dist_cluster
from ch07_acceleration.extras import dist_robust

# The addresses of the two tasks; the print has a blank in the second one (erratum 7.46).
TASK0 = "localhost:2222"
TASK1 = "localhost:2223"


def program(before_join):
    c = tf.constant("Hello from server1!")

    # A cluster of two tasks, both on this machine.
    cluster = tf.train.ClusterSpec(
        {"local": [TASK0, TASK1]})

    # This process is the first of them, task 0.
    server = tf.train.Server(cluster, job_name="local", task_index=0)

    # A session on the whole cluster; the log says which task runs which operation.
    sess = tf.Session(
        server.target, config=tf.ConfigProto(log_device_placement=True))
    print(sess.run(c).decode())
    before_join(server)                          # ours: lets both tasks end
    server.join()


# What the article does not have: flags, a way to end, and a time limit for waiting.

WAIT_SECS = 300.0


def add_flags(parser):
    parser.add_constants(
        globals(),
        TASK0='host:port of the first task',
        TASK1='host:port of the second task',
        WAIT_SECS='seconds to wait for the other task')
    parser.add_argument('--pin', action='store_true',
                        help="place the constant on the task that defines it, the article's last variant")


def find_task(parser, args, index):
    """Return the Task that the flags describe. A blank in an address, as in the print, is dropped."""
    args.task0, = dist_cluster.addresses(parser, args.task0, '--task0')
    args.task1, = dist_cluster.addresses(parser, args.task1, '--task1')
    hosts = dist_cluster.addresses(parser, '%s,%s' % (args.task0, args.task1), '--task0, --task1')
    return dist_cluster.Task('local', index, {'local': hosts}, args.wait_secs)


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    add_flags(parser)
    args = parser.parse(argv)
    task = find_task(parser, args, 0)
    cli.set_constants(globals(), args)
    before_join = dist_robust.end_together(task)
    with tf.Graph().as_default(), tf.device("/job:local/task:0" if args.pin else None):
        program(before_join)


if __name__ == '__main__':
    cli.run(main)
