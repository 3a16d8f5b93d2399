"""Add two vectors: a tensor is a reference to a result, and a session computes it.

Article 2 TensorFlow 解决 MNIST 问题入门, sections TensorFlow 样例 and TensorFlow 基本概念 (figure 1).

    python ch02_mnist_basics/vector_sum.py
    make tensorboard LOGDIR=runs/ch02_mnist_basics/vector_sum

Shows a tensor's three attributes, the same sum with a session closed by hand and by a context manager,
and writes the graph of figure 1 for TensorBoard. Takes three seconds. Expect, as printed,
Tensor("add:0", shape=(2,), dtype=float32), and [3. 5.] (article: [ 3.  5.], as NumPy printed it before 1.14).
"""
from companion import cli

import tensorflow as tf


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('--log_dir', default='runs/ch02_mnist_basics/vector_sum', metavar='DIR',
                        help='folder of the graph for TensorBoard (default: %(default)s)')
    args = parser.parse(argv)

    with tf.Graph().as_default():
        a = tf.constant([1.0, 2.0], name="a")
        b = tf.constant([2.0, 3.0], name="b")
        result = a + b

        print(result)
        sess = tf.Session()
        print(sess.run(result))
        sess.close()

        # A tensor holds its name, shape and type, and the operation that makes it; no numbers.
        print('name: %s  shape: %s  type: %s' % (result.name, result.shape, result.dtype.name))
        # Figure 1: the node add has edges from a and b, and none leaves it.
        for node in result.graph.get_operations():
            print('node %s: from %s' % (node.name, [tensor.op.name for tensor in node.inputs]))

        # The context manager closes the session, also after an exception.
        with tf.Session() as sess:
            print(sess.run(result))
            tf.summary.FileWriter(args.log_dir, sess.graph).close()
        try:
            sess.run(result)
        except RuntimeError as error:
            print('RuntimeError: %s' % error)
        print('Saved the graph in %s' % args.log_dir)

        # Types are checked when the graph is built.
        try:
            a + tf.constant([2, 3], name="whole_numbers")
        except TypeError as error:
            print('TypeError: %s' % error)


if __name__ == '__main__':
    cli.run(main)
