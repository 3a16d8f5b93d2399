"""LeNet for MNIST with TensorFlow-Slim, from the layers to the training loop.

Article 6 TensorFlow 高层封装, section TensorFlow-Slim, which describes it and prints one layer of it.

    python ch06_high_level_apis/slim_cnn.py
    python ch06_high_level_apis/slim_cnn.py --training_steps 200 --sample

Shows the network of article 4, with 500 nodes in fc1 instead of 512, in a line for each layer, with shared
settings given once (arg_scope), and a training loop that saves, resumes and stops at a NaN loss. Everything
else is plain TensorFlow. Batch, steps, learning rate and network are those of contrib_learn_cnn.py, so that
the two can be compared.
Progress is the library's: every 100 steps, on stderr, a line with the loss. A checkpoint is saved every
minute and at the end, and the next start resumes from the last one; Ctrl-C loses the steps since then. To
train again, delete the checkpoint folder.
Takes about 30 minutes on two cores. The article has no figures for it; expect a test accuracy of 0.99.
"""
from companion import checkpoint, cli

import logging
import warnings

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

cli.quiet()     # the first use of tf.contrib prints a banner

slim = tf.contrib.slim

BATCH_SIZE = 100
TRAINING_STEPS = 20000
LEARNING_RATE = 0.01
KEEP_PROB = 0.5         # dropout keeps a node with this probability

SAVE_SECS = 60          # seconds between two checkpoints, as Slim counts them
MODEL_SAVE_PATH = "runs/ch06_high_level_apis/slim/"


def lenet(images, is_training):
    """Build the network: two 卷积层 (convolutional layers) and two 全连接层 (fully connected layers).

    Args:
        images: float32 [batch, 28, 28, 1], pixels from 0 to 1.
        is_training: whether there is dropout.
    Returns:
        Logits, float32 [batch, 10].
    """
    # The settings that layers share. ReLU is Slim's default, also for fully connected layers.
    with slim.arg_scope([slim.conv2d], kernel_size=[5, 5], padding='SAME'), \
            slim.arg_scope([slim.max_pool2d], kernel_size=[2, 2], stride=2, padding='SAME'):
        net = slim.conv2d(images, 32, scope='conv1')            # 28 x 28 x 32
        net = slim.max_pool2d(net, scope='pool1')               # 14 x 14 x 32
        net = slim.conv2d(net, 64, scope='conv2')               # 14 x 14 x 64
        net = slim.max_pool2d(net, scope='pool2')               # 7 x 7 x 64
        net = slim.flatten(net)                                 # 3136
        net = slim.fully_connected(net, 500, scope='fc1')
        net = slim.dropout(net, KEEP_PROB, is_training=is_training)
        return slim.fully_connected(net, 10, activation_fn=None, scope='fc2')


def batches(data):
    """Return tensors that are a new batch in each step: [BATCH_SIZE, 28, 28, 1] and [BATCH_SIZE]."""
    # Slim's loop feeds nothing; its input is part of the graph, an operation that calls next_batch.
    images, labels = tf.py_func(lambda: data.next_batch(BATCH_SIZE), [], [tf.float32, tf.uint8])
    return tf.reshape(images, [BATCH_SIZE, 28, 28, 1]), tf.reshape(tf.cast(labels, tf.int32), [BATCH_SIZE])


def train(mnist):
    """Train until step TRAINING_STEPS, from the newest checkpoint if there is one."""
    images, labels = batches(mnist.train)
    logits = lenet(images, is_training=True)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    train_op = slim.learning.create_train_op(loss, tf.train.GradientDescentOptimizer(LEARNING_RATE))
    try:
        slim.learning.train(train_op, MODEL_SAVE_PATH, number_of_steps=TRAINING_STEPS, log_every_n_steps=100,
                            save_interval_secs=SAVE_SECS)
    except tf.errors.InvalidArgumentError as error:
        # create_train_op checks each loss before it is used.
        if 'LossTensor is inf or nan' not in str(error):
            raise
        raise cli.UserError('the loss is NaN or infinite: lower --learning_rate (now %g), and delete %s, whose '
                            'checkpoint may hold NaN too' % (LEARNING_RATE, MODEL_SAVE_PATH))


def evaluate(mnist):
    """Return the accuracy of the newest checkpoint on the test data, between 0 and 1."""
    x = tf.placeholder(tf.float32, [None, 784])
    prediction = tf.argmax(lenet(tf.reshape(x, [-1, 28, 28, 1]), is_training=False), 1)
    with tf.Session() as sess:
        slim.assign_from_checkpoint_fn(tf.train.latest_checkpoint(MODEL_SAVE_PATH),
                                       slim.get_model_variables())(sess)
        # In batches: all 10,000 images at once take 2 GB.
        right = [sess.run(prediction, {x: mnist.test.images[i:i + 500]}) == mnist.test.labels[i:i + 500]
                 for i in range(0, mnist.test.num_examples, 500)]
    return np.concatenate(right).mean()


def show_progress():
    """Show the losses of Slim's loop, and none of TensorFlow's other messages and warnings."""
    warnings.filterwarnings('ignore', 'Attempting to use a closed FileWriter')   # a slip of Slim's at the end
    logger = logging.getLogger('tensorflow')
    logger.setLevel(logging.INFO)
    # Replaces the filter of another program of this process.
    logger.filters = [lambda record: cli.verbose() or record.levelno >= logging.ERROR or
                      record.getMessage().startswith('global step ')]


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_constants(
        globals(),
        BATCH_SIZE='images in a training batch',
        TRAINING_STEPS='training steps',
        LEARNING_RATE='learning rate',
        SAVE_SECS='seconds between two checkpoints',
        MODEL_SAVE_PATH='folder of the checkpoints')
    parser.add_constants(globals(), cli.keep_prob, KEEP_PROB='probability that dropout keeps a node, over 0')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    show_progress()

    mnist = input_data.read_data_sets(args.data_dir, seed=args.seed)
    cli.check_batch_size(BATCH_SIZE, mnist.train.num_examples)
    _, done = checkpoint.verify(MODEL_SAVE_PATH)
    checkpoint.compare_settings(MODEL_SAVE_PATH, args, done, 'steps', done >= TRAINING_STEPS)
    # Slim asks only after a step whether it should stop.
    if done < TRAINING_STEPS:
        if done:
            print("Resuming after %d training step(s) from %s" % (done, MODEL_SAVE_PATH))
        with tf.Graph().as_default():
            tf.set_random_seed(args.seed)
            train(mnist)
    with tf.Graph().as_default():
        print('Accuracy: {0:f}'.format(evaluate(mnist)))


if __name__ == '__main__':
    cli.run(main)
