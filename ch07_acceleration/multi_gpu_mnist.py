"""Train article 3's network on several GPUs of one machine, in step.

Article 7 TensorFlow 计算加速, section 多 GPU 并行.

    python ch07_acceleration/multi_gpu_mnist.py
    python ch07_acceleration/multi_gpu_mnist.py --n_gpu 2 --training_steps 200
    make tensorboard LOGDIR=runs/ch07_acceleration/logs_and_models     # figure 2: Color: Device

Shows synchronous data parallelism. Each step, every GPU has a batch of its own and computes gradients with
the same variables, which lie on the CPU; the mean of the gradients then moves the variables once. A copy of
the network with its device is called a tower. The program takes the GPUs that there are, N_GPU at most; where
there is none, each tower is on a CPU device of its own, all of them on the same cores: the same training,
no faster. The record files are made if they are missing. Started again, training resumes from its checkpoint.

Takes half a minute on two cores. Expect a loss of 10 to 100 at step 10 (article: 71.90), 0.1 to 5 from step
900 on (article: 0.66 and 1.56 at steps 980 and 990), a test accuracy of 0.93. It starts this high, for the
pixels are from 0 to 255; in article 3 they are from 0 to 1, and the learning rate is 0.8 in place of 0.001.
A seed repeats the first weights, not the whole training: the queue shuffles in another order each time.
"""
from companion import checkpoint, cli

import os
import re
import time
from datetime import datetime  # noqa: F401 (as printed)

import numpy as np
import tensorflow as tf

from ch03_training_tricks.mnist_inference import inference
from ch07_acceleration import mnist_to_tfrecords

# The training's settings.
BATCH_SIZE = 100            # of one tower

LEARNING_RATE_BASE = 0.001

LEARNING_RATE_DECAY = 0.99

REGULARAZTION_RATE = 0.0001

TRAINING_STEPS = 1000

MOVING_AVERAGE_DECAY = 0.99

N_GPU = 4

# Where TensorBoard's logs and the checkpoints go (the article has the placeholder /path/to/...).
MODEL_SAVE_PATH = "runs/ch07_acceleration/logs_and_models/"

MODEL_NAME = "model.ckpt"

# Feeding placeholders would mean to cut batches by hand for each tower. A queue that reads a file of
# records needs no such hand; mnist_to_tfrecords.py writes the file.
DATA_PATH = "runs/ch07_acceleration/data.tfrecords"
TEST_PATH = "runs/ch07_acceleration/test.tfrecords"     # for the accuracy at the end; not in the article


def get_input(num_threads=1):
    """Build the input queue.

    Args:
        num_threads: threads that read, parse and enqueue.
    Returns:
        Pictures, float32 [N_GPU * BATCH_SIZE, 784] from 0 to 255, and labels, int32 [N_GPU * BATCH_SIZE]:
        one batch for each tower, one after the other.
    """
    filename_queue = tf.train.string_input_producer([DATA_PATH])
    reader = tf.TFRecordReader()
    _, serialized_example = reader.read(filename_queue)

    # What a record holds.
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

    # All towers' batches at once: the print asks for one batch, and then gives it to every tower.
    batch_size = N_GPU * BATCH_SIZE
    min_after_dequeue = 10000

    capacity = min_after_dequeue + 3 * batch_size
    return tf.train.shuffle_batch(
        [retyped_image, label],
        batch_size=batch_size,
        capacity=capacity,
        min_after_dequeue=min_after_dequeue,
        num_threads=num_threads)


def get_loss(x, y_, regularizer, scope):
    """Build one tower: the network and its loss.

    Args:
        x: pictures, float32 [BATCH_SIZE, 784].
        y_: labels, int32 [BATCH_SIZE].
        regularizer: as in ch03_training_tricks/mnist_inference.py, which also has the network.
        scope: the tower's name scope with its slash, 'GPU_1/'. All towers' regularisation losses are in the
            one collection 'losses'; those whose name begins with the scope are this tower's.
    Returns:
        The loss, a scalar.
    """
    y = inference(x, regularizer)
    cross_entropy = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(logits=y, labels=y_))
    # At rate 0 there is no loss to add.
    regularization_loss = tf.add_n(tf.get_collection('losses', scope) or [0.0])
    loss = cross_entropy + regularization_loss
    return loss


def average_gradients(tower_grads):
    """Build the mean over the towers of each variable's gradient.

    Args:
        tower_grads: for each tower what compute_gradients returns, a list of (gradient, variable).
    Returns:
        One such list. As all batches are of one size, its gradients are those of the big batch in one piece.
    """
    average_grads = []
    # zip(*...) turns towers of variables into variables of towers.
    for grad_and_vars in zip(*tower_grads):
        # A new first dimension, the tower, to take the mean over.
        grads = []
        for g, _ in grad_and_vars:
            expanded_g = tf.expand_dims(g, 0)
            grads.append(expanded_g)
        grad = tf.concat(grads, 0)
        grad = tf.reduce_mean(grad, 0)

        # The variable is the same in all towers.
        v = grad_and_vars[0][1]
        grad_and_var = (grad, v)
        average_grads.append(grad_and_var)
    return average_grads


