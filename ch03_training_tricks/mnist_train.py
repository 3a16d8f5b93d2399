"""Train article 3's network on MNIST, and save a checkpoint every 1000 steps.

Article 3 训练神经网络模型的常用方法, section TensorFlow 最佳实践样例程序, mnist_train.py.

    python ch03_training_tricks/mnist_train.py
    python ch03_training_tricks/mnist_train.py --training_steps 2000 --sample

Shows everything of the article in one program: mini-batches, an exponentially decaying learning rate, L2
regularization and moving averages. mnist_eval.py evaluates its checkpoints, also while it runs. Started
again, it resumes from the newest intact checkpoint; to train again from the start, delete the folder of the
checkpoints. `make tensorboard` shows the curve of the loss.

Takes about two minutes on two cores. Expect a loss of 2.5 to 3.6 at step 1 (article: 3.46893), about 0.2 at
step 1001 (article: 0.172291), and about 0.1 at step 6001 (article: 0.0976607); RESULTS.md has the
curves of loss and accuracy.
"""
from companion import checkpoint, cli

import os

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch03_training_tricks import mnist_inference

BATCH_SIZE = 100
LEARNING_RATE_BASE = 0.8                         # 学习率 (learning rate)
LEARNING_RATE_DECAY = 0.99                       # 指数衰减 (exponential decay)
REGULARAZTION_RATE = 0.0001                      # 正则化 (regularization), spelled as printed
TRAINING_STEPS = 30000                           # 轮 (steps)
MOVING_AVERAGE_DECAY = 0.99                      # 滑动平均 (moving average)

MODEL_SAVE_PATH = "runs/ch03_training_tricks/model/"      # printed: the placeholder /path/to/model/
MODEL_NAME = "model.ckpt"


def train(mnist, args=None):                     # args, the flags: ours, for `start`
    x = tf.placeholder(
        tf.float32, [None, mnist_inference.INPUT_NODE], name='x-input')
    y_ = tf.placeholder(
        tf.float32, [None, mnist_inference.OUTPUT_NODE], name='y-input')

    # `if ...` and, below, `or [0.0]`: as printed, a rate of 0 is an error.
    regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE) if REGULARAZTION_RATE else None
    y = mnist_inference.inference(x, regularizer)
    global_step = tf.Variable(0, trainable=False)

    # 滑动平均 (moving averages) of all weights and biases, in 影子变量 (shadow variables).
    variable_averages = tf.train.ExponentialMovingAverage(
        MOVING_AVERAGE_DECAY, global_step)
    variables_averages_op = variable_averages.apply(
        tf.trainable_variables())
    # 损失函数 (loss function): 交叉熵 (cross entropy) and what `inference` collected.
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
        logits=y, labels=tf.argmax(y_, 1))
    cross_entropy_mean = tf.reduce_mean(cross_entropy)
    loss = cross_entropy_mean + tf.add_n(tf.get_collection('losses') or [0.0])
    # //: Python 2, the article's, divides integers so. 55000 // 100 = 550 steps, once through the data.
    learning_rate = tf.train.exponential_decay(
        LEARNING_RATE_BASE,
        global_step,
        mnist.train.num_examples // BATCH_SIZE, LEARNING_RATE_DECAY)
    train_step = tf.train.GradientDescentOptimizer(learning_rate)\
        .minimize(loss, global_step=global_step)
    with tf.control_dependencies([train_step, variables_averages_op]):
        train_op = tf.no_op(name='train')

    # 持久化 (saving). Relative paths: a folder that was moved or copied still finds its own checkpoints.
    saver = tf.train.Saver(save_relative_paths=True)
    with tf.Session() as sess:
        tf.global_variables_initializer().run()
        first, curve = start(saver, sess, global_step, args)          # ours: resumes

        # Validation is another program's work: this loop only trains, reports and saves.
        for i in range(first, TRAINING_STEPS):
            xs, ys = mnist.train.next_batch(BATCH_SIZE)
            _, loss_value, step = sess.run([train_op, loss, global_step],
                                           feed_dict={x: xs, y_: ys})
            cli.check_loss(loss_value, step, LEARNING_RATE_BASE, '--learning_rate_base', MODEL_SAVE_PATH)  # ours
            curve.add(step, loss_value)                               # ours: for TensorBoard

            if i % 1000 == 0:
                print("After %d training step(s), loss on training "
                      "batch is %g." % (step, loss_value))
                # global_step becomes the end of the file name: model.ckpt-1, model.ckpt-1001, ...
                saver.save(
                    sess, os.path.join(MODEL_SAVE_PATH, MODEL_NAME),
                    global_step=global_step)

        finish(saver, sess, global_step, curve)                       # ours: saves the last steps too


# What the article does not have: resuming, a curve for TensorBoard, a checkpoint of the last step, flags.
class Curve:
    """The loss at steps 1, 101, 201, ... for TensorBoard, in the folder of the checkpoints."""

    def __init__(self, graph, first):
        # One graph is enough: a training that resumes has the same.
        self.writer = tf.summary.FileWriter(MODEL_SAVE_PATH, None if first else graph)
        # TensorBoard then drops what an earlier process had trained but not saved.
        self.writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), first + 1)

    def add(self, step, loss):
        if step % 100 == 1:
            value = tf.Summary.Value(tag='loss', simple_value=float(loss))
            self.writer.add_summary(tf.Summary(value=[value]), step)
            self.writer.flush()


def start(saver, sess, global_step, args):
    """Resume from the newest intact checkpoint in MODEL_SAVE_PATH, if there is one.

    Args:
        args: the flags, which are compared with those of the checkpoint's training, or None.
    Returns:
        How many steps are done, and the Curve of the rest; None if nothing is left to train.
    """
    resumed = checkpoint.resume(saver, sess, MODEL_SAVE_PATH)
    first = int(sess.run(global_step))
    finished = first >= TRAINING_STEPS
    if resumed and not finished:
        print("Resuming after %d training step(s) from %s" % (first, MODEL_SAVE_PATH))
    if args:
        checkpoint.compare_settings(MODEL_SAVE_PATH, args, first, 'steps', finished)
    return first, None if finished else Curve(sess.graph, first)


def finish(saver, sess, global_step, curve):
    """Save what was trained after the last multiple of 1000, and report, if anything was trained."""
    if curve:
        curve.writer.close()
        saver.save(
            sess, os.path.join(MODEL_SAVE_PATH, MODEL_NAME),
            global_step=global_step)
        print("Trained %d step(s); checkpoints in %s" % (sess.run(global_step), MODEL_SAVE_PATH))


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    mnist_inference.add_constants(parser)
    parser.add_constants(
        globals(),
        BATCH_SIZE='images in a training batch',
        LEARNING_RATE_BASE='learning rate at step 0',
        REGULARAZTION_RATE='weight of the L2 loss',
        TRAINING_STEPS='training steps',
        MODEL_SAVE_PATH='folder of the checkpoints')
    parser.add_constants(
        globals(), cli.fraction,
        LEARNING_RATE_DECAY='factor on the learning rate, once through the data',
        MOVING_AVERAGE_DECAY='decay of the moving averages')
    parser.add_constants(globals(), cli.file_name, MODEL_NAME='file name of a checkpoint, before -STEP')
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(globals(), args)

    mnist = input_data.read_data_sets(args.data_dir, one_hot=True, seed=args.seed)
    cli.check_batch_size(BATCH_SIZE, mnist.train.num_examples)
    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        train(mnist, args)


if __name__ == '__main__':
    cli.run(main)
