"""Train a 语言模型 (language model) on the Penn Treebank (PTB): two LSTM layers predict the next word.

Article 5 循环神经网络简介, section 自然语言建模, the last program.

    python ch05_rnn_ptb/ptb_word_lm.py
    python ch05_rnn_ptb/ptb_word_lm.py --sample --hidden_size 32 --num_epoch 1      # seconds

Shows word vectors, LSTM layers with dropout, truncated back-propagation through time with the state handed
on from batch to batch, and gradient clipping. Takes about 13 minutes on two cores, more than half of them
for evaluation, which goes word by word as printed (extras/fast_eval.py gives the same figures faster).
Expect a validation perplexity of about 185 and a test perplexity of about 180 (article: 183.443 and
179.420; RESULTS.md has ours). A training line gives the perplexity over all batches since its epoch began.

Saves nothing, as in the article: extras/ptb_train.py saves the model and resumes.
"""
from companion import cli

import os

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from ch05_rnn_ptb import reader

DATA_PATH = ''                  # a folder with three text files of your own; by default PTB

HIDDEN_SIZE = 200               # 隐藏层 (hidden layer): units of an LSTM layer, and length of a word vector
NUM_LAYERS = 2
VOCAB_SIZE = 10000              # 词典 (vocabulary): 9998 words, <eos> and <unk>

LEARNING_RATE = 1.0             # 学习速率 (learning rate)
TRAIN_BATCH_SIZE = 20           # rows of a training batch
TRAIN_NUM_STEP = 35             # words per row, 截断 (truncation): gradients flow back no further

# Evaluation needs no gradients, hence no truncation: the data are one long sequence.
EVAL_BATCH_SIZE = 1
EVAL_NUM_STEP = 1
NUM_EPOCH = 2                   # 轮 (epochs): passes over the training data
KEEP_PROB = 0.5                 # probability that dropout keeps a unit
MAX_GRAD_NORM = 5               # 梯度膨胀 (exploding gradients): larger ones are scaled down to this norm

SHARE_CELL = False              # ours; True: all layers share their weights, as the printed code does on 1.15


class PTBModel(object):
    """The language model's graph for one batch shape; a second one in the same scope shares its variables.

    Args:
        is_training: with dropout, and with `train_op`.
        batch_size: rows of a batch.
        num_steps: words of a row.
    Attributes:
        input_data, targets: placeholders, int32 [batch_size, num_steps], words and the words after them.
        initial_state, final_state: a (c, h) pair for each layer, all float32 [batch_size, HIDDEN_SIZE].
        logits: float32 [batch_size * num_steps, VOCAB_SIZE], before the softmax.
        cost: cross entropy in nats, summed over the steps, averaged over the rows.
        train_op: one step of gradient descent.
    """

    def __init__(self, is_training, batch_size, num_steps):
        self.batch_size = batch_size
        self.num_steps = num_steps

        self.input_data = tf.placeholder(tf.int32, [batch_size, num_steps])
        self.targets = tf.placeholder(tf.int32, [batch_size, num_steps])

        # Printed: one lstm_cell, and below [lstm_cell] * NUM_LAYERS. On 1.15 a cell owns its variables, so
        # all layers would share them (extras/shared_layers.py). Here each layer has its own cell.
        cells = []
        for _ in range(NUM_LAYERS):
            lstm_cell = tf.nn.rnn_cell.BasicLSTMCell(HIDDEN_SIZE)
            if is_training:
                lstm_cell = tf.nn.rnn_cell.DropoutWrapper(
                    lstm_cell, output_keep_prob=KEEP_PROB)
            cells.append(lstm_cell)
        cell = tf.nn.rnn_cell.MultiRNNCell(cells[:1] * NUM_LAYERS if SHARE_CELL else cells)

        self.initial_state = cell.zero_state(batch_size, tf.float32)

        # 单词向量 (word vector): one row of this matrix for each word, learned like any other weight.
        embedding = tf.get_variable("embedding", [VOCAB_SIZE, HIDDEN_SIZE])

        # [batch_size, num_steps] identifiers become [batch_size, num_steps, HIDDEN_SIZE] numbers.
        inputs = tf.nn.embedding_lookup(embedding, self.input_data)

        if is_training:
            inputs = tf.nn.dropout(inputs, KEEP_PROB)

        # The loop writes one copy of the cell, 循环体 (the recurrent cell), into the graph for each step; all
        # copies use the same variables.
        outputs = []
        state = self.initial_state
        with tf.variable_scope("RNN"):
            for time_step in range(num_steps):
                if time_step > 0:
                    tf.get_variable_scope().reuse_variables()
                cell_output, state = cell(inputs[:, time_step, :], state)
                outputs.append(cell_output)

        # [batch_size, num_steps * HIDDEN_SIZE], then one row for each word, in the order of the targets.
        output = tf.reshape(tf.concat(outputs, 1), [-1, HIDDEN_SIZE])

        # 全连接层 (fully connected layer).
        weight = tf.get_variable("weight", [HIDDEN_SIZE, VOCAB_SIZE])
        bias = tf.get_variable("bias", [VOCAB_SIZE])
        self.logits = logits = tf.matmul(output, weight) + bias     # self.logits: ours, for ptb_generate.py

        # 交叉熵 (cross entropy), one for each word: given one long "step", this function sums nothing itself.
        loss = tf.contrib.legacy_seq2seq.sequence_loss_by_example(
            [logits],
            [tf.reshape(self.targets, [-1])],
            [tf.ones([batch_size * num_steps], dtype=tf.float32)])

        # A sum over the steps of a row; its mean over the rows.
        self.cost = tf.reduce_sum(loss) / batch_size
        self.final_state = state

        if not is_training:
            return

        trainable_variables = tf.trainable_variables()

        # 反向传播 (back-propagation) through many steps can let gradients grow without bound.
        grads, _ = tf.clip_by_global_norm(
            tf.gradients(self.cost, trainable_variables), MAX_GRAD_NORM)
        optimizer = tf.train.GradientDescentOptimizer(LEARNING_RATE)
        self.train_op = optimizer.apply_gradients(
            zip(grads, trainable_variables))


