"""Train article 3's network on several GPUs of one machine with synchronous updates (同步更新).

Article 7 TensorFlow 计算加速, section 多 GPU 并行.

    python ch07_acceleration/multi_gpu_mnist.py
    python ch07_acceleration/multi_gpu_mnist.py --n_gpu 2 --training_steps 200
    make tensorboard LOGDIR=runs/ch07_acceleration/logs_and_models     # figure 2: Color: Device

Shows synchronous data parallelism. In each step, every GPU computes the gradients of its own batch with the
same variables, which are on the CPU; the mean of these gradients then updates the variables once. A copy of
the network on its device is called a tower. The program uses the GPUs of the machine, at most N_GPU; without
a GPU, each tower gets its own CPU device. These share the cores: the same training, but no faster. Missing
record files are made first. When started again, the program resumes from its checkpoint.

Takes 40 seconds on two cores. Expect a loss of 20 to 80 at step 10 (article: 71.90; see The first losses
in the chapter's README), 0.1 to 5 from step 900 on (article: 0.66 and 1.56 at steps 980 and 990), and a test
accuracy of 0.93. The loss starts this high because pixels are from 0 to 255; in article 3 they are from 0 to
1, and the learning rate is 0.8 instead of 0.001. A seed repeats the initial weights, not the whole training:
the queue shuffles differently each time.
"""
from companion import checkpoint, cli

import contextlib
import os
import re
import time
from datetime import datetime

import tensorflow as tf

from ch03_training_tricks.mnist_inference import inference
from ch07_acceleration import mnist_to_tfrecords

# The settings of the training.
BATCH_SIZE = 100            # of one tower

LEARNING_RATE_BASE = 0.001

LEARNING_RATE_DECAY = 0.99

REGULARAZTION_RATE = 0.0001

TRAINING_STEPS = 1000

MOVING_AVERAGE_DECAY = 0.99

N_GPU = 4

# For TensorBoard's logs and the checkpoints (the article has the placeholder /path/to/...).
MODEL_SAVE_PATH = "runs/ch07_acceleration/logs_and_models/"

MODEL_NAME = "model.ckpt"

# A queue reads the images from this file, so that no placeholders have to be fed by hand for each tower.
# mnist_to_tfrecords.py writes it.
DATA_PATH = "runs/ch07_acceleration/data.tfrecords"


# Build the input queue (队列): images, float32 [batch, 784] from 0 to 255, and labels, int32 [batch].
def get_input():
    filename_queue = tf.train.string_input_producer([DATA_PATH])
    reader = tf.TFRecordReader()
    _, serialized_example = reader.read(filename_queue)

    # The features of one record.
    features = tf.parse_single_example(
        serialized_example,
        features={
            'image_raw': tf.FixedLenFeature([], tf.string),
            'pixels': tf.FixedLenFeature([], tf.int64),
            'label': tf.FixedLenFeature([], tf.int64),
        })

    # From bytes to numbers.
    decoded_image = tf.decode_raw(features['image_raw'], tf.uint8)
    reshaped_image = tf.reshape(decoded_image, [784])
    retyped_image = tf.cast(reshaped_image, tf.float32)
    label = tf.cast(features['label'], tf.int32)

    # The batches of all towers at once; the print has one batch, and gives it to every tower (erratum 7.12).
    batch_size = N_GPU * BATCH_SIZE
    min_after_dequeue = 10000

    capacity = min_after_dequeue + 3 * batch_size
    return tf.train.shuffle_batch(
        [retyped_image, label],
        batch_size=batch_size,
        capacity=capacity,
        min_after_dequeue=min_after_dequeue)


# The loss (损失函数) of one tower: cross entropy (交叉熵) plus regularization (正则化). All towers add their
# regularization losses to the same collection (集合), 'losses'; the name scope (命名空间), for example
# 'GPU_1/', selects those of this tower.
def get_loss(x, y_, regularizer, scope):
    # The network of article 3; the print says that of article 4 (erratum 7.15).
    y = inference(x, regularizer)
    cross_entropy = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(logits=y, labels=y_))
    # [0.0]: without regularization there is no loss to add.
    regularization_loss = tf.add_n(tf.get_collection('losses', scope) or [0.0])
    loss = cross_entropy + regularization_loss
    return loss


