"""Train article 4's convolutional network on MNIST, and save a checkpoint every 1000 steps.

Article 4 卷积神经网络, section LeNet-5 模型: article 3's mnist_train.py with images as input.

    python ch04_cnn/mnist_train.py
    python ch04_cnn/mnist_train.py --training_steps 300 --sample

Shows that a convolutional network is trained like any other: the article prints the two places that change,
the placeholder and the reshaped batch, and takes the rest from article 3. One value has to change too: at
article 3's learning rate of 0.8 this network learns nothing. Its cross entropy stays at ln 10 = 2.3, the same
answer for every image. mnist_eval.py evaluates the checkpoints, also while this program runs. Started again,
it resumes from the newest intact checkpoint; to train again from step 0, delete the checkpoint folder.

Takes about 46 minutes on two cores; --training_steps 5001 is the part that the article prints, and takes
eight. Expect a loss between 4.5 and 8 at step 1, depending on the initial weights (article: 6.45373), and 0.6
to 0.7 from step 5001 on (article: 0.630368), most of it the L2 loss; RESULTS.md has both curves.
"""
from companion import checkpoint, cli

import os

import numpy as np
import tensorflow as tf
import tqdm
from tensorflow.examples.tutorials.mnist import input_data

from ch04_cnn import mnist_inference

# As in article 3, but for the learning rate.
BATCH_SIZE = 100
LEARNING_RATE_BASE = 0.01                       # 学习率 (learning rate); printed, in article 3: 0.8
LEARNING_RATE_DECAY = 0.99
REGULARAZTION_RATE = 0.0001
TRAINING_STEPS = 30000                          # 轮 (steps)
MOVING_AVERAGE_DECAY = 0.99

MODEL_SAVE_PATH = "runs/ch04_cnn/model/"        # printed: the placeholder /path/to/model/
MODEL_NAME = "model.ckpt"


