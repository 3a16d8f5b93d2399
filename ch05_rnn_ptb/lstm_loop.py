"""Unroll an LSTM over a sequence, with the same variables at each step.

Article 5 循环神经网络简介, section 长短时记忆网络 (LSTM) 结构, the program.

    python ch05_rnn_ptb/lstm_loop.py

Shows the printed loop, with its missing lines supplied, on a task: predicting the next value of a sine
wave. Prints the variables, four of them however long the sequence; the loss during training; and that the
formulas of the 门 (gates) in NumPy give the same output. BasicLSTMCell has no peephole connections: its gates see
the input x and the output h only, not the state c; the text says that they do. At the end: what becomes of a state
when the gates are fully open, at 1, or closed, at 0. Takes five seconds. Expect a loss that falls below a
tenth of the first one, and states of 0.5, 0.25, 0.75 and 0.
"""
from companion import cli

import numpy as np
import tensorflow as tf

LSTM_HIDDEN_SIZE = 8
BATCH_SIZE = 16
NUM_STEPS = 10              # 截断 (truncation); what it does to gradients: extras/vanishing_gradients.py
LEARNING_RATE = 0.1
TRAINING_STEPS = 300


def forward(inputs, lstm_hidden_size, batch_size, num_steps):
    """The printed snippet, the 前向传播 (forward pass): each value but the last predicts the next one.

    Args:
        inputs: float32 [batch_size, num_steps + 1].
    Returns:
        The cell, the last lstm_output [batch_size, lstm_hidden_size], and the loss, summed over the steps.
    """
    # 长短时记忆 (long short-term memory); its variables are created in the first step of the loop.
    lstm = tf.nn.rnn_cell.BasicLSTMCell(lstm_hidden_size)
    state = lstm.zero_state(batch_size, tf.float32)
    loss = 0.0
    for i in range(num_steps):
        # The first step creates the variables, the others reuse them. On 1.15 the cell keeps its own;
        # fully_connected fails without this line.
        if i > 0:
            tf.get_variable_scope().reuse_variables()
        current_input, expected_output = inputs[:, i:i + 1], inputs[:, i + 1:i + 2]     # missing in the print
        lstm_output, state = lstm(current_input, state)
        final_output = fully_connected(lstm_output)
        loss += calc_loss(final_output, expected_output)
    return lstm, lstm_output, loss


# What the article does not have: the functions that its snippet calls, a task, and the formulas of the gates.

def fully_connected(lstm_output):
    """The 全连接 (fully connected) output layer: [BATCH_SIZE, LSTM_HIDDEN_SIZE] to [BATCH_SIZE, 1]."""
    # get_variable, not Variable: only get_variable finds the same variables at the next step.
    weight = tf.get_variable("weight", [LSTM_HIDDEN_SIZE, 1])
    bias = tf.get_variable("bias", [1], initializer=tf.zeros_initializer())
    return tf.matmul(lstm_output, weight) + bias


def calc_loss(final_output, expected_output):
    """损失函数 (the loss function): mean squared error."""
    return tf.reduce_mean(tf.square(final_output - expected_output))


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def forward_by_hand(inputs, kernel, bias):
    """The last lstm_output in NumPy, from the gates' formulas."""
    c = h = np.zeros([BATCH_SIZE, LSTM_HIDDEN_SIZE])
    for i in range(NUM_STEPS):
        # 输入门, 遗忘门, 输出门 (input, forget, output gate) see x and h; they do not see c.
        x = np.concatenate([inputs[:, i:i + 1], h], axis=1)
        input_gate, new, forget_gate, output_gate = np.split(x.dot(kernel) + bias, 4, axis=1)
        # 1 is BasicLSTMCell's forget_bias: at first the gate tends to remember.
        c = sigmoid(forget_gate + 1) * c + sigmoid(input_gate) * np.tanh(new)
        h = sigmoid(output_gate) * np.tanh(c)
    return h


def show_gates():
    """Print what a cell makes of a state of 0.5 and a new value of 0.25, with gates of 1 and 0."""
    with tf.Graph().as_default(), tf.Session() as sess:
        cell = tf.nn.rnn_cell.BasicLSTMCell(1)
        state = tf.nn.rnn_cell.LSTMStateTuple(c=tf.constant([[0.5]]), h=tf.zeros([1, 1]))
        h, (c, _) = cell(tf.zeros([1, 1]), state)
        kernel, bias = cell.trainable_variables
        kernel.load(np.zeros([2, 4]), sess)
        for forget_gate, input_gate, output_gate in (1, 0, 1), (0, 1, 1), (1, 1, 0), (0, 0, 1):
            # The sigmoid of 100 is 1, that of -100 is 0; the new value is the tanh of its bias.
            input_bias, forget_bias, output_bias = (
                200 * gate - 100 for gate in (input_gate, forget_gate, output_gate))
            bias.load([input_bias, np.arctanh(0.25), forget_bias, output_bias], sess)
            print('Gates: forget %d, input %d, output %d: c = %.4f, h = %.4f' % (
                (forget_gate, input_gate, output_gate) + tuple(value[0, 0] for value in sess.run([c, h]))))


def train(waves):
    """Train on waves, float32 [BATCH_SIZE, NUM_STEPS + 1], and compare the output with forward_by_hand."""
    inputs = tf.placeholder(tf.float32, waves.shape)
    with tf.variable_scope("lstm_loop"):
        lstm, lstm_output, loss = forward(inputs, LSTM_HIDDEN_SIZE, BATCH_SIZE, NUM_STEPS)
    for variable in tf.trainable_variables():
        print('%s %s' % (variable.op.name, variable.shape.as_list()))
    train_op = tf.train.AdamOptimizer(LEARNING_RATE).minimize(loss)

    with tf.Session() as sess:
        tf.global_variables_initializer().run()
        for i in range(TRAINING_STEPS):
            loss_value, _ = sess.run([loss, train_op], {inputs: waves})
            cli.check_loss(loss_value, i, LEARNING_RATE)
            if i % 100 == 0:
                print('After %d steps, loss is %.4f' % (i, loss_value))
        loss_value, output = sess.run([loss, lstm_output], {inputs: waves})
        kernel, bias = sess.run(lstm.trainable_variables)
    print('After %d steps, loss is %.4f' % (TRAINING_STEPS, loss_value))
    by_hand = forward_by_hand(waves.astype(np.float64), kernel, bias)
    print('By hand, the last output differs by at most %.0e' % np.abs(by_hand - output).max())


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_constants(
        globals(),
        LSTM_HIDDEN_SIZE='units of the LSTM',
        BATCH_SIZE='sequences in a batch',
        NUM_STEPS='length of a sequence',
        LEARNING_RATE='learning rate',
        TRAINING_STEPS='training steps')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    # Waves that begin anywhere in their period.
    starts = np.random.RandomState(args.seed).uniform(0, 2 * np.pi, [BATCH_SIZE, 1])
    waves = np.sin(starts + 0.5 * np.arange(NUM_STEPS + 1)).astype(np.float32)
    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        train(waves)
    show_gates()


if __name__ == '__main__':
    cli.run(main)
