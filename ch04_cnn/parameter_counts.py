"""Count the parameters and connections of every layer that article 4 counts, from the layers themselves.

Article 4 卷积神经网络, sections 卷积神经网络简介, 卷积层网络结构 and LeNet-5 模型.

    python ch04_cnn/parameter_counts.py

Builds each layer in TensorFlow. Its parameters are the elements of its variables. Its connections are
counted, not calculated: where all inputs, weights and biases are 1, each node's value is the number of
its connections. Takes four seconds. Expect, against the print: 1,536,500 parameters for 500 nodes on
Cifar-10 (the printed sum adds 50 biases, not 500), and 241,600 connections in LeNet-5's third layer
(printed: 41,600, which forgets that a filter spans all 6 maps).
"""
from companion import cli

import numpy as np
import tensorflow as tf

from ch04_cnn import mnist_inference

# LeCun et al. 1998, table I: the maps of layer 2 that each of the 16 maps of layer 3 reads.
PAPER_TABLE = ['012', '123', '234', '345', '450', '501', '0123', '1234', '2345', '3450', '4501', '5012',
               '0134', '1245', '0235', '012345']


def parameters(scope):
    """Number of elements of all trainable variables whose names start with `scope`."""
    return sum(variable.shape.num_elements() for variable in tf.trainable_variables(scope))


