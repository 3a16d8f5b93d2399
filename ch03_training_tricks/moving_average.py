"""Follow a variable's moving average through two updates of the variable.

Article 3 训练神经网络模型的常用方法, section 滑动平均模型.

    python ch03_training_tricks/moving_average.py

Shows ExponentialMovingAverage and its num_updates: the decay is min{0.99, (1 + step) / (10 + step)}. Takes
three seconds. Expect, as printed, [5.0, 4.5], and [10.0, 4.555] (article: [10.0, 4.5549998], the same
float32 with nine digits).
"""
from companion import cli

import tensorflow as tf


def program():
    v1 = tf.Variable(0.0, dtype=tf.float32)
    # Stands for the training step, which sets the 衰减率 (decay).
    step = tf.Variable(0, trainable=False)

    ema = tf.train.ExponentialMovingAverage(0.99, step)
    # Each run of this operation updates the 滑动平均 (moving average) of each variable in the list, which is
    # kept in a 影子变量 (shadow variable).
    maintain_averages_op = ema.apply([v1])

    with tf.Session() as sess:
        init_op = tf.initialize_all_variables()
        sess.run(init_op)

        sess.run(tf.assign(v1, 5))
        # decay = min{0.99, (1 + 0) / (10 + 0)} = 0.1, so the average is 0.1 * 0 + 0.9 * 5 = 4.5.
        sess.run(maintain_averages_op)
        print(sess.run([v1, ema.average(v1)]))

        sess.run(tf.assign(step, 10000))
        sess.run(tf.assign(v1, 10))
        # decay = min{0.99, 10001 / 10010 = 0.999} = 0.99, so it is 0.99 * 4.5 + 0.01 * 10 = 4.555.
        sess.run(maintain_averages_op)
        print(sess.run([v1, ema.average(v1)]))


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)
    with tf.Graph().as_default():
        program()


if __name__ == '__main__':
    cli.run(main)
