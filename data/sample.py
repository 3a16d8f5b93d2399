"""The embedded sample: small real data that every installation already has, in the files' formats.

The images are scikit-learn's handwritten digits (8x8 pixels, 1797 of them, from the UCI collection
of optical digits), scaled and centred as MNIST's are, each one also shifted by a pixel or two. The
text is the language reference that CPython's help() shows, with the words treated as PTB's are. No
script can tell the difference, but the task is another: results on the sample are not the article's.
"""
import collections
import gzip
import hashlib
import io
import itertools
import os
import re
import shutil
import struct
import sys
import tempfile

import numpy as np

import data

VERSION = '# data/sample.py, version 3'
SUMS = 'SHA256SUMS'

# input_data.read_data_sets takes the first 5,000 training images for validation: 250 x 20.
VALIDATION_DIGITS, VALIDATION_SHIFTS = 250, 20
TEST_DIGITS, TEST_SHIFTS = 300, 5
TRAIN_SHIFTS = 5                    # of the other 1,247 digits

MIN_COUNT = 2                       # a word of the text that is rarer is <unk>
BLOCK = 20                          # consecutive sentences that go to the same file


def make(folder=None):
    """Make the sample, unless it is there and undamaged, and return its folder.

    Args:
        folder: by default the folder `sample` of the cache. Holds mnist/, ptb/ and SHA256SUMS.
    Raises:
        data.DataError: the folder cannot be written.
    """
    folder = os.path.abspath(os.path.expanduser(folder or os.path.join(data.cache(), 'sample')))
    found = faults(folder)
    if found and not any(found.values()):
        return folder
    for file, fault in found.items():
        if fault:
            print('%s %s; making it again' % (os.path.join(folder, file), fault), file=sys.stderr)
    scratch = None
    try:
        os.makedirs(folder, exist_ok=True)
        scratch = tempfile.mkdtemp(prefix='.making-', dir=folder)
        sums = [VERSION]
        files = dict(mnist_files())
        files.update(ptb_files())
        for name, content in files.items():
            sums.append('%s  %s' % (hashlib.sha256(content).hexdigest(), name))
        # The sums come last: without them the files count for nothing.
        files[SUMS] = ('\n'.join(sums) + '\n').encode()
        for name, content in files.items():
            part = os.path.join(scratch, os.path.basename(name))
            with open(part, 'wb') as file:
                file.write(content)
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            os.replace(part, os.path.join(folder, name))
    except OSError as error:
        raise data.DataError('cannot write the embedded sample to %s: %s; make room, or set '
                             'XDG_CACHE_HOME to another folder' % (folder, error.strerror or error))
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def faults(folder):
    """Check a sample against its SHA256SUMS: a dict as data.locate's, empty if there is no sample."""
    try:
        with open(os.path.join(folder, SUMS), errors='replace') as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise data.DataError('%s: %s; remove it, or set XDG_CACHE_HOME to another folder' % (
            os.path.join(folder, SUMS), error.strerror))
    known = dict(reversed(line.split('  ')) for line in lines[1:] if line.count('  ') == 1)
    expected = [os.path.join(name, file) for name in data.FILES for file in data.FILES[name]]
    if lines[:1] != [VERSION] or sorted(known) != sorted(expected):
        return {SUMS: 'is damaged or of another version'}
    return {name: data.fault(os.path.join(folder, name), None, known[name]) for name in expected}


def split_digits():
    """Deal out scikit-learn's digits: a dict from 'validation', 'test', 'train' to their indices."""
    order = np.random.RandomState(0).permutation(1797)
    validation, test, train = np.split(order, [VALIDATION_DIGITS, VALIDATION_DIGITS + TEST_DIGITS])
    return {'validation': validation, 'test': test, 'train': train}


