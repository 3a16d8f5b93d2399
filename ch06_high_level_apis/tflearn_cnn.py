"""A convolutional network for MNIST with TFLearn: layers, a regression that trains them, and a DNN.

Article 6 TensorFlow 高层封装, section TFLearn.

    python ch06_high_level_apis/tflearn_cnn.py
    python ch06_high_level_apis/tflearn_cnn.py --n_epoch 2 --sample

Shows the shortest program of the article: layers are told only their size; two lines add loss, optimizer and
placeholders, and one trains and validates. Progress is the library's, a line that is rewritten at each step;
a log gets one line an epoch. A checkpoint is saved after each epoch, and the next start resumes from there,
though the library then counts its epochs from 1 again; Ctrl-C loses the epoch that it interrupts. To train
again, delete the checkpoint folder. Takes about 20 minutes on two cores, a minute an epoch. Expect a
validation accuracy between 0.92 and 0.94 after the first epoch (article: 0.9267); see RESULTS.md.
"""
from companion import checkpoint, cli

import contextlib
import json
import os
import re
import sys

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data as mnist_data

cli.quiet()     # the import of tflearn calls deprecated functions, and makes operations in a graph
with tf.Graph().as_default():
    import tflearn

from tflearn.layers.core import input_data, dropout, fully_connected
from tflearn.layers.conv import conv_2d, max_pool_2d
from tflearn.layers.estimator import regression

BATCH_SIZE = 64         # the library's default, which the article relies on
N_EPOCH = 20            # times through the training data; 轮 (epochs)
LEARNING_RATE = 0.01
KEEP_PROB = 0.5         # dropout keeps a node with this probability

# Ours, for resuming and for TensorBoard.
MODEL_SAVE_PATH = "runs/ch06_high_level_apis/tflearn/model/"
MODEL_NAME = "model.ckpt"
LOG_PATH = "runs/ch06_high_level_apis/tflearn/log/"


# The article's program.

def program(mnist, path, done, callbacks):
    """Train and validate.

    Args:
        mnist: has load_data, as the module tflearn.datasets.mnist; `main` has one that reads verified files.
        path, done: the checkpoint to resume from, or None, and the epochs that it was trained for.
        callbacks: of the training, tflearn.callbacks.Callback.
    """
    trainX, trainY, testX, testY = mnist.load_data(one_hot=True)

    # A convolution takes [batch, height, width, channels].
    trainX = trainX.reshape([-1, 28, 28, 1])
    testX = testX.reshape([-1, 28, 28, 1])

    # A placeholder for images; 'target' below is one for labels.
    network = input_data(shape=[None, 28, 28, 1], name='input')

    # 卷积层 (convolutional layer): 32 过滤器 (filters) of 5 x 5, zero padding by default: 28 x 28 x 32.
    network = conv_2d(network, 32, 5, activation='relu')

    # 最大池化层 (max pooling layer): 14 x 14 x 32.
    network = max_pool_2d(network, 2)

    # 14 x 14 x 64, 7 x 7 x 64, then two 全连接层 (fully connected layers). regularizer="L2" (正则化) adds
    # 0.001 * l2_loss(weights) to the loss that is minimized, and not to the loss that is printed.
    network = conv_2d(network, 64, 5, activation='relu')
    network = max_pool_2d(network, 2)
    network = fully_connected(network, 500, activation='relu', regularizer="L2")
    network = dropout(network, KEEP_PROB)
    network = fully_connected(network, 10, activation='softmax', regularizer="L2")

    # 损失函数 (loss function): 交叉熵 (cross entropy), here of probabilities, not of logits.
    network = regression(network, optimizer='sgd', learning_rate=LEARNING_RATE,
                         loss='categorical_crossentropy', batch_size=BATCH_SIZE,
                         name='target')

    model = tflearn.DNN(network, tensorboard_verbose=0, **files())
    load(model, path)                                       # ours
    model.fit(trainX, trainY, n_epoch=N_EPOCH - done, validation_set=([testX, testY]), show_metric=True,
              callbacks=callbacks)
    # Ours: TFLearn prints the validation accuracy in training only.
    print("Test accuracy: %.4f" % model.evaluate(testX, testY)[0])


