"""Start the second of two tasks (任务): what it defines runs on the first task, unless placed explicitly.

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, the programs of a cluster (集群) with two tasks.

    python ch07_acceleration/two_tasks_second.py            # beside two_tasks_first.py
    python ch07_acceleration/two_tasks_second.py --pin      # the article's last variant, with tf.device
    python ch07_acceleration/launch.py two_tasks_first.py two_tasks_second.py       # or both with one command

Shows that a session sees the devices (设备) of the whole cluster, and runs an operation without a device on
the first of them, which is task 0's; tf.device("/job:local/task:1") puts it on task 1. Takes five seconds.
Expect the constant on task 0, or with --pin on task 1, and Hello from server2!
"""
from companion import cli

import tensorflow as tf

from ch07_acceleration import two_tasks_first
from ch07_acceleration.extras import dist_robust

# The addresses of the two tasks, the same in every program of the cluster.
TASK0 = "localhost:2222"
TASK1 = "localhost:2223"
WAIT_SECS = two_tasks_first.WAIT_SECS


def program(before_join):
    c = tf.constant("Hello from server2!")

    # The same cluster as in the first program.
    cluster = tf.train.ClusterSpec(
        {"local": [TASK0, TASK1]})

    # This process is task 1.
    server = tf.train.Server(cluster, job_name="local", task_index=1)

    # The rest is that of the first program.
    sess = tf.Session(
        server.target, config=tf.ConfigProto(log_device_placement=True))
    print(sess.run(c).decode())
    before_join(server)                          # ours: lets both tasks end
    server.join()


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    two_tasks_first.add_flags(parser)
    args = parser.parse(argv)
    task = two_tasks_first.find_task(parser, args, 1)
    cli.set_constants(globals(), args)
    before_join = dist_robust.end_together(task)
    with tf.Graph().as_default():
        # The article's variant: `with tf.device` around the constant, the only operation that the program
        # defines.
        with tf.device("/job:local/task:1" if args.pin else None):
            program(before_join)


if __name__ == '__main__':
    cli.run(main)
