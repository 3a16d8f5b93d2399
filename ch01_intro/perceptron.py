"""Let a perceptron and a network with a hidden layer learn AND, OR and XOR.

Article 1 深度学习及 TensorFlow 简介, section 人工智能、机器学习和深度学习的关系.

    python ch01_intro/perceptron.py

Shows why neural networks had their first winter, and what ended it. A perceptron divides the plane by one
straight line, and no line separates the ones of XOR from its zeros (线性不可分, not linearly separable). A
hidden layer, trained by back-propagation, makes features for which there is such a line. Each learns each
function from ten random starts. Plots what each classifies as 1. Takes ten seconds. Expect 4 right answers of
4 in every start, except for the perceptron on XOR: 3 at best. With --layer1_node 2, the smallest network that
can learn XOR, most starts end with 3 right answers too.
"""
from companion import cli, figures

import matplotlib.figure
import numpy as np
import tensorflow as tf

# The article gives no program and no numbers here; all of these are ours.
INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
FUNCTIONS = {'AND': [0, 0, 0, 1], 'OR': [0, 1, 1, 1], 'XOR': [0, 1, 1, 0]}
LAYER1_NODE = 8
LEARNING_RATE = 0.3
EPOCHS = 200            # at most: a training ends when all four answers are right
STARTS = 10


def perceptron(x, y_):
    """感知机 (perceptron): one node, and its learning rule.

    Args:
        x, y_: inputs, float32 [batch, 2], and right answers, 0.0 or 1.0, [batch, 1].
    Returns:
        The weighted sum of the inputs, [batch, 1], positive where the answer is 1; and the training step.
    """
    weights, bias = tf.Variable(tf.random_normal([2, 1])), tf.Variable(tf.random_normal([1]))
    y = tf.matmul(x, weights) + bias
    # A right answer changes nothing, a wrong one moves the line towards its example or away from it.
    error = y_ - tf.cast(y > 0, tf.float32)
    return y, tf.group(weights.assign_add(LEARNING_RATE * tf.matmul(x, error, transpose_a=True)),
                       bias.assign_add(LEARNING_RATE * tf.reduce_sum(error, axis=0)))


def network(x, y_):
    """The same with a hidden layer (隐藏层) before the node, trained by back-propagation (反向传播)."""
    weights1, bias1 = tf.Variable(tf.random_normal([2, LAYER1_NODE])), tf.Variable(tf.zeros([LAYER1_NODE]))
    weights2, bias2 = tf.Variable(tf.random_normal([LAYER1_NODE, 1])), tf.Variable(tf.zeros([1]))
    y = tf.matmul(tf.tanh(tf.matmul(x, weights1) + bias1), weights2) + bias2
    loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y_, logits=y))
    return y, tf.train.GradientDescentOptimizer(LEARNING_RATE).minimize(loss)


def learn(build, answers, points, seed):
    """Train from STARTS random weights, one example at a time, for EPOCHS epochs or until all are right.

    Args:
        build: `perceptron` or `network`.
        answers: the right ones for INPUTS, a list of four.
        points: where to compute the best answers of the last start, [count, 2].
        seed: seed of the weights and of the order of the examples; None for different ones in each run.
    Returns:
        For each start the highest number of right answers after an epoch, and the number of epochs; and
        the answers at `points`, bool [count].
    """
    answers = np.reshape(answers, [4, 1])
    random = np.random.RandomState(seed)
    best, epochs = [0] * STARTS, [0] * STARTS
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.set_random_seed(seed)
        x = tf.placeholder(tf.float32, [None, 2], name='x-input')
        y_ = tf.placeholder(tf.float32, [None, 1], name='y-input')
        y, train_step = build(x, y_)
        init_op = tf.global_variables_initializer()

        for start in range(STARTS):
            sess.run(init_op)
            while best[start] < 4 and epochs[start] < EPOCHS:
                for i in random.permutation(4):
                    sess.run(train_step, feed_dict={x: INPUTS[[i]], y_: answers[[i]]})
                epochs[start] += 1
                sums = sess.run(y, feed_dict={x: INPUTS})
                if not np.isfinite(sums).all():
                    raise cli.UserError('the output is NaN or infinite: lower --learning_rate (now %g)' % (
                        LEARNING_RATE))
                right = int(((sums > 0) == answers).sum())
                if right >= best[start]:
                    best[start], region = right, sess.run(y, feed_dict={x: points})[:, 0] > 0
    return best, epochs, region


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument('--picture', default='runs/ch01_intro/perceptron.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    parser.add_constants(
        globals(),
        LAYER1_NODE='nodes of the hidden layer',
        LEARNING_RATE='learning rate, of both',
        EPOCHS='epochs at most; an epoch is the four examples',
        STARTS='random starts for each function')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    figures.check(args.picture)

    figure = matplotlib.figure.Figure(figsize=(9, 6.2))
    grid = np.linspace(-0.5, 1.5, 201)
    points = np.column_stack([axis.ravel() for axis in np.meshgrid(grid, grid)])
    for (title, build), row in zip([('perceptron', perceptron), ('network', network)], figure.subplots(2, 3)):
        for (name, answers), axes in zip(FUNCTIONS.items(), row):
            best, epochs, region = learn(build, answers, points, args.seed)
            print('%-10s  %-3s  right answers of 4: %s  epochs: %s' % (
                title, name, ' '.join(map(str, best)), ' '.join(map(str, epochs))))
            axes.contourf(grid, grid, region.reshape(len(grid), -1), levels=[-0.5, 0.5, 1.5],
                          colors=['white', 'lightskyblue'])
            axes.scatter(INPUTS[:, 0], INPUTS[:, 1], c=answers, cmap='gray_r', edgecolors='black', s=80)
            axes.set_title('%s, %s: %d of 4' % (title, name, best[-1]))
            axes.set_xticks([0, 1])
            axes.set_yticks([0, 1])
    figure.tight_layout()
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
