"""Print the device that each operation runs on.

Article 7 TensorFlow 计算加速, section TensorFlow 使用 GPU, the first program.

    python ch07_acceleration/device_placement.py

Shows log_device_placement. TensorFlow places an operation that names no device on the first GPU, if there
is one and it can run the operation there, and else on the CPU. Takes three seconds. Expect [2. 4. 6.]
(article: [ 2.  4.  6.], as NumPy printed it before 1.14), and three lines such as

    add: (AddV2): /job:localhost/replica:0/task:0/device:CPU:0

that stand in the article as `add: /job:localhost/replica:0/task:0/cpu:0`. The device mapping, 'no known
devices' in the article, lists XLA_CPU on 1.15: the compiler XLA seen as a device. Nothing runs there unasked.
"""
from companion import cli

import tensorflow as tf


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)

    with tf.Graph().as_default():
        a = tf.constant([1.0, 2.0, 3.0], shape=[3], name='a')
        b = tf.constant([1.0, 2.0, 3.0], shape=[3], name='b')
        c = a + b

        # The session prints the mapping and the placement, straight to the standard output.
        sess = tf.Session(config=tf.ConfigProto(log_device_placement=True))
        print(sess.run(c))
        sess.close()


if __name__ == '__main__':
    cli.run(main)