def tower_devices():
    """Choose the towers' devices: GPUs if there are any, N_GPU at most, else N_GPU CPU devices.

    Prints which. The list of GPUs does not take their memory, as a session would.

    Returns:
        The devices' names, and how many CPU devices the session needs.
    """
    gpus = tf.config.experimental.list_physical_devices('GPU')
    if gpus:
        devices = ['/gpu:%d' % i for i in range(min(N_GPU, len(gpus)))]
        n_cpu = 1
        print('%d GPU(s) here: %d tower(s), on %s' % (len(gpus), len(devices), ', '.join(devices)))
    else:
        # /cpu:0 has the variables and the input, as beside GPUs.
        devices = ['/cpu:%d' % (i + 1) for i in range(N_GPU)]
        n_cpu = N_GPU + 1
        print('No GPU here: %d tower(s), on the CPU devices %s' % (len(devices), ', '.join(devices)))
    return devices, n_cpu


def build(devices, get_input):
    """Build the training, one tower for each device, in the default graph.

    Args:
        devices: the towers' devices.
        get_input: a function that returns pictures and labels as the one above does.
    Returns:
        The training operation, the loss of the last tower, and the global step.
    """
    # What is not said to be elsewhere is on the CPU: input, mean and update.
    with tf.device('/cpu:0'):
        # Dealt out, so that every tower gets a batch of its own.
        x, y_ = get_input()
        x, y_ = tf.split(x, len(devices)), tf.split(y_, len(devices))
        regularizer = tf.contrib.layers.l2_regularizer(REGULARAZTION_RATE) if REGULARAZTION_RATE else None

        # The rate falls so slowly that it plays no part in 1000 steps: 0.001 to 0.00098.
        global_step = tf.get_variable(
            'global_step', [], initializer=tf.constant_initializer(0),
            trainable=False)
        learning_rate = tf.train.exponential_decay(
            LEARNING_RATE_BASE, global_step, 60000 // BATCH_SIZE,
            LEARNING_RATE_DECAY)

        opt = tf.train.GradientDescentOptimizer(learning_rate)
        tower_grads = []
        # reuse_variables below holds until this scope ends; the printed one, of the root scope, holds for
        # ever, and then the moving averages cannot be made.
        with tf.variable_scope(tf.get_variable_scope()):
            for i, device in enumerate(devices):
                # The tower's device for all but its variables: inside of a plain tf.device(device),
                # the first tower would have them all.
                with tf.device(tf.train.replica_device_setter(
                        worker_device=device, ps_device='/cpu:0', ps_tasks=1)):
                    with tf.name_scope('GPU_%d' % i) as scope:
                        cur_loss = get_loss(x[i], y_[i], regularizer, scope)
                        # The first tower makes the variables, the others find them. A name scope does not
                        # change the names that tf.get_variable gives.
                        tf.get_variable_scope().reuse_variables()

                        # The gradients by this tower's batch.
                        grads = opt.compute_gradients(cur_loss)
                        tower_grads.append(grads)

        grads = average_gradients(tower_grads)
        for grad, var in grads:
            if grad is not None:
                tf.summary.histogram(
                    'gradients_on_average/%s' % var.op.name, grad)

        apply_gradient_op = opt.apply_gradients(
            grads, global_step=global_step)
        for var in tf.trainable_variables():
            # TensorBoard shows it as layer1/weights_1, for layer1/weights is the variable itself.
            tf.summary.histogram(var.op.name, var)

        variable_averages = tf.train.ExponentialMovingAverage(
            MOVING_AVERAGE_DECAY, global_step)
        variables_averages_op = variable_averages.apply(
            tf.trainable_variables())

        # Both in one step.
        train_op = tf.group(apply_gradient_op, variables_averages_op)
    return train_op, cur_loss, global_step


