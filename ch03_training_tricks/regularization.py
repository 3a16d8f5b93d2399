"""Fit two weights with no regularisation, with L2 and with L1, and see which become zero.

Article 3 训练神经网络模型的常用方法, section 过拟合问题, the formulas and the snippet.

    python ch03_training_tricks/regularization.py

Shows that TensorFlow's l1_regularizer is lambda * sum|w| and its l2_regularizer lambda * sum(w^2) / 2; and, on
generated data whose second feature means nothing, that both shrink the first weight, and L1 makes the second exactly
zero while L2 does not. L1 has no derivative at zero: plain gradient descent hops around it, so the proximal
optimiser takes its place there. Takes five seconds.
"""
from companion import cli

import numpy as np
import tensorflow as tf

# The article writes lambda, which Python keeps for itself, and gives no value.
LAMBDA = 0.5
LEARNING_RATE = 0.1
TRAINING_STEPS = 500


def make_data(count=1000):
    """Generate y = 2 x1 + noise, with a feature x2 that y does not depend on: [count, 2] and [count, 1]."""
    random = np.random.RandomState(1)
    x = random.randn(count, 2)
    return x, 2 * x[:, :1] + 0.5 * random.randn(count, 1)


def fit(penalty):
    """Fit y = x w to the generated data.

    Args:
        penalty: 'none', 'L2', 'L1', or 'L1, proximal': which loss on w, and which optimiser.
    Returns:
        The two weights.
    """
    data_x, data_y = make_data()
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, shape=(None, 2))
        y_ = tf.placeholder(tf.float32, shape=(None, 1))

        w = tf.Variable(tf.random_normal([2, 1], stddev=1, seed=1))
        y = tf.matmul(x, w)

        loss = tf.reduce_mean(tf.square(y_ - y))
        optimizer = tf.train.GradientDescentOptimizer(LEARNING_RATE)
        if penalty == 'L2':
            loss = tf.reduce_mean(tf.square(y_ - y)) + \
                tf.contrib.layers.l2_regularizer(LAMBDA)(w)
        elif penalty == 'L1':
            loss += tf.contrib.layers.l1_regularizer(LAMBDA)(w)
        elif penalty == 'L1, proximal':
            optimizer = tf.train.ProximalGradientDescentOptimizer(
                LEARNING_RATE, l1_regularization_strength=LAMBDA)
        train_step = optimizer.minimize(loss)

        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for _ in range(TRAINING_STEPS):
                sess.run(train_step, feed_dict={x: data_x, y_: data_y})
            return sess.run(w).ravel()


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(
        globals(),
        LAMBDA='weight of the regularisation loss',
        LEARNING_RATE='learning rate',
        TRAINING_STEPS='training steps')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    if LAMBDA == 0:
        parser.error('argument --lambda: must be over 0, or nothing is regularised')

    with tf.Graph().as_default(), tf.Session() as sess:
        weights = tf.constant([[1.0, -2.0], [-3.0, 4.0]])
        print('w = [[1, -2], [-3, 4]], lambda = %g' % LAMBDA)
        print('L1: lambda * sum|w|     = %g, l1_regularizer gives %g' % (
            LAMBDA * 10, sess.run(tf.contrib.layers.l1_regularizer(LAMBDA)(weights))))
        print('L2: lambda * sum(w^2)/2 = %g, l2_regularizer gives %g' % (
            LAMBDA * 30 / 2, sess.run(tf.contrib.layers.l2_regularizer(LAMBDA)(weights))))

        # Why L2 leaves small weights alone: its pull fades with the weight, that of L1 does not.
        w = tf.constant(0.001)
        pulls = [tf.gradients(regularizer(LAMBDA)(w), w)[0] for regularizer in (
            tf.contrib.layers.l1_regularizer, tf.contrib.layers.l2_regularizer)]
        print('gradient at w = 0.001: L1 %g, L2 %g' % tuple(sess.run(pulls)))

    print('fit of y = 2 x1 + 0 x2 + noise:')
    for penalty in ('none', 'L2', 'L1', 'L1, proximal'):
        w = fit(penalty)
        print('%-12s  w1 = %8.5f  w2 = %8.5f  zeros: %d' % (penalty, w[0], w[1], (w == 0).sum()))


if __name__ == '__main__':
    cli.run(main)
