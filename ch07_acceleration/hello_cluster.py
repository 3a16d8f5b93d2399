"""Run an operation on a cluster of one task.

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, the first program.

    python ch07_acceleration/hello_cluster.py

Shows that a session needs nothing but the server's address, its target. Although it is called a local
server, it listens on every network interface, with no password, while the program runs: launch.py shuts it
in. Takes four seconds.
"""
from companion import cli

import tensorflow as tf


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)
    with tf.Graph().as_default():
        c = tf.constant("Hello, distributed TensorFlow!")

        # A cluster of this process alone, at a port that is free.
        server = tf.train.Server.create_local_server()
        # What runs in this session runs on the cluster.
        with tf.Session(server.target) as sess:
            # A string tensor is bytes in Python 3.
            print(sess.run(c).decode())


if __name__ == '__main__':
    cli.run(main)
