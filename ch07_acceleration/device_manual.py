"""Choose the device of an operation by hand, and see what happens where that device cannot run it.

Article 7 TensorFlow 计算加速, section TensorFlow 使用 GPU, the second program and the text after it.

    python ch07_acceleration/device_manual.py
    python ch07_acceleration/device_manual.py --device /gpu:0       # on a machine with one GPU

Shows tf.device; the error for a device that is not there, and for an operation that a device has no code
for; allow_soft_placement, the way out of both; and several CPU devices in one session, by which programs for
several GPUs run, and can be tested, on any machine. Takes four seconds. Expect [2. 4. 6.] wherever the sum
runs: on /gpu:1 as printed where there are two GPUs; else an InvalidArgumentError, and then the sum elsewhere.
"""
from companion import cli

import re

import tensorflow as tf
from tensorflow.python.framework import kernels

N_CPU = 4               # CPU devices of one session


def run(fetch, **config):
    """Run a tensor or an operation of the default graph in a session of its own.

    Prints the value, or in one line the error that placed the operation nowhere.

    Args:
        fetch: what to run.
        config: fields of tf.ConfigProto.
    """
    try:
        with tf.Session(config=tf.ConfigProto(**config)) as sess:
            print(sess.run(fetch))
    except tf.errors.InvalidArgumentError as error:
        # The rest of the message lists the operation's code for each device, over many lines.
        print('InvalidArgumentError: ' + re.sub(r' \(defined at .*?\) ', '', error.message.split('\n')[0]))


def add_on(device):
    """Build the article's program: the constants on the CPU, their sum on `device`."""
    with tf.device('/cpu:0'):
        a = tf.constant([1.0, 2.0, 3.0], shape=[3], name='a')
        b = tf.constant([1.0, 2.0, 3.0], shape=[3], name='b')
    with tf.device(device):
        c = a + b
    return c


def devices_used(n):
    """Square a number on each of n CPU devices in one session.

    Returns:
        A dict from the name of each multiplication to the device that ran it, as RunMetadata has it: not
        where the operation was to run, but where it did.
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
    """The types for which this TensorFlow has code for a GPU, also where there is none.

    Args:
        op: the operation's type, 'MatMul' for one.
    Returns:
        A sorted list of names. Empty for a TensorFlow built without GPUs.
    """
    return sorted({tf.DType(number).name
                   for kernel in kernels.get_registered_kernels_for_op(op).kernel
                   if kernel.device_type == 'GPU'
                   for constraint in kernel.constraint
                   for number in constraint.allowed_values.list.type})


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('--device', default='/gpu:1', metavar='NAME',
                        help='device of the sum, as tf.device takes it (default: %(default)s)')
    parser.add_constants(globals(), N_CPU='CPU devices of one session')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    try:
        tf.DeviceSpec.from_string(args.device)
    except ValueError:
        parser.error('argument --device: must be a name as /gpu:1 or /cpu:0, not %s' % args.device)

    print('The sum on %s, as the program asks:' % args.device)
    with tf.Graph().as_default():
        run(add_on(args.device), log_device_placement=True)

    print('\nThe same, with allow_soft_placement=True:')
    with tf.Graph().as_default():
        run(add_on(args.device), log_device_placement=True, allow_soft_placement=True)

    print("\nThe sum on /cpu:1, with device_count={'CPU': 2}:")
    with tf.Graph().as_default():
        run(add_on('/cpu:1'), log_device_placement=True, device_count={'CPU': 2})

    print('\n%d CPU devices in one session, and what ran on each:' % N_CPU)
    for name, device in sorted(devices_used(N_CPU).items()):
        print('%s: %s' % (name, device))

    # Not all operations can be on a GPU. Two that cannot: a variable of whole numbers, and strings.
    def counter():
        return tf.Variable(0, name='counter').assign(7)

    def text():
        return tf.strings.join(['not', 'here'], ' ', name='text')

    gpus = tf.config.experimental.list_physical_devices('GPU')
    # Without a GPU, the compiler XLA, which TensorFlow lists as a device, fails in the same words.
    device = '/gpu:0' if gpus else '/device:XLA_CPU:0'
    print('\nOperations that %s has no code for:' % device)
    for make in counter, text:
        with tf.Graph().as_default(), tf.device(device):
            run(make())
    print('\nThe same, with allow_soft_placement=True:')
    for make in counter, text:
        with tf.Graph().as_default(), tf.device(device):
            run(make(), allow_soft_placement=True)

    print('\nTypes for which this TensorFlow has code for a GPU:')
    for op in 'VariableV2', 'MatMul', 'AddV2', 'StringJoin':
        print('%-10s  %s' % (op, ', '.join(types_on_gpu(op)) or 'none'))


if __name__ == '__main__':
    cli.run(main)
