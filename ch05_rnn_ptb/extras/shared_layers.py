"""Show that on TensorFlow 1.15 the printed [lstm_cell] * NUM_LAYERS gives all layers the same weights.

Article 5 循环神经网络简介, section 自然语言建模, the line with MultiRNNCell in PTBModel.

    python ch05_rnn_ptb/extras/shared_layers.py
    python ch05_rnn_ptb/extras/shared_layers.py --train        # the language model with one cell, 13 minutes

Prints the variables of the network with one cell for each layer, as ptb_word_lm.py builds it, and with the
same cell in every layer, as the article prints it. Up to TensorFlow 1.0 both had weights for each layer;
on 1.15 a cell object owns its variables, and the second network has fewer, without an error or a warning.
Takes five seconds. --train is `ptb_word_lm.py --share_cell`; RESULTS.md has its perplexity.
"""
from companion import cli

import numpy as np
import tensorflow as tf

from ch05_rnn_ptb import ptb_word_lm


def print_variables(title, share_cell):
    ptb_word_lm.SHARE_CELL = share_cell
    with tf.Graph().as_default():
        with tf.variable_scope("language_model"):
            ptb_word_lm.PTBModel(False, 1, 1)
        variables = tf.trainable_variables()
    print('%s: %d weights' % (title, sum(np.prod(variable.shape.as_list()) for variable in variables)))
    for variable in variables:
        print('    %s %s' % (variable.op.name, variable.shape.as_list()))


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('--train', action='store_true',
                        help='run ptb_word_lm.py --share_cell; the flags after it are for that program')
    args, rest = parser.parse_known_args(argv)
    if args.train:
        return ptb_word_lm.main(['--share_cell'] + rest)
    parser.parse(argv)
    print_variables('one cell for each layer', share_cell=False)
    print_variables('as printed, one cell for all layers', share_cell=True)
    ptb_word_lm.SHARE_CELL = False


if __name__ == '__main__':
    cli.run(main)
