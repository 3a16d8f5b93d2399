"""迁移学习 (transfer learning): train a new last layer for your own classes on a pretrained network.

Article 6 TensorFlow 高层封装, section TensorFlow-Slim, which links to an example and prints none.

    python ch06_high_level_apis/extras/transfer_learning.py --network inception_v1 \\
        --checkpoint inception_v1.ckpt --image_dir flowers

Shows that a network trained on ImageNet serves for other classes: all its layers but the last one keep their
weights and turn an image into a vector of features; only a new last layer is trained, on few images and in
seconds. The folder of --image_dir has a subfolder with JPEG, PNG, GIF or BMP files for each class, such as
flowers/roses and flowers/tulips. Without it, the images are scikit-learn's handwritten digits, which it
brings with it. A part of each class (--held_out) is not trained on and gives the accuracy.
classify_picture.py --help says where the checkpoints of the networks are. Nothing is kept.

Takes half a minute for 300 images by Inception V1 on two cores, nearly all of it for the features. Untested
with published weights: there was no way to fetch any where this was written. Tested with checkpoints of
random weights, which come to about 0.9 on the digits, as digits are easy for any features. So without
--image_dir you see that the program works; what pretraining gains, your own images show.
"""
from companion import cli

import os

import numpy as np
import tensorflow as tf
import tqdm
from sklearn import datasets

from ch06_high_level_apis import pretrained_networks
from ch06_high_level_apis.extras import classify_picture

IMAGES = 30             # images of each class at most, the first ones
HELD_OUT = 0.2          # share of the images of each class that is not trained on
TRAINING_STEPS = 2000
LEARNING_RATE = 1.0

ENDINGS = ('.jpg', '.jpeg', '.png', '.gif', '.bmp')


def digits():
    """scikit-learn's digits: the names of the classes, and for each class a list of uint8 [8, 8, 3]."""
    found = datasets.load_digits()
    images = np.repeat(np.uint8(found.images * 255 / 16)[..., np.newaxis], 3, axis=3)
    names = [str(digit) for digit in range(10)]
    return names, [list(images[found.target == digit][:IMAGES]) for digit in range(10)]


def folder_of_classes(folder):
    """The names of the subfolders of a folder, and for each one a list of the paths of its images.

    Raises:
        UserError: fewer than two classes, or a class that has fewer than two images.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != '.')
        files = [[os.path.join(folder, name, file) for file in sorted(os.listdir(os.path.join(folder, name)))
                  if file.lower().endswith(ENDINGS) and file[0] != '.'] for name in names]
    except OSError as error:
        raise cli.UserError('cannot read --image_dir %s (%s)' % (folder, error.strerror))
    if len(names) < 2:
        raise cli.UserError('--image_dir %s has %d subfolders, and needs one for each class, two or more' % (
            folder, len(names)))
    for name, paths in zip(names, files):
        if len(paths) < 2:
            raise cli.UserError('%s has %d images (%s), and needs two or more' % (
                os.path.join(folder, name), len(paths), ' '.join(ENDINGS)))
    return names, [paths[:IMAGES] for paths in files]


def split(classes, seed):
    """Draw the held-out images of each class.

    Args:
        classes: for each class a list of images.
    Returns:
        Two lists of pairs, an image and the number of its class: to train with, and held out.
    """
    random = np.random.RandomState(seed)
    train, held_out = [], []
    for label, images in enumerate(classes):
        # One or more of each kind.
        count = min(max(int(round(HELD_OUT * len(images))), 1), len(images) - 1)
        order = random.permutation(len(images))
        held_out += [(images[i], label) for i in order[:count]]
        train += [(images[i], label) for i in order[count:]]
    return train, held_out


def last_layer_input(logits):
    """Return the features, [batch, 1, 1, depth]: the input of the last layer with weights, a convolution."""
    operation = logits.op
    while operation.type != 'Conv2D':
        operation = operation.inputs[0].op
    return operation.inputs[0]


def prepare(name, image):
    """An image, or the one in a file, as the network `name` expects it: [1, input_size, input_size, 3]."""
    if isinstance(image, str):
        image = classify_picture.read_picture(image)
    with tf.Graph().as_default(), tf.Session() as sess:
        return sess.run(tf.convert_to_tensor(classify_picture.network_input(name, image)))


def features_of(name, path, reader, images):
    """Return the features of images by the network `name` with a checkpoint's weights: [images, depth]."""
    size = pretrained_networks.NETWORKS[name].input_size
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [1, size, size, 3])
        features = last_layer_input(pretrained_networks.inference(name, x))
        # Without the old last layer, so a checkpoint with any number of classes will do.
        classify_picture.restore(sess, name, path, reader, pretrained_networks.variables_for(features))
        found = np.concatenate([sess.run(features, {x: prepare(name, image)}).reshape([1, -1])
                                for image in tqdm.tqdm(images, unit='image', leave=False, disable=None)])
    if not np.isfinite(found).all():
        raise cli.UserError('--checkpoint %s gives features that are not finite: it is damaged' % path)
    return found


