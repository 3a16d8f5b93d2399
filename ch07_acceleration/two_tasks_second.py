"""The second of two tasks: what it defines runs on the first one, unless it is pinned.

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, the programs of a cluster with two tasks.

    python ch07_acceleration/two_tasks_second.py            # beside two_tasks_first.py
    python ch07_acceleration/two_tasks_second.py --pin      # the article's last variant, with tf.device
    python ch07_acceleration/launch.py two_tasks_first.py two_tasks_second.py       # or both with one command

Shows that a session sees the devices of the whole cluster, and takes the first one, of task 0, for an
operation without a device; with tf.device("/job:local/task:1") it is task 1. Takes five seconds. Expect the
constant on task 0, with --pin on task 1, and Hello from server2!
"""
from companion import cli

import tensorflow as tf

from ch07_acceleration import two_tasks_first


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    two_tasks_first.add_flags(parser)
    args = parser.parse(argv)
    cli.set_constants(vars(two_tasks_first), args)
    with tf.Graph().as_default():
        with two_tasks_first.device(args, "/job:local/task:1"):
            c = tf.constant("Hello from server2!")
        # The same cluster as in the first program, and the other task_index.
        two_tasks_first.run(1, c, parser, args)


if __name__ == '__main__':
    cli.run(main)
