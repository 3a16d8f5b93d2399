"""Run the three-layer network forward with its input fed through a placeholder.

Article 2 TensorFlow 解决 MNIST 问题入门, section TensorFlow 实现反向传播, the placeholder program.

    python ch02_mnist_basics/forward_placeholder.py

Shows that the fed network gives what the constant gave (forward_variables.py), and why training feeds:
each constant stays in the graph as one more node, and a placeholder is one node for every batch. Takes
three seconds. Expect [[1.7131824]], the outputs of a batch of three examples, no new node for 100 feeds, and
100 new ones for 100 constants.
"""
from companion import cli

import numpy as np
import tensorflow as tf


def program():
    """The network of forward_variables.py, with a placeholder in place of its constant."""
    w1 = tf.Variable(tf.random_normal([2, 3], stddev=1, seed=1))
    b1 = tf.Variable(tf.constant(0.0, shape=[3]))
    w2 = tf.Variable(tf.random_normal([3, 1], stddev=1, seed=1))
    b2 = tf.Variable(tf.constant(0.0, shape=[1]))

    x = tf.placeholder(tf.float32, shape=(1, 2), name="input")

    a = tf.nn.relu(tf.matmul(x, w1) + b1)
    y = tf.nn.relu(tf.matmul(a, w2) + b2)

    sess = tf.Session()
    init_op = tf.global_variables_initializer()
    sess.run(init_op)

    print(sess.run(y, feed_dict={x: [[0.7, 0.9]]}))

    sess.close()


# What the article says of placeholders, shown: the shape may be left open, and feeding adds no nodes.

def count_nodes():
    """Feed a batch of three examples, then 100 batches; and build 100 constants (常量)."""
    graph = tf.get_default_graph()
    w1, b1, w2, b2 = tf.global_variables()
    x = tf.placeholder(tf.float32, name="batch")
    a = tf.nn.relu(tf.matmul(x, w1) + b1)
    y = tf.nn.relu(tf.matmul(a, w2) + b2)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        print(sess.run(y, feed_dict={x: [[0.7, 0.9], [0.1, 0.4], [0.5, 0.8]]}))

        batches = np.random.RandomState(1).rand(100, 1, 2)
        before = len(graph.get_operations())
        for batch in batches:
            sess.run(y, feed_dict={x: batch})
        fed = len(graph.get_operations())
        for batch in batches:
            tf.constant(batch)
        print('100 feeds: %d more nodes; 100 constants: %d more nodes' % (
            fed - before, len(graph.get_operations()) - fed))


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)
    with tf.Graph().as_default():
        program()
        count_nodes()


if __name__ == '__main__':
    cli.run(main)
