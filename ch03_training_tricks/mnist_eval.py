"""Evaluate the newest checkpoint of mnist_train.py with the moving averages of its variables.

Article 3 训练神经网络模型的常用方法, section TensorFlow 最佳实践样例程序, mnist_eval.py.

    python ch03_training_tricks/mnist_eval.py           # beside training; every 10 s until Ctrl-C
    python ch03_training_tricks/mnist_eval.py --until_step 30000    # ... until training has ended
    python ch03_training_tricks/mnist_eval.py --once    # the newest checkpoint, also on the test data

Shows how ExponentialMovingAverage.variables_to_restore reads the averages into the plain variables,
so that the forward pass need not know of them. One evaluation takes less than a second; --once about
four with the imports. Expect 0.976 or more from step 1001 on (article: 0.9764), 0.98 to 0.986 at the end
(article: ~98.4 %).
"""
from companion import cli

import sys
import time

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch03_training_tricks import mnist_inference, mnist_train

# Seconds between two evaluations.
EVAL_INTERVAL_SECS = 10


def evaluate(mnist, once=False, until_step=None):
    """Print the newest checkpoint's validation accuracy, every EVAL_INTERVAL_SECS seconds.

    Args:
        mnist: the data sets that read_data_sets returns.
        once: evaluate once, on the test data too, and return.
        until_step: return when a checkpoint of this step or a later one was evaluated.
    Raises:
        cli.UserError: with `once`, when there is no checkpoint that fits the network.
    """
    with tf.Graph().as_default() as g:  # noqa: F841 (as printed)
        x = tf.placeholder(
            tf.float32, [None, mnist_inference.INPUT_NODE], name='x-input')
        y_ = tf.placeholder(
            tf.float32, [None, mnist_inference.OUTPUT_NODE], name='y-input')
        validate_feed = {x: mnist.validation.images,
                         y_: mnist.validation.labels}

        # No regulariser: its loss plays no part in evaluation.
        y = mnist_inference.inference(x, None)

        # For a program that classifies new pictures, tf.argmax(y, 1) is the answer.
        correct_prediction = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
        accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

        # A map from each average's name in the checkpoint to the plain variable.
        variable_averages = tf.train.ExponentialMovingAverage(
            mnist_train.MOVING_AVERAGE_DECAY)
        variables_to_restore = variable_averages.variables_to_restore()
        saver = tf.train.Saver(variables_to_restore)

        while True:
            with tf.Session() as sess:
                try:
                    # The file `checkpoint` of the folder names the newest checkpoint.
                    ckpt = tf.train.get_checkpoint_state(
                        mnist_train.MODEL_SAVE_PATH)
                    if ckpt and ckpt.model_checkpoint_path:
                        saver.restore(sess, ckpt.model_checkpoint_path)
                except (tf.errors.OpError, ValueError) as error:
                    # A trainer that runs may just have replaced it; then the next one is whole.
                    fault = 'cannot read the newest checkpoint in %s: it is being replaced, damaged, or of ' \
                        'another network (%s)' % (mnist_train.MODEL_SAVE_PATH, type(error).__name__)
                    if once:
                        raise cli.UserError(fault + '; train anew, or name another --model_save_path')
                    print('%s; trying again in %d s' % (fault, EVAL_INTERVAL_SECS), file=sys.stderr)
                    time.sleep(EVAL_INTERVAL_SECS)
                    continue

                if ckpt and ckpt.model_checkpoint_path:
                    # The step is the end of the file name.
                    global_step = ckpt.model_checkpoint_path\
                        .split('/')[-1].split('-')[-1]
                    accuracy_score = sess.run(accuracy, feed_dict=validate_feed)
                    print("After %s training step(s), validation "
                          "accuracy = %g" % (global_step, accuracy_score))
                    if once:
                        accuracy_score = sess.run(accuracy, feed_dict={
                            x: mnist.test.images, y_: mnist.test.labels})
                        print("After %s training step(s), test "
                              "accuracy = %g" % (global_step, accuracy_score))
                        return
                    if until_step and int(global_step) >= until_step:
                        return
                elif once:
                    raise cli.UserError('no checkpoint in %s: run mnist_train.py first, or name another '
                                        '--model_save_path' % mnist_train.MODEL_SAVE_PATH)
                else:
                    # The printed program returns here, and so ends when it starts before training.
                    print('No checkpoint file found')
            time.sleep(EVAL_INTERVAL_SECS)


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
        EVAL_INTERVAL_SECS='seconds between two evaluations')
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(vars(mnist_train), args)
    cli.set_constants(globals(), args)

    mnist = input_data.read_data_sets(args.data_dir, one_hot=True)
    evaluate(mnist, args.once, args.until_step)
    if args.sample:
        print("These are digits of the embedded sample, not MNIST's: the article's ~98.4 % does not apply.")
    else:
        print("The article: validation accuracy = 0.9854 after 6001 steps, ~98.4 % in the text.")


if __name__ == '__main__':
    cli.run(main)
