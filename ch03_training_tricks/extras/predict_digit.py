"""Say which digit an image file shows: your own handwriting, on paper or drawn on a screen.

Article 3 训练神经网络模型的常用方法, section TensorFlow 最佳实践样例程序. The article says in a sentence how
mnist_eval.py becomes a program for 离线预测 (offline prediction): the answer takes the place of the accuracy.
This is that program; the article has none.

    python ch03_training_tricks/extras/predict_digit.py my7.png         # after mnist_train.py

Reads PNG, JPEG and whatever else Pillow reads, of any size, in colour or grey, with one digit on a plain
ground, and prepares it as MNIST's images were prepared:

- white on black: a dark digit on a light ground is inverted;
- the digit is cut out and scaled to fit a square of 20 x 20 pixels, its proportions kept;
- it is put into 28 x 28 pixels with its centre of mass in the centre.

Of MNIST's own test images, in black on white, the network recognizes 2 % without this and 98 % with it.

Prints the digit and the ten probabilities, by the newest checkpoint of mnist_train.py with its moving
averages. The picture shows the file, what the network saw, and the probabilities. Takes four seconds.

Also shows what the article says of calling `inference` twice in one graph: with reuse=True the second call
takes the variables of the first, so that both give the same logits.
"""
from companion import checkpoint, cli, figures

import os

import matplotlib.figure
import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from ch03_training_tricks import mnist_inference, mnist_train

FAINT = 0.25            # what has less ink, as a share of the most, is taken for ground
CONTRAST = 32           # grey levels, of 255, by which the digit must differ from its ground


def read(path):
    """Read an image file as grey levels from 0 to 255, float [height, width]; transparency becomes white."""
    try:
        with Image.open(path) as file:
            image = ImageOps.exif_transpose(file).convert('RGBA')
    except FileNotFoundError:
        raise cli.UserError('there is no file %s' % path)
    # Pillow's errors are of many classes: OSError, ValueError, SyntaxError, DecompressionBombError, ...
    except Exception as error:
        raise cli.UserError('cannot read %s as an image: %s' % (path, str(error).split('\n')[0]))
    ground = Image.new('RGBA', image.size, 'white')
    return np.asarray(Image.alpha_composite(ground, image).convert('L'), np.float64)


def prepare(grey):
    """Make of grey levels what MNIST's makers made of theirs.

    Args:
        grey: 0 to 255, [height, width], of one digit on a plain ground.
    Returns:
        The digit white on black, from 0 to 1, float32 [28, 28].
    Raises:
        cli.UserError: there is nothing on the ground.
    """
    # MNIST's: pixels of a side, pixels of the digit's longer side, row and column of the centre of mass.
    size, box, centre = 28, 20, 14
    # The ground is what the edges mostly are.
    ground = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    dark, light = ground - grey.min(), grey.max() - ground
    ink = np.clip(ground - grey if dark > light else grey - ground, 0, None)
    if ink.max() < CONTRAST:
        raise cli.UserError('the image is blank: its grey levels differ by %d of 255, not --contrast %d' % (
            ink.max(), CONTRAST))
    ink /= ink.max()
    ink[ink < FAINT] = 0

    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    digit = ink[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    scale = box / max(digit.shape)
    height, width = (max(1, int(round(side * scale))) for side in digit.shape)
    digit = Image.fromarray(np.uint8(np.rint(255 * digit))).resize((width, height), Image.LANCZOS)
    digit = np.asarray(digit, np.float32) / 255

    # From the centre of mass, in the digit, to the corner, in the image.
    corner = [int(np.clip(round(centre - (digit * places).sum() / digit.sum()), 0, size - side))
              for places, side in zip(np.mgrid[0:height, 0:width], (height, width))]
    image = np.zeros((size, size), np.float32)
    image[corner[0]:corner[0] + height, corner[1]:corner[1] + width] = digit
    return image


def predict(image):
    """Classify a prepared image by mnist_train.py's newest checkpoint.

    Args:
        image: what `prepare` returns.
    Returns:
        The class, the ten probabilities, the checkpoint's step, and by how much the logits of a second call
        of `inference` differ from those of the first.
    """
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE], name='x-input')
        y = mnist_inference.inference(x, None)

        # New data, the same network: without reuse=True, a ValueError says that the variables exist already.
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            again = mnist_inference.inference(tf.constant(image.reshape(1, -1)), None)

        variable_averages = tf.train.ExponentialMovingAverage(mnist_train.MOVING_AVERAGE_DECAY)
        saver = tf.train.Saver(variable_averages.variables_to_restore())
        step = checkpoint.restore(saver, sess, mnist_train.MODEL_SAVE_PATH, 'mnist_train.py')
        answer, probabilities, logits, logits_again = sess.run(
            [tf.argmax(y, 1), tf.nn.softmax(y), y, again], feed_dict={x: image.reshape(1, -1)})
    return answer[0], probabilities[0], step, abs(logits - logits_again).max()


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('file', metavar='FILE', nargs='?', help='the image file')
    parser.add_argument('--sample', action='store_true',
                        default=os.environ.get('TF_TUTORIAL_DATA') == 'sample',
                        help='use the network that was trained on the embedded sample')
    mnist_inference.add_constants(parser)
    parser.add_constants(
        vars(mnist_train),
        MODEL_SAVE_PATH='folder of the checkpoints')
    parser.add_constants(
        globals(),
        CONTRAST='grey levels, of 255, by which the digit must differ from its ground')
    parser.add_constants(
        globals(), cli.fraction,
        FAINT='what has less ink, as a share of the most, is taken for ground')
    parser.add_constants(
        vars(mnist_train), cli.fraction,
        MOVING_AVERAGE_DECAY='decay of the moving averages')
    parser.add_argument('--picture', default='runs/ch03_training_tricks/predict_digit.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    args = parser.parse(argv)
    if not args.file:
        parser.error('name the image file')
    cli.set_constants(globals(), args)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(vars(mnist_train), args)
    figures.check(args.picture)

    grey = read(args.file)
    image = prepare(grey)
    answer, probabilities, step, difference = predict(image)
    print('%s shows a %d, by the network after %d training step(s). The probabilities:' % (
        args.file, answer, step))
    for digit, probability in enumerate(probabilities):
        print('%d  %.4f' % (digit, probability))
    print('A second call of inference, with reuse=True: the logits differ by at most %.1g' % difference)

    figure = matplotlib.figure.Figure(figsize=(10, 3.5))
    left, middle, right = figure.subplots(1, 3)
    left.imshow(grey, cmap='gray', vmin=0, vmax=255)
    left.set(title='the file', xticks=[], yticks=[])
    middle.imshow(image, cmap='gray', vmin=0, vmax=1)
    middle.set(title='what the network saw', xticks=[], yticks=[])
    right.bar(range(mnist_inference.OUTPUT_NODE), probabilities)
    right.set(title='its answer: %d' % answer, xlabel='digit', ylabel='probability', ylim=(0, 1),
              xticks=range(mnist_inference.OUTPUT_NODE))
    figure.tight_layout()
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
