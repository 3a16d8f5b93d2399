"""Run the simplest 循环神经网络 (recurrent network), one tanh layer, by hand and by TensorFlow.

Article 5 循环神经网络简介, section 循环神经网络简介, figure 4.

    python ch05_rnn_ptb/rnn_step.py

Shows two steps. Each is a fully connected layer whose input is the previous 状态 (state) joined with the
new example, and both share the same weights. The article gives the figure without numbers; these are ours.
Takes three seconds. Expect the same states twice.
"""
from companion import cli

import numpy as np
import tensorflow as tf

X = [1.0, 2.0]                          # the input at each 时刻 (time step), say the sales of a product
W_INPUT = [[0.4, -0.3]]                 # weights from the input to the two units of the state
W_STATE = [[0.2, 0.1],                  # weights from the previous state to the new one
           [-0.5, 0.6]]
B_CELL = [0.1, -0.1]
W_OUTPUT = [[1.5], [-1.0]]              # 全连接 (fully connected) layer from the state to the output
B_OUTPUT = [0.3]


def by_hand():
    """The 前向传播 (forward pass), each unit as a sum of terms."""
    state = [0.0, 0.0]
    for t, x in enumerate(X, 1):
        terms = [(state[0] * W_STATE[0][j], state[1] * W_STATE[1][j], x * W_INPUT[0][j], B_CELL[j])
                 for j in range(2)]
        state = [np.tanh(sum(terms[j])) for j in range(2)]
        output = state[0] * W_OUTPUT[0][0] + state[1] * W_OUTPUT[1][0] + B_OUTPUT[0]
        for j in range(2):
            print('t = %d  state[%d] = tanh(%.4f + %.4f + %.4f + %.4f) = %.6f' % (
                (t, j) + terms[j] + (state[j],)))
        print('t = %d  output = %.6f' % (t, output))


def by_tensorflow():
    """The same by BasicRNNCell, 循环体 (the recurrent cell)."""
    cell = tf.nn.rnn_cell.BasicRNNCell(2)
    state = cell.zero_state(1, tf.float32)
    states, outputs = [], []
    for x in X:
        h, state = cell(tf.constant([[x]]), state)
        states.append(state)
        outputs.append(tf.matmul(h, W_OUTPUT) + B_OUTPUT)
    # The cell concatenates input and state, in this order, so it has one matrix of weights.
    kernel, bias = cell.trainable_variables
    with tf.Session() as sess:
        kernel.load(np.concatenate([W_INPUT, W_STATE]), sess)
        bias.load(B_CELL, sess)
        for t, (state, output) in enumerate(zip(*sess.run([states, outputs])), 1):
            print('TensorFlow, t = %d: state = [%.6f %.6f], output = %.6f' % (
                t, state[0, 0], state[0, 1], output[0, 0]))


def main(argv=None):
    cli.Parser(__doc__, seed=False).parse(argv)
    by_hand()
    with tf.Graph().as_default():
        by_tensorflow()


if __name__ == '__main__':
    cli.run(main)
