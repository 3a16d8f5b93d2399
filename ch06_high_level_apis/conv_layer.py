"""One convolutional layer, in native TensorFlow and in one line of TensorFlow-Slim.

Article 6 TensorFlow 高层封装, section TensorFlow-Slim.

    python ch06_high_level_apis/conv_layer.py

Shows that the line makes the same layer: variables of the same shapes under other names, and, given the same
weights, the same output. Only the initial weights differ: Slim draws them by Xavier's rule, the native layer
by the initializer that it is given. Takes seconds. Expect two variables for each form and, with the same
weights, a largest difference of 0.
"""
from companion import cli

import numpy as np
import tensorflow as tf

cli.quiet()     # the first use of tf.contrib prints a banner

CHANNELS = 3            # 深度 (depth) of the input
DEPTH = 32              # filters, the depth of the output
FILTER_SIZE = 3         # width and height of a 过滤器 (filter)
IMAGE_SIZE = 28         # width and height of the input

# The article's two forms of 卷积层 (a convolutional layer).
slim = tf.contrib.slim


def native_layer(input, scope_name):
    """The layer in 原生态 (native) TensorFlow: from [batch, height, width, CHANNELS] to [..., DEPTH]."""
    with tf.variable_scope(scope_name):
        weights = tf.get_variable("weight", [FILTER_SIZE, FILTER_SIZE, CHANNELS, DEPTH],
                                  initializer=tf.truncated_normal_initializer(stddev=0.1))
        biases = tf.get_variable("bias", [DEPTH], initializer=tf.constant_initializer(0.0))
        conv = tf.nn.conv2d(input, weights, strides=[1, 1, 1, 1], padding='SAME')

        relu = tf.nn.relu(tf.nn.bias_add(conv, biases))
    return relu


def slim_layer(input):
    """The same layer in Slim. Its defaults: 步长 (stride) 1, 全 0 填充 (zero padding), ReLU, the names."""
    # Three arguments are required: the input, the number of filters, and their size.
    net = slim.conv2d(input, DEPTH, [FILTER_SIZE, FILTER_SIZE])
    return net


# What the article does not have: both run, and compared.

def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_constants(
        globals(),
        CHANNELS='depth of the input',
        DEPTH='filters, the depth of the output',
        FILTER_SIZE='width and height of a filter',
        IMAGE_SIZE='width and height of the input')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        input = tf.constant(np.random.RandomState(args.seed).rand(
            10, IMAGE_SIZE, IMAGE_SIZE, CHANNELS).astype(np.float32))
        relu = native_layer(input, 'native')
        native = tf.trainable_variables()
        net = slim_layer(input)
        ours = tf.trainable_variables()[len(native):]
        for variable in native + ours:
            print('%-16s %s' % (variable.op.name, variable.shape))

        same_weights = [tf.assign(to, source) for to, source in zip(ours, native)]
        with tf.Session() as sess:
            tf.global_variables_initializer().run()
            # With biases of 0, as they are initialized, a bias that is never added would go unnoticed.
            sess.run(native[1].assign(tf.random_normal([DEPTH])))
            before, after = sess.run([relu, net])
            print('Largest difference, each with its own weights: %g' % np.abs(before - after).max())
            sess.run(same_weights)
            before, after = sess.run([relu, net])
            print('Largest difference, the same weights: %g' % np.abs(before - after).max())


if __name__ == '__main__':
    cli.run(main)
