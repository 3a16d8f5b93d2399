"""A convolutional network for MNIST with tf.contrib.learn: fit and predict, as in scikit-learn.

Article 6 TensorFlow 高层封装, section tf.contrib.learn.

    python ch06_high_level_apis/contrib_learn_cnn.py
    python ch06_high_level_apis/contrib_learn_cnn.py --training_steps 200 --sample

Shows an Estimator around your own model function: the function describes the network, its loss and its
training step; the Estimator feeds it, saves it and restores it. The accuracy is scikit-learn's. Progress is
the library's: every 100 steps, on stderr, a line with the loss. A checkpoint is saved every --save_steps
steps, at the end, and at Ctrl-C; the next start resumes from the last one. A training that is killed (or
stopped by a second Ctrl-C) loses the steps since then, 1000 at most. To train again, delete the checkpoint
folder. Takes about 30 minutes on two cores. Expect an accuracy of about 0.99 (article: 0.9901); see
RESULTS.md.
"""
from companion import checkpoint, cli

import logging
import signal

import tensorflow as tf
from sklearn import metrics
from tensorflow.examples.tutorials.mnist import input_data

cli.quiet()     # the first use of tf.contrib prints a banner

BATCH_SIZE = 100
TRAINING_STEPS = 20000
LEARNING_RATE = 0.01
KEEP_PROB = 0.5         # dropout keeps a node with this probability

# Ours, for resuming.
SAVE_STEPS = 1000
MODEL_SAVE_PATH = "runs/ch06_high_level_apis/contrib_learn/"

# The article's program.
# layers has functions that make a layer with its variables; learn has the Estimator.
layers = tf.contrib.layers
learn = tf.contrib.learn