# The mean over the towers of each variable's gradient (梯度): from a list of (gradient, variable) for each
# tower to one such list. It equals the gradient of all batches taken as one.
def average_gradients(tower_grads):
    average_grads = []
    # zip(*...) turns a list by towers into a list by variables.
    for grad_and_vars in zip(*tower_grads):
        # The towers become a new first dimension, over which the mean is taken.
        grads = []
        for g, _ in grad_and_vars:
            expanded_g = tf.expand_dims(g, 0)
            grads.append(expanded_g)
        grad = tf.concat(grads, 0)
        grad = tf.reduce_mean(grad, 0)

        # The towers share their variables, so take the first tower's.
        v = grad_and_vars[0][1]
        grad_and_var = (grad, v)
        average_grads.append(grad_and_var)
    return average_grads


# The printed main. Our `main`, below, parses the flags and calls it. get_input is an argument because
# extras/multi_gpu_mnist_tfdata.py passes its own.
def train(args, get_input):
    # Everything not placed explicitly runs on the CPU: input, mean and update. (设备: device)
    with tf.Graph().as_default(), tf.device('/cpu:0'):
        tf.set_random_seed(args.seed)                                           # ours
        # One batch for each tower.
        x, y_ = get_input()
        x, y_ = tf.split(x, N_GPU), tf.split(y_, N_GPU)                         # ours, see get_input
        regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE)

        # 指数衰减 (exponential decay): in 1000 steps only from 0.001 to 0.00098.
        global_step = tf.get_variable(
            'global_step', [], initializer=tf.constant_initializer(0),
            trainable=False)
        learning_rate = tf.train.exponential_decay(
            LEARNING_RATE_BASE, global_step, 60000 // BATCH_SIZE,
            LEARNING_RATE_DECAY)

        opt = tf.train.GradientDescentOptimizer(learning_rate)
        tower_grads = []
        # ours: reuse_variables() below ends with this scope; as printed, it also forbids the moving averages.
        with tf.variable_scope(tf.get_variable_scope()):
            for i in range(N_GPU):
                # '/gpu:%d' % i where there are GPUs, and '/cpu:0' for the variables.
                with tf.device(tower(i)):
                    with tf.name_scope('GPU_%d' % i) as scope:
                        cur_loss = get_loss(x[i], y_[i], regularizer, scope)
                        # The first tower makes the variables, the others reuse them. A name scope does not
                        # change the names that tf.get_variable gives.
                        tf.get_variable_scope().reuse_variables()

                        # The gradients of this tower's batch.
                        grads = opt.compute_gradients(cur_loss)
                        tower_grads.append(grads)

        # Their mean, also as histograms for TensorBoard.
        grads = average_gradients(tower_grads)
        for grad, var in grads:
            if grad is not None:
                tf.summary.histogram(
                    'gradients_on_average/%s' % var.op.name, grad)

        # Update the variables once, with this mean.
        apply_gradient_op = opt.apply_gradients(
            grads, global_step=global_step)
        for var in tf.trainable_variables():
            # TensorBoard shows it as layer1/weights_1: the variable itself is layer1/weights.
            tf.summary.histogram(var.op.name, var)

        # 滑动平均 (moving average)
        variable_averages = tf.train.ExponentialMovingAverage(
            MOVING_AVERAGE_DECAY, global_step)
        variables_averages_op = variable_averages.apply(
            tf.trainable_variables())

        # One training step does both.
        train_op = tf.group(apply_gradient_op, variables_averages_op)
        # Relative paths: a folder that was moved or copied still finds its checkpoints.
        saver = tf.train.Saver(tf.global_variables(), save_relative_paths=True)
        summary_op = tf.summary.merge_all()
        init = tf.global_variables_initializer()

        # 会话 (session)
        with tf.Session(config=tf.ConfigProto(
                allow_soft_placement=True,
                log_device_placement=args.log_device_placement,
                device_count={'CPU': N_GPU + 1})) as sess:      # ours: for towers without GPUs
            init.run()
            start = resume(saver, sess, global_step, args)                      # ours
            # The queue's threads, and a way to stop them.
            coord = tf.train.Coordinator()
            threads = tf.train.start_queue_runners(sess=sess, coord=coord)
            summary_writer = tf.summary.FileWriter(
                MODEL_SAVE_PATH, sess.graph)

            with stopped_at_the_end(coord, threads, summary_writer):            # ours: also after a fault
                for step in range(start, TRAINING_STEPS):
                    # The time of the training alone, without summary and saving.
                    start_time = time.time()
                    _, loss_value = sess.run([train_op, cur_loss])
                    duration = time.time() - start_time
                    cli.check_loss(loss_value, step, LEARNING_RATE_BASE,                        # ours
                                   '--learning_rate_base', MODEL_SAVE_PATH)

                    if step != 0 and step % 10 == 0:
                        # Each tower has used its own batch.
                        num_examples_per_step = BATCH_SIZE * N_GPU

                        examples_per_sec = num_examples_per_step / duration

                        # A share of the step: the towers work at the same time, each for the whole duration.
                        sec_per_batch = duration / N_GPU

                        format_str = ('step %d, loss = %.2f (%.1f examples/'
                                      'sec; %.3f sec/batch)')
                        print(format_str % (step, loss_value,
                                            examples_per_sec, sec_per_batch))

                        # For TensorBoard. Its gradients are of further batches, on which nothing is trained.
                        summary = sess.run(summary_op)
                        summary_writer.add_summary(summary, step)

                    if step % 1000 == 0 or (step + 1) == TRAINING_STEPS:
                        checkpoint_path = os.path.join(
                            MODEL_SAVE_PATH, MODEL_NAME)
                        saver.save(sess, checkpoint_path, global_step=step)

                # After the last step; the print can be read as after the first checkpoint (erratum 7.28).
                coord.request_stop()
                coord.join(threads)
    if start < TRAINING_STEPS:                                                  # ours
        print("Trained %d step(s); checkpoints in %s" % (TRAINING_STEPS, MODEL_SAVE_PATH))


