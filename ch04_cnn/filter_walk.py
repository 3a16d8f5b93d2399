"""Walk a filter over a matrix by hand in NumPy and by tf.nn.conv2d: the formula g(i) and figures 5 and 6.

Article 4 卷积神经网络, section 卷积层网络结构.

    python ch04_cnn/filter_walk.py

Shows that a filter is a weighted sum (the formula's 2 x 2 x 3 nodes become 1 x 1 x 5), that moving it over
a 3 x 3 matrix gives 2 x 2 values (figure 5), zero padding with stride 2 (figure 6), and what shared
weights do when the picture moves. Takes three seconds. Expect the printed ReLU(3) = 3 at figure 6's top
left, by hand and from zeros added at the top and left; padding='SAME' adds them at the bottom and right
and gives another matrix. Of figures 5 and 6 the text gives one formula only: the filter [[1, -1], [0, 2]],
the bias 1 and the 1 at the top left of figure 6's input; the other nodes are those of the example that is
commonly shown for this figure.
"""
from companion import cli

import numpy as np
import tensorflow as tf

MATRIX = [[1, -1, 0],
          [-1, 2, 1],
          [0, 2, -2]]
FILTER = [[1, -1],
          [0, 2]]
BIASES = [1]        # of one filter


def relu(value):
    return np.maximum(value, 0)


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


def walk(matrix, weights, bias, stride):
    """The same by hand at depth 1, in the article's order: down each column of positions, then right."""
    size = len(weights)
    rows, columns = [range(0, length - size + 1, stride) for length in matrix.shape]
    result = np.zeros([len(rows), len(columns)])
    for j, left in enumerate(columns):
        for i, top in enumerate(rows):
            result[i, j] = np.sum(matrix[top:top + size, left:left + size] * weights) + bias
    return result


def compare(title, by_hand, by_tensorflow):
    print('%s\n%s' % (title, np.array2string(by_hand + 0.0, precision=4)))
    print('tf.nn.conv2d gives %s' % ('the same' if np.allclose(by_hand, by_tensorflow, atol=1e-5) else
                                     'another:\n%s' % np.array2string(by_tensorflow + 0.0, precision=4)))


def main(argv=None):
    parser = cli.Parser(__doc__)
    args = parser.parse(argv)
    random = np.random.RandomState(args.seed)

    # The formula: five weighted sums of the same 2 x 2 x 3 nodes.
    a = random.randn(2, 2, 3)
    w = random.randn(2, 2, 3, 5)
    b = random.randn(5)
    g = np.zeros(5)
    for i in range(5):
        for x in range(2):
            for y in range(2):
                for z in range(3):
                    g[i] += a[x, y, z] * w[x, y, z, i]
        g[i] = relu(g[i] + b[i])
    compare('g(1) to g(5), term by term:', g, relu(conv2d(a, w, b, 1, 'VALID')).reshape(5))
    # a and each w^i in a row: the whole filter is one product.
    compare('and as one product of a vector and a matrix:', relu(a.reshape(12).dot(w.reshape(12, 5)) + b),
            relu(conv2d(a, w, b, 1, 'VALID')).reshape(5))

    matrix, weights = np.array(MATRIX), np.array(FILTER)
    tensors = matrix.reshape(3, 3, 1), weights.reshape(2, 2, 1, 1), BIASES
    compare('Figure 5, a 2 x 2 filter on 3 x 3 nodes:', walk(matrix, weights, BIASES[0], 1),
            conv2d(*tensors, stride=1, padding='VALID').reshape(2, 2))

    # Figure 6: a row and a column of zeros before the first, then steps of two.
    padded = np.pad(matrix, [(1, 0), (1, 0)], 'constant')
    terms = ['%d x %s' % (value, weight if weight >= 0 else '(%d)' % weight)
             for value, weight in zip(padded[:2, :2].flatten(), weights.flatten())]
    total = np.sum(padded[:2, :2] * weights) + BIASES[0]
    print('Figure 6, top left: ReLU(%s + %d) = ReLU(%d) = %d' % (
        ' + '.join(terms),
        BIASES[0], total, relu(total)))
    figure6 = relu(walk(padded, weights, BIASES[0], 2))
    compare('Figure 6, zeros at the top and left, stride 2:', figure6,
            relu(conv2d(padded.reshape(4, 4, 1), *tensors[1:], stride=2, padding='VALID')).reshape(2, 2))
    # The third kind of padding, which the article does not have: zeros before and after, dimension by dimension.
    compare("the same zeros by padding=[[0, 0], [1, 0], [1, 0], [0, 0]]:", figure6,
            relu(conv2d(*tensors, stride=2, padding=[[0, 0], [1, 0], [1, 0], [0, 0]])).reshape(2, 2))
    # An odd zero goes to the bottom and right, as TensorFlow pads.
    same = relu(conv2d(*tensors, stride=2, padding='SAME')).reshape(2, 2)
    compare("Figure 6's matrix, compared with padding='SAME':", figure6, same)
    compare('zeros at the bottom and right instead:', relu(walk(
        np.pad(matrix, [(0, 1), (0, 1)], 'constant'), weights, BIASES[0], 2)), same)

    # Shared weights: the same values turn up, but where the stroke has gone, not where it was.
    stroke = np.zeros([12, 12, 1])
    stroke[1:5, 2] = 1
    moved = np.roll(stroke, (6, 7), axis=(0, 1))
    w = random.randn(3, 3, 1, 1)
    before, after = [conv2d(nodes, w, [0], 1, 'SAME')[:, :, 0] for nodes in (stroke, moved)]
    print('A stroke moved by 6 rows and 7 columns: the same result: %s; the result moved as far: %s; '
          'the same maximum: %s' % (np.allclose(before, after),
                                    np.allclose(np.roll(before, (6, 7), axis=(0, 1)), after, atol=1e-5),
                                    np.allclose(before.max(), after.max())))


if __name__ == '__main__':
    cli.run(main)
