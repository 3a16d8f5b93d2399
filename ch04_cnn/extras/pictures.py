"""Show what article 4's network has learned: filters, feature maps, wrong digits, and top-N accuracy.

Not in the article. Article 4 卷积神经网络, sections 卷积神经网络简介 (top-N of figure 1), 卷积层网络结构 and
LeNet-5 模型.

    python ch04_cnn/extras/pictures.py             # after, or beside, mnist_train.py

Reads the newest checkpoint of mnist_train.py as mnist_eval.py does. Saves the 32 过滤器 (filters) of the
first convolution, the feature maps that the layers make of one test digit, and the test digits with a wrong
answer. Prints the top-N 正确率 (accuracy): the share of test digits whose label is among the N most likely
answers. Takes fifteen seconds on two cores. Expect edges and strokes in some filters and the noise of the
initial weights in the others, and, halfway through the training, about a hundred wrong digits of 10000, many
of which a person would doubt too, and the label among the first three answers for 99.9 % of all digits.
"""
from companion import checkpoint, cli, figures

import matplotlib.figure
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch04_cnn import mnist_eval, mnist_inference, mnist_train

# Of wrong digits, as many as one can still see.
SHOWN_DIGITS = 60
TOP_N = [1, 2, 3, 5]


def grid(images, title, columns, titles=None):
    """A figure with one grey image per cell.

    Args:
        images: [count, height, width]; each is scaled to its own darkest and lightest pixel.
        titles: a short text for each image, or None.
    """
    rows = max(1, -(-len(images) // columns))
    height = rows * (1.05 if titles else 0.85) + 0.6
    figure = matplotlib.figure.Figure(figsize=(columns * 0.85, height))
    figure.suptitle(title)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=1 - 0.6 / height)
    for i, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        axes.axis('off')
        if i < len(images):
            axes.imshow(images[i], cmap='gray_r')
            if titles:
                axes.set_title(titles[i], fontsize=8)
    return figure


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist', seed=False)
    parser.add_argument('--digit', type=int, choices=range(10), default=5, metavar='0..9',
                        help='the digit whose feature maps to show (default: %(default)s)')
    names = [('filters', 'filters'), ('feature_maps', 'feature maps'), ('wrong', 'wrong digits')]
    for name, what in names:
        parser.add_argument('--%s_picture' % name, default='runs/ch04_cnn/%s.png' % name, metavar='FILE',
                            help='the PNG file of the %s (default: %%(default)s)' % what)
    mnist_inference.add_constants(parser)
    parser.add_constants(
        vars(mnist_train),
        MODEL_SAVE_PATH='folder of the checkpoints')
    parser.add_constants(
        vars(mnist_train), cli.fraction,
        MOVING_AVERAGE_DECAY='decay of the moving averages')
    parser.add_constants(
        globals(),
        SHOWN_DIGITS='wrong digits to show at most')
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(vars(mnist_train), args)
    cli.set_constants(globals(), args)

    for name, _ in names:
        figures.check(getattr(args, name + '_picture'), '--%s_picture' % name)
    mnist = input_data.read_data_sets(args.data_dir, one_hot=False)
    mnist_train.check_sizes(mnist)
    images = mnist.test.images.reshape(-1, mnist_inference.IMAGE_SIZE, mnist_inference.IMAGE_SIZE,
                                       mnist_inference.NUM_CHANNELS)
    labels = mnist.test.labels

    with tf.Graph().as_default() as graph, tf.Session() as sess:
        x, y, saver = mnist_eval.network()
        y_ = tf.placeholder(tf.int32, [None], name='y-input')
        # Is the label among the N largest logits?
        top_n = [tf.nn.in_top_k(y, y_, n) for n in TOP_N]
        step = checkpoint.restore(saver, sess, mnist_train.MODEL_SAVE_PATH, 'mnist_train.py')

        # The names are those of mnist_inference.py's scopes.
        filters = sess.run(graph.get_tensor_by_name('layer1-conv1/weight:0'))
        title = 'The %d filters of layer1-conv1, step %d' % (filters.shape[3], step)
        figures.save(grid(filters[:, :, 0].transpose(2, 0, 1), title, 8), args.filters_picture)

        index = int((labels == args.digit).argmax())
        layers = ['layer1-conv1/Relu', 'layer2-pool1/MaxPool', 'layer3-conv2/Relu', 'layer4-pool2/MaxPool']
        feature_maps = sess.run([graph.get_tensor_by_name(name + ':0') for name in layers],
                                feed_dict={x: images[index:index + 1]})
        figure = matplotlib.figure.Figure(figsize=(11, 6.6))
        figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.9)
        rows = figure.subplots(5, 10, squeeze=False)
        rows[0, 0].imshow(images[index, :, :, 0], cmap='gray_r')
        rows[0, 0].set_title('test digit %d' % index, fontsize=8)
        for row, name, values in zip(rows[1:], layers, feature_maps):
            # The ten feature maps that this digit excites most.
            strongest = values[0].sum(axis=(0, 1)).argsort()[::-1]
            for axes, i in zip(row, strongest):
                axes.imshow(values[0, :, :, i], cmap='gray_r')
                axes.set_title('%s %d' % (name.split('/')[0].split('-')[1], i), fontsize=8)
        for axes in rows.flat:
            axes.axis('off')
        figure.suptitle('The layers on one digit: the ten strongest feature maps of each, step %d' % step)
        figures.save(figure, args.feature_maps_picture)

        logits, hits = [], []
        for i in range(0, len(images), mnist_eval.EVAL_BATCH_SIZE):
            batch = slice(i, i + mnist_eval.EVAL_BATCH_SIZE)
            values = sess.run([y, top_n], feed_dict={x: images[batch], y_: labels[batch]})
            logits.append(values[0])
            hits.append(values[1])
        answers = np.concatenate(logits).argmax(axis=1)
        for n, accuracy in zip(TOP_N, np.concatenate(hits, axis=1).mean(axis=1)):
            print('After %d training step(s), top-%d test accuracy = %g' % (step, n, accuracy))

        wrong = np.flatnonzero(answers != labels)
        print('%d of %d test digits are wrong' % (len(wrong), len(labels)))
        shown = wrong[:SHOWN_DIGITS]
        title = 'label > answer: %d of the %d wrong test digits, step %d' % (len(shown), len(wrong), step)
        figure = grid(images[shown, :, :, 0], title, 10, ['%d > %d' % (labels[i], answers[i]) for i in shown])
        figures.save(figure, args.wrong_picture)


if __name__ == '__main__':
    cli.run(main)