def run_epoch(session, model, data, train_op, output_log):
    """Run `train_op` on all batches of `data`, and return the 复杂度 (perplexity) over them.

    Args:
        model: a PTBModel, whose state starts at zero and is handed on from batch to batch.
        data: a sequence of identifiers.
        train_op: the model's train_op, or tf.no_op() to evaluate.
        output_log: print the perplexity so far every 100 steps.
    """
    total_costs = 0.0
    iters = 0
    state = session.run(model.initial_state)

    for step, (x, y) in enumerate(progress(         # ours: a progress bar
            reader.ptb_iterator(data, model.batch_size, model.num_steps), model, data)):
        # A cost is minus the logarithm of the probability that the model gave the row's words.
        cost, state, _ = session.run(
            [model.cost, model.final_state, train_op],
            {model.input_data: x, model.targets: y,
             model.initial_state: state})

        # Perplexity is the exponential of the mean cost of a word.
        total_costs += cost
        iters += model.num_steps

        check_perplexity(total_costs / iters, step)     # ours: stop at NaN
        if output_log and step % 100 == 0:
            tqdm.write("After %d steps, perplexity is %.3f" % (     # ours: print, above the progress bar
                step, np.exp(total_costs / iters)))

    return np.exp(total_costs / iters)


def main(argv=None):
    prepare(argv)           # ours: the flags' values become the constants', and the graph starts empty

    train_data, valid_data, test_data, vocabulary_size = reader.ptb_raw_data(DATA_PATH)
    check_data(train_data, valid_data, test_data, vocabulary_size)      # ours: do they fit the constants?

    initializer = tf.random_uniform_initializer(-0.05, 0.05)

    with tf.variable_scope("language_model",
                           reuse=None, initializer=initializer):
        train_model = PTBModel(True, TRAIN_BATCH_SIZE, TRAIN_NUM_STEP)

    # The same variables, in a graph without dropout and for batches of another shape.
    with tf.variable_scope("language_model",
                           reuse=True, initializer=initializer):
        eval_model = PTBModel(False, EVAL_BATCH_SIZE, EVAL_NUM_STEP)

    with tf.Session() as session:
        tf.initialize_all_variables().run()

        for i in range(NUM_EPOCH):
            print("In iteration: %d" % (i + 1))

            run_epoch(session, train_model,
                      train_data, train_model.train_op, True)

            valid_perplexity = run_epoch(
                session, eval_model, valid_data, tf.no_op(), False)
            print("Epoch: %d Validation Perplexity: %.3f" % (
                i + 1, valid_perplexity))

        test_perplexity = run_epoch(
            session, eval_model, test_data, tf.no_op(), False)
        print("Test Perplexity: %.3f" % test_perplexity)


