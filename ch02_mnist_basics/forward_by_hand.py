"""Compute figure 3's forward pass term by term in NumPy, and by matrix products in TensorFlow.

Article 2 TensorFlow 解决 MNIST 问题入门, section TensorFlow 实现前向传播 (figures 2 and 3, and the formulas).

    python ch02_mnist_basics/forward_by_hand.py

Shows that the printed a11 = a12 = 0 and a13 = 0.36 are right, and that the printed Y = 0.11 is not: its
terms 0.054 and 0.028 come from the sums before ReLU. With the activations, Y = 0.028. Takes three seconds.
drawings.py draws this network.
"""
from companion import cli

import numpy as np
import tensorflow as tf

# Figure 3, as the printed formulas give it: W1[i][j] is the weight from input i to node j.
X = [0.7, 0.9]
W1 = [[0.2, 0.1, 0.4],
      [0.3, -0.5, 0.2]]
B1 = [-0.5, 0.1, -0.1]
# The formula of Y prints the products of the second layer, not its weights.
Y_TERMS = [0.054, 0.028, -0.072]
B2 = [0.1]


def program(x, w1, b1, w2, b2):
    """The 前向传播 (forward pass) of a 全连接 (fully connected) network, in the article's two lines."""
    a = tf.nn.relu(tf.matmul(x, w1) + b1)
    y = tf.nn.relu(tf.matmul(a, w2) + b2)
    return a, y


# The printed formulas, term by term.

def relu(value):
    """The 激活函数 (activation function) f."""
    return np.maximum(value, 0.0)


def hidden_sums():
    """Each node's weighted sum of its inputs plus its 偏置项 (bias), before the activation."""
    return np.array([X[0] * W1[0][j] + X[1] * W1[1][j] + B1[j] for j in range(3)])


def second_weights():
    """The weights of the second layer, which the article does not print, from the products that it does.

    Only 0.36 survives ReLU, so -0.072 fixes the third weight. The other two products can only be the sums
    before ReLU times a weight; whatever these weights are, they are multiplied by a11 = a12 = 0.
    """
    return np.array(Y_TERMS) / hidden_sums()


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)

    sums, w2 = hidden_sums(), second_weights()
    a = relu(sums)
    for j in range(3):
        print('a1%d = f(%g x %g + %g x %g + %g) = f(%.2f) = %.2f' % (
            j + 1, X[0], W1[0][j], X[1], W1[1][j], B1[j], sums[j], a[j]))
    print('W2 = %s' % np.round(w2, 3))
    print('as printed:  Y = f(%g + %g + %g + %g) = %.2f' % (
        tuple(Y_TERMS) + (B2[0], relu(sum(Y_TERMS) + B2[0]))))
    y = relu(sum(a[j] * w2[j] for j in range(3)) + B2[0])
    print('with ReLU:   Y = f(%g + %g + %.3f + %g) = %.3f' % (
        abs(a[0] * w2[0]), abs(a[1] * w2[1]), a[2] * w2[2], B2[0], y))

    with tf.Graph().as_default(), tf.Session() as sess:
        a_value, y_value = sess.run(program(
            tf.constant([X]), tf.constant(W1), tf.constant(B1),
            tf.constant(w2.reshape(3, 1), tf.float32), tf.constant(B2)))
    print('TensorFlow:  a = %s  Y = %.3f' % (np.round(a_value, 2), y_value))


if __name__ == '__main__':
    cli.run(main)