def conv_model(input, target, mode):
    """Describe the network for the Estimator: 自定义模型 (custom model).

    Args:
        input: images, float32 [batch, 784], pixels from 0 to 1.
        target: labels 0 to 9, [batch].
        mode: one of tf.contrib.learn.ModeKeys; dropout is for TRAIN alone.
    Returns:
        The predicted labels, int64 [batch], 损失函数 (loss function), and the training step.
    """
    # One-hot: 3 becomes [0, 0, 0, 1, 0, 0, 0, 0, 0, 0].
    target = tf.one_hot(tf.cast(target, tf.int32), 10, 1, 0)

    # Four dimensions: batch, height, width, channels. -1 is inferred: the batch size.
    network = tf.reshape(input, [-1, 28, 28, 1])

    # 卷积层 (convolutional layer): 32 过滤器 (filters) of 5 x 5. 步长 (stride) 1 and zero padding are
    # defaults: 28 x 28 x 32.
    network = layers.convolution2d(network, 32, kernel_size=[5, 5], activation_fn=tf.nn.relu)

    # 最大池化层 (max pooling layer): 14 x 14 x 32.
    network = tf.nn.max_pool(network, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')

    # 14 x 14 x 64, then 7 x 7 x 64.
    network = layers.convolution2d(network, 64, kernel_size=[5, 5], activation_fn=tf.nn.relu)
    network = tf.nn.max_pool(network, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')

    # Flattened, as 全连接层 (a fully connected layer) takes vectors.
    network = tf.reshape(network, [-1, 7 * 7 * 64])

    network = layers.dropout(
        layers.fully_connected(network, 500, activation_fn=tf.nn.relu),
        keep_prob=KEEP_PROB,
        is_training=(mode == tf.contrib.learn.ModeKeys.TRAIN))

    logits = layers.fully_connected(network, 10, activation_fn=None)

    # 交叉熵 (cross entropy), after a softmax.
    loss = tf.losses.softmax_cross_entropy(target, logits)

    # A plain number would become a variable, which a checkpoint restores over --learning_rate.
    train_op = layers.optimize_loss(
        loss,
        tf.contrib.framework.get_global_step(),
        optimizer='SGD',
        learning_rate=tf.constant(LEARNING_RATE))       # ours

    return tf.argmax(logits, 1), loss, train_op


def program(mnist, settings, monitors):
    """Train, and print the accuracy on the test data.

    Args:
        mnist: as learn.datasets.load_dataset('mnist') returns it; `main` reads it from verified files.
        settings: what the Estimator needs to resume.
        monitors: hooks of the training loop.
    """
    classifier = learn.Estimator(model_fn=predicting(conv_model), **settings)
    # max_steps counts the steps of all starts; the printed steps=20000 would train 20000 more at each start.
    classifier.fit(mnist.train.images, mnist.train.labels, batch_size=BATCH_SIZE,
                   max_steps=TRAINING_STEPS, monitors=monitors)

    # In batches: all 10,000 images at once take 2 GB, for the same 正确率 (accuracy).
    score = metrics.accuracy_score(mnist.test.labels, list(classifier.predict(
        mnist.test.images, batch_size=BATCH_SIZE)))
    print('Accuracy: {0:f}'.format(score))


# What the article does not have: prediction after a finished training, Ctrl-C, flags.

def predicting(model_fn):
    """Return the model function, extended to predictions without labels.

    An Estimator that has trained in this process gives the model function placeholders for labels, also in
    prediction. After a finished training it has trained nothing, and gives None, which tf.one_hot refuses.
    """
    def extended(input, target, mode):
        return model_fn(input, tf.zeros(tf.shape(input)[:1]) if target is None else target, mode)
    return extended


class SaveAtInterrupt(tf.train.SessionRunHook):
    """Ends the training after the current step at Ctrl-C, so that the Estimator saves; then interrupts."""

    def begin(self):
        self.interrupted = False
        self.former = signal.signal(signal.SIGINT, self.interrupt)

    def interrupt(self, signum, frame):
        self.interrupted = True
        # A second Ctrl-C does not wait.
        signal.signal(signal.SIGINT, self.former)

    def after_run(self, run_context, run_values):
        if self.interrupted:
            run_context.request_stop()

    def end(self, session):
        # The Estimator's own hook has saved before this one is called.
        if self.interrupted:
            raise KeyboardInterrupt

    def restore(self):
        """Give Ctrl-C back to whoever had it."""
        if hasattr(self, 'former'):
            signal.signal(signal.SIGINT, self.former)


def show_progress():
    """Show the Estimator's losses and saves, and none of TensorFlow's other messages."""
    logger = logging.getLogger('tensorflow')
    logger.setLevel(logging.INFO)
    # Replaces the filter of another program of this process.
    logger.filters = [lambda record: cli.verbose() or record.levelno >= logging.ERROR or
                      record.getMessage().startswith(('loss = ', 'Saving checkpoints'))]


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_constants(
        globals(),
        BATCH_SIZE='images in a batch',
        TRAINING_STEPS='training steps',
        LEARNING_RATE='learning rate',
        SAVE_STEPS='training steps between two checkpoints',
        MODEL_SAVE_PATH='folder of the checkpoints')
    parser.add_constants(globals(), cli.keep_prob, KEEP_PROB='probability that dropout keeps a node, over 0')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    show_progress()

    mnist = input_data.read_data_sets(args.data_dir, seed=args.seed)
    cli.check_batch_size(BATCH_SIZE, mnist.train.num_examples)
    _, done = checkpoint.verify(MODEL_SAVE_PATH)
    checkpoint.compare_settings(MODEL_SAVE_PATH, args, done, 'steps', done >= TRAINING_STEPS)
    if 0 < done < TRAINING_STEPS:
        print("Resuming after %d training step(s) from %s" % (done, MODEL_SAVE_PATH))

    settings = {'model_dir': MODEL_SAVE_PATH, 'config': learn.RunConfig(
        tf_random_seed=args.seed, save_checkpoints_steps=SAVE_STEPS)}
    hook = SaveAtInterrupt()
    try:
        program(mnist, settings, [hook])
    except tf.train.NanLossDuringTrainingError:
        raise cli.UserError('the loss is NaN: lower --learning_rate (now %g), and delete %s, whose checkpoint may '
                            'hold NaN too' % (LEARNING_RATE, MODEL_SAVE_PATH))
    finally:
        hook.restore()


if __name__ == '__main__':
    cli.run(main)
