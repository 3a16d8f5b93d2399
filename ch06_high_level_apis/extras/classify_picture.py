"""Classify a picture with a pretrained network and a checkpoint that you have.

Article 6 TensorFlow 高层封装, section TensorFlow-Slim (the trained models that it points to).

    python ch06_high_level_apis/extras/classify_picture.py --network inception_v1 \\
        --checkpoint inception_v1.ckpt --picture_file cat.jpg --labels labels.txt

Shows how to restore trained weights into a network that slim builds, how each network expects a picture to
be prepared, and its five likeliest classes. The checkpoints are linked in the README of research/slim in
https://github.com/tensorflow/models (the article's link, to slim, has moved there); unpack the .tar.gz.
--labels is a text file with one name a line, for ILSVRC 2012's 1000 classes in their usual order, with or
without a first line for the background. Transparency is ignored; of an animated GIF the first frame counts.

Takes about ten seconds on two cores. Untested with published weights: there was no way to fetch any where
this was written. Tested with checkpoints of random weights, in both of TensorFlow's file formats, against
the same network run by itself. Expect no better than chance from weights that were never trained.
"""
from companion import cli

import re

import numpy as np
import tensorflow as tf

from ch06_high_level_apis import pretrained_networks

# Likeliest classes to print.
TOP = 5

# The mean red, green and blue of the images that the VGG networks and ResNet V1 were trained on.
RGB_MEANS = [123.68, 116.78, 103.94]


def read_picture(path):
    """The picture in a JPEG, PNG, GIF or BMP file, as uint8 of [height, width, 3]."""
    with tf.Graph().as_default(), tf.Session() as sess:
        try:
            contents = tf.read_file(path)
            picture = sess.run(tf.image.decode_image(contents, channels=3, expand_animations=False))
        except tf.errors.InvalidArgumentError:
            raise cli.UserError('%s is no JPEG, PNG, GIF or BMP picture, or damaged' % path)
        except tf.errors.OpError as error:
            raise cli.UserError('cannot read the picture %s (%s)' % (path, type(error).__name__))
    height, width = picture.shape[:2]
    # Its shorter side would become 256 pixels, and its longer one would not fit in memory.
    if max(height, width) > 50 * min(height, width):
        raise cli.UserError('the picture %s is too long and narrow: %d x %d pixels' % (path, width, height))
    return picture


def read_labels(path, classes):
    """The names of `classes` classes. If that is 1001, the first is the background."""
    try:
        with open(path, encoding='utf-8') as file:
            labels = file.read().rstrip('\n').split('\n')
    except (OSError, UnicodeDecodeError) as error:
        raise cli.UserError('cannot read --labels %s (%s)' % (path, getattr(error, 'strerror', error)))
    if len(labels) not in (1000, 1001):
        raise cli.UserError('--labels %s has %d lines, and needs 1000, or 1001 with the background first' % (
            path, len(labels)))
    return (['background'] + labels[-1000:])[-classes:]


def vgg_input(picture, size):
    """Input of the VGG networks and ResNet V1: a picture's central square, less the mean colour."""
    height, width = picture.shape[:2]
    scale = 256.0 / min(height, width)
    height, width = int(round(height * scale)), int(round(width * scale))
    resized = tf.image.resize_bilinear(picture[np.newaxis], [height, width])
    top, left = (height - size) // 2, (width - size) // 2
    return resized[:, top:top + size, left:left + size] - RGB_MEANS


def inception_input(picture, size):
    """Input of the Inception networks and ResNet V2: the centre, made square, from -1 to 1."""
    scaled = tf.image.convert_image_dtype(picture, tf.float32)
    centre = tf.image.central_crop(scaled, 0.875)
    return (tf.image.resize_bilinear(centre[tf.newaxis], [size, size]) - 0.5) * 2


