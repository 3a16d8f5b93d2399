"""Measure how far back a gradient reaches in a recurrent network, with and without truncation.

Article 5 循环神经网络简介, section 长短时记忆网络 (LSTM) 结构, the comment at num_steps.

    python ch05_rnn_ptb/extras/vanishing_gradients.py

The article limits the length of a sequence to avoid 梯度消散 (vanishing gradients). Shows that 截断
(truncation) avoids nothing: for sequences of several lengths it prints the norm of the gradient of the
last step's loss with respect to the first input. In a network of one tanh layer it shrinks by a factor at
each step; with an LSTM it shrinks too, but more slowly. Cut every NUM_STEPS steps, the same tanh network
has the same gradients within a piece, as small as before, and exactly 0 beyond it: truncation drops the
distant terms, and saves work. Takes ten seconds.
"""
from companion import cli

import numpy as np
import tensorflow as tf

LENGTHS = (1, 2, 5, 10, 20, 35)         # of the sequences
NUM_STEPS = 10          # length of a piece
HIDDEN_SIZE = 20        # units of the layer, and length of an input
BATCH_SIZE = 50         # random sequences, whose norms are averaged


def gradients(cell, name, inputs, num_steps=None):
    """Return for each of LENGTHS the gradient of the last step's loss with respect to the first input.

    Args:
        name: a variable scope; the same scope means the same weights.
        inputs: a list of tensors, one for each step.
        num_steps: cut the network after so many steps: the state is handed on as a number, as in run_epoch.
    """
    state = cell.zero_state(BATCH_SIZE, tf.float32)
    found = []
    with tf.variable_scope(name, reuse=tf.AUTO_REUSE):
        for step, x in enumerate(inputs):
            if num_steps and step and step % num_steps == 0:
                state = tf.stop_gradient(state)
            output, state = cell(x, state)
            if step + 1 in LENGTHS:
                loss = tf.reduce_sum(tf.square(output - 1))
                gradient, = tf.gradients(loss, inputs[0])
                found.append(tf.zeros_like(x) if gradient is None else gradient)
    return found


def norms(seed):
    """Return for the tanh layer, the LSTM and the truncated tanh layer a mean norm for each of LENGTHS."""
    random = np.random.RandomState(seed)
    values = random.normal(size=[max(LENGTHS), BATCH_SIZE, HIDDEN_SIZE]).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        inputs = [tf.constant(value) for value in values]
        tanh = tf.nn.rnn_cell.BasicRNNCell(HIDDEN_SIZE)
        lstm = tf.nn.rnn_cell.BasicLSTMCell(HIDDEN_SIZE)
        found = [gradients(tanh, 'tanh', inputs), gradients(lstm, 'lstm', inputs),
                 gradients(tanh, 'tanh', inputs, NUM_STEPS)]
        tf.global_variables_initializer().run()
        return [[np.linalg.norm(gradient, axis=1).mean() for gradient in column]
                for column in session.run(found)]


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_constants(
        globals(),
        NUM_STEPS='steps of a piece of the truncated network',
        HIDDEN_SIZE='units of the layer, and length of an input',
        BATCH_SIZE='random sequences, whose norms are averaged')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    print('%6s  %10s  %10s  %10s' % ('length', 'tanh', 'LSTM', 'tanh, cut every %d steps' % NUM_STEPS))
    for length, *row in zip(LENGTHS, *norms(args.seed)):
        print('%6d  %10.2e  %10.2e  %10.2e' % ((length,) + tuple(row)))


if __name__ == '__main__':
    cli.run(main)
