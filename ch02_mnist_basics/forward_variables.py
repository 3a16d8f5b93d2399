"""Run the three-layer network forward with its parameters in variables.

Article 2 TensorFlow 解决 MNIST 问题入门, section TensorFlow 实现前向传播, second program.

    python ch02_mnist_basics/forward_variables.py

Shows tf.Variable, its initialisers, and global_variables_initializer. Takes three seconds. The article
prints [[3.95757794]]; the program that it prints gives [[1.7131824]]. The printed number is what the same
weights give without the two ReLUs, and this script computes both. The last two lines are about the snippet
before the program: random_normal with stddev=2, and a variable that starts from another one.
"""
from companion import cli

import tensorflow as tf


def snippet():
    """A 变量 (variable) that starts with random numbers."""
    weights = tf.Variable(tf.random_normal([2, 3], stddev=2))
    return weights


def program():
    """The three-layer network, its weights and biases (权重, 偏置项) in variables."""
    w1 = tf.Variable(tf.random_normal([2, 3], stddev=1, seed=1))
    b1 = tf.Variable(tf.constant(0.0, shape=[3]))
    w2 = tf.Variable(tf.random_normal([3, 1], stddev=1, seed=1))
    b2 = tf.Variable(tf.constant(0.0, shape=[1]))

    # One example with two features: a 1 x 2 matrix.
    x = tf.constant([[0.7, 0.9]])

    a = tf.nn.relu(tf.matmul(x, w1) + b1)
    y = tf.nn.relu(tf.matmul(a, w2) + b2)

    sess = tf.Session()

    init_op = tf.global_variables_initializer()
    sess.run(init_op)

    print(sess.run(y))

    sess.close()


# What the article does not have: where its number is from, and the other ways to start a variable.

def without_relu():
    """Print what the program's variables give without its two ReLUs: the article's number."""
    w1, b1, w2, b2 = tf.global_variables()
    linear = tf.matmul(tf.matmul(tf.constant([[0.7, 0.9]]), w1) + b1, w2) + b2
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        # Nine digits, as NumPy printed a float32 before 1.14.
        print('without ReLU: [[%.9g]]' % sess.run(linear))


def initial_values():
    """Start a variable from another one, and measure the random numbers."""
    weights = snippet()
    twice = tf.Variable(weights.initialized_value() * 2)
    many = tf.random_normal([200, 300], stddev=2, seed=1)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        print('shape %s; twice the other: %s' % (
            weights.shape, (sess.run(twice) == 2 * sess.run(weights)).all()))
        values = sess.run(many)
    print('60000 such numbers: mean %.2f, standard deviation %.2f' % (values.mean(), values.std()))


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)
    with tf.Graph().as_default():
        program()
        without_relu()
    with tf.Graph().as_default():
        initial_values()


if __name__ == '__main__':
    cli.run(main)
