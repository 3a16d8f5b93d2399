"""A convolutional network for MNIST with Keras: a list of layers, compile, fit, evaluate.

Article 6 TensorFlow 高层封装, section Keras.

    python ch06_high_level_apis/keras_cnn.py
    python ch06_high_level_apis/keras_cnn.py --epochs 2 --sample

Shows the shortest of the four interfaces: layers know the size of their input, and a training is one
call. Its network is not that of the other programs: without zero padding the second pooling leaves
4 x 4 x 64 nodes in place of 7 x 7 x 64, and dropout comes before the full layer.
Progress is the library's: a bar on a terminal, a line an epoch in a log. The model is saved after each
epoch, and a training that was stopped goes on with the next one. To train anew, delete the folder.
Takes about 15 minutes on two cores, 45 seconds an epoch. Expect a validation accuracy near 0.90 after
the first epoch and 0.94 or a little less after the second (article: 0.9046, 0.9433); see RESULTS.md.
"""
from companion import checkpoint, cli

import glob
import os
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import backend as K
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from tensorflow.examples.tutorials.mnist import input_data

batch_size = 128
num_classes = 10
epochs = 20
img_rows, img_cols = 28, 28

MODEL_SAVE_PATH = "runs/ch06_high_level_apis/keras/"


def build_model(input_shape):
    """Build and compile the network for pictures of this shape, with or without the batch's dimension."""
    model = Sequential()

    # 32 filters of 5 x 5, without zero padding: 24 x 24 x 32.
    model.add(Conv2D(32, kernel_size=(5, 5), activation='relu', input_shape=input_shape))

    # 12 x 12 x 32.
    model.add(MaxPooling2D(pool_size=(2, 2)))

    # 8 x 8 x 64.
    model.add(Conv2D(64, (5, 5), activation='relu'))

    # 4 x 4 x 64.
    model.add(MaxPooling2D(pool_size=(2, 2)))

    # Dropout before the full layer; in the other programs it comes after it.
    model.add(Dropout(0.5))

    # A full layer takes vectors: 1024 nodes in a row.
    model.add(Flatten())

    model.add(Dense(500, activation='relu'))

    model.add(Dense(num_classes, activation='softmax'))

    # SGD() has a learning rate of 0.01.
    model.compile(loss=keras.losses.categorical_crossentropy,
                  optimizer=keras.optimizers.SGD(),
                  metrics=['accuracy'])
    return model


def resume():
    """Return the newest saved model and the epochs it was trained for; None and 0 if there is none."""
    checkpoint.prepare(MODEL_SAVE_PATH)
    paths = sorted(glob.glob(os.path.join(MODEL_SAVE_PATH, 'model-*.h5')))
    if not paths:
        return None, 0
    try:
        model = keras.models.load_model(paths[-1])
    except (OSError, KeyError, ValueError) as error:
        raise checkpoint.unusable(paths[-1], error)
    print("Resuming after epoch %d from %s" % (int(paths[-1][-6:-3]), MODEL_SAVE_PATH))
    return model, int(paths[-1][-6:-3])


def save(model, epoch):
    """Save the model, whole or not at all, and only then delete the one of the epoch before."""
    part = os.path.join(MODEL_SAVE_PATH, 'part.h5')
    model.save(part)
    os.replace(part, os.path.join(MODEL_SAVE_PATH, 'model-%03d.h5' % epoch))
    older = os.path.join(MODEL_SAVE_PATH, 'model-%03d.h5' % (epoch - 1))
    if os.path.exists(older):
        os.unlink(older)


def check_loss(loss):
    """Raise cli.UserError if the loss is not finite: what would come after is worth nothing."""
    if not np.isfinite(loss):
        raise cli.UserError('the loss is %g: lower the learning rate of SGD()' % loss)


def train(mnist):
    """Train, save after each epoch, and print loss and accuracy on the test data."""
    # 60,000 pictures, uint8, as keras.datasets.mnist.load_data() has them; but verified files.
    (trainX, trainY), (testX, testY) = (mnist.train.images, mnist.train.labels), (
        mnist.test.images, mnist.test.labels)

    # Theano wants the channels first, TensorFlow last.
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

    # 3 becomes [0, 0, 0, 1, 0, 0, 0, 0, 0, 0].
    trainY = keras.utils.to_categorical(trainY, num_classes)
    testY = keras.utils.to_categorical(testY, num_classes)

    model, done = resume()
    if not model:
        model = build_model(input_shape)

    # On a terminal a bar, as printed; the bar would fill a log.
    model.fit(trainX, trainY,
              batch_size=batch_size,
              epochs=epochs,
              initial_epoch=done,
              verbose=1 if sys.stdout.isatty() else 2,
              validation_data=(testX, testY),
              callbacks=[keras.callbacks.LambdaCallback(
                  on_batch_end=lambda batch, logs: check_loss(logs['loss']),
                  on_epoch_end=lambda epoch, logs: save(model, epoch + 1))])

    score = model.evaluate(testX, testY, verbose=0)
    print('Test loss:', score[0])
    print('Test accuracy:', score[1])


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_constants(
        globals(),
        batch_size='pictures in a training batch',
        epochs='times through the training data',
        MODEL_SAVE_PATH='folder of the saved model')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    # No picture is set apart for validation: 60,000 to train with.
    mnist = input_data.read_data_sets(args.data_dir, validation_size=0, dtype=tf.uint8, reshape=False)
    if batch_size > mnist.train.num_examples:
        raise cli.UserError('--batch_size %d is more than the %d training pictures' % (
            batch_size, mnist.train.num_examples))
    with tf.Graph().as_default(), tf.Session().as_default():
        # Keras shuffles with NumPy's random numbers; weights and dropout have TensorFlow's.
        np.random.seed(args.seed)
        tf.set_random_seed(args.seed)
        train(mnist)


if __name__ == '__main__':
    cli.run(main)
