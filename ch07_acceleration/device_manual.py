"""Choose the device (设备) of an operation with tf.device, and see what happens if it cannot run there.

Article 7 TensorFlow 计算加速, section TensorFlow 使用 GPU, the second program and the text after it.

    python ch07_acceleration/device_manual.py
    python ch07_acceleration/device_manual.py --device /gpu:0       # on a machine with one GPU

Shows tf.device; the error for a device that the machine lacks, and for an operation that a device has no code
for; allow_soft_placement, the way out of both; and several CPU devices in one session (会话), with which
programs for several GPUs run, and can be tested, on any machine. Takes four seconds. Expect [2. 4. 6.]
wherever the sum runs: on /gpu:1 as printed if there are two GPUs; otherwise first an InvalidArgumentError, as
intended, and then the sum on the CPU.
"""
from companion import cli

import argparse
import re

import tensorflow as tf
from tensorflow.python.framework import kernels


def program(device='/gpu:1', **config):
    with tf.device('/cpu:0'):
        a = tf.constant([1.0, 2.0, 3.0], shape=[3], name='a')
        b = tf.constant([1.0, 2.0, 3.0], shape=[3], name='b')
    with tf.device(device):
        c = a + b
    sess = tf.Session(config=tf.ConfigProto(log_device_placement=True, **config))
    print(sess.run(c))


# What the article does not have: what happens without that GPU, and with operations that no GPU can run.

N_CPU = 4               # CPU devices of one session


def show(function, *args, **config):
    """Call a function in a new graph. An error that no device can run an operation is printed in one line."""
    try:
        with tf.Graph().as_default():
            function(*args, **config)
    except tf.errors.InvalidArgumentError as error:
        # The further lines of the message list each device's code for the operation.
        print('InvalidArgumentError: ' + re.sub(r' \(defined at .*?\) ', '', error.message.split('\n')[0]))


def counter(device, **config):
    """Run an operation without code for GPUs: a variable of integers."""
    with tf.device(device):
        number = tf.Variable(0, name='counter').assign(7)
    print(tf.Session(config=tf.ConfigProto(**config)).run(number))


def text(device, **config):
    """Run another one: strings."""
    with tf.device(device):
        joined = tf.strings.join(['not', 'here'], ' ', name='text')
    print(tf.Session(config=tf.ConfigProto(**config)).run(joined))


def devices_used(n):
    """Square a number on each of n CPU devices in one session.

    Returns:
        A dict from the name of each multiplication to the device that it ran on, according to RunMetadata.
    """
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [])
        squares = []
        for i in range(n):
            with tf.device('/cpu:%d' % i):
                squares.append(tf.multiply(x, x, name='square_%d' % i))
        run_metadata = tf.RunMetadata()
        with tf.Session(config=tf.ConfigProto(device_count={'CPU': n})) as sess:
            sess.run(squares, {x: 3.0}, run_metadata=run_metadata,
                     options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE))
    return {node.node_name: device.device for device in run_metadata.step_stats.dev_stats
            for node in device.node_stats if re.match(r'square_\d+$', node.node_name)}


def types_on_gpu(op):
    """Return the types for which this TensorFlow has code for a GPU, also on a machine without one.

    Args:
        op: the operation's type, such as 'MatMul'.
    Returns:
        A sorted list of names, empty for a TensorFlow built without GPUs.
    """
    return sorted({tf.DType(number).name
                   for kernel in kernels.get_registered_kernels_for_op(op).kernel
                   if kernel.device_type == 'GPU'
                   for constraint in kernel.constraint
                   for number in constraint.allowed_values.list.type})


def device_name(text):
    """`text` as the name of a device, for argparse."""
    try:
        tf.DeviceSpec.from_string(text)
    except ValueError:
        raise argparse.ArgumentTypeError('must be a name such as /gpu:1 or /cpu:0, not %s' % text)
    return text


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('--device', default='/gpu:1', metavar='NAME', type=device_name,
                        help='device of the sum, as for tf.device (default: %(default)s)')
    parser.add_constants(globals(), N_CPU='CPU devices of one session')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    print('The sum on %s, as the program asks:' % args.device)
    show(program, args.device)
    print('\nThe same, with allow_soft_placement=True:')
    show(program, args.device, allow_soft_placement=True)
    print("\nThe sum on /cpu:1, with device_count={'CPU': 2}:")
    show(program, '/cpu:1', device_count={'CPU': 2})

    print('\n%d CPU devices in one session, and what ran on each:' % N_CPU)
    for name, device in sorted(devices_used(N_CPU).items()):
        print('%s: %s' % (name, device))

    # Without a GPU, the compiler XLA, which TensorFlow lists as a device, fails in the same words.
    device = '/gpu:0' if tf.config.experimental.list_physical_devices('GPU') else '/device:XLA_CPU:0'
    print('\nOperations for which %s has no code:' % device)
    show(counter, device)
    show(text, device)
    print('\nThe same, with allow_soft_placement=True:')
    show(counter, device, allow_soft_placement=True)
    show(text, device, allow_soft_placement=True)

    print('\nTypes for which this TensorFlow has code for a GPU:')
    for op in 'VariableV2', 'MatMul', 'AddV2', 'StringJoin':
        print('%-10s  %s' % (op, ', '.join(types_on_gpu(op)) or 'none'))


if __name__ == '__main__':
    cli.run(main)
