"""Find and read the model that ptb_train.py saved, for the programs that use it.

Article 5 循环神经网络简介; the article's program saves nothing. A library.

A folder holds the checkpoints and vocabulary.txt, with the word of identifier 0 on the first line. The
sizes of the network are read from the checkpoint, so that nobody need give them a second time.
"""
from companion import checkpoint, cli

import os

import tensorflow as tf

from ch05_rnn_ptb import ptb_word_lm

MODEL_SAVE_PATH = 'runs/ch05_rnn_ptb/model/'
VOCABULARY = 'vocabulary.txt'
TRAINER = 'ch05_rnn_ptb/extras/ptb_train.py'


def save_vocabulary(folder, vocabulary):
    """Write the vocabulary, a dict from word to identifier, into the folder, whole or not at all."""
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
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise cli.UserError(
            '%s is %s: delete the folder and run %s again, or choose another --model_save_path' % (
                path, 'missing' if isinstance(error, FileNotFoundError) else 'damaged', TRAINER))


def use_sizes(folder):
    """Set ptb_word_lm's VOCAB_SIZE, HIDDEN_SIZE and NUM_LAYERS to those of the folder's newest checkpoint.

    Raises:
        cli.UserError: there is none, or it is damaged or of another network.
    """
    state = checkpoint.newest(folder)
    if not state:
        raise cli.UserError('no checkpoint in %s: run %s first (ptb_word_lm.py saves nothing), or choose '
                            'another --model_save_path' % (folder, TRAINER))
    path = state.model_checkpoint_path
    try:
        shapes = tf.train.load_checkpoint(path).get_variable_to_shape_map()
        vocab_size, hidden_size = shapes['language_model/embedding']
    except (tf.errors.OpError, ValueError, KeyError) as error:
        raise checkpoint.unusable(path, error)
    ptb_word_lm.VOCAB_SIZE, ptb_word_lm.HIDDEN_SIZE = vocab_size, hidden_size
    ptb_word_lm.NUM_LAYERS = sum(name.endswith('/kernel') for name in shapes)


def restore(session, folder):
    """Load the network's variables from the folder's newest checkpoint."""
    checkpoint.restore(tf.train.Saver(tf.trainable_variables()), session, folder, TRAINER)


def add_flags(parser):
    """Give a program that uses a saved model the flag --model_save_path."""
    parser.add_constants(globals(), MODEL_SAVE_PATH='folder of the checkpoints')
