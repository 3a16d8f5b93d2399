"""Fit the same noisy points with a model too simple, one that suits, and one that learns the noise.

Article 3 训练神经网络模型的常用方法, section 过拟合问题 (figure 2).

    python ch03_training_tricks/overfitting.py

Saves figure 2 as a picture: the points of both classes, X and O, first with the true border between the
classes and the points that noise has put on its wrong side, then with the border that each model has learned.
Prints the accuracy on the points that the models were trained on and on fresh ones: the third model, which
has more parameters than there are points, brings its loss to zero on the first and is worse than the second
on the others. The square is a fresh X that the third model alone calls an O. Takes ten seconds.
"""
from companion import cli, figures

import matplotlib.figure
import numpy as np
import tensorflow as tf

# The article gives a drawing and no data; points and models are ours.
POINTS = 100
NOISE = 0.1
TRAINING_STEPS = 3000
LEARNING_RATE = 0.01
# Name, nodes of the 隐藏层 (hidden layers), weight of the L2 正则化 (regularization).
MODELS = [('too simple', [], 0.0), ('suitable', [16], 0.003), ('overfitted', [100, 100], 0.0)]      # 过拟合
CLASSES = ['X', 'O']                             # class 0, below the border, and class 1, above it


def border(x):
    """The true border between the classes."""
    return 0.6 * np.sin(4 * x)


def make_points(count, noise, seed):
    """Generate points in a square, and give a share `noise` of them the wrong class.

    Returns:
        The points, float [count, 2], their classes, float [count, 1], and which are wrong, bool [count].
    """
    random = np.random.RandomState(seed)
    points = random.uniform(-1, 1, (count, 2))
    wrong = random.rand(count) < noise
    classes = (points[:, 1] > border(points[:, 0])) ^ wrong
    return points, classes[:, None].astype(float), wrong


def fit(points, classes, layers, weight_decay, queries):
    """Train a classifier with ReLU layers of the given sizes.

    Returns:
        Its logits on each of `queries`, its number of parameters, and its cross entropy on `points`.
    """
    x = tf.placeholder(tf.float32, [None, 2])
    y_ = tf.placeholder(tf.float32, [None, 1])
    regularizer = tf.contrib.layers.l2_regularizer(weight_decay) if weight_decay else None
    a = x
    for i, nodes in enumerate(layers):
        a = tf.layers.dense(a, nodes, tf.nn.relu, kernel_regularizer=regularizer,
                            kernel_initializer=tf.glorot_uniform_initializer(seed=i))
    y = tf.layers.dense(a, 1, kernel_initializer=tf.glorot_uniform_initializer(seed=9))
    loss = cross_entropy = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y_, logits=y))
    if weight_decay:
        loss += tf.losses.get_regularization_loss()
    train_step = tf.train.AdamOptimizer(LEARNING_RATE).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(TRAINING_STEPS):
            sess.run(train_step, feed_dict={x: points, y_: classes})
        logits = [sess.run(y, feed_dict={x: query}) for query in queries]
        parameters = sum(variable.shape.num_elements() for variable in tf.trainable_variables())
        last = sess.run(cross_entropy, feed_dict={x: points, y_: classes})
        cli.check_loss(last, TRAINING_STEPS, LEARNING_RATE)
        return logits, parameters, last


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(
        globals(),
        POINTS='points to train on',
        TRAINING_STEPS='training steps of each model',
        LEARNING_RATE='learning rate of Adam')
    parser.add_constants(globals(), cli.fraction, NOISE='share of the points that get the wrong class')
    parser.add_argument('--picture', default='runs/ch03_training_tricks/overfitting.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    figures.check(args.picture)

    points, classes, wrong = make_points(POINTS, NOISE, seed=1)
    fresh, fresh_classes, _ = make_points(5000, NOISE, seed=2)
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 200), np.linspace(-1, 1, 200)), axis=-1)
    print('%d points: %d X below the border 0.6 sin(4x), %d O above; %d are on the wrong side, as noise' % (
        POINTS, (classes == 0).sum(), (classes == 1).sum(), wrong.sum()))

    answers = []
    for name, layers, weight_decay in MODELS:
        with tf.Graph().as_default():
            all_logits, parameters, loss = fit(
                points, classes, layers, weight_decay, [points, fresh, grid.reshape(-1, 2)])
        answers.append([(logits > 0).astype(int) for logits in all_logits])
        on_points, on_fresh, _ = answers[-1]
        print('%-11s  accuracy on its %d points %.3f, on %d fresh ones %.3f' % (
            name, POINTS, (on_points == classes).mean(), len(fresh), (on_fresh == fresh_classes).mean()))
        print('             %d parameters, cross entropy on its points %.4f' % (parameters, loss))

    # The article's light square: it belongs with the X's, and the overfitted model calls it an O.
    squares = (fresh_classes == 0) & (answers[1][1] == 0) & (answers[2][1] == 1)
    square = int(squares.argmax()) if squares.any() else None
    if square is None:
        print('no fresh X that the overfitted model alone calls an O')
    else:
        called = ', '.join('%s (%s)' % (CLASSES[on_fresh[square, 0]], name)
                           for (name, _, _), (_, on_fresh, _) in zip(MODELS, answers))
        print('the square, a fresh point at (%.2f, %.2f), is an X; called %s' % (*fresh[square], called))

    figure = matplotlib.figure.Figure(figsize=(16, 4))
    truth = grid[..., 1] > border(grid[..., 0])
    panels = [('the points; ringed: on the wrong side', truth)] + [
        (name, on_grid.reshape(200, 200)) for (name, _, _), (_, _, on_grid) in zip(MODELS, answers)]
    for axes, (title, region) in zip(figure.subplots(1, 4), panels):
        axes.contourf(grid[..., 0], grid[..., 1], region, levels=1, colors=['white', 'lightgray'])
        for marker, color, cls in (('x', 'black', 0), ('o', 'dimgray', 1)):
            axes.plot(*points[classes[:, 0] == cls].T, marker, color=color, markersize=5, fillstyle='none')
        axes.set(title=title, xticks=[], yticks=[])
        if region is truth:
            axes.plot(*points[wrong].T, 'o', markersize=11, fillstyle='none', color='tab:red')
        elif square is not None:
            axes.plot(*fresh[square], 's', markersize=9, color='tab:orange', label='a fresh X')
            axes.legend(loc='lower right')
    figure.tight_layout()
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