def train(mnist, args=None):                    # args, the flags: ours, for `remaining_steps`
    # Printed in article 4: the input is a 四维矩阵 (tensor of four dimensions), a batch of images.
    x = tf.placeholder(tf.float32, [
        BATCH_SIZE,
        mnist_inference.IMAGE_SIZE,
        mnist_inference.IMAGE_SIZE,
        mnist_inference.NUM_CHANNELS], name='x-input')      # 深度 (depth): 1 for grey, 3 for RGB
    y_ = tf.placeholder(
        tf.float32, [None, mnist_inference.OUTPUT_NODE], name='y-input')

    # `if ...` and, below, `or [0.0]`: as printed, a rate of 0 is an error.
    regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE) if REGULARAZTION_RATE else None
    y = mnist_inference.inference(x, True, regularizer)
    global_step = tf.Variable(0, trainable=False)

    # 滑动平均 (moving averages) of all weights and biases.
    variable_averages = tf.train.ExponentialMovingAverage(
        MOVING_AVERAGE_DECAY, global_step)
    variables_averages_op = variable_averages.apply(
        tf.trainable_variables())
    # 损失函数 (loss function): 交叉熵 (cross entropy), and the L2 losses that `inference` collected.
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
        logits=y, labels=tf.argmax(y_, 1))
    cross_entropy_mean = tf.reduce_mean(cross_entropy)
    loss = cross_entropy_mean + tf.add_n(tf.get_collection('losses') or [0.0])
    # //: Python 2, the article's, divides integers so. 55000 // 100 = 550 steps are one epoch.
    learning_rate = tf.train.exponential_decay(
        LEARNING_RATE_BASE,
        global_step,
        mnist.train.num_examples // BATCH_SIZE, LEARNING_RATE_DECAY)
    train_step = tf.train.GradientDescentOptimizer(learning_rate)\
        .minimize(loss, global_step=global_step)
    with tf.control_dependencies([train_step, variables_averages_op]):
        train_op = tf.no_op(name='train')

    # Relative paths: a folder that was moved or copied still finds its own checkpoints.
    saver = tf.train.Saver(save_relative_paths=True)
    with tf.Session() as sess:
        tf.global_variables_initializer().run()
        for i in remaining_steps(saver, sess, global_step, args):       # ours; printed: range(TRAINING_STEPS)
            xs, ys = mnist.train.next_batch(BATCH_SIZE)
            # Printed in article 4: each image is a row of 784 pixels before, a 三维矩阵 (3-D) afterwards.
            reshaped_xs = np.reshape(xs, (BATCH_SIZE,
                                          mnist_inference.IMAGE_SIZE,
                                          mnist_inference.IMAGE_SIZE,
                                          mnist_inference.NUM_CHANNELS))
            _, loss_value, step = sess.run([train_op, loss, global_step],
                                           feed_dict={x: reshaped_xs, y_: ys})
            cli.check_loss(loss_value, step, LEARNING_RATE_BASE, '--learning_rate_base', MODEL_SAVE_PATH)  # ours

            if i % 1000 == 0:
                # ours: print, above the progress bar.
                tqdm.tqdm.write("After %d training step(s), loss on training "
                                "batch is %g." % (step, loss_value))
                # global_step becomes the end of the file name: model.ckpt-1, model.ckpt-1001, ...
                saver.save(
                    sess, os.path.join(MODEL_SAVE_PATH, MODEL_NAME),
                    global_step=global_step)


# What the article does not have: resuming, a progress bar, a checkpoint of the last step, checks, flags.
def remaining_steps(saver, sess, global_step, args):
    """Resume from MODEL_SAVE_PATH, yield the numbers of the steps that are left, and save after the last.

    A terminal gets a progress bar, as minutes pass between two printed lines; a log does not.

    Args:
        args: the flags, which are compared with those of the checkpoint's training, or None.
    """
    resumed = checkpoint.resume(saver, sess, MODEL_SAVE_PATH)
    start = int(sess.run(global_step))
    finished = start >= TRAINING_STEPS
    if resumed and not finished:
        print("Resuming after %d training step(s) from %s" % (start, MODEL_SAVE_PATH))
    if args:
        checkpoint.compare_settings(MODEL_SAVE_PATH, args, start, 'steps', finished)
    if finished:
        return
    for i in tqdm.tqdm(range(start, TRAINING_STEPS), initial=start, total=TRAINING_STEPS, unit='step',
                       disable=None):
        yield i
    # The steps after the last multiple of 1000.
    saver.save(sess, os.path.join(MODEL_SAVE_PATH, MODEL_NAME), global_step=global_step)
    print("Trained %d step(s); checkpoints in %s" % (sess.run(global_step), MODEL_SAVE_PATH))


def check_sizes(mnist):
    """Raise cli.UserError if the flags for sizes do not fit the images and their labels."""
    if mnist_inference.OUTPUT_NODE != 10:
        raise cli.UserError('--output_node: %d classes do not fit the labels, which have 10' %
                            mnist_inference.OUTPUT_NODE)
    pixels = mnist_inference.IMAGE_SIZE ** 2 * mnist_inference.NUM_CHANNELS
    for name, size in ('--input_node', mnist_inference.INPUT_NODE), ('--image_size, --num_channels', pixels):
        if size != mnist.train.images.shape[1]:
            raise cli.UserError('%s: %d pixels do not fit the images, which have %d' % (
                name, size, mnist.train.images.shape[1]))


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
        LEARNING_RATE_DECAY='factor on the learning rate at each epoch',
        MOVING_AVERAGE_DECAY='decay of the moving averages')
    parser.add_constants(globals(), cli.file_name, MODEL_NAME='file name of a checkpoint, before -STEP')
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_inference), args)
    cli.set_constants(globals(), args)

    mnist = input_data.read_data_sets(args.data_dir, one_hot=True, seed=args.seed)
    check_sizes(mnist)
    cli.check_batch_size(BATCH_SIZE, mnist.train.num_examples)
    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        train(mnist, args)


if __name__ == '__main__':
    cli.run(main)
