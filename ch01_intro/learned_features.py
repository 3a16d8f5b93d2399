"""Compare features that a person designs with features that a network learns, on digits.

Article 1 深度学习及 TensorFlow 简介, section 什么是深度学习？ (figures 1 and 2).

    python ch01_intro/learned_features.py

Figure 1 as a program: on one side features (特征) that are extracted by hand, on the other side features
that two layers learn (figure 2), and after both the same learning of weights. Saves a picture of each kind of
feature, and below it the test digits as points. Takes half a minute on two cores. Expect test accuracies near
0.77 for the 16 features by hand, 0.92 for the pixels themselves, and 0.97 for the 16 learned features. These
accuracies use all of the features. The points show only the two directions, of 16 or 784, in which the
features vary most: digits that overlap there, as 1s and 8s do, may still be separated by the others.
"""
from companion import cli, figures

import matplotlib.figure
import numpy as np
import tensorflow as tf
from sklearn.decomposition import PCA
from tensorflow.examples.tutorials.mnist import input_data

# The article gives no program and no numbers here; all of these are ours.
LAYER1_NODE = 64
LAYER2_NODE = 16
BATCH_SIZE = 100
LEARNING_RATE = 0.2
TRAINING_STEPS = 4000


def features_by_hand(pixels):
    """What a person might measure on a digit, as in 传统机器学习 (traditional machine learning).

    Args:
        pixels: [count, 784], from 0 to 1.
    Returns:
        [count, 16]: ink, its centre (2), its spread (3), likeness to its mirror images (2), ink in 4 bands
        of rows, and the strokes that each of 4 lines across would cut.
    """
    images = pixels.reshape(-1, 28, 28)
    rows, columns = np.mgrid[0:28, 0:28] / 27.0
    ink = images.sum(axis=(1, 2)) + 1e-6

    def mean(values):
        return (images * values).sum(axis=(1, 2)) / ink

    dy, dx = rows - mean(rows)[:, None, None], columns - mean(columns)[:, None, None]
    bands = images.reshape(-1, 4, 7, 28).sum(axis=(2, 3)) / ink[:, None]
    lines = images[:, [8, 12, 16, 20]] > 0.5
    strokes = (lines[:, :, 1:] & ~lines[:, :, :-1]).sum(axis=2)
    return np.column_stack([
        ink, mean(rows), mean(columns), mean(dy * dy), mean(dx * dx), mean(dy * dx),
        mean(images[:, ::-1]), mean(images[:, :, ::-1]), bands, strokes])


def train(features, labels, test_features, test_labels, layers, seed):
    """Train layers of ReLU nodes, if any, and after them the weights of the ten classes.

    Args:
        features, test_features: [count, size].
        labels, test_labels: one-hot, [count, 10].
        layers: the number of nodes of each layer that learns features; [] for none.
    Returns:
        The accuracy on the test data; the inputs of the last layer for the test data, [count, nodes]; and the
        weights of the first layer.
    """
    random = np.random.RandomState(seed)
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.set_random_seed(seed)
        x = tf.placeholder(tf.float32, [None, features.shape[1]], name='x-input')
        y_ = tf.placeholder(tf.float32, [None, labels.shape[1]], name='y-input')
        nodes, weights = x, []
        for size in layers + [labels.shape[1]]:
            inputs = nodes
            shape = [inputs.get_shape().as_list()[1], size]
            weights.append(tf.Variable(tf.truncated_normal(shape, stddev=shape[0] ** -0.5)))
            sums = tf.matmul(inputs, weights[-1]) + tf.Variable(tf.constant(0.1, shape=[size]))
            nodes = tf.nn.relu(sums)
        # The last layer has no ReLU; its inputs are the features.
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=y_, logits=sums))
        train_step = tf.train.GradientDescentOptimizer(LEARNING_RATE).minimize(loss)
        accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(sums, 1), tf.argmax(y_, 1)), tf.float32))

        sess.run(tf.global_variables_initializer())
        for _ in range(TRAINING_STEPS):
            batch = random.randint(len(features), size=BATCH_SIZE)
            sess.run(train_step, feed_dict={x: features[batch], y_: labels[batch]})
        test_loss, *results = sess.run([loss, accuracy, inputs, weights[0]],
                                       feed_dict={x: test_features, y_: test_labels})
        cli.check_loss(test_loss, TRAINING_STEPS, LEARNING_RATE)
        return results


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_argument('--picture', default='runs/ch01_intro/learned_features.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    parser.add_constants(
        globals(),
        LAYER1_NODE='nodes of the first layer that learns features',
        LAYER2_NODE='nodes of the second',
        BATCH_SIZE='images in a training batch',
        LEARNING_RATE='learning rate',
        TRAINING_STEPS='training steps')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    if LAYER2_NODE < 2:
        parser.error('argument --layer2_node: must be 2 or more, as the points show two directions')
    figures.check(args.picture)

    mnist = input_data.read_data_sets(args.data_dir, one_hot=True)
    pixels, test_pixels = mnist.train.images, mnist.test.images
    by_hand, test_by_hand = features_by_hand(pixels), features_by_hand(test_pixels)
    # All on one scale, from the training data.
    centre, scale = by_hand.mean(axis=0), by_hand.std(axis=0) + 1e-6
    by_hand, test_by_hand = (by_hand - centre) / scale, (test_by_hand - centre) / scale

    figure = matplotlib.figure.Figure(figsize=(13, 8.5))
    looks, scatters = figure.subplots(2, 3)
    digits = mnist.test.labels.argmax(axis=1)
    for title, features, test_features, layers, look, scatter in [
            ('by hand', by_hand, test_by_hand, [], looks[0], scatters[0]),
            ('the pixels', pixels, test_pixels, [], looks[1], scatters[1]),
            ('learned', pixels, test_pixels, [LAYER1_NODE, LAYER2_NODE], looks[2], scatters[2])]:
        accuracy, inputs, weights = train(features, mnist.train.labels, test_features, mnist.test.labels,
                                          layers, args.seed)
        print('Features %-10s  %3d numbers for each digit, test accuracy %.4f' % (
            title, inputs.shape[1], accuracy))

        if layers:
            shown = np.zeros([16, 30, 30])
            shown[:LAYER1_NODE, 1:-1, 1:-1] = (weights / abs(weights).max(axis=0)).T[:16].reshape(-1, 28, 28)
            look.imshow(shown.reshape(4, 4, 30, 30).transpose(0, 2, 1, 3).reshape(120, 120), cmap='gray')
            look.set_title('learned: what %d nodes of layer 1 look for' % min(16, LAYER1_NODE))
            look.axis('off')
        elif features is pixels:
            look.imshow(test_pixels[0].reshape(28, 28), cmap='gray_r')
            look.set_title('the pixels of the same digit')
            look.axis('off')
        else:
            look.bar(range(inputs.shape[1]), inputs[0])
            look.set_title('by hand: %d measurements of a digit' % inputs.shape[1])
        # Each digit as a point, in the two directions in which these features vary most.
        points = PCA(2, random_state=0).fit_transform(inputs[:2000])
        for digit in range(10):
            chosen = digits[:2000] == digit
            scatter.scatter(points[chosen, 0], points[chosen, 1], s=5, color='C%d' % digit, label=str(digit))
        scatter.set_title('%s: two of %d dimensions, test accuracy %.3f' % (
            title, inputs.shape[1], accuracy), fontsize=10)
        scatter.axis('off')
    scatters[2].legend(markerscale=3, fontsize=8)
    figure.subplots_adjust(left=0.04, right=0.99, bottom=0.02, top=0.95, wspace=0.1, hspace=0.15)
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