# What the article does not have: verified data, resuming, a stop at NaN, a log that can be read, flags.

class Mnist:
    """Takes the place of tflearn.datasets.mnist: the same images and labels, from verified files."""

    def __init__(self, folder, seed):
        self.data = mnist_data.read_data_sets(folder, one_hot=True, seed=seed)

    def load_data(self, one_hot):
        return (self.data.train.images, self.data.train.labels, self.data.test.images, self.data.test.labels)


def files():
    """The arguments of tflearn.DNN for checkpoints, of which two are kept, and for TensorBoard's logs."""
    return {'checkpoint_path': os.path.join(MODEL_SAVE_PATH, MODEL_NAME), 'max_checkpoints': 2,
            'tensorboard_dir': LOG_PATH}


def load(model, path):
    """Load a checkpoint, if there is one."""
    if path:
        try:
            model.load(path)
        except (tf.errors.OpError, ValueError) as error:
            raise checkpoint.unusable(path, error)


def check_same_batch_size():
    """Raise UserError if the checkpoints are of another --batch_size: their steps would be other epochs."""
    try:
        with open(os.path.join(MODEL_SAVE_PATH, checkpoint.SETTINGS)) as file:
            former = json.load(file).get('batch_size', BATCH_SIZE)
    except (OSError, ValueError):                # of an older version, or damaged
        return
    if former != BATCH_SIZE:
        raise cli.UserError('%s was trained with --batch_size %d, not %d: go on with that, or choose another '
                            '--model_save_path' % (MODEL_SAVE_PATH, former, BATCH_SIZE))


class StopAtNaN(tflearn.callbacks.Callback):
    """Stops a training whose loss is NaN."""

    def on_batch_end(self, training_state, snapshot=False):
        cli.check_loss(training_state.loss_value, training_state.step, LEARNING_RATE, folder=MODEL_SAVE_PATH)


class EpochLines:
    """A stream for logs. Leaves out the line of each step, made to be overwritten, and a terminal's codes."""

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        if not text.startswith('Training Step:') or text.endswith('--\n'):
            self.stream.write(re.sub('\x1b\\[[0-9;?]*[A-Za-z]|\r', '', text))

    def flush(self):
        self.stream.flush()


@contextlib.contextmanager
def readable_log():
    """On a terminal nothing changes; a log gets one line for each epoch."""
    if sys.stdout.isatty():
        yield
    else:
        with contextlib.redirect_stdout(EpochLines(sys.stdout)), \
                contextlib.redirect_stderr(EpochLines(sys.stderr)):
            yield


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_constants(
        globals(),
        BATCH_SIZE='images in a training batch',
        N_EPOCH='times through the training data',
        LEARNING_RATE='learning rate',
        MODEL_SAVE_PATH='folder of the checkpoints',
        LOG_PATH='folder of the logs for TensorBoard')
    parser.add_constants(globals(), cli.keep_prob, KEEP_PROB='probability that dropout keeps a node, over 0')
    parser.add_constants(globals(), cli.file_name, MODEL_NAME='file name of a checkpoint, before -STEP')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    mnist = Mnist(args.data_dir, args.seed)
    examples = mnist.data.train.num_examples
    cli.check_batch_size(BATCH_SIZE, examples)
    path, steps = checkpoint.verify(MODEL_SAVE_PATH)
    if steps:
        check_same_batch_size()
    # The last batch of an epoch may be smaller. A checkpoint may be of more epochs than are asked for now.
    done = min(steps // -(-examples // BATCH_SIZE), N_EPOCH)
    checkpoint.compare_settings(MODEL_SAVE_PATH, args, done, 'epochs', done == N_EPOCH)
    if 0 < done < N_EPOCH:
        print("Resuming after %d epoch(s) from %s" % (done, MODEL_SAVE_PATH))
    with tf.Graph().as_default(), readable_log():
        # TFLearn shuffles with NumPy's random numbers; weights and dropout use TensorFlow's.
        np.random.seed(args.seed)
        tf.set_random_seed(args.seed)
        program(mnist, path, done, [StopAtNaN()])


if __name__ == '__main__':
    cli.run(main)