def mnist_files():
    """Yield name and content of the four files, in MNIST's format: IDX, compressed by gzip."""
    from scipy import ndimage
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = digits.images / 16.0                                        # [1797, 8, 8], from 0 to 1
    large = ndimage.zoom(small, (1, 2.5, 2.5), order=3)                 # [1797, 20, 20]
    # As much contrast as gives MNIST's mean of 0.13 and spread of 0.30: on the paler, blurred digits
    # article 3's learning rate of 0.8 is too high, and its network does not learn.
    large = np.clip((large - 0.4) / 0.5, 0, 1)
    centred = np.pad(np.rint(255 * large).astype(np.uint8), ((0, 0), (4, 4), (4, 4)), 'constant')

    shifts = list(itertools.product(range(-2, 3), repeat=2))            # at most two pixels: 25 of them

    def shifted(split, count, seed):
        # Each digit in `count` of the shifts, drawn alike in all parts: none is easier than another.
        random = np.random.RandomState(seed)
        pairs = [(index, shifts[i]) for index in split_digits()[split]
                 for i in random.permutation(25)[:count]]
        random.shuffle(pairs)
        images = np.array([np.roll(centred[index], shift, (0, 1)) for index, shift in pairs])
        return images, np.array([digits.target[index] for index, _ in pairs], np.uint8)

    validation = shifted('validation', VALIDATION_SHIFTS, seed=1)
    train = shifted('train', TRAIN_SHIFTS, seed=2)
    images, labels = (np.concatenate(parts) for parts in zip(validation, train))
    yield 'mnist/train-images-idx3-ubyte.gz', idx(images)
    yield 'mnist/train-labels-idx1-ubyte.gz', idx(labels)
    images, labels = shifted('test', TEST_SHIFTS, seed=3)
    yield 'mnist/t10k-images-idx3-ubyte.gz', idx(images)
    yield 'mnist/t10k-labels-idx1-ubyte.gz', idx(labels)


def idx(array):
    """A uint8 array as a compressed IDX file: two zeros, type 8, rank, the sizes, the bytes."""
    head = struct.pack('>HBB%dI' % array.ndim, 0, 8, array.ndim, *array.shape)
    file = io.BytesIO()
    with gzip.GzipFile(filename='', mode='wb', compresslevel=6, fileobj=file, mtime=0) as packed:
        packed.write(head + array.tobytes())
    return file.getvalue()


def sentences():
    """The sentences of CPython's language reference, each a list of words as PTB's, none twice."""
    from pydoc_data.topics import topics

    seen = {}
    for topic in sorted(topics):
        for paragraph in topics[topic].split('\n\n'):
            text = paragraph.strip()
            # Grammar, programs and tables are no sentences.
            if re.search(r'::=|>>>|[|=+*-]{4}|  \S+ = |#', text) or not re.search(r'[.:]$', text):
                continue
            for sentence in re.split(r'(?<=[a-z)"*][.:?!;])\s+(?=[A-Z"*(])', text):
                words = tokens(sentence)
                if len(words) > 3:
                    seen.setdefault(tuple(words))
    return [list(words) for words in seen]


def tokens(sentence):
    """Split a sentence as PTB is: lower case, no punctuation, N for a number, do n't, it 's."""
    text = sentence.lower().replace('\u2019', "'")
    text = re.sub(r"n't\b", " n't", text)
    text = re.sub(r"(?<=[a-z])('(?:s|re|ve|ll|d|m)\b)", r' \1', text)
    words = re.findall(r"n't|'(?:s|re|ve|ll|d|m)\b|[a-z_]+(?:-[a-z_]+)*|\d[\d.,]*", text)
    return ['N' if word[0].isdigit() else word for word in words]


def ptb_files():
    """Yield name and content of the three files: a sentence a line, a space before and after it."""
    parts = {'train': [], 'valid': [], 'test': []}
    for number, words in enumerate(sentences()):
        # In each ten blocks, eight are for training.
        part = {8: 'valid', 9: 'test'}.get(number // BLOCK % 10, 'train')
        parts[part].append(words)
    counts = collections.Counter(itertools.chain.from_iterable(parts['train']))
    known = {word for word, count in counts.items() if count >= MIN_COUNT}
    for part in 'train', 'valid', 'test':
        lines = (' %s \n' % ' '.join(word if word in known else '<unk>' for word in words)
                 for words in parts[part])
        yield 'ptb/ptb.%s.txt' % part, ''.join(lines).encode('ascii')
