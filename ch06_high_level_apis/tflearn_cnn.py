"""A convolutional network for MNIST with TFLearn: layers, a regression that trains them, and a DNN.

Article 6 TensorFlow 高层封装, section TFLearn.

    python ch06_high_level_apis/tflearn_cnn.py
    python ch06_high_level_apis/tflearn_cnn.py --n_epoch 2 --sample

Shows layers that are told nothing but their size: loss, optimiser and placeholders come with two lines,
training and validation with one. Progress is the library's, a line that is rewritten at each step; a log
gets one an epoch. A checkpoint is saved after each epoch, and a training that was stopped goes on from
there, though the library then counts its epochs from 1 again. To train anew, delete the checkpoint folder.
Takes about 15 minutes on two cores, 40 seconds an epoch. Expect a validation accuracy between 0.92 and 0.94 after
the first epoch (article: 0.9267); see RESULTS.md.
"""
import os
import sys

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data as mnist_data

from companion import checkpoint, cli

cli.quiet()     # the import of tflearn calls deprecated functions, and makes operations in a graph
with tf.Graph().as_default():
    import tflearn  # noqa: E402

from tflearn.layers.core import input_data, dropout, fully_connected  # noqa: E402
from tflearn.layers.conv import conv_2d, max_pool_2d  # noqa: E402
from tflearn.layers.estimator import regression  # noqa: E402

BATCH_SIZE = 64         # the library's default, which the article leaves as it is
N_EPOCH = 20
LEARNING_RATE = 0.01
KEEP_PROB = 0.5         # share of the full layer's nodes that dropout keeps

MODEL_SAVE_PATH = "runs/ch06_high_level_apis/tflearn/model/"
MODEL_NAME = "model.ckpt"
LOG_PATH = "runs/ch06_high_level_apis/tflearn/log/"     # for TensorBoard


def build_network():
    """Build the network. Returns the tensor that tflearn.DNN trains, probabilities [batch, 10]."""
    # A placeholder for pictures, and 'target' below one for labels.
    network = input_data(shape=[None, 28, 28, 1], name='input')

    # 32 filters of 5 x 5; zero padding is the default: 28 x 28 x 32.
    network = conv_2d(network, 32, 5, activation='relu')

    # 14 x 14 x 32.
    network = max_pool_2d(network, 2)

    # 14 x 14 x 64, then 7 x 7 x 64.
    network = conv_2d(network, 64, 5, activation='relu')
    network = max_pool_2d(network, 2)
    network = fully_connected(network, 500, activation='relu', regularizer="L2")
    network = dropout(network, KEEP_PROB)
    network = fully_connected(network, 10, activation='softmax', regularizer="L2")

    # The loss takes the probabilities, not the logits.
    network = regression(network, optimizer='sgd', learning_rate=LEARNING_RATE,
                         loss='categorical_crossentropy',
                         batch_size=BATCH_SIZE,
                         name='target')
    return network


class StopAtNaN(tflearn.callbacks.Callback):
    """Stops a training whose loss is no longer a number, before it is saved."""

    def on_batch_end(self, training_state, snapshot=False):
        if not np.isfinite(training_state.loss_value):
            raise cli.UserError('the loss is %g at step %d: lower --learning_rate (now %g)' % (
                training_state.loss_value, training_state.step, LEARNING_RATE))


def train(mnist):
    """Train for N_EPOCH epochs in all, from the newest checkpoint if there is one."""
    trainX, trainY, testX, testY = (
        mnist.train.images, mnist.train.labels, mnist.test.images, mnist.test.labels)

    # Pictures, as convolutions take them.
    trainX = trainX.reshape([-1, 28, 28, 1])
    testX = testX.reshape([-1, 28, 28, 1])

    path, steps = checkpoint.verify(MODEL_SAVE_PATH)
    epochs = steps // -(-len(trainX) // BATCH_SIZE)

    model = tflearn.DNN(build_network(), tensorboard_verbose=0, tensorboard_dir=LOG_PATH,
                        checkpoint_path=os.path.join(MODEL_SAVE_PATH, MODEL_NAME), max_checkpoints=2)
    if path:
        model.load(path)
        print("Resuming after %d epoch(s) from %s" % (epochs, MODEL_SAVE_PATH))
    if not sys.stdout.isatty():
        # A log keeps the line of each epoch; that of each step, made to be overwritten, would fill it.
        tflearn.callbacks.TermLogger.print_termlogs = lambda self, training_state: None
        tflearn.callbacks.CURSES_SUPPORTED = False

    if epochs < N_EPOCH:
        model.fit(trainX, trainY, n_epoch=N_EPOCH - epochs, validation_set=([testX, testY]), show_metric=True,
                  callbacks=[StopAtNaN()])
    print("Test accuracy: %.4f" % model.evaluate(testX, testY)[0])


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_constants(
        globals(),
        BATCH_SIZE='pictures in a training batch',
        N_EPOCH='times through the training data',
        LEARNING_RATE='learning rate',
        MODEL_SAVE_PATH='folder of the checkpoints',
        LOG_PATH='folder of the logs for TensorBoard')
    parser.add_constants(globals(), cli.fraction, KEEP_PROB='share of nodes that dropout keeps')
    parser.add_constants(globals(), cli.file_name, MODEL_NAME='file name of a checkpoint, before -STEP')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    mnist = mnist_data.read_data_sets(args.data_dir, one_hot=True, seed=args.seed)
    if BATCH_SIZE > mnist.train.num_examples:
        raise cli.UserError('--batch_size %d is more than the %d training pictures' % (
            BATCH_SIZE, mnist.train.num_examples))
    with tf.Graph().as_default():
        # TFLearn shuffles with NumPy's random numbers; weights and dropout have TensorFlow's.
        np.random.seed(args.seed)
        tf.set_random_seed(args.seed)
        train(mnist)


if __name__ == '__main__':
    cli.run(main)