def train(devices, n_cpu, get_input, log_device_placement=False):
    """Train until step TRAINING_STEPS, from the newest checkpoint in MODEL_SAVE_PATH if there is one.

    Args:
        devices, get_input: as in build.
        n_cpu: how many CPU devices the session needs.
        log_device_placement: print the device of each operation, some thousand lines.
    Raises:
        cli.UserError: the loss is no longer finite, a record cannot be read, or the checkpoint does not fit.
    """
    train_op, cur_loss, global_step = build(devices, get_input)
    # Relative, so that a folder that was moved or copied still finds its own checkpoints.
    saver = tf.train.Saver(tf.global_variables(), save_relative_paths=True)
    summary_op = tf.summary.merge_all()
    init = tf.global_variables_initializer()

    with tf.Session(config=tf.ConfigProto(
            allow_soft_placement=True,
            log_device_placement=log_device_placement,
            device_count={'CPU': n_cpu})) as sess:
        init.run()
        start = 0
        if checkpoint.resume(saver, sess, MODEL_SAVE_PATH):
            start = int(sess.run(global_step))
            print("Resuming after %d training step(s) from %s" % (start, MODEL_SAVE_PATH))
        # The queue's threads, and a way to stop them.
        coord = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(sess=sess, coord=coord)
        summary_writer = tf.summary.FileWriter(
            MODEL_SAVE_PATH, sess.graph)

        try:
            for step in range(start, TRAINING_STEPS):
                # The time of the training alone, without summary and saving.
                start_time = time.time()
                _, loss_value = sess.run([train_op, cur_loss])
                duration = time.time() - start_time
                if not np.isfinite(loss_value):
                    raise cli.UserError("the loss is %g at step %d: lower --learning_rate_base (now %g)" % (
                        loss_value, step, LEARNING_RATE_BASE))

                if step != 0 and step % 10 == 0:
                    # Each tower has used a batch, and no other tower has used the same.
                    num_examples_per_step = BATCH_SIZE * len(devices)

                    examples_per_sec = num_examples_per_step / duration

                    # The towers work at the same time, so this is a share of the step, not how
                    # long one of them takes.
                    sec_per_batch = duration / len(devices)

                    format_str = ('step %d, loss = %.2f (%.1f examples/'
                                  'sec; %.3f sec/batch)')
                    print(format_str % (step, loss_value,
                                        examples_per_sec, sec_per_batch))

                    # For TensorBoard. The gradients in it are of batches drawn anew, which train nothing.
                    summary = sess.run(summary_op)
                    summary_writer.add_summary(summary, step)

                if step % 1000 == 0 or (step + 1) == TRAINING_STEPS:
                    checkpoint_path = os.path.join(
                        MODEL_SAVE_PATH, MODEL_NAME)
                    saver.save(sess, checkpoint_path, global_step=step)
        except (tf.errors.OutOfRangeError, tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
            # The queue closes when a thread of it fails; the thread's own error is in the coordinator.
            coord.request_stop(error)
        finally:
            # After the last step, not, as the print can be read, after the first checkpoint.
            coord.request_stop()
            summary_writer.close()
            try:
                coord.join(threads)
            except tf.errors.OpError as error:
                # A second line, where the first only counts the errors.
                reason = re.sub(r'^\d+ root error\(s\) found.\s+\(0\) ', '', error.message).split('\n')[0]
                raise cli.UserError('%s: a record cannot be read (%s)' % (DATA_PATH, reason))
    print("Trained %d step(s); checkpoints in %s" % (max(start, TRAINING_STEPS), MODEL_SAVE_PATH))


def evaluate():
    """Print the accuracy of the moving averages on the test records. Not in the article."""
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
    """Make the settings flags, here and for the program with the other input."""
    parser.add_constants(
        globals(),
        BATCH_SIZE='pictures in a batch of one tower',
        LEARNING_RATE_BASE='learning rate at step 0',
        REGULARAZTION_RATE='weight of the L2 loss',
        TRAINING_STEPS='training steps',
        N_GPU='towers: GPUs, at most as many as there are, or else CPU devices',
        MODEL_SAVE_PATH='folder of the logs and checkpoints',
        DATA_PATH='file of the training records',
        TEST_PATH='file of the test records')
    parser.add_constants(
        globals(), cli.fraction,
        LEARNING_RATE_DECAY='factor on the learning rate every 60000 // batch_size steps',
        MOVING_AVERAGE_DECAY='decay of the moving averages')
    parser.add_constants(globals(), cli.file_name, MODEL_NAME='file name of a checkpoint, before -STEP')
    parser.add_argument('--log_device_placement', action='store_true',
                        help='print the device of each operation, some thousand lines')


def parse(parser, argv):
    """Parse the flags, and check the record files, or make them.

    Returns:
        args, as cli.Parser.parse.
    Raises:
        cli.UserError: a record file is missing or damaged, or the batches are larger than it.
    """
    given = parser.parse_args(argv)
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    for part, name, path in ('train', 'data_path', DATA_PATH), ('test', 'test_path', TEST_PATH):
        count = mnist_to_tfrecords.ready(args.data_dir, part, path,
                                         getattr(given, name) == parser.get_default(name))
        print('%d %s records' % (count, 'training' if part == 'train' else 'test'))
        if part == 'train' and N_GPU * BATCH_SIZE > min(count, 60000):
            raise cli.UserError('--n_gpu %d batches of --batch_size %d are more than the %d training '
                                'records' % (N_GPU, BATCH_SIZE, count))
    return args


def run(args, get_input):
    """Train on the devices that there are, and evaluate.

    Args:
        args: what `parse` returns.
        get_input: as in build.
    """
    global N_GPU
    devices, n_cpu = tower_devices()
    N_GPU = len(devices)
    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        train(devices, n_cpu, get_input, args.log_device_placement)
    evaluate()


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    add_flags(parser)
    run(parse(parser, argv), get_input)


if __name__ == '__main__':
    cli.run(main)
