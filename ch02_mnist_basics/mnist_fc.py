"""Train a network with one hidden layer on MNIST, and test it, in one program.

Article 2 TensorFlow 解决 MNIST 问题入门, section TensorFlow 解决 MNIST 问题, the last program.

    python ch02_mnist_basics/mnist_fc.py
    python ch02_mnist_basics/mnist_fc.py --training_steps 2000 --sample

Shows the whole of training: placeholders, variables, cross entropy, gradient descent, and accuracy on
validation and test data. Takes half a minute on two cores. Expect the printed accuracies within about
0.01: 0.9044 after 1000 steps, 0.9498 after 9000, and 0.9475 on the test data (RESULTS.md has ours).
The printed lines say 'average model', although this program has no moving averages; we keep them as printed.
"""
from companion import cli

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

INPUT_NODE = 784        # pixels of an image
OUTPUT_NODE = 10        # classes, the digits 0 to 9

LAYER1_NODE = 500       # nodes of the only 隐藏层 (hidden layer)
BATCH_SIZE = 100        # 1 would be stochastic gradient descent, all 55000 plain 梯度下降 (gradient descent)

LEARNING_RATE = 0.01    # 学习率
TRAINING_STEPS = 10000  # 轮 (steps): one batch each


def train(mnist):
    """Train for TRAINING_STEPS steps, print validation accuracy every 1000, test accuracy at the end.

    Raises:
        cli.UserError: the loss is no longer finite.
    """
    x = tf.placeholder(tf.float32, [None, INPUT_NODE], name='x-input')
    y_ = tf.placeholder(tf.float32, [None, OUTPUT_NODE], name='y-input')

    weights1 = tf.Variable(
        tf.truncated_normal([INPUT_NODE, LAYER1_NODE], stddev=0.1))
    bias1 = tf.Variable(tf.constant(0.0, shape=[LAYER1_NODE]))
    weights2 = tf.Variable(
        tf.truncated_normal([LAYER1_NODE, OUTPUT_NODE], stddev=0.1))
    bias2 = tf.Variable(tf.constant(0.0, shape=[OUTPUT_NODE]))

    # 前向传播 (forward pass). Printed: input_tensor, which is defined nowhere.
    layer1 = tf.nn.relu(tf.matmul(x, weights1) + bias1)
    y = tf.matmul(layer1, weights2) + bias2

    global_step = tf.Variable(0, trainable=False)

    # 损失函数 (loss function): the mean 交叉熵 (cross entropy) of a batch.
    cross_entropy = tf.nn.softmax_cross_entropy_with_logits(
        labels=y_, logits=y)
    loss = tf.reduce_mean(cross_entropy)

    train_op = tf.train.GradientDescentOptimizer(LEARNING_RATE)\
        .minimize(loss, global_step=global_step)

    # 正确率 (accuracy)
    correct_prediction = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
    accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

    with tf.Session() as sess:
        tf.initialize_all_variables().run()

        # 验证数据 (validation data) judge the training while it runs, 测试数据 (test data) its result.
        validate_feed = {x: mnist.validation.images,
                         y_: mnist.validation.labels}
        test_feed = {x: mnist.test.images, y_: mnist.test.labels}

        for i in range(TRAINING_STEPS):
            if i % 1000 == 0:
                validate_acc = sess.run(accuracy, feed_dict=validate_feed)
                print("After %d training step(s), validation accuracy "
                      "using average model is %g " % (i, validate_acc))

            xs, ys = mnist.train.next_batch(BATCH_SIZE)
            _, loss_value = sess.run([train_op, loss], feed_dict={x: xs, y_: ys})
            cli.check_loss(loss_value, i + 1, LEARNING_RATE)        # ours: ends the training at a NaN

        test_acc = sess.run(accuracy, feed_dict=test_feed)
        print("After %d training step(s), test accuracy using average "
              "model is %g" % (TRAINING_STEPS, test_acc))


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_constants(
        globals(),
        INPUT_NODE='pixels of an image',
        OUTPUT_NODE='classes',
        LAYER1_NODE='nodes of the hidden layer',
        BATCH_SIZE='images in a training batch',
        LEARNING_RATE='learning rate',
        TRAINING_STEPS='training steps')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    mnist = input_data.read_data_sets(args.data_dir, one_hot=True, seed=args.seed)
    cli.check_batch_size(BATCH_SIZE, mnist.train.num_examples)
    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        train(mnist)


if __name__ == '__main__':
    cli.run(main)
