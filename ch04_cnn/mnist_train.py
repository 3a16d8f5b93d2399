"""Train article 4's convolutional network on MNIST, and save a checkpoint every 1000 steps.

Article 4 卷积神经网络, section LeNet-5 模型: article 3's mnist_train.py with pictures for input.

    python ch04_cnn/mnist_train.py
    python ch04_cnn/mnist_train.py --training_steps 300 --sample

Shows that training a convolutional network is training any network: only the shape of the input differs
from chapter 3, and the learning rate. At article 3's 0.8 this network learns nothing: its cross entropy
stays at ln 10 = 2.3, the same answer for every picture, below the L2 loss of weights that have exploded.
mnist_eval.py evaluates its checkpoints, also while it runs. Started again, it resumes from the newest
checkpoint. To train anew, delete the checkpoint folder.

Takes about 45 minutes on two cores; --training_steps 5001 is the part that the article prints, and takes
eight. Expect a loss between 4.5 and 8 at step 1, as the first weights fall (article: 6.45373), and 0.6 to
0.7 from step 5001 on (article: 0.630368), most of it the L2 loss; RESULTS.md has both curves.
"""
from companion import checkpoint, cli

import os

import numpy as np
import tensorflow as tf
import tqdm
from tensorflow.examples.tutorials.mnist import input_data

from ch04_cnn import mnist_inference

# The training's settings.
BATCH_SIZE = 100
LEARNING_RATE_BASE = 0.01    # article 3: 0.8, at which this network diverges at once
LEARNING_RATE_DECAY = 0.99
REGULARAZTION_RATE = 0.0001
TRAINING_STEPS = 30000
MOVING_AVERAGE_DECAY = 0.99

# Where the checkpoints go (the article has the placeholder /path/to/model/).
MODEL_SAVE_PATH = "runs/ch04_cnn/model/"
MODEL_NAME = "model.ckpt"


def train(mnist):
    """Train until step TRAINING_STEPS, from the newest checkpoint in MODEL_SAVE_PATH if there is one."""
    # A batch of pictures is a tensor of four dimensions; the last is 1 for grey, 3 for RGB.
    x = tf.placeholder(tf.float32, [
        BATCH_SIZE,
        mnist_inference.IMAGE_SIZE,
        mnist_inference.IMAGE_SIZE,
        mnist_inference.NUM_CHANNELS], name='x-input')
    y_ = tf.placeholder(
        tf.float32, [None, mnist_inference.OUTPUT_NODE], name='y-input')

    # At rate 0 there is no loss to add.
    regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE) if REGULARAZTION_RATE else None
    y = mnist_inference.inference(x, True, regularizer)
    global_step = tf.Variable(0, trainable=False)

    # Loss, learning rate, moving averages and the training step.
    variable_averages = tf.train.ExponentialMovingAverage(
        MOVING_AVERAGE_DECAY, global_step)
    variables_averages_op = variable_averages.apply(
        tf.trainable_variables())
    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(
        logits=y, labels=tf.argmax(y_, 1))
    cross_entropy_mean = tf.reduce_mean(cross_entropy)
    loss = cross_entropy_mean + tf.add_n(tf.get_collection('losses') or [0.0])
    # //: the article's Python 2 divides whole numbers so. 55000 // 100 = 550 steps, one epoch.
    learning_rate = tf.train.exponential_decay(
        LEARNING_RATE_BASE,
        global_step,
        mnist.train.num_examples // BATCH_SIZE, LEARNING_RATE_DECAY)
    train_step = tf.train.GradientDescentOptimizer(learning_rate)\
        .minimize(loss, global_step=global_step)
    with tf.control_dependencies([train_step, variables_averages_op]):
        train_op = tf.no_op(name='train')

    # Relative, so that a folder that was moved or copied still finds its own checkpoints.
    saver = tf.train.Saver(save_relative_paths=True)
    with tf.Session() as sess:
        tf.global_variables_initializer().run()
        if checkpoint.resume(saver, sess, MODEL_SAVE_PATH):
            print("Resuming after %d training step(s) from %s" % (
                sess.run(global_step), MODEL_SAVE_PATH))

        # Minutes pass between two printed lines, so a terminal gets a progress bar; a log does not.
        start = sess.run(global_step)
        for i in tqdm.tqdm(range(start, TRAINING_STEPS), initial=start, total=TRAINING_STEPS,
                           unit='step', disable=None):
            xs, ys = mnist.train.next_batch(BATCH_SIZE)
            reshaped_xs = np.reshape(xs, (BATCH_SIZE,
                                          mnist_inference.IMAGE_SIZE,
                                          mnist_inference.IMAGE_SIZE,
                                          mnist_inference.NUM_CHANNELS))
            _, loss_value, step = sess.run([train_op, loss, global_step],
                                           feed_dict={x: reshaped_xs, y_: ys})
            if not np.isfinite(loss_value):
                raise cli.UserError("the loss is %g at step %d: lower --learning_rate_base (now %g)" % (
                    loss_value, step, LEARNING_RATE_BASE))

            if i % 1000 == 0:
                tqdm.tqdm.write("After %d training step(s), loss on training "
                                "batch is %g." % (step, loss_value))
                # global_step becomes the end of the file name: model.ckpt-1, model.ckpt-1001, ...
                saver.save(
                    sess, os.path.join(MODEL_SAVE_PATH, MODEL_NAME),
                    global_step=global_step)

        # Without this save the steps since the last multiple of 1000 would be trained for nothing.
        saver.save(
            sess, os.path.join(MODEL_SAVE_PATH, MODEL_NAME),
            global_step=global_step)
        print("Trained %d step(s); checkpoints in %s" % (sess.run(global_step), MODEL_SAVE_PATH))


def check_sizes(mnist):
    """Raise cli.UserError if the flags for sizes do not fit the pictures, which cannot be reshaped then."""
    pixels = mnist_inference.IMAGE_SIZE ** 2 * mnist_inference.NUM_CHANNELS
    for name, size in ('--input_node', mnist_inference.INPUT_NODE), ('--image_size, --num_channels', pixels):
        if size != mnist.train.images.shape[1]:
            raise cli.UserError('%s: %d pixels do not fit the pictures, which have %d' % (
                name, size, mnist.train.images.shape[1]))
    if BATCH_SIZE > mnist.train.num_examples:
        raise cli.UserError('--batch_size %d is more than the %d training pictures' % (
            BATCH_SIZE, mnist.train.num_examples))


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    mnist_inference.add_constants(parser)
    parser.add_constants(
        globals(),
        BATCH_SIZE='pictures in a training batch',
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
    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        train(mnist)


if __name__ == '__main__':
    cli.run(main)
