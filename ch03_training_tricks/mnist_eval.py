"""Evaluate the newest checkpoint of mnist_train.py with the moving averages of its variables.

Article 3 训练神经网络模型的常用方法, section TensorFlow 最佳实践样例程序, mnist_eval.py.

    python ch03_training_tricks/mnist_eval.py           # beside training; every 10 s until Ctrl-C
    python ch03_training_tricks/mnist_eval.py --until_step 30000    # ... until training has ended
    python ch03_training_tricks/mnist_eval.py --once    # the newest checkpoint, also on the test data

Shows how ExponentialMovingAverage.variables_to_restore loads the averages into the plain variables (重命名,
renaming), so that the forward pass need not know of them. One evaluation takes less than a second; --once
about four with the imports. Expect 0.976 or more from step 1001 on (article: 0.9764), 0.98 to 0.986 at the
end (article: ~98.4 %).
"""
from companion import checkpoint, cli, printed

import sys
import time

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch03_training_tricks import mnist_inference, mnist_train

# Seconds between two evaluations.
EVAL_INTERVAL_SECS = 10


def evaluate(mnist):
    with tf.Graph().as_default() as g:
        x = tf.placeholder(
            tf.float32, [None, mnist_inference.INPUT_NODE], name='x-input')
        y_ = tf.placeholder(
            tf.float32, [None, mnist_inference.OUTPUT_NODE], name='y-input')
        validate_feed = {x: mnist.validation.images,
                         y_: mnist.validation.labels}

        # No regularizer: its loss plays no part in evaluation.
        y = mnist_inference.inference(x, None)

        # 正确率 (accuracy). For 离线预测 (offline prediction) see extras/predict_digit.py.
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
                    accuracy_score = sess.run(accuracy, feed_dict=validate_feed)
                    print("After %s training step(s), validation "
                          "accuracy = %g" % (global_step, accuracy_score))
                else:
                    print('No checkpoint file found')
                    return

            time.sleep(EVAL_INTERVAL_SECS)


# What the article does not have: waiting for a training that starts later, an end, the test data, flags.
def watch(evaluation, *args):
    """Call `evaluation` until it returns a step.

    `evaluate` ends where there is no checkpoint yet, and fails where the trainer is just replacing the one
    that it reads; either way it is called again.
    """
    while True:
        try:
            step = evaluation(*args)
            if step is not None:
                return step
        except (tf.errors.OpError, ValueError, cli.UserError) as error:
            print('cannot read the newest checkpoint in %s (%s): it is being replaced, damaged, or of '
                  'another network; trying again in %d s'
                  % (mnist_train.MODEL_SAVE_PATH, type(error).__name__, EVAL_INTERVAL_SECS), file=sys.stderr)
        time.sleep(EVAL_INTERVAL_SECS)


def network():
    """Build what `evaluate` builds, in the current graph; return placeholders, accuracy and saver."""
    x = tf.placeholder(tf.float32, [None, mnist_inference.INPUT_NODE], name='x-input')
    y_ = tf.placeholder(tf.float32, [None, mnist_inference.OUTPUT_NODE], name='y-input')
    y = mnist_inference.inference(x, None)
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1)), tf.float32))
    variable_averages = tf.train.ExponentialMovingAverage(mnist_train.MOVING_AVERAGE_DECAY)
    return x, y_, accuracy, tf.train.Saver(variable_averages.variables_to_restore())


def evaluate_once(**data_sets):
    """Print the newest checkpoint's accuracy on each of the data sets, validation=mnist.validation say.

    Returns:
        The checkpoint's step.
    Raises:
        cli.UserError: there is no checkpoint, or it is not of this network.
    """
    with tf.Graph().as_default(), tf.Session() as sess:
        x, y_, accuracy, saver = network()
        step = checkpoint.restore(saver, sess, mnist_train.MODEL_SAVE_PATH, 'mnist_train.py')
        for name, data_set in data_sets.items():
            accuracy_score = sess.run(accuracy, feed_dict={x: data_set.images, y_: data_set.labels})
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
        EVAL_INTERVAL_SECS='seconds between two evaluations')
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(vars(mnist_train), args)
    cli.set_constants(globals(), args)
    if mnist_inference.OUTPUT_NODE != 10:           # else it would wait for a checkpoint that fits
        raise cli.UserError('--output_node: %d classes do not fit the labels, which have 10' %
                            mnist_inference.OUTPUT_NODE)

    mnist = input_data.read_data_sets(args.data_dir, one_hot=True)
    if args.once:
        evaluate_once(validation=mnist.validation, test=mnist.test)
    elif args.until_step:
        watch(evaluate_until, mnist, args.until_step)
    else:
        watch(evaluate, mnist)
    if args.sample:
        print("These are digits of the embedded sample, not MNIST's: the article's ~%.1f %% does not apply."
              % (100 * printed.TRICKS_ACCURACY))
    else:
        step, accuracy = max(printed.EVAL_ACCURACY.items())
        print("The article: validation accuracy = %g after %d steps, ~%.1f %% in the text." % (
            accuracy, step, 100 * printed.TRICKS_ACCURACY))


if __name__ == '__main__':
    cli.run(main)
