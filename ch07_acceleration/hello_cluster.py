"""Run an operation on a cluster (集群) of one task.

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, the first program.

    python ch07_acceleration/hello_cluster.py           # or shut in: launch.py hello_cluster.py

Shows that a session (会话) needs nothing but the server's address, its target. Although it is called a local
server, it listens on every network interface, with no password, while the program runs; launch.py shuts it
in. Takes four seconds. Expect Hello, distributed TensorFlow!
"""
from companion import cli

import tensorflow as tf


def program():
    c = tf.constant("Hello, distributed TensorFlow!")

    # A cluster of this process alone, at a port that is free.
    server = tf.train.Server.create_local_server()

    # What runs in this session runs on the cluster.
    sess = tf.Session(server.target)

    # A string tensor (张量) is bytes in Python 3: decode.
    print(sess.run(c).decode())


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)
    with tf.Graph().as_default():
        program()


if __name__ == '__main__':
    cli.run(main)
