"""Find and read the model that ptb_train.py saved, for the scripts that use it.

Article 5 循环神经网络简介; the article saves nothing. A library.

A folder holds the checkpoints and vocabulary.txt, the word of identifier 0 on the first line. The
sizes of the network are read from the checkpoint, so that nobody need give them a second time.
"""
from companion import cli

import os

import tensorflow as tf

from ch05_rnn_ptb import ptb_word_lm

MODEL_SAVE_PATH = 'runs/ch05_rnn_ptb/model/'
VOCABULARY = 'vocabulary.txt'

AGAIN = 'train anew with ptb_train.py, or name another --model_save_path'


def save_vocabulary(folder, vocabulary):
    """Write the vocabulary, a dict from word to identifier, into the folder, whole or not at all."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, VOCABULARY)
    with open(path + '.part', 'w', encoding='utf-8') as file:
        file.writelines(word + '\n' for word in sorted(vocabulary, key=vocabulary.get))
    os.replace(path + '.part', path)


def read_vocabulary(folder):
    """Return the folder's vocabulary, a dict from word to identifier.

    Raises:
        cli.UserError: there is none, or it is no text.
    """
    path = os.path.join(folder, VOCABULARY)
    try:
        with open(path, encoding='utf-8') as file:
            return {word: i for i, word in enumerate(file.read().split())}
    except FileNotFoundError:
        raise cli.UserError('%s is missing: %s' % (path, AGAIN))
    except UnicodeDecodeError:
        raise cli.UserError('%s is damaged: %s' % (path, AGAIN))


def newest(folder):
    """Return the path of the folder's newest checkpoint.

    Raises:
        cli.UserError: there is none.
    """
    path = tf.train.latest_checkpoint(folder)
    if not path:
        raise cli.UserError('no checkpoint in %s: run ptb_train.py first, or name another '
                            '--model_save_path' % folder)
    return path


def use_sizes_of(path):
    """Set ptb_word_lm's VOCAB_SIZE, HIDDEN_SIZE and NUM_LAYERS to those of a checkpoint."""
    try:
        shapes = tf.train.load_checkpoint(path).get_variable_to_shape_map()
        vocab_size, hidden_size = shapes['language_model/embedding']
    except (tf.errors.OpError, ValueError, KeyError) as error:
        raise cli.UserError('%s is damaged, incomplete or of another network (%s); %s' % (
            path, type(error).__name__, AGAIN))
    ptb_word_lm.VOCAB_SIZE, ptb_word_lm.HIDDEN_SIZE = vocab_size, hidden_size
    ptb_word_lm.NUM_LAYERS = sum(name.endswith('/kernel') for name in shapes)


def restore(session, path):
    """Load the network's variables from a checkpoint."""
    try:
        tf.train.Saver(tf.trainable_variables()).restore(session, path)
    except (tf.errors.OpError, ValueError) as error:
        raise cli.UserError('%s is damaged, incomplete or of another network (%s); %s' % (
            path, type(error).__name__, AGAIN))


def add_flags(parser):
    """Give a script that uses a saved model the flag --model_save_path."""
    parser.add_constants(globals(), MODEL_SAVE_PATH='folder of the checkpoints')