def train_last_layer(train_x, train_y, test_x, test_y):
    """Train a 全连接层 (fully connected layer) on features and labels; return two 正确率 (accuracies)."""
    # Networks differ in the number and size of their features. Centred, and with vectors of a length near 1,
    # they can all be trained with one learning rate.
    mean = train_x.mean(axis=0)
    length = np.sqrt(np.square(train_x - mean).sum(axis=1).mean()) or 1
    train_x, test_x = (train_x - mean) / length, (test_x - mean) / length

    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None, train_x.shape[1]])
        y_ = tf.placeholder(tf.int64, [None])
        weights = tf.Variable(tf.zeros([train_x.shape[1], train_y.max() + 1]))
        biases = tf.Variable(tf.zeros([train_y.max() + 1]))
        y = tf.matmul(x, weights) + biases
        # 交叉熵 (cross entropy), of all training images at once.
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y_, logits=y))
        train_step = tf.train.GradientDescentOptimizer(LEARNING_RATE).minimize(loss)
        accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(y, 1), y_), tf.float32))

        tf.global_variables_initializer().run()
        for i in range(TRAINING_STEPS):
            _, loss_value = sess.run([train_step, loss], {x: train_x, y_: train_y})
            cli.check_loss(loss_value, i + 1, LEARNING_RATE)
            if i % 500 == 0:
                print('After %d training step(s), loss is %g.' % (i + 1, loss_value))
        return sess.run(accuracy, {x: train_x, y_: train_y}), sess.run(accuracy, {x: test_x, y_: test_y})


def main(argv=None):
    parser = cli.Parser(__doc__)
    names = list(pretrained_networks.NETWORKS)
    parser.add_argument('--network', choices=names, metavar='NAME',
                        help='the network that the checkpoint is of: ' + ', '.join(names))
    parser.add_argument('--checkpoint', metavar='FILE', help='the checkpoint with the trained weights')
    parser.add_argument('--image_dir', metavar='DIR',
                        help="folder with a subfolder for each class (default: scikit-learn's digits)")
    parser.add_constants(
        globals(),
        IMAGES='images of each class at most, the first ones',
        TRAINING_STEPS='training steps of the last layer',
        LEARNING_RATE='learning rate')
    parser.add_constants(globals(), cli.fraction, HELD_OUT='share of each class that is not trained on')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    for name in 'network', 'checkpoint':
        if not getattr(args, name):
            parser.error('--%s is required' % name)
    if IMAGES < 2:
        parser.error('argument --images: must be 2 or more, one to train with and one held out')
    classify_picture.check_network(args.network)

    # What is quick to find wrong comes before the network.
    path, reader = classify_picture.open_checkpoint(args.checkpoint)
    classes, images = folder_of_classes(args.image_dir) if args.image_dir else digits()
    train, held_out = split(images, args.seed)
    print('%d classes: %s. %d images to train with, %d held out.' % (
        len(classes), ', '.join(classes), len(train), len(held_out)))

    features = features_of(args.network, path, reader, [image for image, _ in train + held_out])
    labels = np.array([label for _, label in train + held_out])
    print('%s makes %d features of an image.' % (
        pretrained_networks.NETWORKS[args.network].model, features.shape[1]))
    accuracies = train_last_layer(features[:len(train)], labels[:len(train)],
                                  features[len(train):], labels[len(train):])
    print('After %d training step(s), accuracy on the training images = %.4f, on the held-out images = %.4f; '
          'guessing: %.4f' % ((TRAINING_STEPS,) + accuracies + (
              np.bincount(labels[len(train):]).max() / len(held_out),)))


if __name__ == '__main__':
    cli.run(main)
