"""A convolutional network for MNIST with tf.contrib.learn: fit and predict, as in scikit-learn.

Article 6 TensorFlow 高层封装, section tf.contrib.learn.

    python ch06_high_level_apis/contrib_learn_cnn.py
    python ch06_high_level_apis/contrib_learn_cnn.py --training_steps 200 --sample

Shows an Estimator around a function of one's own: the function describes the network, its loss and its
training step; the Estimator feeds it, saves it and restores it. The accuracy is scikit-learn's.
Progress is the library's: every 100 steps, on stderr, a line with the loss. A training that was stopped
goes on from its last checkpoint when started again. To train anew, delete the checkpoint folder.
Takes about 25 minutes on two cores. Expect an accuracy of about 0.99 (article: 0.9901); see RESULTS.md.
"""
from companion import checkpoint, cli

import logging

import tensorflow as tf
from sklearn import metrics
from tensorflow.examples.tutorials.mnist import input_data

cli.quiet()     # the first use of tf.contrib prints a banner

# Layers that make their own variables, and the Estimator.
layers = tf.contrib.layers
learn = tf.contrib.learn

BATCH_SIZE = 100
TRAINING_STEPS = 20000
LEARNING_RATE = 0.01
KEEP_PROB = 0.5         # share of the full layer's nodes that dropout keeps

SAVE_STEPS = 1000       # training steps between two checkpoints
MODEL_SAVE_PATH = "runs/ch06_high_level_apis/contrib_learn/"


def conv_model(input, target, mode):
    """Describe the network for the Estimator.

    Args:
        input: pictures, float32 [batch, 784], pixels from 0 to 1.
        target: labels 0 to 9, [batch]; or None, as in prediction.
        mode: one of tf.contrib.learn.ModeKeys; dropout is for TRAIN alone.
    Returns:
        The predicted labels, int64 [batch], the loss, and the training step. No labels, no loss and no step.
    """
    # 3 becomes [0, 0, 0, 1, 0, 0, 0, 0, 0, 0].
    if target is not None:
        target = tf.one_hot(tf.cast(target, tf.int32), 10, 1, 0)

    # Four dimensions: batch, height, width, channels. -1 stands for as many pictures as there are.
    network = tf.reshape(input, [-1, 28, 28, 1])

    # 32 filters of 5 x 5. Stride 1 and zero padding are the library's defaults: 28 x 28 x 32.
    network = layers.convolution2d(network, 32, kernel_size=[5, 5], activation_fn=tf.nn.relu)

    # 14 x 14 x 32.
    network = tf.nn.max_pool(network, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')

    # 14 x 14 x 64.
    network = layers.convolution2d(network, 64, kernel_size=[5, 5], activation_fn=tf.nn.relu)

    # 7 x 7 x 64.
    network = tf.nn.max_pool(network, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')

    # A full layer takes vectors.
    network = tf.reshape(network, [-1, 7 * 7 * 64])

    network = layers.dropout(
        layers.fully_connected(network, 500, activation_fn=tf.nn.relu),
        keep_prob=KEEP_PROB,
        is_training=(mode == tf.contrib.learn.ModeKeys.TRAIN))

    logits = layers.fully_connected(network, 10, activation_fn=None)

    # An Estimator that has trained nothing in this process, as after a finished training, knows no labels.
    if target is None:
        return tf.argmax(logits, 1), None, None

    loss = tf.losses.softmax_cross_entropy(target, logits)

    train_op = layers.optimize_loss(
        loss,
        tf.contrib.framework.get_global_step(),
        optimizer='SGD',
        learning_rate=LEARNING_RATE)

    return tf.argmax(logits, 1), loss, train_op


def show_progress():
    """Let the Estimator say its loss and its saves, and none of TensorFlow's other messages."""
    logger = logging.getLogger('tensorflow')
    logger.setLevel(logging.INFO)
    # In place of another program's, in one process.
    logger.filters = [lambda record: cli.verbose() or record.levelno >= logging.ERROR or
                      record.getMessage().startswith(('loss = ', 'Saving checkpoints'))]


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_constants(
        globals(),
        BATCH_SIZE='pictures in a batch',
        TRAINING_STEPS='training steps',
        LEARNING_RATE='learning rate',
        SAVE_STEPS='training steps between two checkpoints',
        MODEL_SAVE_PATH='folder of the checkpoints')
    parser.add_constants(globals(), cli.fraction, KEEP_PROB='share of nodes that dropout keeps')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    show_progress()

    # As learn.datasets.load_dataset('mnist') has it, from verified files.
    mnist = input_data.read_data_sets(args.data_dir, seed=args.seed)
    if BATCH_SIZE > mnist.train.num_examples:
        raise cli.UserError('--batch_size %d is more than the %d training pictures' % (
            BATCH_SIZE, mnist.train.num_examples))
    _, done = checkpoint.verify(MODEL_SAVE_PATH)
    if done:
        print("Resuming after %d training step(s) from %s" % (done, MODEL_SAVE_PATH))

    # max_steps counts the steps of all runs; the printed steps=20000 would be 20000 more each time.
    classifier = learn.Estimator(model_fn=conv_model, model_dir=MODEL_SAVE_PATH, config=learn.RunConfig(
        tf_random_seed=args.seed, save_checkpoints_steps=SAVE_STEPS))
    try:
        classifier.fit(mnist.train.images, mnist.train.labels, batch_size=BATCH_SIZE,
                       max_steps=TRAINING_STEPS)
    except tf.train.NanLossDuringTrainingError:
        raise cli.UserError('the loss is no longer a number: lower --learning_rate (now %g)' % LEARNING_RATE)

    # In batches: all 10,000 pictures at once take 2 GB, for the same accuracy.
    score = metrics.accuracy_score(mnist.test.labels, list(classifier.predict(
        mnist.test.images, batch_size=BATCH_SIZE)))
    print('Accuracy: {0:f}'.format(score))


if __name__ == '__main__':
    cli.run(main)
