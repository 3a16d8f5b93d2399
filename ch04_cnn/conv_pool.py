"""A convolution and a pooling layer: the article's two snippets, with the shapes that come out.

Article 4 卷积神经网络, sections 卷积层网络结构 and 池化层网络结构.

    python ch04_cnn/conv_pool.py

Shows what strides and padding make of 32 x 32 x 3 images, and what max and average pooling make of a small
matrix. Takes four seconds. Expect 32 x 32 x 16 after the convolution and 16 x 16 x 16 after the pooling.
Refutes three statements: that biases need tf.nn.bias_add, that SAME pads pooling with zeros, and that pooling
cannot go along the depth. Four lines end in an error of TensorFlow, as expected: calls that, as the article
says, are not allowed.
"""
from companion import cli

import numpy as np
import tensorflow as tf

# Ours: a batch of two images as Cifar-10 has them: count, height, width, depth.
INPUT_SHAPE = [2, 32, 32, 3]


def snippets(input):                # printed without a definition: there it is Python's function of this name
    # 过滤器 (filter): height and width, 深度 (depth) of this layer, depth of the filter.
    filter_weight = tf.get_variable(
        'weights', [5, 5, 3, 16],
        initializer=tf.truncated_normal_initializer(stddev=0.1))
    # 偏置项 (bias): one for each of the next layer's 16 feature maps.
    biases = tf.get_variable(
        'biases', [16], initializer=tf.constant_initializer(0.1))
    # 步长 (strides) for count, height, width, depth; the first and the last must be 1. 填充 (padding).
    conv = tf.nn.conv2d(
        input, filter_weight, strides=[1, 1, 1, 1], padding='SAME')
    bias = tf.nn.bias_add(conv, biases)
    # 激活函数 (activation function).
    activated_conv = tf.nn.relu(bias)

    # 最大池化层 (max pooling).
    pool = tf.nn.max_pool(activated_conv, ksize=[1, 3, 3, 1],
                          strides=[1, 2, 2, 1], padding='SAME')
    return filter_weight, biases, conv, bias, activated_conv, pool


# What the article does not have: running the snippets, and tests of what it says about these functions.
def run_snippets(input):
    """Print the shapes of the snippets' tensors, and compare bias_add with an addition."""
    filter_weight, biases, conv, bias, activated_conv, pool = snippets(input)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for name, value in zip(['input', 'conv', 'activated_conv', 'pool'],
                               sess.run([input, conv, activated_conv, pool])):
            print('%-15s %s' % (name, value.shape))
        # Addition repeats [16] along the dimensions before the last, which is just what is wanted.
        print('conv + biases equals tf.nn.bias_add(conv, biases): %s' % np.array_equal(
            *sess.run([conv + biases, bias])))
    sizes(input, filter_weight)


def sizes(input, filter_weight):
    """Print the sizes that come out: ceil(size / stride); with VALID, ceil((size - filter + 1) / stride)."""
    for stride in 1, 2:
        for padding in 'SAME', 'VALID':
            conv = tf.nn.conv2d(input, filter_weight, strides=[1, stride, stride, 1], padding=padding)
            print('conv2d, stride %d, %-5s  32 x 32 -> %d x %d' % (
                (stride, padding) + tuple(conv.get_shape().as_list()[1:3])))


def pooling():
    """Max and average pooling of 1 to 9 and -1 to -9: 最大池化层, 平均池化层.

    Zeros added by SAME would be the maximum in three windows of -1 to -9, and would halve averages.
    """
    matrix = np.float32([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    with tf.Session() as sess:
        for name, values in ('1 to 9', matrix), ('-1 to -9', -matrix):
            for pool in tf.nn.max_pool, tf.nn.avg_pool:
                for padding in 'SAME', 'VALID':
                    result = sess.run(pool(values.reshape(1, 3, 3, 1), ksize=[1, 2, 2, 1],
                                           strides=[1, 2, 2, 1], padding=padding))
                    print('%s of %s, 2 x 2, stride 2, %-5s  %s' % (
                        pool.__name__, name, padding, result[0, :, :, 0].tolist()))


def outcome(function):
    """The value of `function()`, or the first line of the error that building or running it ends with."""
    with tf.Graph().as_default(), tf.Session() as sess:
        try:
            return 'gives %s' % sess.run(function()).tolist()
        except (ValueError, tf.errors.OpError) as error:
            return 'is refused (%s: %s)' % (type(error).__name__, str(error).split('\n')[0])


def limits():
    """What the functions do with strides and windows along the batch and the depth."""
    ones = np.ones([2, 4, 4, 4], np.float32)
    ramp = np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8)
    weights = np.ones([2, 2, 4, 4], np.float32)
    for text, function in [
            ('conv2d, stride 2 along the batch', lambda: tf.nn.conv2d(ones, weights, [2, 1, 1, 1], 'SAME')),
            ('conv2d, stride 2 along the depth', lambda: tf.nn.conv2d(ones, weights, [1, 1, 1, 2], 'SAME')),
            ('max_pool along the batch',
             lambda: tf.nn.max_pool(ones, [2, 1, 1, 1], [2, 1, 1, 1], 'SAME')),
            ('max_pool along the depth of 0 to 7, by twos',
             lambda: tf.nn.max_pool(ramp, [1, 1, 1, 2], [1, 1, 1, 2], 'SAME')),
            ('avg_pool along the depth',
             lambda: tf.nn.avg_pool(ramp, [1, 1, 1, 2], [1, 1, 1, 2], 'SAME'))]:
        print('%s %s' % (text, outcome(function)))


def main(argv=None):
    args = cli.Parser(__doc__).parse(argv)
    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        run_snippets(tf.constant(np.random.RandomState(args.seed).rand(*INPUT_SHAPE), tf.float32))
        pooling()
    limits()


if __name__ == '__main__':
    cli.run(main)
