"""Walk a filter over a matrix by hand in NumPy and by tf.nn.conv2d: the formula g(i) and figures 5 and 6.

Article 4 卷积神经网络, section 卷积层网络结构.

    python ch04_cnn/filter_walk.py

Shows that a filter is a weighted sum (the formula's 2 x 2 x 3 nodes become 1 x 1 x 5), that moving it over a
3 x 3 matrix gives 2 x 2 values (figure 5), what zero padding with stride 2 gives (figure 6), and what shared
weights do when the image moves. Takes three seconds; drawings.py draws the same walk. Expect the printed
ReLU(3) = 3 at figure 6's top left, from zeros at the top and left. TensorFlow's padding='SAME' adds its zeros
at the bottom and right, so its result differs from figure 6, as expected.

Of figures 5 and 6 the text gives one formula only: the filter [[1, -1], [0, 2]], the bias 1, and the 1 at the
top left of figure 6's input. The other eight nodes are those of the example that is commonly shown for it.
"""
from companion import cli

import numpy as np
import tensorflow as tf

MATRIX = [[1, -1, 0],
          [-1, 2, 1],
          [0, 2, -2]]
FILTER = [[1, -1],          # 过滤器 (filter)
          [0, 2]]
BIASES = [1]                # 偏置项 (bias), of one filter


def relu(value):            # 激活函数 (activation function)
    return np.maximum(value, 0)


def g(a, w, b):
    """The article's formula: g(i) = f(sum of a[x, y, z] w[x, y, z, i], plus b[i]), with f = ReLU."""
    result = np.zeros(5)
    for i in range(5):
        for x in range(2):
            for y in range(2):
                for z in range(3):
                    result[i] += a[x, y, z] * w[x, y, z, i]
        result[i] = relu(result[i] + b[i])
    return result


def walk(matrix, weights, bias, stride):
    """Move a filter over a matrix of depth 1, in the article's order: down on the left, then on the right.

    Yields:
        Row and column in the result, the nodes under the filter, and their weighted sum with the bias.
    """
    size = len(weights)
    rows, columns = [range(0, length - size + 1, stride) for length in matrix.shape]
    for column, left in enumerate(columns):
        for row, top in enumerate(rows):
            nodes = matrix[top:top + size, left:left + size]
            yield row, column, nodes, np.sum(nodes * weights) + bias


# What the article does not have: the same by TensorFlow, other paddings, an image that moves.
def convolve(matrix, weights, bias, stride):
    """Return the results of the walk as a matrix."""
    places = list(walk(matrix, weights, bias, stride))
    result = np.zeros([places[-1][0] + 1, places[-1][1] + 1])
    for row, column, _, value in places:
        result[row, column] = value
    return result


def conv2d(nodes, weights, biases, stride, padding):
    """A convolution in TensorFlow, without the activation.

    Args:
        nodes: [height, width, depth].
        weights: [filter height, filter width, depth, filter depth].
        biases: [filter depth].
        padding: 'SAME', 'VALID', or for each of the four dimensions the zeros before and after.
    Returns:
        An array, [output height, output width, filter depth].
    """
    with tf.Graph().as_default(), tf.Session() as sess:
        conv = tf.nn.conv2d(np.float32([nodes]), np.float32(weights),
                            strides=[1, stride, stride, 1], padding=padding)
        return sess.run(tf.nn.bias_add(conv, np.float32(biases)))[0]


def show(title, result):
    print('%s\n%s' % (title, np.array2string(result + 0.0, precision=4)))


def compare(title, by_hand, by_tensorflow):
    show(title, by_hand)
    if np.allclose(by_hand, by_tensorflow, atol=1e-5):
        print('tf.nn.conv2d gives the same')
    else:
        show('tf.nn.conv2d differs:', by_tensorflow)


def product(nodes, weights, bias):
    """The weighted sum as the article writes it: 0 x 1 + 0 x (-1) + ... + 1."""
    terms = ['%s x %s' % tuple('(%d)' % factor if factor < 0 else '%d' % factor for factor in pair)
             for pair in zip(nodes.flatten(), weights.flatten())]
    return ' + '.join(terms + ['%d' % bias])


