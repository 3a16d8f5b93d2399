"""Draw what article 4's figures 2 to 7 show: networks, a filter, its walk, zero padding, pooling, LeNet-5.

Article 4 卷积神经网络, all sections.

    python ch04_cnn/drawings.py
    python ch04_cnn/drawings.py --language zh       # labels in Chinese, where a font has the characters

Our own drawings, of the values in filter_walk.py and the layers that parameter_counts.py builds. Takes seven
seconds. Expect six PNG files in runs/ch04_cnn: figure2 (and 3), figure4 to figure7, and pooling.
"""
from companion import cli, figures

import itertools
import os

import matplotlib.figure
import numpy as np
import tensorflow as tf

from ch04_cnn import filter_walk, parameter_counts

BLUE, ORANGE, GREEN, GREY, WHITE = '#9ecae1', '#fdae6b', '#a1d99b', '#e4e4e4', '#ffffff'
COLOURS = {'input': BLUE, 'convolution': WHITE, 'pooling': GREEN, 'fully connected': ORANGE}
CHINESE = {         # the article's terms
    'fully connected': '全连接层', 'fully connected network': '全连接神经网络', 'convolution': '卷积层',
    'convolutional network': '卷积神经网络', 'input': '输入层', 'hidden layer': '隐藏层', 'output': '输出层',
    'pooling': '池化层', 'filter': '过滤器', 'node matrix': '节点矩阵', 'unit node matrix': '单位节点矩阵',
    'bias': '偏置项', 'stride': '步长', 'max pooling': '最大池化层', 'average pooling': '平均池化层',
    'top left': '左上角', 'bottom left': '左下角', 'top right': '右上角', 'bottom right': '右下角'}
FONT = {'fontproperties': None}     # of the labels, where they are Chinese


def canvas(left, right, bottom, top):
    """A figure and axes with these limits, half an inch to the unit and no frame."""
    figure = matplotlib.figure.Figure(figsize=((right - left) / 2, (top - bottom) / 2))
    axes = figure.add_axes([0, 0, 1, 1], xlim=(left, right), ylim=(bottom, top))
    axes.axis('off')
    return figure, axes


def write(axes, x, y, label, after=''):
    """Write a label, in Chinese if there is a font, and what follows it, centred at a place."""
    label = CHINESE.get(label, label) if FONT['fontproperties'] else label
    axes.text(x, y, label + after, ha='center', va='center', **FONT).set_size(11)


def block(axes, x, y, width, height, depth, colour):
    """A cuboid seen from the front, the right and above; x, y is the lower left corner of its front."""
    right, top, back = x + width, y + height, 0.4 * depth
    for corners in [[(x, y), (right, y), (right, top), (x, top)],
                    [(x, top), (right, top), (right + back, top + back), (x + back, top + back)],
                    [(right, y), (right, top), (right + back, top + back), (right + back, y + back)]]:
        axes.fill(*zip(*corners), colour, ec='black', lw=0.7)


def cubes(axes, x, y, colours):
    """A node matrix: `colours` is [height, width, depth]. Cubes behind and below others are drawn first."""
    for i, j, k in sorted(np.ndindex(*colours.shape), key=lambda place: (-place[2], -place[0], place[1])):
        block(axes, x + j + 0.4 * k, y + len(colours) - 1 - i + 0.4 * k, 1, 1, 1, colours[i, j, k])


def grid(axes, x, y, values, colours):
    """A matrix of squares with numbers; x, y is the upper left corner. None is an empty square."""
    for i, j in np.ndindex(*colours.shape):
        block(axes, x + j, y - i - 1, 1, 1, 0, colours[i, j])
        if values[i][j] is not None:
            write(axes, x + j + 0.5, y - i - 0.5, '%g' % values[i][j])


def networks():
    """Figure 2: nodes in columns with all their connections, and node matrices."""
    figure, axes = canvas(-1, 25, -4, 4)
    layers = [[(3 * i, j - (count - 1) / 2) for j in range(count)] for i, count in enumerate([3, 5, 5, 2])]
    for left, right in zip(layers, layers[1:]):
        for ends in itertools.product(left, right):
            axes.plot(*zip(*ends), color='grey', lw=0.7, zorder=0)
    names = ['input', 'hidden layer', 'hidden layer', 'output']
    for layer, name, colour in zip(layers, names, [BLUE, WHITE, WHITE, ORANGE]):
        axes.plot(*zip(*layer), 'o', ms=16, mfc=colour, mec='black')
        write(axes, layer[0][0], -3.3, name)
    for x, size, depth, name in (12, 4, 1, 'input'), (15.7, 3.4, 2, 'convolution'), (19.5, 1.8, 2, 'pooling'):
        block(axes, x, -size / 2, 0.6 * size, size, depth, COLOURS[name])
        write(axes, x + size / 3, -3.3, name)
    cubes(axes, 22.5, -2.5, np.full([5, 1, 1], ORANGE))
    write(axes, 23.1, -3.3, 'output')
    write(axes, 4.5, 3.3, 'fully connected network')
    write(axes, 17.8, 3.3, 'convolutional network')
    return figure


