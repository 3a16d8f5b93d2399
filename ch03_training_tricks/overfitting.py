"""Fit the same noisy points with a model too simple, one that suits, and one that learns the noise.

Article 3 训练神经网络模型的常用方法, section 过拟合问题 (figure 2).

    python ch03_training_tricks/overfitting.py

Saves figure 2 as a picture: the two classes of points and each model's border between them. Prints the
accuracy on the points of training and on fresh ones: the third model, which has more parameters than there
are points, takes its loss to zero on the first and is worse than the second on the others. The square is a
fresh point that the third alone gets wrong. Takes ten seconds.
"""
from companion import cli, figures

import matplotlib.figure
import numpy as np
import tensorflow as tf

# The article gives a drawing and no data; points and models are ours.
POINTS = 100
TRAINING_STEPS = 3000
LEARNING_RATE = 0.01
MODELS = [('too simple', [], 0.0), ('suitable', [16], 0.003), ('overfitted', [100, 100], 0.0)]


def make_points(count, noise, seed):
    """Generate points in a square; class 1 lies above a wave, and a share `noise` has the wrong class.

    Returns:
        Float arrays [count, 2] and [count, 1].
    """
    random = np.random.RandomState(seed)
    points = random.uniform(-1, 1, (count, 2))
    classes = points[:, 1] > 0.6 * np.sin(4 * points[:, 0])
    classes ^= random.rand(count) < noise
    return points, classes[:, None].astype(float)


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
        return logits, parameters, sess.run(cross_entropy, feed_dict={x: points, y_: classes})


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(
        globals(),
        POINTS='points of training',
        TRAINING_STEPS='training steps of each model',
        LEARNING_RATE='learning rate of Adam')
    parser.add_argument('--picture', default='runs/ch03_training_tricks/overfitting.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    points, classes = make_points(POINTS, noise=0.1, seed=1)
    fresh, fresh_classes = make_points(5000, noise=0.1, seed=2)
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 200), np.linspace(-1, 1, 200)), axis=-1)

    answers = []
    for name, layers, weight_decay in MODELS:
        with tf.Graph().as_default():
            all_logits, parameters, loss = fit(
                points, classes, layers, weight_decay, [points, fresh, grid.reshape(-1, 2)])
        answers.append([logits > 0 for logits in all_logits])
        on_points, on_fresh, _ = answers[-1]
        print('%-11s  accuracy on its %d points %.3f, on %d fresh ones %.3f' % (
            name, POINTS, (on_points == classes).mean(), len(fresh), (on_fresh == fresh_classes).mean()))
        print('             %d parameters, cross entropy on its points %.4f' % (parameters, loss))

    # The article's light square: a fresh point that only the overfitted model gets wrong.
    square = int(((answers[1][1] == fresh_classes) & (answers[2][1] != fresh_classes)).argmax())
    print('a fresh point at (%.2f, %.2f) is of class %d; called %s' % (
        tuple(fresh[square]) + (fresh_classes[square], ', '.join(
            '%d (%s)' % (on_fresh[square], name) for (name, _, _), (_, on_fresh, _) in zip(MODELS, answers)))))

    figure = matplotlib.figure.Figure(figsize=(12, 4))
    for axes, (name, _, _), (_, _, on_grid) in zip(figure.subplots(1, 3), MODELS, answers):
        axes.contourf(grid[..., 0], grid[..., 1], on_grid.reshape(200, 200), levels=1,
                      colors=['white', 'lightgray'])
        for marker, cls in (('x', 0), ('o', 1)):
            axes.plot(*points[classes[:, 0] == cls].T, 'k' + marker, markersize=5, fillstyle='none')
        axes.plot(*fresh[square], 's', markersize=9, color='tab:orange', label='fresh, class %d' % fresh_classes[square])
        axes.legend(loc='lower right')
        axes.set(title=name, xticks=[], yticks=[])
    figure.tight_layout()
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
