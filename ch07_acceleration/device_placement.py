"""Print the device (设备) that each operation runs on.

Article 7 TensorFlow 计算加速, section TensorFlow 使用 GPU, the first program.

    python ch07_acceleration/device_placement.py

Shows log_device_placement. An operation without an explicit device runs on the first GPU, if there is one and
it has code for the operation, otherwise on the CPU. Takes three seconds. Expect [2. 4. 6.] (article:
[ 2.  4.  6.], as NumPy printed it before 1.14), and three lines such as

    add: (AddV2): /job:localhost/replica:0/task:0/device:CPU:0

which the article has as `add: /job:localhost/replica:0/task:0/cpu:0`. Below Device mapping, the article has
'no known devices'; 1.15 lists XLA_CPU there, its compiler XLA, on which nothing runs unless it is asked for.
"""
from companion import cli

import tensorflow as tf


def program():
    a = tf.constant([1.0, 2.0, 3.0], shape=[3], name='a')
    b = tf.constant([1.0, 2.0, 3.0], shape=[3], name='b')
    c = a + b

    # The session (会话) prints where each operation runs.
    sess = tf.Session(config=tf.ConfigProto(log_device_placement=True))
    print(sess.run(c))


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)
    with tf.Graph().as_default():
        program()


if __name__ == '__main__':
    cli.run(main)