def network_input(name, picture):
    """The picture as the network `name` expects it: [1, input_size, input_size, 3]."""
    network = pretrained_networks.NETWORKS[name]
    prepare = vgg_input if network.module in ('vgg', 'resnet_v1') else inception_input
    return prepare(picture, network.input_size)


def open_checkpoint(path):
    """Return the checkpoint's path as tf.train.Saver expects it, and a reader of it."""
    # The newer format has several files; its name is their common beginning.
    path = re.sub(r'\.(index|meta|data-\d+-of-\d+)$', '', path)
    if not tf.train.checkpoint_exists(path):
        raise cli.UserError('there is no --checkpoint %s' % path)
    try:
        return path, tf.train.NewCheckpointReader(path)
    except tf.errors.OpError as error:
        raise cli.UserError('--checkpoint %s is damaged, or no checkpoint (%s); a .tar.gz must be unpacked '
                            'first' % (path, type(error).__name__))


def restore(sess, name, path, reader, variables):
    """Restore `variables` of the network `name`; the checkpoint may hold more."""
    shapes = reader.get_variable_to_shape_map()
    for variable in variables:
        if variable.op.name not in shapes:
            scopes = ', '.join(sorted(set(key.split('/')[0] for key in shapes)))
            raise cli.UserError('--checkpoint %s has no %s, so it is not of --network %s; its variables are '
                                'in %s' % (path, variable.op.name, name, scopes))
        if shapes[variable.op.name] != variable.shape.as_list():
            raise cli.UserError('--checkpoint %s: %s is %s, and --network %s needs %s' % (
                path, variable.op.name, shapes[variable.op.name], name, variable.shape.as_list()))
    try:
        tf.contrib.slim.assign_from_checkpoint_fn(path, variables)(sess)
    except tf.errors.OpError as error:
        raise cli.UserError('--checkpoint %s is damaged (%s)' % (path, type(error).__name__))


def check_network(name):
    """Raise UserError if this TensorFlow does not have the network."""
    if not pretrained_networks.is_shipped(name):
        raise cli.UserError('--network %s is not in tf.contrib.slim.nets of TensorFlow %s' % (
            name, tf.__version__))


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    names = list(pretrained_networks.NETWORKS)
    parser.add_argument('--network', choices=names, metavar='NAME',
                        help='the network that the checkpoint is of: ' + ', '.join(names))
    parser.add_argument('--checkpoint', metavar='FILE', help='the checkpoint with the trained weights')
    parser.add_argument('--picture_file', metavar='FILE', help='the picture to classify')
    parser.add_argument('--labels', metavar='FILE',
                        help='text file with the names of the classes (default: numbers only)')
    parser.add_constants(globals(), TOP='likeliest classes to print')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    for name in 'network', 'checkpoint', 'picture_file':
        if not getattr(args, name):
            parser.error('--%s is required' % name)
    check_network(args.network)

    # What is quick to find wrong comes before the network.
    picture = read_picture(args.picture_file)
    path, reader = open_checkpoint(args.checkpoint)
    classes = pretrained_networks.NETWORKS[args.network].classes
    labels = read_labels(args.labels, classes) if args.labels else None

    with tf.Graph().as_default():
        logits = pretrained_networks.inference(args.network, network_input(args.network, picture))
        probabilities = tf.nn.softmax(logits)
        with tf.Session() as sess:
            restore(sess, args.network, path, reader, pretrained_networks.variables_for(logits))
            result = sess.run(probabilities)[0]
    if not np.isfinite(result).all():
        raise cli.UserError('--checkpoint %s gives probabilities that are NaN: it is damaged' % path)

    print('%s has %d classes; %s' % (
        args.network, classes, 'class 0 is the background' if classes == 1001 else 'none is the background'))
    for i in np.argsort(-result)[:TOP]:
        print('%.6f  class %4d%s' % (result[i], i, '  ' + labels[i] if labels else ''))


if __name__ == '__main__':
    cli.run(main)
