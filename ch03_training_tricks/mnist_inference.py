"""The forward pass of article 3's network: 784 pixels, 500 ReLU nodes, 10 logits.

Article 3 训练神经网络模型的常用方法, section TensorFlow 最佳实践样例程序, mnist_inference.py.
A library: mnist_train.py and mnist_eval.py call it, so that both use the very same network.
"""
import tensorflow as tf

# The network's structure.
INPUT_NODE = 784
OUTPUT_NODE = 10
LAYER1_NODE = 500


def get_weight_variable(shape, regularizer):
    """Get or create the variable `weights`; its regularisation loss joins the collection 'losses'.

    Args:
        shape: [inputs, outputs].
        regularizer: a function from a tensor to a scalar loss, or None for no loss.
    Returns:
        The float32 variable of that shape.
    """
    # get_variable, not Variable: evaluation gets the same names, and restores the moving averages
    # under them.
    weights = tf.get_variable(
        "weights", shape,
        initializer=tf.truncated_normal_initializer(stddev=0.1))

    # 'losses' is a collection of our own, which TensorFlow neither fills nor reads by itself.
    if regularizer != None:  # noqa: E711 (as printed)
        tf.add_to_collection('losses', regularizer(weights))
    return weights


def inference(input_tensor, regularizer):
    """Build the network.

    Args:
        input_tensor: float32 [batch, INPUT_NODE], pixels from 0 to 1.
        regularizer: as in get_weight_variable; None in evaluation.
    Returns:
        Logits, float32 [batch, OUTPUT_NODE].
    """
    with tf.variable_scope('layer1'):
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


def add_constants(parser):
    """Make the network's structure flags, here and for the programs that use it."""
    parser.add_constants(
        globals(),
        INPUT_NODE='pixels of a picture',
        OUTPUT_NODE='classes',
        LAYER1_NODE='nodes of the hidden layer, in evaluation as in training')
