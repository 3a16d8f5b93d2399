"""Minimize J(x) = x^2 by gradient descent with three learning rates, by hand and in TensorFlow.

Article 3 训练神经网络模型的常用方法, sections 梯度下降算法 (table 1) and 学习率的设置 (table 2).

    python ch03_training_tricks/gradient_descent.py

Shows both tables row by row, with the two misprints of table 1 corrected (the print starts rows 4 and 5
from 0.8 again); that x swings between 5 and -5 forever at rate 1; that it is 4.95 after five steps at rate
0.001; and how many steps bring it to 0.05: 2301 at 0.001 (article: about 2300), 6 at 0.3 (article: 5, which
reach 0.0512). Saves a picture of the three descents, as figure 1 is a drawing of one. Takes five seconds.
"""
from companion import cli, figures

import matplotlib.figure
import tensorflow as tf

X_START = 5.0
TARGET = 0.05


def table(x, learning_rate, rows):
    """Print the article's table: step, x, gradient * 学习率 (learning rate), new x."""
    print('learning rate %g' % learning_rate)
    for step in range(1, rows + 1):
        move = 2 * x * learning_rate             # the gradient of x^2 is 2x
        print('%d  %.6g  2*%.6g*%g=%.6g  %.6g-%s=%.6g' % (
            step, x, x, learning_rate, move, x, '%.6g' % move if move >= 0 else '(%.6g)' % move, x - move))
        x -= move


def minimize(x_start, learning_rate, steps):
    """Run tf.train.GradientDescentOptimizer on x^2; return x before the first and after each step."""
    with tf.Graph().as_default():
        x = tf.Variable(x_start, dtype=tf.float64)
        train_step = tf.train.GradientDescentOptimizer(learning_rate).minimize(tf.square(x))
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            path = [sess.run(x)]
            for _ in range(steps):
                sess.run(train_step)
                path.append(sess.run(x))
    return path


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(
        globals(),
        TARGET='how small x is to become')
    parser.add_argument('--x_start', type=float, default=X_START, metavar='X',
                        help='where x starts (default: %(default)s)')
    parser.add_argument('--picture', default='runs/ch03_training_tricks/gradient_descent.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    figures.check(args.picture)

    table(args.x_start, 0.3, 5)
    table(args.x_start, 1.0, 3)
    paths = {rate: minimize(args.x_start, rate, steps)
             for rate, steps in [(0.3, 10), (1.0, 10), (0.001, 2400)]}
    print('TensorFlow at 0.3: %s' % ' '.join('%.4g' % x for x in paths[0.3][:6]))
    print('TensorFlow at 1: %s' % ' '.join('%.4g' % x for x in paths[1.0][:4]))
    print('TensorFlow at 0.001, after 5 steps: %.2f' % paths[0.001][5])
    for rate in (0.3, 0.001):
        steps = next((step for step, x in enumerate(paths[rate]) if abs(x) <= TARGET), None)
        if steps is None:
            print('|x| > %g at learning rate %g after %d steps' % (TARGET, rate, len(paths[rate]) - 1))
            continue
        print('x <= %g at learning rate %g: after %d steps (x = %.5f, one step before %.5f)' % (
            TARGET, rate, steps, paths[rate][steps], paths[rate][max(steps - 1, 0)]))

    figure = matplotlib.figure.Figure(figsize=(12, 4))
    for axes, (rate, path) in zip(figure.subplots(1, 3), sorted(paths.items())):
        xs = [x / 20 for x in range(-110, 111)]
        axes.plot(xs, [x * x for x in xs], color='lightgray')
        shown = path if rate < 0.01 else path[:6]
        axes.plot(shown, [x * x for x in shown], 'o-', markersize=4)
        axes.set(title='learning rate %g, %d steps' % (rate, len(shown) - 1), xlabel='x', ylabel='J(x)')
    figure.tight_layout()
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
