"""Read the Penn Treebank text (PTB) as word identifiers (单词 ID), and cut it into batches.

Article 5 循环神经网络简介, section 自然语言建模. A library: reader_demo.py uses it, and gets the printed
output, number by number.

The article imports the two functions, ptb_raw_data and ptb_iterator, from tensorflow.models.rnn.ptb, which
no package has any more; its successor in the models repository returns queues instead of arrays.
"""
from companion import cli

import collections
import os

import numpy as np

EOS = '<eos>'       # 语句结束标识符 (end of a sentence): replaces the end of each line
UNK = '<unk>'       # 稀有单词标识符 (rare word): already in the files


def ptb_raw_data(data_path):
    """Read ptb.train.txt, ptb.valid.txt and ptb.test.txt of a folder.

    Returns:
        Three lists of identifiers, for training, validation and test, and the vocabulary's size. PTB has
        929589 (887521 words and 42068 ends of sentences), 73760 and 82430 identifiers, and 10000 different
        words with EOS and UNK, 9998 without.
    Raises:
        cli.UserError: a file is missing, empty or not UTF-8.
        OSError: a file cannot be read.
    """
    train_path, valid_path, test_path = (
        os.path.join(data_path, 'ptb.%s.txt' % name) for name in ('train', 'valid', 'test'))
    vocabulary = build_vocabulary(train_path)
    train_data = file_to_ids(train_path, vocabulary)
    valid_data = file_to_ids(valid_path, vocabulary)
    test_data = file_to_ids(test_path, vocabulary)
    return train_data, valid_data, test_data, len(vocabulary)


def ptb_iterator(raw_data, batch_size, num_steps):
    """Cut the sequence into `batch_size` equal rows, and these into pieces of `num_steps`, 截断 (truncation).

    Row r of a batch goes on where row r of the batch before ended, so that the network's state can
    be handed on from batch to batch (图 6, figure 6; batching.py draws it).

    Args:
        raw_data: a sequence of identifiers, as `ptb_raw_data` returns.
    Yields:
        (x, y), int32 arrays of shape [batch_size, num_steps]; y holds the word after each word of x.
    Raises:
        cli.UserError: the data do not fill one batch.
    """
    raw_data = np.array(raw_data, dtype=np.int32)
    size = epoch_size(len(raw_data), batch_size, num_steps)
    if size == 0:
        raise cli.UserError('%d words do not fill one batch of %d rows of %d + 1 words: lower the '
                            'batch size or the number of steps' % (len(raw_data), batch_size, num_steps))
    batch_len = len(raw_data) // batch_size
    data = raw_data[:batch_size * batch_len].reshape(batch_size, batch_len)
    for i in range(size):
        x = data[:, i * num_steps:(i + 1) * num_steps]
        y = data[:, i * num_steps + 1:(i + 1) * num_steps + 1]
        yield x, y


# What the two functions use.

def read_words(path):
    """Return a text file's words as a list of str, with EOS at the end of each line.

    Raises:
        cli.UserError: the file is missing, is not UTF-8, or has no words.
        OSError: it cannot be read.
    """
    try:
        with open(path, encoding='utf-8') as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        raise cli.UserError('%s is missing: --data_path must hold ptb.train.txt, ptb.valid.txt and '
                            'ptb.test.txt' % path)
    except UnicodeDecodeError as error:
        raise cli.UserError('%s is not UTF-8 text (byte %d is 0x%02x): save it as UTF-8' % (
            path, error.start, error.object[error.start]))
    words = text.replace('\n', ' %s ' % EOS).split()
    if not set(words) - {EOS}:
        raise cli.UserError('%s is empty: it must hold words, one sentence a line' % path)
    return words


def build_vocabulary(path):
    """Return a file's words as a dict to identifiers: 0 is the most frequent, ties alphabetically."""
    counter = collections.Counter(read_words(path))
    pairs = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))
    return {word: i for i, (word, _) in enumerate(pairs)}


def file_to_ids(path, vocabulary):
    """Return a file's words as a list of identifiers; a word that is not in the vocabulary becomes UNK.

    Raises:
        cli.UserError: there is such a word, and the vocabulary has no UNK.
    """
    words = read_words(path)
    # PTB's validation and test texts have no such word; your own text may.
    missing = set(words) - set(vocabulary)
    if missing and UNK not in vocabulary:
        raise cli.UserError('%s: the word %r is not in the training text; put %s for rare words '
                            'there, to stand for it' % (path, min(missing), UNK))
    return [vocabulary[word if word in vocabulary else UNK] for word in words]


def epoch_size(data_len, batch_size, num_steps):
    """Return how many batches `ptb_iterator` makes of `data_len` words; 0 if they are too few."""
    # The last word of each row is a target only; words that do not fill a batch are left out.
    return max(data_len // batch_size - 1, 0) // num_steps