def connections(nodes):
    """Sum of the nodes' values; where everything is 1, the number of connections into these nodes."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return int(sess.run(nodes).sum())


def variable(name, shape):
    return tf.get_variable(name, shape, initializer=tf.ones_initializer())


def convolution(name, input_shape, size, depth, padding='VALID'):
    """Add a convolution with stride 1 on an input of ones of [height, width, depth]; return its nodes."""
    with tf.variable_scope(name):
        weights = variable('weights', [size, size, input_shape[2], depth])
        biases = variable('biases', [depth])
        nodes = tf.nn.conv2d(tf.ones([1] + input_shape), weights, strides=[1, 1, 1, 1], padding=padding)
        return tf.nn.bias_add(nodes, biases)


def pooling(name, input_shape, size):
    """Add a pooling layer, which has no variables; the mean of size x size ones, times their number."""
    with tf.variable_scope(name):
        window = [1, size, size, 1]
        return size * size * tf.nn.avg_pool(tf.ones([1] + input_shape), window, window, padding='VALID')


def full(name, input_nodes, output_nodes):
    """Add a full layer on an input of ones; return its nodes."""
    with tf.variable_scope(name):
        weights = variable('weights', [input_nodes, output_nodes])
        return tf.matmul(tf.ones([1, input_nodes]), weights) + variable('biases', [output_nodes])


def shape(nodes):
    """The shape without the batch: a list."""
    return nodes.get_shape().as_list()[1:]


def table(title, rows):
    """Print rows of name, nodes, parameters, connections, and what the article prints of the last two."""
    print('%s\n  %-31s %-12s %10s %11s   article' % (title, 'layer', 'output', 'parameters', 'connections'))
    for name, nodes, count, links, article in rows:
        print('  %-31s %-12s %10d %11s   %s' % (
            name, ' x '.join(str(size) for size in nodes), count, '' if links is None else links, article))


def single_layers():
    mnist = full('mnist', 28 * 28 * 1, 500)
    cifar = full('cifar10', 32 * 32 * 3, 500)
    filter_ = convolution('filter', [2, 2, 3], 2, 5)
    conv = convolution('conv', [32, 32, 3], 5, 16, padding='SAME')
    # Ten times the pixels, and not a parameter more.
    large = convolution('large', [320, 320, 3], 5, 16, padding='SAME')
    table('Single layers', [
        ('500 nodes on MNIST', shape(mnist), parameters('mnist'), None, '392500'),
        ('500 nodes on Cifar-10', shape(cifar), parameters('cifar10'), None,
         '3072x500+50, about 1.5 million'),
        ('2x2x3 filter, depth 5', shape(filter_), parameters('filter'), None, '65'),
        ('5x5 filter, depth 16, Cifar-10', shape(conv), parameters('conv'), None, '1216'),
        ('the same on 320 x 320 pixels', shape(large), parameters('large'), None, ''),
    ])


def lenet5():
    conv1 = convolution('layer1', [32, 32, 1], 5, 6)
    pool1 = pooling('layer2', shape(conv1), 2)
    conv2 = convolution('layer3', shape(pool1), 5, 16)
    pool2 = pooling('layer4', shape(conv2), 2)
    fc1 = full('layer5', int(np.prod(shape(pool2))), 120)
    fc2 = full('layer6', shape(fc1)[0], 84)
    fc3 = full('layer7', shape(fc2)[0], 10)
    layers = [conv1, pool1, conv2, pool2, fc1, fc2, fc3]
    names = ['convolution', 'pooling', 'convolution', 'pooling', 'full', 'full', 'full']
    article = ['156, 122304', '', '2416, 41600', '', '48120', '10164', '850']
    table('LeNet-5, all layers as the article describes them', [
        ('%d %s' % (i + 1, names[i]), shape(layer), parameters('layer%d' % (i + 1)),
         connections(layer), article[i]) for i, layer in enumerate(layers)])
    print('  %-44s %10d' % ('in all', parameters('layer')))


def lenet5_paper():
    """LeNet-5 where the paper differs: pooling with weights, and a third layer that is not fully wired."""
    conv1 = convolution('layer1', [32, 32, 1], 5, 6)
    pool1 = pooling('layer2', shape(conv1), 2)
    with tf.variable_scope('layer2'):
        variable('weights', [6])        # a factor on each map's sums of four
        pool1 += variable('biases', [6])
    # A filter for each cross in the paper's table.
    with tf.variable_scope('layer3'):
        maps = []
        for i, inputs in enumerate(PAPER_TABLE):
            maps.append(convolution('map%d' % i, shape(pool1)[:2] + [len(inputs)], 5, 1))
        conv2 = tf.concat(maps, axis=3)
    pool2 = pooling('layer4', shape(conv2), 2)
    with tf.variable_scope('layer4'):
        variable('weights', [16])
        pool2 += variable('biases', [16])
    fc1 = full('layer5', int(np.prod(shape(pool2))), 120)
    fc2 = full('layer6', shape(fc1)[0], 84)
    # The paper's last layer compares with fixed patterns: connections, but no parameters and no bias.
    last = tf.matmul(tf.ones_like(fc2), tf.ones([84, 10]))
    layers = [conv1, pool1, conv2, pool2, fc1, fc2, last]
    links = [connections(layer) for layer in layers]
    table('LeNet-5 as in the paper (LeCun et al. 1998), where the article leaves out details', [
        ('%d %s' % (i + 1, name), shape(layers[i]), parameters('layer%d' % (i + 1)), links[i], '')
        for i, name in enumerate(['C1', 'S2', 'C3', 'S4', 'C5', 'F6', 'output'])])
    print('  %-44s %10d %11d   (the paper: 60,000 and 340,908)' % ('in all', parameters('layer'), sum(links)))


def program():
    """The network of mnist_inference.py, where nothing is counted in print but the 3136 nodes."""
    x = tf.placeholder(tf.float32, [None, mnist_inference.IMAGE_SIZE, mnist_inference.IMAGE_SIZE,
                                    mnist_inference.NUM_CHANNELS])
    y = mnist_inference.inference(x, False, None)
    graph = tf.get_default_graph()
    # pool2 has no scope of variables; its nodes in a row are the input of layer 5.
    outputs = [('layer1-conv1', 'layer1-conv1/Relu'), ('layer2-pool1', 'layer2-pool1/MaxPool'),
               ('layer3-conv2', 'layer3-conv2/Relu'), ('layer4-pool2', 'layer4-pool2/MaxPool'),
               ('in a row', 'Reshape'), ('layer5-fc1', 'layer5-fc1/Relu'), ('layer6-fc2', y.op.name)]
    article = ['28x28x32', '14x14x32', '14x14x64', '7x7x64', '3136', '512', '10']
    table("The program's network", [
        (name, shape(graph.get_tensor_by_name(tensor + ':0')), parameters(name), None, article[i])
        for i, (name, tensor) in enumerate(outputs)])
    print('  %-44s %10d' % ('in all', parameters('layer')))


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)

    for part in single_layers, lenet5, lenet5_paper, program:
        with tf.Graph().as_default():
            part()


if __name__ == '__main__':
    cli.run(main)
