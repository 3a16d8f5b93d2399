"""Let the learning rate decay exponentially with tf.train.exponential_decay.

Article 3 训练神经网络模型的常用方法, section 学习率的设置, the last snippets.

    python ch03_training_tricks/exponential_decay.py

Shows that exponential_decay computes learning_rate * decay_rate ** (global_step / decay_steps) (the printed
^ is not Python's power), smoothly or in a staircase, and that minimize(..., global_step=global_step) counts
the steps that it reads. The settings are those of mnist_train.py. Takes three seconds. Expect a rate that
falls from 0.8 to 0.46 in 30000 steps.
"""
from companion import cli, figures

import matplotlib.figure
import tensorflow as tf

# The article names these without values; the values are those of its mnist_train.py on MNIST.
LEARNING_RATE_BASE = 0.8
DECAY_STEP = 550
DECAY_RATE = 0.99


def decayed_learning_rate(learning_rate, decay_rate, global_step, decay_steps):
    # 学习率 (learning rate) after 指数衰减 (exponential decay).
    return learning_rate * decay_rate ** (global_step / decay_steps)


def program(learning_rate_base, global_step, decay_step, decay_rate, my_loss):
    learning_rate = tf.train.exponential_decay(
        learning_rate_base, global_step, decay_step, decay_rate)

    # minimize adds one to global_step in each run, and so lowers the learning rate.
    learning_step = \
        tf.train.GradientDescentOptimizer(learning_rate)\
        .minimize(my_loss, global_step=global_step)
    return learning_rate, learning_step


# What the article does not have: values, the staircase, a picture.
def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(
        globals(),
        LEARNING_RATE_BASE='learning rate at step 0',
        DECAY_STEP='steps for one factor DECAY_RATE')
    parser.add_constants(globals(), cli.fraction, DECAY_RATE='factor on the learning rate')
    parser.add_argument('--picture', default='runs/ch03_training_tricks/exponential_decay.png',
                        metavar='FILE', help='the PNG file to save (default: %(default)s)')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    figures.check(args.picture)

    steps = range(0, 30001, 50)
    with tf.Graph().as_default(), tf.Session() as sess:
        global_step = tf.Variable(0, trainable=False)
        x = tf.Variable(5.0)
        learning_rate, learning_step = program(
            LEARNING_RATE_BASE, global_step, DECAY_STEP, DECAY_RATE, tf.square(x))
        staircase = tf.train.exponential_decay(
            LEARNING_RATE_BASE, global_step, DECAY_STEP, DECAY_RATE, staircase=True)

        sess.run(tf.global_variables_initializer())
        curves = [sess.run([learning_rate, staircase], feed_dict={global_step: step}) for step in steps]
        for step in (0, 300, 550, 5500, 30000):
            smooth, stairs = curves[step // 50]
            formula = decayed_learning_rate(LEARNING_RATE_BASE, DECAY_RATE, step, DECAY_STEP)
            print('step %5d: exponential_decay %.6f  formula %.6f  staircase %.6f' % (
                step, smooth, formula, stairs))
        for _ in range(3):
            sess.run(learning_step)
        print('after 3 steps: global_step %d, learning rate %.6f' % tuple(
            sess.run([global_step, learning_rate])))

    figure = matplotlib.figure.Figure(figsize=(6, 4))
    axes = figure.subplots()
    axes.plot(steps, [smooth for smooth, _ in curves], label='smooth')
    axes.plot(steps, [stairs for _, stairs in curves], label='staircase', linewidth=0.8)
    axes.set(xlabel='step', ylabel='learning rate')
    axes.legend()
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