# What the article does not have: CPU devices instead of GPUs, resuming, damaged records, evaluation, flags.

TEST_PATH = "runs/ch07_acceleration/test.tfrecords"


def gpus():
    """Return the GPUs of this machine. Unlike a session, the list does not take their memory."""
    return tf.config.experimental.list_physical_devices('GPU')


def tower(i):
    """Return the device of tower i, for tf.device: a GPU, or a CPU device; its variables are on /cpu:0.

    With tf.device('/gpu:0') as printed, all variables would be on the first tower's GPU (erratum 7.22).
    """
    return tf.train.replica_device_setter(
        worker_device='/gpu:%d' % i if gpus() else '/cpu:%d' % (i + 1), ps_device='/cpu:0', ps_tasks=1)


def count_towers():
    """Return how many towers there are, at most N_GPU, and print where."""
    if gpus():
        n = min(N_GPU, len(gpus()))
        print('%d GPU(s) here: %d tower(s), on %s' % (
            len(gpus()), n, ', '.join('/gpu:%d' % i for i in range(n))))
        return n
    # /cpu:0 has the variables and the input, as beside GPUs.
    print('No GPU here: %d tower(s), on the CPU devices %s' % (
        N_GPU, ', '.join('/cpu:%d' % (i + 1) for i in range(N_GPU))))
    return N_GPU


def resume(saver, sess, global_step, args):
    """Restore the newest checkpoint in MODEL_SAVE_PATH, if there is one. Return the next step."""
    start = 0
    if checkpoint.resume(saver, sess, MODEL_SAVE_PATH):
        start = int(sess.run(global_step))
        print("Resuming after %d training step(s) from %s" % (start, MODEL_SAVE_PATH))
    checkpoint.compare_settings(MODEL_SAVE_PATH, args, start, 'steps', start >= TRAINING_STEPS)
    return start


