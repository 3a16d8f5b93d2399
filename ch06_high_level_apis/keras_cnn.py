"""A convolutional network for MNIST with Keras: a list of layers, compile, fit, evaluate.

Article 6 TensorFlow 高层封装, section Keras.

    python ch06_high_level_apis/keras_cnn.py
    python ch06_high_level_apis/keras_cnn.py --epochs 2 --sample

Shows a network as a list of layers, each of which infers the size of its input, and a training in one call.
The program is the longest of the article's three, as it prepares the data itself. Its network is not that of
the other two: without zero padding the second pooling leaves 4 x 4 x 64 nodes instead of 7 x 7 x 64, and
dropout comes before the fully connected layer.
Progress is the library's: a bar on a terminal, a line an epoch in a log. The model is saved after each
epoch, and the next start resumes from there; Ctrl-C loses the epoch that it interrupts. To train again,
delete the folder. Takes about 7 minutes on two cores, 21 seconds an epoch. Expect a validation accuracy
near 0.90 after the first epoch and 0.94 or a little less after the second (article: 0.9046, 0.9433); see
RESULTS.md.
"""
from companion import checkpoint, cli

import glob
import os
import re
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import backend as K
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from tensorflow.examples.tutorials.mnist import input_data

# Ours, for resuming.
MODEL_SAVE_PATH = "runs/ch06_high_level_apis/keras/"

# The article's program.
batch_size = 128
num_classes = 10
epochs = 20             # times through the training data; 轮 (epochs)
img_rows, img_cols = 28, 28


def program(mnist, path, done, callbacks):
    """Train, and print loss and accuracy on the test data.

    Args:
        mnist: has load_data, as the module keras.datasets.mnist; `main` has one that reads verified files.
        path, done: the saved model to resume from, or None, and the epochs that it was trained for.
        callbacks: of the training, keras.callbacks.Callback.
    """
    # 60,000 and 10,000 images of uint8.
    (trainX, trainY), (testX, testY) = mnist.load_data()

    # Theano expects the channels first, TensorFlow last.
    if K.image_data_format() == 'channels_first':
        trainX = trainX.reshape(trainX.shape[0], 1, img_rows, img_cols)
        testX = testX.reshape(testX.shape[0], 1, img_rows, img_cols)
        input_shape = (1, img_rows, img_cols)
    else:
        trainX = trainX.reshape(trainX.shape[0], img_rows, img_cols, 1)
        testX = testX.reshape(testX.shape[0], img_rows, img_cols, 1)
        input_shape = (img_rows, img_cols, 1)

    # Pixels from 0 to 1.
    trainX = trainX.astype('float32')
    testX = testX.astype('float32')
    trainX /= 255.0
    testX /= 255.0

    # One-hot: 3 becomes [0, 0, 0, 1, 0, 0, 0, 0, 0, 0].
    trainY = keras.utils.to_categorical(trainY, num_classes)
    testY = keras.utils.to_categorical(testY, num_classes)

    model = Sequential()

    # 卷积层 (convolutional layer): 32 过滤器 (filters) of 5 x 5, without zero padding: 24 x 24 x 32.
    model.add(Conv2D(32, kernel_size=(5, 5), activation='relu', input_shape=input_shape))

    # 最大池化层 (max pooling layer): 12 x 12 x 32.
    model.add(MaxPooling2D(pool_size=(2, 2)))

    # 8 x 8 x 64, then 4 x 4 x 64.
    model.add(Conv2D(64, (5, 5), activation='relu'))
    model.add(MaxPooling2D(pool_size=(2, 2)))

    # Before the fully connected layer; in the other programs dropout comes after it.
    model.add(Dropout(0.5))

    # Flattened to 1024 nodes, as 全连接层 (a fully connected layer) takes vectors.
    model.add(Flatten())
    model.add(Dense(500, activation='relu'))
    model.add(Dense(num_classes, activation='softmax'))

    # 损失函数 (loss function) and 优化器 (optimizer). SGD() has a 学习率 (learning rate) of 0.01.
    model.compile(loss=keras.losses.categorical_crossentropy,
                  optimizer=keras.optimizers.SGD(),
                  metrics=['accuracy'])

    load(model, path)                                       # ours
    # The printed verbose=1 is a bar, which would fill a log; 2 is a line an epoch.
    model.fit(trainX, trainY,
              batch_size=batch_size,
              epochs=epochs,
              verbose=1 if sys.stdout.isatty() else 2,
              validation_data=(testX, testY),
              initial_epoch=done, callbacks=callbacks)      # ours

    score = model.evaluate(testX, testY, verbose=0)
    print('Test loss:', score[0])
    print('Test accuracy:', score[1])


