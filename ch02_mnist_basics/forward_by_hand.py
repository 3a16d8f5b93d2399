"""Compute figure 3's forward pass term by term in NumPy, and by matrix products in TensorFlow.

Article 2 TensorFlow 解决 MNIST 问题入门, section TensorFlow 实现前向传播 (figure 3 and the formulas).

    python ch02_mnist_basics/forward_by_hand.py

Shows that the printed a11 = a12 = 0 and a13 = 0.36 are right, and that the printed Y = 0.11 is not: its
terms 0.054 and 0.028 come from the sums before ReLU. With the activations, Y = 0.028. Takes three seconds.
"""
from companion import cli

import numpy as np
import tensorflow as tf

# Figure 3, as the printed formulas give it: w1[i][j] is the weight from input i to node j.
X = [0.7, 0.9]
W1 = [[0.2, 0.1, 0.4],
      [0.3, -0.5, 0.2]]
B1 = [-0.5, 0.1, -0.1]
# The formula of Y prints the products of the second layer, not its weights.
Y_TERMS = [0.054, 0.028, -0.072]
B2 = [0.1]


def relu(value):
    return np.maximum(value, 0.0)


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)
    x, w1, b1 = np.array(X), np.array(W1), np.array(B1)

    # By hand: each node is the weighted sum of its inputs, plus its bias, through the activation.
    sums = np.array([x[0] * w1[0, j] + x[1] * w1[1, j] + b1[j] for j in range(3)])
    a = relu(sums)
    for j in range(3):
        print('a1%d = f(%g x %g + %g x %g + %g) = f(%.2f) = %.2f' % (
            j + 1, x[0], w1[0, j], x[1], w1[1, j], b1[j], sums[j], a[j]))

    # Only 0.36 survives ReLU, so -0.072 fixes the third weight. The other two products can only be
    # the sums before ReLU times a weight; whatever these weights are, they meet a11 = a12 = 0.
    w2 = np.array(Y_TERMS) / sums
    print('W2 = %s' % np.round(w2, 3))
    print('as printed:  Y = f(%g + %g + %g + %g) = %.2f' % (tuple(Y_TERMS) + (B2[0], relu(sum(Y_TERMS) + B2[0]))))
    y = relu(sum(a[j] * w2[j] for j in range(3)) + B2[0])
    print('with ReLU:   Y = f(%g + %g + %.3f + %g) = %.3f' % (
        abs(a[0] * w2[0]), abs(a[1] * w2[1]), a[2] * w2[2], B2[0], y))

    # The same by matrix products, in the article's two lines.
    with tf.Graph().as_default():
        x = tf.constant([X])
        w1, b1 = tf.constant(W1), tf.constant(B1)
        w2, b2 = tf.constant(w2.reshape(3, 1), tf.float32), tf.constant(B2)
        a = tf.nn.relu(tf.matmul(x, w1) + b1)
        y = tf.nn.relu(tf.matmul(a, w2) + b2)
        with tf.Session() as sess:
            a_value, y_value = sess.run([a, y])
    print('TensorFlow:  a = %s  Y = %.3f' % (np.round(a_value, 2), y_value))


if __name__ == '__main__':
    cli.run(main)
