"""Count the parameters and connections of every layer that article 4 counts, from the layers themselves.

Article 4 卷积神经网络, sections 卷积神经网络简介, 卷积层网络结构 and LeNet-5 模型.

    python ch04_cnn/parameter_counts.py

Builds each layer in TensorFlow. Its 参数 (parameters) are the elements of its variables. Its 连接
(connections) are counted, not calculated: where all inputs, weights and biases are 1, each node's value is
the number of its connections. Takes four seconds. Expect, against the print: 1,536,500 parameters for 500
nodes on Cifar-10 (the printed sum adds 50 biases, not 500), and 241,600 connections in LeNet-5's third layer
(printed: 41,600, which leaves out that a filter spans all 6 feature maps).
"""
from companion import cli

import numpy as np
import tensorflow as tf

from ch04_cnn import mnist_inference

# LeCun et al. 1998, table I: the feature maps of layer 2 that each of the 16 feature maps of layer 3 reads.
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
    """Add a 卷积层 (convolution), stride 1, to an input of ones, [height, width, depth]; return its nodes."""
    with tf.variable_scope(name):
        weights = variable('weights', [size, size, input_shape[2], depth])
        biases = variable('biases', [depth])
        nodes = tf.nn.conv2d(tf.ones([1] + input_shape), weights, strides=[1, 1, 1, 1], padding=padding)
        return tf.nn.bias_add(nodes, biases)


def pooling(name, input_shape, size):
    """Add a 池化层 (pooling), without variables: the average of size x size ones, times their number."""
    with tf.variable_scope(name):
        window = [1, size, size, 1]
        return size * size * tf.nn.avg_pool(tf.ones([1] + input_shape), window, window, padding='VALID')


def fully_connected(name, input_nodes, output_nodes):
    """Add a 全连接层 (fully connected layer) to an input of ones; return its nodes."""
    with tf.variable_scope(name):
        weights = variable('weights', [input_nodes, output_nodes])
        return tf.matmul(tf.ones([1, input_nodes]), weights) + variable('biases', [output_nodes])


def shape(nodes):
    """The shape without the batch: a list."""
    return nodes.get_shape().as_list()[1:]


def by(sizes):
    return ' x '.join(str(size) for size in sizes)


def table(title, rows):
    """Print rows of name, input, output, parameters, connections, and what the article prints of the two."""
    layout = '  %-30s  %-13s  %-14s %10s %11s   %s'
    print(title)
    print(layout % ('layer', 'input', 'output', 'parameters', 'connections', 'article'))
    for name, inputs, nodes, count, links, article in rows:
        links = '' if links is None else links
        print((layout % (name, by(inputs), by(nodes), count, links, article)).rstrip())


def single_layers():
    mnist = fully_connected('mnist', 28 * 28 * 1, 500)
    cifar = fully_connected('cifar10', 32 * 32 * 3, 500)
    filter_ = convolution('filter', [2, 2, 3], 2, 5)
    conv = convolution('conv', [32, 32, 3], 5, 16, padding='SAME')
    # Ten times as high and wide, with the same number of parameters.
    large = convolution('large', [320, 320, 3], 5, 16, padding='SAME')
    table('Single layers', [
        ('500 nodes on MNIST', [28, 28, 1], shape(mnist), parameters('mnist'), None,
         '28x28x500+500 = 392500'),
        ('500 nodes on Cifar-10', [32, 32, 3], shape(cifar), parameters('cifar10'), None,
         '3072x500+50, about 1.5 million'),
        ('2x2x3 filter, depth 5', [2, 2, 3], shape(filter_), parameters('filter'), None, '2x2x3x5+5 = 65'),
        ('5x5 filter, depth 16, Cifar-10', [32, 32, 3], shape(conv), parameters('conv'), None,
         '5x5x3x16+16 = 1216'),
        ('the same on 320 x 320 pixels', [320, 320, 3], shape(large), parameters('large'), None,
         'the same for any size'),
    ])


def lenet5_layers():
    """Build LeNet-5 as the article describes it; return its name, nodes and printed counts layer by layer."""
    conv1 = convolution('layer1', [32, 32, 1], 5, 6)
    pool1 = pooling('layer2', shape(conv1), 2)
    conv2 = convolution('layer3', shape(pool1), 5, 16)
    pool2 = pooling('layer4', shape(conv2), 2)
    fc1 = fully_connected('layer5', int(np.prod(shape(pool2))), 120)
    fc2 = fully_connected('layer6', shape(fc1)[0], 84)
    fc3 = fully_connected('layer7', shape(fc2)[0], 10)
    return [('convolution', conv1, '156; 4704x(25+1) = 122304'), ('pooling', pool1, ''),
            ('convolution', conv2, '2416; 10x10x16x(25+1) = 41600'), ('pooling', pool2, ''),
            ('fully connected', fc1, '48120'), ('fully connected', fc2, '10164'),
            ('fully connected', fc3, '850')]


