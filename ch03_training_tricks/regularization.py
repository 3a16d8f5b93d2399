"""Fit two weights with no regularization, with L2 and with L1, and see which become zero.

Article 3 训练神经网络模型的常用方法, section 过拟合问题, the formulas and the snippet.

    python ch03_training_tricks/regularization.py

Shows that TensorFlow's l1_regularizer is lambda * sum|w| and its l2_regularizer lambda * sum(w^2) / 2. Then
fits y = w1 x1 + w2 x2 to generated data, y = 2 x1 + noise, whose x2 means nothing:

- Both losses shrink w1, from 2 to about 1.6 (L2) and 1.75 (L1).
- L2 does not make w2 zero. It even moves it away from zero, from -0.013 to -0.022: in these 1000 examples x1
  and x2 are slightly correlated, and w2 takes over a part of what the smaller w1 no longer explains.
- L1 makes w2 exactly zero. But its slope does not fade towards zero, where it has no derivative: plain
  gradient descent hops back and forth across zero, by about learning rate * lambda = 0.01. The proximal
  optimizer, made for this, stops at zero.

Takes five seconds.
"""
from companion import cli

import numpy as np
import tensorflow as tf

# The article writes lambda, which is a keyword in Python, and gives no value.
LAMBDA = 0.5
LEARNING_RATE = 0.02
TRAINING_STEPS = 500


def program(x, y_):
    w = tf.Variable(tf.random_normal([2, 1], stddev=1, seed=1))
    y = tf.matmul(x, w)

    # 损失函数 (loss function) with 正则化 (regularization).
    loss = tf.reduce_mean(tf.square(y_ - y)) + \
        tf.contrib.layers.l2_regularizer(LAMBDA)(w)
    return w, y, loss


# What the article does not have: data, the same fit without L2 and with L1.
def make_data(count=1000):
    """Generate y = 2 x1 + noise, with a feature x2 that y does not depend on: [count, 2] and [count, 1]."""
    random = np.random.RandomState(1)
    x = random.randn(count, 2)
    return x, 2 * x[:, :1] + 0.5 * random.randn(count, 1)


def fit(penalty, data_x, data_y):
    """Fit y = x w.

    Args:
        penalty: 'none', 'L2', 'L1', or 'L1, proximal': which loss on w, and which optimizer.
        data_x, data_y: what make_data returns.
    Returns:
        The two weights.
    """
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, shape=(None, 2))
        y_ = tf.placeholder(tf.float32, shape=(None, 1))
        w, y, loss = program(x, y_)
        optimizer = tf.train.GradientDescentOptimizer(LEARNING_RATE)
        if penalty != 'L2':
            loss = tf.reduce_mean(tf.square(y_ - y))
        if penalty == 'L1':
            loss += tf.contrib.layers.l1_regularizer(LAMBDA)(w)
        elif penalty == 'L1, proximal':
            optimizer = tf.train.ProximalGradientDescentOptimizer(
                LEARNING_RATE, l1_regularization_strength=LAMBDA)
        train_step = optimizer.minimize(loss)

        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            for _ in range(TRAINING_STEPS):
                sess.run(train_step, feed_dict={x: data_x, y_: data_y})
            cli.check_loss(sess.run(loss, feed_dict={x: data_x, y_: data_y}), TRAINING_STEPS, LEARNING_RATE)
            return sess.run(w).ravel()


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(
        globals(),
        LAMBDA='weight of the regularization loss',
        LEARNING_RATE='learning rate',
        TRAINING_STEPS='training steps')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    if LAMBDA == 0:
        parser.error('argument --lambda: must be over 0, or nothing is regularized')

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

    data_x, data_y = make_data()
    correlation = np.corrcoef(data_x.T)[0, 1]
    print('fit of y = 2 x1 + 0 x2 + noise; the correlation of x1 and x2 is %.3f:' % correlation)
    for penalty in ('none', 'L2', 'L1', 'L1, proximal'):
        w = fit(penalty, data_x, data_y)
        print('%-12s  w1 = %8.5f  w2 = %8.5f  zeros: %d' % (penalty, w[0], w[1] + 0, (w == 0).sum()))
    print("L1 without the proximal optimizer: w2 hops across zero, by about learning rate * lambda = %g" % (
        LEARNING_RATE * LAMBDA))


if __name__ == '__main__':
    cli.run(main)