@contextlib.contextmanager
def stopped_at_the_end(coord, threads, summary_writer):
    """Stop the queue's threads and close the summaries, however the block ends.

    Raises:
        cli.UserError: a record could not be read.
    """
    try:
        yield
    except (tf.errors.OutOfRangeError, tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        # The queue closes when one of its threads fails; the coordinator has that thread's own error.
        coord.request_stop(error)
    finally:
        coord.request_stop()
        summary_writer.close()
        try:
            coord.join(threads)
        except tf.errors.OpError as error:
            # A second line, where the first only counts the errors.
            reason = re.sub(r'^\d+ root error\(s\) found.\s+\(0\) ', '', error.message).split('\n')[0]
            raise cli.UserError('%s: a record cannot be read (%s)' % (DATA_PATH, reason))


def evaluate():
    """Print the accuracy of the moving averages on the test records."""
    images, labels = mnist_to_tfrecords.read(TEST_PATH)
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 784])
        y_ = tf.placeholder(tf.int64, [None])
        accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(inference(x, None), 1), y_), tf.float32))
        averages = tf.train.ExponentialMovingAverage(MOVING_AVERAGE_DECAY)
        saver = tf.train.Saver(averages.variables_to_restore())
        with tf.Session() as sess:
            path = tf.train.latest_checkpoint(MODEL_SAVE_PATH)
            saver.restore(sess, path)
            print("%s: test accuracy = %g" % (
                os.path.basename(path), sess.run(accuracy, {x: images, y_: labels})))


def add_flags(parser):
    """Make the constants flags, here and for the program with the other input."""
    parser.add_constants(
        globals(),
        BATCH_SIZE='images in a batch of one tower',
        LEARNING_RATE_BASE='learning rate at step 0',
        REGULARAZTION_RATE='weight of the L2 loss',
        TRAINING_STEPS='training steps',
        N_GPU='towers: at most as many as there are GPUs, or on CPU devices without a GPU',
        MODEL_SAVE_PATH='folder of the logs and checkpoints',
        DATA_PATH='file of the training records',
        TEST_PATH='file of the test records')
    parser.add_constants(
        globals(), cli.fraction,
        LEARNING_RATE_DECAY='factor on the learning rate every 60000 // batch_size steps',
        MOVING_AVERAGE_DECAY='decay of the moving averages')
    parser.add_constants(globals(), cli.file_name, MODEL_NAME='file name of a checkpoint, before -STEP')
    parser.add_argument('--log_device_placement', action='store_true',
                        help='print the device of each operation, over 600 lines')


def parse(parser, argv):
    """Parse the flags, check the record files or make them, and choose the towers.

    Returns:
        args, as cli.Parser.parse.
    Raises:
        cli.UserError: a record file is missing or damaged, or has fewer records than a step needs.
    """
    given = parser.parse_args(argv)
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    counts = []
    for part, name, path in ('train', 'data_path', DATA_PATH), ('test', 'test_path', TEST_PATH):
        counts.append(mnist_to_tfrecords.ready(args.data_dir, part, path,
                                               getattr(given, name) == parser.get_default(name)))
        print('%d %s records' % (counts[-1], 'training' if part == 'train' else 'test'))
    args.n_gpu = count_towers()
    cli.set_constants(globals(), args)
    # 60000: the learning rate decays every 60000 // BATCH_SIZE steps, which must not be 0.
    images = min(counts[0], 60000)
    if N_GPU * BATCH_SIZE > images:
        raise cli.UserError('--n_gpu %d x --batch_size %d = %d is more than the %d training images' % (
            N_GPU, BATCH_SIZE, N_GPU * BATCH_SIZE, images))
    return args


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    add_flags(parser)
    train(parse(parser, argv), get_input)
    evaluate()


if __name__ == '__main__':
    cli.run(main)
