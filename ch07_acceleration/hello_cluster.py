"""Run an operation on a cluster (集群) of one task.

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow, the first program.

    python ch07_acceleration/hello_cluster.py           # or, isolated: launch.py hello_cluster.py

Shows that a session (会话) needs only the server's address, its target. Despite its name, a local server
listens on every network interface, without a password, as long as the program runs; launch.py isolates it
from the network. Takes four seconds. Expect Hello, distributed TensorFlow!
"""
from companion import cli

import tensorflow as tf


def program():
    c = tf.constant("Hello, distributed TensorFlow!")

    # A cluster of this one process, on a free port.
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
