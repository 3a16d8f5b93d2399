"""Train the three-layer network by back-propagation to tell good parts from bad ones.

Article 2 TensorFlow 解决 MNIST 问题入门, section TensorFlow 实现反向传播 (figure 4, loss and optimiser).

    python ch02_mnist_basics/backpropagation.py

Shows the loop of figure 4 (pick a batch, forward pass, loss, update) with the article's loss and Adam on
generated parts, and what is wrong with that loss: it has no term for the bad parts, so calling every part
good makes it zero. With both terms of the cross entropy, on a sigmoid, the same network learns. Takes
ten seconds. Expect, after the last step, an accuracy that is the share of good parts (about 0.5) for
the printed loss, and over 0.95 for the full one. (With a few seeds, such as 5, all hidden nodes start
inactive, 0 for every part, and the network learns nothing.)
"""
from companion import cli

import numpy as np
import tensorflow as tf

LEARNING_RATE = 0.001


def program(y, y_):
    """反向传播 (back-propagation) by Adam on the article's 损失函数 (loss function)."""
    # 交叉熵 (cross entropy), without the term of the bad parts.
    cross_entropy = -tf.reduce_mean(
        y_ * tf.log(tf.clip_by_value(y, 1e-10, 1.0)))
    # 学习率 (learning rate)
    learning_rate = LEARNING_RATE
    train_step = \
        tf.train.AdamOptimizer(learning_rate).minimize(cross_entropy)
    return cross_entropy, train_step


# What the article does not have: data for its example, the loop of figure 4 as code, and a loss that works.

DATASET_SIZE = 512
BATCH_SIZE = 8
TRAINING_STEPS = 5000


def program_with_full_loss(y, y_):
    """The same with both terms of the cross entropy."""
    cross_entropy = -tf.reduce_mean(
        y_ * tf.log(tf.clip_by_value(y, 1e-10, 1.0)) +
        (1 - y_) * tf.log(tf.clip_by_value(1 - y, 1e-10, 1.0)))
    return cross_entropy, tf.train.AdamOptimizer(LEARNING_RATE).minimize(cross_entropy)


def make_parts(count):
    """Generate parts: two measurements in [0, 1), good (1.0) if their sum is under 1, else bad (0.0).

    Returns:
        Two float64 arrays, [count, 2] and [count, 1].
    """
    parts = np.random.RandomState(1).rand(count, 2)
    return parts, (parts.sum(axis=1, keepdims=True) < 1).astype(float)


def train(activation, define, seed):
    """Train on generated parts, print the loss and the accuracy on all of them.

    Args:
        activation: of the output node.
        define: `program` or `program_with_full_loss`.
        seed: seed of the initial weights; the article's is 1.
    """
    parts, good = make_parts(DATASET_SIZE)

    x = tf.placeholder(tf.float32, shape=(None, 2), name="input")
    y_ = tf.placeholder(tf.float32, shape=(None, 1), name="y-input")
    w1 = tf.Variable(tf.random_normal([2, 3], stddev=1, seed=seed))
    b1 = tf.Variable(tf.constant(0.0, shape=[3]))
    w2 = tf.Variable(tf.random_normal([3, 1], stddev=1, seed=seed))
    b2 = tf.Variable(tf.constant(0.0, shape=[1]))
    a = tf.nn.relu(tf.matmul(x, w1) + b1)
    y = activation(tf.matmul(a, w2) + b2)
    cross_entropy, train_step = define(y, y_)

    called_good = tf.greater(y, 0.5)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(called_good, tf.greater(y_, 0.5)), tf.float32))
    share = tf.reduce_mean(tf.cast(called_good, tf.float32))
    # + 0.0 makes 0 of -0, which would look like a negative loss.
    measures = [cross_entropy + 0.0, accuracy, share]

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for i in range(TRAINING_STEPS + 1):
            if i % 1000 == 0 or i == TRAINING_STEPS:
                print("After %d training step(s), cross entropy on all data is %.4f, accuracy %.4f, "
                      "called good %.4f" % ((i,) + tuple(sess.run(
                          measures, feed_dict={x: parts, y_: good}))))
            # Figure 4: a batch, the forward pass, the loss, the update.
            start = (i * BATCH_SIZE) % DATASET_SIZE
            sess.run(train_step, feed_dict={x: parts[start:start + BATCH_SIZE],
                                            y_: good[start:start + BATCH_SIZE]})


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('--seed', type=int, default=1, metavar='N',
                        help='seed of the initial weights (default: %(default)s, as printed)')
    parser.add_constants(
        globals(),
        LEARNING_RATE='learning rate of Adam',
        DATASET_SIZE='generated parts',
        BATCH_SIZE='parts in a training batch',
        TRAINING_STEPS='training steps')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    print('Share of good parts: %.4f' % make_parts(DATASET_SIZE)[1].mean())
    print('The printed loss:')
    with tf.Graph().as_default():
        train(tf.nn.relu, program, args.seed)
    print('Full cross entropy:')
    with tf.Graph().as_default():
        train(tf.sigmoid, program_with_full_loss, args.seed)

    # The article counts ten optimisers: those in tf.train that are no wrapper of another one.
    optimizers = sorted(name for name in dir(tf.train) if name.endswith('Optimizer')
                        and name not in ('Optimizer', 'SyncReplicasOptimizer'))
    print('%d optimizers in tf.train: %s' % (len(optimizers), ', '.join(optimizers)))


if __name__ == '__main__':
    cli.run(main)
