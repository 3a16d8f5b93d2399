"""Compute the perplexity of a random sequence of digits, by each of the printed formulas.

Article 5 循环神经网络简介, section 自然语言建模, the formula of perplexity and the example of ten digits.

    python ch05_rnn_ptb/perplexity.py

Shows that ten equally likely digits have a perplexity of 10, however long the sequence; that 89 stands for
89 equally likely words; and why ptb_word_lm.py takes the exponential of the mean cross entropy: the
probability of a long sequence is too small for a float, so that the formulas give inf for 1000 digits.
Takes three seconds.
"""
from companion import cli

import numpy as np
import tensorflow as tf

LENGTH = 100            # m of the formulas


def perplexity(probabilities):
    """The 复杂度 (perplexity) of a sequence by the article's three formulas, and by the mean logarithm.

    Args:
        probabilities: of each word, given the words before it; floats over 0.
    Returns:
        Four floats, equal up to rounding. The first three are inf when the product is 0 for a float, the
        second and third also when only its inverse is too large.
    """
    m = len(probabilities)
    with np.errstate(divide='ignore', over='ignore'):
        p = np.prod(probabilities)
        return (np.power(p, -1 / m),
                np.power(1 / p, 1 / m),
                np.power(np.prod(1 / probabilities), 1 / m),
                np.exp(-np.mean(np.log(probabilities))))


def by_tensorflow(digits):
    """The same from 交叉熵 (cross entropy), as a network's last layer gives it: equal logits, any digits."""
    with tf.Graph().as_default(), tf.Session() as sess:
        loss = tf.contrib.legacy_seq2seq.sequence_loss_by_example(
            [tf.zeros([len(digits), 10])], [tf.constant(digits)], [tf.ones([len(digits)])])
        return np.exp(sess.run(loss).mean())


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_constants(globals(), LENGTH='digits or words in the sequence')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    for words, length in ((10, LENGTH), (10, 10 * LENGTH), (89, LENGTH)):
        values = perplexity(np.full(length, 1 / words))
        print('%d equally likely words, sequence of %d: perplexity %.6g, %.6g, %.6g; '
              'by the mean logarithm %.6g' % ((words, length) + values))
        if np.isinf(values).any():
            print('    inf is expected here: the probability of the sequence, %d to the power of -%d,\n'
                  '    %s for a float. Therefore programs take the mean logarithm.' % (
                      words, length, 'is 0' if np.isinf(values[0]) else 'has an inverse that is too large'))

    digits = np.random.RandomState(args.seed).randint(10, size=LENGTH)
    print('TensorFlow, %d digits: perplexity %.6g' % (LENGTH, by_tensorflow(digits)))


if __name__ == '__main__':
    cli.run(main)
