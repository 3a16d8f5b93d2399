"""Evaluate the newest checkpoint of mnist_train.py with the moving averages of its variables.

Article 4 卷积神经网络, section LeNet-5 模型. The article changes article 3's mnist_eval.py and does not print
it again: `evaluate` is article 3's listing with the input of article 4's mnist_train.py.

    python ch04_cnn/mnist_eval.py                       # beside training; every 10 s until Ctrl-C
    python ch04_cnn/mnist_eval.py --until_step 30000    # ... until training has ended
    python ch04_cnn/mnist_eval.py --once                # the newest checkpoint, also on the test data

Shows the same network without dropout, fed with batches of another size than in training. One evaluation
takes three seconds on two cores, --once ten with the test data and the imports. Expect, on the test data,
about 0.96 at step 1001, 0.988 halfway, and 0.99 or a little more at the end (article: ~99.4 %).
"""
from companion import checkpoint, cli, printed

import sys
import time

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch04_cnn import mnist_inference, mnist_train

# Seconds between two evaluations.
EVAL_INTERVAL_SECS = 10
# Ours: images that go through the network at once; all 10000 test images would need 2 GB of memory.
EVAL_BATCH_SIZE = 500


def evaluate(mnist):
    with tf.Graph().as_default() as g:
        # None where training has BATCH_SIZE: any number of images.
        x = tf.placeholder(tf.float32, [
            None,
            mnist_inference.IMAGE_SIZE,
            mnist_inference.IMAGE_SIZE,
            mnist_inference.NUM_CHANNELS], name='x-input')
        y_ = tf.placeholder(
            tf.float32, [None, mnist_inference.OUTPUT_NODE], name='y-input')
        reshaped_xs = np.reshape(mnist.validation.images, (-1,
                                                           mnist_inference.IMAGE_SIZE,
                                                           mnist_inference.IMAGE_SIZE,
                                                           mnist_inference.NUM_CHANNELS))
        validate_feed = {x: reshaped_xs,
                         y_: mnist.validation.labels}

        # No dropout and no regularizer: neither plays a part in evaluation.
        y = mnist_inference.inference(x, False, None)

        # 正确率 (accuracy).
        correct_prediction = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
        accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

        # A dict from the name of each 滑动平均 (moving average) in the checkpoint to the plain variable.
        variable_averages = tf.train.ExponentialMovingAverage(
            mnist_train.MOVING_AVERAGE_DECAY)
        variables_to_restore = variable_averages.variables_to_restore()
        saver = tf.train.Saver(variables_to_restore)

        while True:
            with tf.Session() as sess:
                # The file `checkpoint` in the folder names the newest checkpoint.
                ckpt = tf.train.get_checkpoint_state(
                    mnist_train.MODEL_SAVE_PATH)
                if ckpt and ckpt.model_checkpoint_path:
                    saver.restore(sess, ckpt.model_checkpoint_path)
                    # The step is the end of the file name.
                    global_step = ckpt.model_checkpoint_path\
                        .split('/')[-1].split('-')[-1]
                    accuracy_score = in_batches(sess, accuracy, validate_feed)      # article 3: sess.run
                    print("After %s training step(s), validation "
                          "accuracy = %g" % (global_step, accuracy_score))
                else:
                    print('No checkpoint file found')
                    return

            time.sleep(EVAL_INTERVAL_SECS)


# What the article does not have: batches, waiting for a training that starts later, an end, the test data.
def in_batches(sess, mean, feed):
    """Return what `sess.run(mean, feed)` would, a mean over examples, from EVAL_BATCH_SIZE at a time."""
    count = len(next(iter(feed.values())))
    total = 0
    for i in range(0, count, EVAL_BATCH_SIZE):
        batch = {key: values[i:i + EVAL_BATCH_SIZE] for key, values in feed.items()}
        total += sess.run(mean, feed_dict=batch) * len(next(iter(batch.values())))
    return total / count


