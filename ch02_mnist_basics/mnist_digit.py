"""Show a digit 1 of MNIST beside the matrix of its pixels.

Article 2 TensorFlow 解决 MNIST 问题入门, section TensorFlow 解决 MNIST 问题 (figure 5).

    python ch02_mnist_basics/mnist_digit.py

Saves our figure 5: the first 1 of the training data, and, as in the article, a matrix of 14 x 14, each entry
the mean of 2 x 2 pixels. Prints the sizes that the text gives. Takes five seconds.
Expect 60000 training images (the reader keeps 5000 of them for validation) and 10000 test images.
"""
from companion import cli, figures

import matplotlib.figure
import numpy as np
from tensorflow.examples.tutorials.mnist import input_data


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist', seed=False)
    parser.add_argument('--digit', type=int, choices=range(10), default=1, metavar='0..9',
                        help='the digit to show (default: %(default)s)')
    parser.add_argument('--picture', default='runs/ch02_mnist_basics/mnist_digit.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    args = parser.parse(argv)
    figures.check(args.picture)

    mnist = input_data.read_data_sets(args.data_dir, one_hot=True)
    print('training %d + validation %d = %d images, test %d' % (
        mnist.train.num_examples, mnist.validation.num_examples,
        mnist.train.num_examples + mnist.validation.num_examples, mnist.test.num_examples))

    # Unshuffled, the first images of 训练数据 (training data) are the reader's 验证数据 (validation data).
    labels = mnist.validation.labels.argmax(axis=1)
    index = int((labels == args.digit).argmax())
    image = mnist.validation.images[index].reshape(28, 28)
    # 像素矩阵 (matrix of pixels)
    matrix = image.reshape(14, 2, 14, 2).mean(axis=(1, 3))
    print('training image %d is a %d, %d x %d pixels from %g to %g' % (
        (index, labels[index]) + image.shape + (image.min(), image.max())))
    # 'In the middle': where the ink of each test image has its centre of mass, 13.5 being the middle.
    images = mnist.test.images.reshape(-1, 28, 28)
    ink = images.sum(axis=(1, 2))
    off = [abs((images * places).sum(axis=(1, 2)) / ink - 13.5).max() for places in np.mgrid[0:28, 0:28]]
    print('the centre of mass of a test image is at most %.1f rows and %.1f columns off the middle' % (
        tuple(off)))
    for row in matrix:
        print(' '.join('%3.1f' % value if value else '  0' for value in row))

    figure = matplotlib.figure.Figure(figsize=(10, 5))
    left, right = figure.subplots(1, 2)
    left.imshow(image, cmap='gray_r')
    left.set_title('28 x 28 pixels')
    right.imshow(matrix, cmap='gray_r', alpha=0.4)
    for y in range(14):
        for x in range(14):
            right.text(x, y, '%.1f' % matrix[y, x] if matrix[y, x] else '0',
                       ha='center', va='center', fontsize=7)
    right.set_title('14 x 14 means of 2 x 2 pixels')
    for axes in (left, right):
        axes.set_xticks([])
        axes.set_yticks([])
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