# What the article does not have: a progress bar, checks, flags.

def progress(batches, model, data):
    """`batches`, with a progress bar on stderr if that is a terminal."""
    return tqdm(batches, total=reader.epoch_size(len(data), model.batch_size, model.num_steps),
                unit='batch', leave=False, disable=None)


def check_perplexity(mean_cost, step, folder=None):
    """Raise cli.UserError if the perplexity, the exponential of the mean cost, is NaN or infinite.

    Args:
        folder: of the checkpoints, if there is one: they may have the weights that spoiled it.
    """
    with np.errstate(over='ignore'):
        perplexity = np.exp(mean_cost)
    if not np.isfinite(perplexity):
        raise cli.UserError(
            'the perplexity is %g at step %d: lower --learning_rate (now %g) or --max_grad_norm (now %g)%s' % (
                perplexity, step, LEARNING_RATE, MAX_GRAD_NORM,
                ', and delete %s, whose checkpoint may hold NaN too' % folder if folder else ''))


def check_data(train_data, valid_data, test_data, vocabulary_size):
    """Check, before a long training, that the data fit the settings.

    Raises:
        cli.UserError: a flag must be changed; it is named.
    """
    if vocabulary_size > VOCAB_SIZE:
        raise cli.UserError('the training text has %d different words, more than --vocab_size %d: '
                            'give --vocab_size %d' % (vocabulary_size, VOCAB_SIZE, vocabulary_size))
    for name, data, flags, sizes in (
            ('training', train_data, 'train', (TRAIN_BATCH_SIZE, TRAIN_NUM_STEP)),
            ('validation', valid_data, 'eval', (EVAL_BATCH_SIZE, EVAL_NUM_STEP)),
            ('test', test_data, 'eval', (EVAL_BATCH_SIZE, EVAL_NUM_STEP))):
        if not reader.epoch_size(len(data), *sizes):
            raise cli.UserError(
                'the %s data, %d words, do not fill one batch: lower --%s_batch_size (now %d) or '
                '--%s_num_step (now %d)' % (name, len(data), flags, sizes[0], flags, sizes[1]))


def add_data_path(parser):
    """Make DATA_PATH a flag, here and for the programs in extras/."""
    parser.add_constants(
        globals(),
        DATA_PATH='folder with a ptb.train.txt, ptb.valid.txt and ptb.test.txt of your own, to use instead '
                  'of the Penn Treebank')


def add_constants(parser):
    """Make flags of the settings of the network and of its training, here and for extras/ptb_train.py."""
    add_data_path(parser)
    parser.add_constants(
        globals(),
        HIDDEN_SIZE='units of an LSTM layer',
        NUM_LAYERS='LSTM layers',
        VOCAB_SIZE='words that the model knows; at least as many as the training text has',
        LEARNING_RATE='learning rate',
        TRAIN_BATCH_SIZE='rows of a training batch',
        TRAIN_NUM_STEP='words per row of a training batch',
        NUM_EPOCH='passes over the training data')
    parser.add_constants(globals(), cli.non_negative_float,
                         MAX_GRAD_NORM='global norm to which larger gradients are clipped')
    parser.add_constants(globals(), cli.keep_prob, KEEP_PROB='probability that dropout keeps a unit, over 0')


def parse(parser, argv):
    """Parse `argv` and set the constants. With --data_path there is nothing to download."""
    if parser.parse_known_args(argv)[0].data_path:
        parser.data = None
    args = parser.parse(argv)
    args.data_path = os.path.abspath(args.data_path or args.data_dir)
    args.share_cell = getattr(args, 'share_cell', False)
    cli.set_constants(globals(), args)
    return args


def prepare(argv):
    """Set the constants by the flags in `argv`, and the seed of a new default graph."""
    parser = cli.Parser(__doc__, data='ptb')
    add_constants(parser)
    parser.add_constants(
        globals(),
        EVAL_BATCH_SIZE='rows of a batch in evaluation',
        EVAL_NUM_STEP='words per row in evaluation')
    parser.add_argument('--share_cell', action='store_true',
                        help='one cell for all layers, which then share their weights, as printed on 1.15 '
                             '(default: %(default)s)')
    args = parse(parser, argv)
    tf.reset_default_graph()
    tf.set_random_seed(args.seed)


if __name__ == '__main__':
    cli.run(main)