def unit_node_matrix():
    """Figure 4: a filter turns 2 x 2 x 3 nodes into 1 x 1 x 5."""
    figure, axes = canvas(-1, 15, -1.5, 6.6)
    nodes = np.full([5, 5, 3], BLUE)
    nodes[1:3, 1:3] = ORANGE
    cubes(axes, 0, 0, nodes)
    axes.annotate('', (9.7, 3), (3, 3), arrowprops={'arrowstyle': '->'})
    cubes(axes, 10, 2.5, np.full([1, 1, 5], GREEN))
    write(axes, 8, 3.5, 'filter', ' 2 x 2')
    write(axes, 3, -0.8, 'node matrix', ' 5 x 5 x 3')
    write(axes, 11.6, -0.8, 'unit node matrix', ' 1 x 1 x 5')
    return figure


def walk(nodes, colours, stride, activation):
    """Figures 5 and 6: the filter at its four places on the nodes, and the result so far."""
    size, weights, bias = len(nodes), np.array(filter_walk.FILTER), filter_walk.BIASES[0]
    figure, axes = canvas(-1, 4 * size + 16, -size - 4, 1.5)
    result, names = [[None, None], [None, None]], ['top left', 'bottom left', 'top right', 'bottom right']
    for i, (row, column, _, value) in enumerate(filter_walk.walk(nodes, weights, bias, stride)):
        x, result[row][column] = i * (size + 4), activation(value)
        under, new = colours.copy(), np.full([2, 2], WHITE)
        under[stride * row:stride * row + 2, stride * column:stride * column + 2] = ORANGE
        new[row, column] = GREEN
        grid(axes, x, 0, nodes, under)
        axes.annotate('', (x + size + 0.9, -1.5), (x + size + 0.1, -1.5), arrowprops={'arrowstyle': '->'})
        grid(axes, x + size + 1, -0.5, result, new)
        write(axes, x + size / 2, 0.7, names[i])
    grid(axes, 0, -size - 1.2, weights, np.full([2, 2], ORANGE))
    for x, name, after in (3.5, 'filter', ''), (6.5, 'bias', ' %d' % bias), (9.5, 'stride', ' %d' % stride):
        write(axes, x, -size - 2.2, name, after)
    return figure


def pooling():
    """Max and average pooling of 0 to 15; `windows` has row, row in the window, column, column in it."""
    figure, axes = canvas(-1, 13, -5.5, 0.5)
    windows, colours = np.arange(16).reshape(2, 2, 2, 2), np.array([[BLUE, ORANGE], [GREEN, GREY]])
    grid(axes, 0, 0, windows.reshape(4, 4), colours.repeat(2, axis=0).repeat(2, axis=1))
    axes.annotate('', (5.8, -2), (4.2, -2), arrowprops={'arrowstyle': '->'})
    grid(axes, 6, -1, windows.max(axis=(1, 3)), colours)
    grid(axes, 10, -1, windows.mean(axis=(1, 3)), colours)
    for x, name in (2, 'node matrix'), (7, 'max pooling'), (11, 'average pooling'):
        write(axes, x, -4.8, name)
    return figure


def lenet5():
    """Figure 7: LeNet-5, each layer as high as the root of its height, or of its number of nodes."""
    figure, axes = canvas(-0.8, 22.5, -4.2, 3.4)
    with tf.Graph().as_default():
        sizes = [(name, parameter_counts.shape(nodes)) for name, nodes, _ in parameter_counts.lenet5_layers()]
    for i, (name, size) in enumerate([('input', [32, 32, 1])] + sizes):
        roots = np.sqrt(size) / 2
        width, depth = (roots[0] / 2, roots[2]) if len(size) == 3 else (0.4, 0.4)
        block(axes, 2.8 * i, -roots[0] / 2, width, roots[0], depth, COLOURS[name])
        write(axes, 2.8 * i + 0.7, -3.5, name, '\n' + parameter_counts.by(size))
    return figure


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('--language', choices=['en', 'zh'], default='en', help='of the labels (default: en)')
    parser.add_argument('--picture', default='runs/ch04_cnn', metavar='DIR', help='folder of the pictures')
    args = parser.parse(argv)
    FONT['fontproperties'] = figures.chinese_font(CHINESE.values()) if args.language == 'zh' else None

    nodes = np.array(filter_walk.MATRIX)
    padded, colours = np.pad(nodes, [(1, 0), (1, 0)], 'constant'), np.full([4, 4], WHITE)
    colours[0], colours[:, 0] = GREY, GREY      # the zeros
    for name, figure in [
            ('figure2', networks()), ('figure4', unit_node_matrix()), ('pooling', pooling()),
            ('figure5', walk(nodes, colours[1:, 1:], 1, lambda value: value)), ('figure7', lenet5()),
            ('figure6', walk(padded, colours, 2, filter_walk.relu))]:
        figures.save(figure, os.path.join(args.picture, name + '.png'))


if __name__ == '__main__':
    cli.run(main)
