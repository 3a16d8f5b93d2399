"""The forward pass of article 4's network, like LeNet-5: two convolutions, two fully connected layers.

Article 4 卷积神经网络, section LeNet-5 模型, mnist_inference.py.
A library: mnist_train.py and mnist_eval.py call it, so that both use the very same network. `inference` takes
images as float32 [batch, IMAGE_SIZE, IMAGE_SIZE, NUM_CHANNELS] with pixels from 0 to 1, and returns logits,
[batch, NUM_LABELS].
"""
import tensorflow as tf

INPUT_NODE = 784
OUTPUT_NODE = 10
IMAGE_SIZE = 28
NUM_CHANNELS = 1
NUM_LABELS = 10

# 深度 (depth, channels) of the first convolution, and 尺寸 (width and height) of its 过滤器 (filters).
CONV1_DEEP = 32
CONV1_SIZE = 5

# The same of the second convolution.
CONV2_DEEP = 64
CONV2_SIZE = 5

# Nodes of the first 全连接层 (fully connected layer).
FC_SIZE = 512


# 前向传播 (forward pass). `train` adds dropout; `regularizer` is a function from weights to a loss, or None.
def inference(input_tensor, train, regularizer):
    # Each layer names its variables 'weight' and 'bias'; the 命名空间 (variable scopes) keep them apart.
    with tf.variable_scope('layer1-conv1'):
        conv1_weights = tf.get_variable(
            "weight", [CONV1_SIZE, CONV1_SIZE, NUM_CHANNELS, CONV1_DEEP],
            initializer=tf.truncated_normal_initializer(stddev=0.1))
        conv1_biases = tf.get_variable(
            "bias", [CONV1_DEEP], initializer=tf.constant_initializer(0.0))

        # 步长 (stride) 1, and SAME, 全 0 填充 (zero padding): 28 x 28 x 32, as high and wide as the input.
        conv1 = tf.nn.conv2d(
            input_tensor, conv1_weights,
            strides=[1, 1, 1, 1], padding='SAME')
        relu1 = tf.nn.relu(tf.nn.bias_add(conv1, conv1_biases))

    # 最大池化层 (max pooling): 14 x 14 x 32. It has no variables, so a name scope is enough.
    with tf.name_scope('layer2-pool1'):
        pool1 = tf.nn.max_pool(
            relu1, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')

    # 14 x 14 x 64.
    with tf.variable_scope('layer3-conv2'):
        conv2_weights = tf.get_variable(
            "weight", [CONV2_SIZE, CONV2_SIZE, CONV1_DEEP, CONV2_DEEP],
            initializer=tf.truncated_normal_initializer(stddev=0.1))
        conv2_biases = tf.get_variable(
            "bias", [CONV2_DEEP],
            initializer=tf.constant_initializer(0.0))

        conv2 = tf.nn.conv2d(
            pool1, conv2_weights, strides=[1, 1, 1, 1], padding='SAME')
        relu2 = tf.nn.relu(tf.nn.bias_add(conv2, conv2_biases))

    # 7 x 7 x 64.
    with tf.name_scope('layer4-pool2'):
        pool2 = tf.nn.max_pool(
            relu2, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')

    # A fully connected layer takes vectors: 7 x 7 x 64 nodes, flattened, are 3136.
    pool_shape = pool2.get_shape().as_list()
    nodes = pool_shape[1] * pool_shape[2] * pool_shape[3]
    # Printed: pool_shape[0], which ties the network to one batch size. -1 takes any (ERRATA.md, 4.21).
    reshaped = tf.reshape(pool2, [-1, nodes])

    with tf.variable_scope('layer5-fc1'):
        fc1_weights = tf.get_variable(
            "weight", [nodes, FC_SIZE],
            initializer=tf.truncated_normal_initializer(stddev=0.1))
        # 正则化 (regularization) of the fully connected layers only; they hold 97 % of the parameters.
        if regularizer != None:
            tf.add_to_collection('losses', regularizer(fc1_weights))
        fc1_biases = tf.get_variable(
            "bias", [FC_SIZE], initializer=tf.constant_initializer(0.1))

        fc1 = tf.nn.relu(tf.matmul(reshaped, fc1_weights) + fc1_biases)
        # Dropout keeps each node with probability 0.5, against 过拟合 (overfitting); only in training.
        if train: fc1 = tf.nn.dropout(fc1, 0.5)

    with tf.variable_scope('layer6-fc2'):
        fc2_weights = tf.get_variable(
            "weight", [FC_SIZE, NUM_LABELS],
            initializer=tf.truncated_normal_initializer(stddev=0.1))
        if regularizer != None:
            tf.add_to_collection('losses', regularizer(fc2_weights))
        fc2_biases = tf.get_variable(
            "bias", [NUM_LABELS],
            initializer=tf.constant_initializer(0.1))
        logits = tf.matmul(fc1, fc2_weights) + fc2_biases

    return logits


# What the article does not have: flags.
def add_constants(parser):
    """Make the network's structure flags, for the programs that use it."""
    parser.add_constants(
        globals(),
        INPUT_NODE='pixels of an image',
        OUTPUT_NODE='classes',
        IMAGE_SIZE='width and height of an image',
        NUM_CHANNELS='colour channels of an image',
        NUM_LABELS='nodes of the last layer',
        CONV1_DEEP='depth of the first convolution, in evaluation as in training',
        CONV1_SIZE='width and height of its filters',
        CONV2_DEEP='depth of the second convolution',
        CONV2_SIZE='width and height of its filters',
        FC_SIZE='nodes of the first fully connected layer')