def show_walk(matrix, weights, bias, stride):
    """Print the inputs, and the filter's sum at each place."""
    lines = [np.array2string(array).split('\n') for array in (matrix, weights)]
    lines[1] += [''] * (len(lines[0]) - len(lines[1]))
    print('%-15sfilter, bias %d, stride %d' % ('nodes', bias, stride))
    for pair in zip(*lines):
        print(('%-15s%s' % pair).rstrip())
    for row, column, nodes, value in walk(matrix, weights, bias, stride):
        print('%-13s %s = %d' % (('top', 'bottom')[row] + ' ' + ('left', 'right')[column] + ':',
                                 product(nodes, weights, bias), value))


def main(argv=None):
    parser = cli.Parser(__doc__)
    args = parser.parse(argv)
    random = np.random.RandomState(args.seed)

    # The formula: five weighted sums of the same 2 x 2 x 3 nodes.
    a = random.randn(2, 2, 3)
    w = random.randn(2, 2, 3, 5)
    b = random.randn(5)
    by_tensorflow = relu(conv2d(a, w, b, 1, 'VALID')).reshape(5)
    compare('g(1) to g(5), term by term:', g(a, w, b), by_tensorflow)
    # 向量乘法 (product of vectors): a and each w^i flattened, the whole filter is one product.
    compare('and as one product of a vector and a matrix:', relu(a.reshape(12).dot(w.reshape(12, 5)) + b),
            by_tensorflow)

    matrix, weights, bias = np.array(MATRIX), np.array(FILTER), BIASES[0]
    tensors = matrix.reshape(3, 3, 1), weights.reshape(2, 2, 1, 1), BIASES
    print('\nFigure 5, a 2 x 2 filter on 3 x 3 nodes:')
    show_walk(matrix, weights, bias, 1)
    compare('together:', convolve(matrix, weights, bias, 1),
            conv2d(*tensors, stride=1, padding='VALID').reshape(2, 2))

    # 全 0 填充 (zero padding): a row and a column of zeros before the first. 步长 (stride) 2.
    print('\nFigure 6, the same nodes with zeros at the top and left, stride 2:')
    padded = np.pad(matrix, [(1, 0), (1, 0)], 'constant')
    show_walk(padded, weights, bias, 2)
    figure6 = relu(convolve(padded, weights, bias, 2))
    _, _, nodes, total = next(walk(padded, weights, bias, 2))
    print('The printed formula: ReLU(%s) = ReLU(%d) = %d' % (
        product(nodes, weights, bias), total, relu(total)))
    compare('together, after ReLU:', figure6,
            relu(conv2d(padded.reshape(4, 4, 1), *tensors[1:], stride=2, padding='VALID')).reshape(2, 2))
    # The third kind of padding, which the article does not have: zeros before and after, for each dimension.
    compare('the same zeros by padding=[[0, 0], [1, 0], [1, 0], [0, 0]]:', figure6,
            relu(conv2d(*tensors, stride=2, padding=[[0, 0], [1, 0], [1, 0], [0, 0]])).reshape(2, 2))
    same = relu(conv2d(*tensors, stride=2, padding='SAME')).reshape(2, 2)
    show("padding='SAME' adds its zeros at the bottom and right, so its result differs from figure 6, as "
         'expected:', same)
    compare('zeros at the bottom and right by hand:', relu(convolve(
        np.pad(matrix, [(0, 1), (0, 1)], 'constant'), weights, bias, 2)), same)

    # 共享参数 (shared weights): the same values turn up where the stroke has moved to.
    stroke = np.zeros([12, 12, 1])
    stroke[1:5, 2] = 1
    moved = np.roll(stroke, (6, 7), axis=(0, 1))
    w = random.randn(3, 3, 1, 1)
    before, after = [conv2d(nodes, w, [0], 1, 'SAME')[:, :, 0] for nodes in (stroke, moved)]
    answers = ['yes' if answer else 'no' for answer in (
        np.allclose(before, after), np.allclose(np.roll(before, (6, 7), axis=(0, 1)), after, atol=1e-5),
        np.allclose(before.max(), after.max()))]
    print('\nShared weights: a vertical stroke is convolved, moved by 6 rows and 7 columns, and convolved '
          'again.\nIs the result the same, as the article says? %s (ERRATA.md, 4.4)\n'
          'Has the result moved as far as the stroke? %s\nIs its maximum the same? %s' % tuple(answers))


if __name__ == '__main__':
    cli.run(main)