# What the article does not have: verified data, resuming, a stop at NaN, flags.

class Mnist:
    """Takes the place of keras.datasets.mnist: the same images and labels, from verified files."""

    def __init__(self, folder):
        # No image is set apart for validation: 60,000 to train with.
        self.data = input_data.read_data_sets(folder, validation_size=0, dtype=tf.uint8, reshape=False)

    def load_data(self):
        train, test = self.data.train, self.data.test
        return (train.images, train.labels), (test.images, test.labels)


def newest():
    """Return the newest saved model's path and the epochs it was trained for; None and 0 without one."""
    checkpoint.prepare(MODEL_SAVE_PATH)
    paths = glob.glob(os.path.join(MODEL_SAVE_PATH, 'model-*.h5'))
    found = [(int(number), path) for path in paths for number in re.findall(r'model-(\d+)\.h5$', path)]
    done, path = max(found, default=(0, None))
    return path, done


def load(model, path):
    """Load the weights of a saved model, if there is one."""
    if path:
        try:
            model.load_weights(path)
        except (OSError, KeyError, ValueError) as error:
            raise checkpoint.unusable(path, error)


class SaveAndStopAtNaN(keras.callbacks.Callback):
    """Saves the model after each epoch, whole or not at all, and stops a training whose loss is NaN."""

    def on_batch_end(self, batch, logs=None):
        if not np.isfinite(logs['loss']):
            rate = K.get_value(self.model.optimizer.lr)
            cli.check_loss(logs['loss'], batch + 1, rate, 'the learning rate of SGD()', MODEL_SAVE_PATH)

    def on_epoch_end(self, epoch, logs=None):
        part = os.path.join(MODEL_SAVE_PATH, 'part.h5')
        self.model.save(part)
        os.replace(part, os.path.join(MODEL_SAVE_PATH, 'model-%03d.h5' % (epoch + 1)))
        # The model of the epoch before, only now that there is a newer one.
        older = os.path.join(MODEL_SAVE_PATH, 'model-%03d.h5' % epoch)
        if os.path.exists(older):
            os.unlink(older)


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_constants(
        globals(),
        batch_size='images in a training batch',
        epochs='times through the training data',
        MODEL_SAVE_PATH='folder of the saved model')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    # set_constants goes by names in capitals; the article's are lower case here.
    globals().update(batch_size=args.batch_size, epochs=args.epochs)

    mnist = Mnist(args.data_dir)
    cli.check_batch_size(batch_size, mnist.data.train.num_examples)
    path, done = newest()
    done = min(done, epochs)
    checkpoint.compare_settings(MODEL_SAVE_PATH, args, done, 'epochs', done == epochs)
    if 0 < done < epochs:
        print("Resuming after epoch %d from %s" % (done, MODEL_SAVE_PATH))
    with tf.Graph().as_default(), tf.Session().as_default():
        # Keras shuffles with NumPy's random numbers; weights and dropout use TensorFlow's.
        np.random.seed(args.seed)
        tf.set_random_seed(args.seed)
        program(mnist, path, done, [SaveAndStopAtNaN()])


if __name__ == '__main__':
    cli.run(main)
