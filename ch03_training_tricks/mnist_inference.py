"""The forward pass of article 3's network: 784 pixels, 500 hidden nodes with ReLU, 10 logits.

Article 3 训练神经网络模型的常用方法, section TensorFlow 最佳实践样例程序, mnist_inference.py.
A library without a command: mnist_train.py and mnist_eval.py call it, so that both use exactly the same
network.
"""
import tensorflow as tf

INPUT_NODE = 784
OUTPUT_NODE = 10
LAYER1_NODE = 500                                # 隐藏层 (hidden layer)


def get_weight_variable(shape, regularizer):
    # tf.get_variable: evaluation gets variables of the same names, and can restore the 滑动平均 (moving
    # averages) under them.
    weights = tf.get_variable(
        "weights", shape,
        initializer=tf.truncated_normal_initializer(stddev=0.1))

    # 集合 (collection) 'losses': the 正则化 (regularization) loss of each weight matrix. It is the program's
    # own: TensorFlow neither fills nor reads it by itself.
    if regularizer != None:
        tf.add_to_collection('losses', regularizer(weights))
    return weights


# 前向传播 (forward pass): pixels from 0 to 1, float32 [batch, INPUT_NODE], to logits [batch, OUTPUT_NODE].
def inference(input_tensor, regularizer):
    with tf.variable_scope('layer1'):
        # A second call in one graph needs reuse=True: see extras/predict_digit.py.
        weights = get_weight_variable(
            [INPUT_NODE, LAYER1_NODE], regularizer)
        biases = tf.get_variable(
            "biases", [LAYER1_NODE],
            initializer=tf.constant_initializer(0.0))
        layer1 = tf.nn.relu(tf.matmul(input_tensor, weights) + biases)

    with tf.variable_scope('layer2'):
        weights = get_weight_variable(
            [LAYER1_NODE, OUTPUT_NODE], regularizer)
        biases = tf.get_variable(
            "biases", [OUTPUT_NODE],
            initializer=tf.constant_initializer(0.0))
        layer2 = tf.matmul(layer1, weights) + biases

    return layer2


# What the article does not have: flags.
def add_constants(parser):
    """Make flags of the network's sizes, for the programs that use it."""
    parser.add_constants(
        globals(),
        INPUT_NODE='pixels of an image',
        OUTPUT_NODE='classes',
        LAYER1_NODE='nodes of the hidden layer, in evaluation as in training')