def watch(evaluation, *args):
    """Call `evaluation` until it returns a step.

    `evaluate` ends where there is no checkpoint yet, and fails where the trainer is just replacing the one
    that it reads. Neither is to end the watching.
    """
    while True:
        try:
            step = evaluation(*args)
            if step is not None:
                return step
        except (tf.errors.OpError, ValueError, cli.UserError) as error:
            print('cannot read the newest checkpoint in %s: it is being replaced, damaged, or of another '
                  'network (%s); trying again in %d s' % (
                      mnist_train.MODEL_SAVE_PATH, type(error).__name__, EVAL_INTERVAL_SECS), file=sys.stderr)
        time.sleep(EVAL_INTERVAL_SECS)


def network():
    """Build the network and the reader of its moving averages; return images, logits and saver."""
    x = tf.placeholder(tf.float32, [None, mnist_inference.IMAGE_SIZE, mnist_inference.IMAGE_SIZE,
                                    mnist_inference.NUM_CHANNELS], name='x-input')
    y = mnist_inference.inference(x, False, None)
    variable_averages = tf.train.ExponentialMovingAverage(mnist_train.MOVING_AVERAGE_DECAY)
    return x, y, tf.train.Saver(variable_averages.variables_to_restore())


def evaluate_once(**data_sets):
    """Print the newest checkpoint's accuracy on each of the data sets, validation=mnist.validation say.

    Returns:
        The checkpoint's step.
    Raises:
        cli.UserError: there is no checkpoint, or it is not of this network.
    """
    with tf.Graph().as_default(), tf.Session() as sess:
        x, y, saver = network()
        y_ = tf.placeholder(tf.float32, [None, mnist_inference.OUTPUT_NODE], name='y-input')
        accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1)), tf.float32))
        step = checkpoint.restore(saver, sess, mnist_train.MODEL_SAVE_PATH, 'mnist_train.py')
        for name, data_set in data_sets.items():
            accuracy_score = in_batches(sess, accuracy, {
                x: data_set.images.reshape([-1] + x.get_shape().as_list()[1:]), y_: data_set.labels})
            print("After %d training step(s), %s accuracy = %g" % (step, name, accuracy_score))
    return step


def evaluate_until(mnist, until_step):
    """As `evaluate`, but return a checkpoint's step when it is `until_step` or a later one."""
    while checkpoint.newest(mnist_train.MODEL_SAVE_PATH):
        step = evaluate_once(validation=mnist.validation)
        if step >= until_step:
            return step
        time.sleep(EVAL_INTERVAL_SECS)
    print('No checkpoint file found')


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist', seed=False)
    parser.add_argument('--once', action='store_true',
                        help='evaluate the newest checkpoint once, on validation and test data')
    parser.add_argument('--until_step', type=cli.positive_int, metavar='STEP',
                        help='end when a checkpoint of this training step was evaluated')
    mnist_inference.add_constants(parser)
    parser.add_constants(
        vars(mnist_train),
        MODEL_SAVE_PATH='folder of the checkpoints')
    parser.add_constants(
        vars(mnist_train), cli.fraction,
        MOVING_AVERAGE_DECAY='decay of the moving averages')
    parser.add_constants(
        globals(),
        EVAL_INTERVAL_SECS='seconds between two evaluations',
        EVAL_BATCH_SIZE='images that are evaluated at once')
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(vars(mnist_train), args)
    cli.set_constants(globals(), args)

    mnist = input_data.read_data_sets(args.data_dir, one_hot=True)
    mnist_train.check_sizes(mnist)
    if args.once:
        evaluate_once(validation=mnist.validation, test=mnist.test)
    elif args.until_step:
        watch(evaluate_until, mnist, args.until_step)
    else:
        watch(evaluate, mnist)
    article = '~%.1f %%' % (100 * printed.LENET_ACCURACY)
    if args.sample:
        print("These are digits of the embedded sample, not MNIST's: the article's %s does not apply." % (
            article))
    else:
        print('The article: %s of MNIST.' % article)


if __name__ == '__main__':
    cli.run(main)
