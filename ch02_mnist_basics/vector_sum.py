"""Add two vectors: a tensor is a reference to a result, and a session computes it.

Article 2 TensorFlow 解决 MNIST 问题入门, sections TensorFlow 样例 and TensorFlow 基本概念 (figure 1).

    python ch02_mnist_basics/vector_sum.py
    make tensorboard LOGDIR=runs/ch02_mnist_basics/vector_sum

Shows both printed programs, with close() and with a context manager, then a tensor's three attributes and the
nodes of figure 1, which it also writes for TensorBoard. Takes three seconds. Expect, as printed,
Tensor("add:0", shape=(2,), dtype=float32), and [3. 5.] (article: [ 3.  5.], as NumPy printed it before 1.14).
The last two lines are errors that are provoked on purpose; they begin with the word "expected".
"""
from companion import cli

import os

import tensorflow as tf


def program():
    """样例: a 张量 (tensor) prints as a reference to a result, a 会话 (session) computes the value."""
    a = tf.constant([1.0, 2.0], name="a")
    b = tf.constant([2.0, 3.0], name="b")
    result = a + b

    print(result)
    sess = tf.Session()
    print(sess.run(result))
    sess.close()


def program_with_context_manager(result):
    """基本概念: the 上下文管理器 (context manager) closes the session, also after an exception."""
    with tf.Session() as sess:
        print(sess.run(result))


# What the article says of its program, shown: the attributes, figure 1, the closed session, the types.

def show_attributes(result):
    """Print 名字, 维度, 类型 (name, shape, type) of the tensor, and the nodes of its graph (计算图)."""
    print('name: %s  shape: %s  type: %s' % (result.name, result.shape, result.dtype.name))
    # Figure 1: the node add has edges from a and b, and none leaves it.
    for node in result.graph.get_operations():
        print('node %s: from %s' % (node.name, [tensor.op.name for tensor in node.inputs]))


def show_errors(result):
    """Use a session after its end, and add tensors of two types."""
    with tf.Session() as sess:
        pass
    try:
        sess.run(result)
    except RuntimeError as error:
        print('expected, as the session is closed at the end of its with block: RuntimeError: %s' % error)
    try:
        result + tf.constant([2, 3], name="integers")
    except TypeError as error:
        print('expected, as types are checked when the graph is built: TypeError: %s' % error)


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('--log_dir', default='runs/ch02_mnist_basics/vector_sum', metavar='DIR',
                        help='folder of the graph for TensorBoard (default: %(default)s)')
    args = parser.parse(argv)
    try:            # TensorFlow itself says nothing where it cannot write
        os.makedirs(args.log_dir, exist_ok=True)
    except OSError as error:
        raise cli.UserError('cannot make the folder %r (%s): choose another --log_dir' % (
            args.log_dir, error.strerror))

    with tf.Graph().as_default() as graph:
        program()
        # A tensor's name identifies it in its graph.
        result = graph.get_tensor_by_name('add:0')
        program_with_context_manager(result)

        show_attributes(result)
        tf.summary.FileWriter(args.log_dir, graph).close()
        print('Saved the graph in %s' % args.log_dir)
        show_errors(result)


if __name__ == '__main__':
    cli.run(main)