def lenet5():
    layers, rows = lenet5_layers(), []
    inputs = [32, 32, 1]
    for i, (name, nodes, article) in enumerate(layers):
        rows.append(('%d %s' % (i + 1, name), inputs, shape(nodes), parameters('layer%d' % (i + 1)),
                     connections(nodes), article))
        inputs = shape(nodes)
    table('LeNet-5, all layers as the article describes them', rows)
    print('  %-61s %10d' % ('in all', parameters('layer')))
    # A filter of layer 3 has height, width and the depth of layer 2.
    size, depth = 5, shape(layers[1][1])[2]
    height, width, filters = shape(layers[2][1])
    print('  layer 3: %d*%d*%d*(%d*%d*%d+1) = %d connections; the article leaves out the depth of %d' % (
        height, width, filters, size, size, depth,
        height * width * filters * (size * size * depth + 1), depth))


def lenet5_paper():
    """LeNet-5 where the paper differs: pooling has weights, and layer 3 reads some feature maps only."""
    conv1 = convolution('layer1', [32, 32, 1], 5, 6)
    pool1 = pooling('layer2', shape(conv1), 2)
    with tf.variable_scope('layer2'):
        variable('weights', [6])        # a factor on each feature map's sums of four
        pool1 += variable('biases', [6])
    # A filter for each cross in the paper's table.
    with tf.variable_scope('layer3'):
        feature_maps = []
        for i, inputs in enumerate(PAPER_TABLE):
            feature_maps.append(convolution('map%d' % i, shape(pool1)[:2] + [len(inputs)], 5, 1))
        conv2 = tf.concat(feature_maps, axis=3)
    pool2 = pooling('layer4', shape(conv2), 2)
    with tf.variable_scope('layer4'):
        variable('weights', [16])
        pool2 += variable('biases', [16])
    fc1 = fully_connected('layer5', int(np.prod(shape(pool2))), 120)
    fc2 = fully_connected('layer6', shape(fc1)[0], 84)
    # The paper's last layer compares with fixed patterns: connections, but no parameters and no bias.
    last = tf.matmul(tf.ones_like(fc2), tf.ones([84, 10]))
    layers = [conv1, pool1, conv2, pool2, fc1, fc2, last]
    shapes = [[32, 32, 1]] + [shape(layer) for layer in layers]
    links = [connections(layer) for layer in layers]
    table('LeNet-5 as in the paper (LeCun et al. 1998), where the article leaves out details', [
        ('%d %s' % (i + 1, name), shapes[i], shapes[i + 1], parameters('layer%d' % (i + 1)), links[i], '')
        for i, name in enumerate(['C1', 'S2', 'C3', 'S4', 'C5', 'F6', 'output'])])
    print('  %-61s %10d %11d   (the paper: 60,000 and 340,908)' % ('in all', parameters('layer'), sum(links)))


def program():
    """The network of mnist_inference.py, where the article counts the nodes only."""
    x = tf.placeholder(tf.float32, [None, mnist_inference.IMAGE_SIZE, mnist_inference.IMAGE_SIZE,
                                    mnist_inference.NUM_CHANNELS])
    y = mnist_inference.inference(x, False, None)
    graph = tf.get_default_graph()
    # Pooling and tf.reshape have no variables, and so no variable scope.
    outputs = [('layer1-conv1', 'layer1-conv1/Relu', '28x28x32'),
               ('layer2-pool1', 'layer2-pool1/MaxPool', '14x14x32'),
               ('layer3-conv2', 'layer3-conv2/Relu', '14x14x64'),
               ('layer4-pool2', 'layer4-pool2/MaxPool', '7x7x64'),
               ('flattened', 'Reshape', '3136'), ('layer5-fc1', 'layer5-fc1/Relu', '512'),
               ('layer6-fc2', y.op.name, '10')]
    rows, inputs = [], shape(x)
    for name, tensor, article in outputs:
        nodes = graph.get_tensor_by_name(tensor + ':0')
        rows.append((name, inputs, shape(nodes), parameters(name), None, article))
        inputs = shape(nodes)
    table("The program's network", rows)
    print('  %-61s %10d' % ('in all', parameters('layer')))


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)

    for part in single_layers, lenet5, lenet5_paper, program:
        with tf.Graph().as_default():
            part()


if __name__ == '__main__':
    cli.run(main)
