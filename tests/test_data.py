"""Where the data files are found, how each is checked, the embedded sample, and `python -m data`."""
from companion import cli

import collections
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import data
from data import __main__ as program
from data import sample

REAL_FILES = [(name, file) for name in data.FILES for file in data.FILES[name]]
SAMPLE_FILES = ['%s/%s' % pair for pair in REAL_FILES]


@pytest.fixture(autouse=True)
def no_mirrors(monkeypatch):
    """No test of this file has a reason to ask a server."""
    for name in data.MIRRORS:
        monkeypatch.setitem(data.MIRRORS, name, ['http://127.0.0.1:9/{}'])


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache folder of the test's own."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    return tmp_path / 'xdg' / 'tensorflow-companion'


@pytest.fixture
def small(monkeypatch):
    """Two short files in place of PTB's, as a dict from name to bytes."""
    files = {'a.txt': b'first', 'b.txt': b'second'}
    monkeypatch.setitem(data.FILES, 'ptb', {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()})
    return files


@pytest.fixture(scope='module')
def sample_folder(tmp_path_factory):
    return sample.make(str(tmp_path_factory.mktemp('sample')))


def fill(folder, files):
    os.makedirs(str(folder), exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


# The files of a folder -------------------------------------------------------------------------

def test_which_folder_it_is(small, cache, tmp_path, monkeypatch):
    fill(tmp_path / 'x' / 'ptb', small)
    assert data.folder('ptb', str(tmp_path / 'x')) == str(tmp_path / 'x' / 'ptb')
    fill(tmp_path / 'y', small)
    assert data.folder('ptb', str(tmp_path / 'y')) == str(tmp_path / 'y')
    # That with the right files is preferred.
    fill(tmp_path / 'y' / 'ptb', {name: b'wrong' for name in small})
    assert data.folder('ptb', str(tmp_path / 'y')) == str(tmp_path / 'y')
    monkeypatch.chdir(str(tmp_path))
    assert data.folder('ptb', 'y') == str(tmp_path / 'y')
    monkeypatch.setenv('HOME', str(tmp_path))
    assert data.folder('ptb', '~/y') == str(tmp_path / 'y')
    # An empty setting is the cache.
    fill(cache / 'ptb', small)
    assert data.folder('ptb') == data.folder('ptb', '') == str(cache / 'ptb')


@pytest.mark.parametrize('content, words', [
    (b'', 'is empty'),
    (b'firs', 'is damaged: it has 4 bytes in place of 5'),
    (b'firsts', 'is damaged: it has 6 bytes in place of 5'),
    (b'firsT', 'is damaged: its sha256 is %s... in place of %s...' % (
        hashlib.sha256(b'firsT').hexdigest()[:12], hashlib.sha256(b'first').hexdigest()[:12])),
])
def test_damaged_file_of_the_user_is_named_and_untouched(small, tmp_path, content, words):
    fill(tmp_path, dict(small, **{'a.txt': content}))
    with pytest.raises(data.DataError) as raised:
        data.folder('ptb', str(tmp_path))
    assert str(raised.value) == '%s %s; replace it, or delete it to have it downloaded' % (tmp_path / 'a.txt', words)
    assert raised.value.status == 1 and not isinstance(raised.value, data.Unavailable)
    assert (tmp_path / 'a.txt').read_bytes() == content
    assert sorted(os.listdir(str(tmp_path))) == sorted(small)


def test_all_damaged_files_are_named(small, tmp_path):
    fill(tmp_path, {name: b'' for name in small})
    with pytest.raises(data.DataError, match='a.txt is empty; .*b.txt is empty; replace'):
        data.folder('ptb', str(tmp_path))


def test_folder_or_broken_link_in_place_of_a_file(small, tmp_path):
    fill(tmp_path, small)
    (tmp_path / 'a.txt').unlink()
    (tmp_path / 'a.txt').mkdir()
    with pytest.raises(data.DataError, match=r'a\.txt cannot be read \(Is a directory\)'):
        data.folder('ptb', str(tmp_path))
    (tmp_path / 'a.txt').rmdir()
    (tmp_path / 'a.txt').symlink_to('nowhere')
    with pytest.raises(data.DataError, match=r'a\.txt is a broken link'):
        data.folder('ptb', str(tmp_path))


@pytest.mark.parametrize('name', ['no such folder', 'file'])
def test_data_dir_that_is_no_folder_is_an_error_and_made_nothing(tmp_path, name):
    (tmp_path / 'file').write_bytes(b'')
    with pytest.raises(data.DataError, match='/%s is not a folder: --data_dir' % name):
        data.folder('mnist', str(tmp_path / name))
    assert os.listdir(str(tmp_path)) == ['file']


def test_missing_files_are_never_replaced_by_the_sample(cache, tmp_path, capfd):
    for data_dir in None, str(tmp_path):
        with pytest.raises(data.Unavailable, match='--sample'):
            data.folder('mnist', data_dir)
    assert 'Note' not in capfd.readouterr().err
    assert not (cache / 'sample').exists()


@pytest.mark.slow
@pytest.mark.real_data
def test_real_files_are_used_where_they_lie(real_data):
    for name in data.FILES:
        folder = data.folder(name, str(real_data))
        assert folder in (os.path.join(str(real_data), name), str(real_data))
        assert data.folder(name, folder) == folder


# The embedded sample ---------------------------------------------------------------------------

@pytest.fixture
def quick(monkeypatch):
    """Short contents in place of the sample's, which take a second or two to make."""
    for name, files in data.FILES.items():
        made = [('%s/%s' % (name, file), 100 * file.encode()) for file in files]
        monkeypatch.setattr(sample, '%s_files' % name, lambda made=made: made)


def test_sample_says_what_it_is(quick, cache, capfd):
    for name, title in ('mnist', 'MNIST'), ('ptb', 'the Penn Treebank'):
        folder = data.folder(name, 'sample')
        assert folder == data.folder(name, '/no/such/folder', sample=True) == str(cache / 'sample' / name)
        assert sorted(os.listdir(folder)) == sorted(data.FILES[name])
        out, err = capfd.readouterr()
        assert out == ''
        assert err == 2 * ('Note: this is the embedded sample, not %s: its numbers are not comparable with '
                           "the article's.\n" % title)
    assert sorted(os.listdir(str(cache / 'sample'))) == ['SHA256SUMS', 'mnist', 'ptb']


@pytest.mark.slow
def test_sample_is_the_same_each_time(sample_folder, tmp_path):
    again = tmp_path / 'again'
    code = 'import sys; from data import sample; sample.make(sys.argv[1])'
    env = dict(os.environ, PYTHONHASHSEED='7')
    subprocess.run([sys.executable, '-c', code, str(again)], check=True, env=env)
    for file in SAMPLE_FILES + [sample.SUMS]:
        with open(os.path.join(sample_folder, file), 'rb') as first:
            assert first.read() == (again / file).read_bytes(), file


@pytest.mark.parametrize('file', SAMPLE_FILES + [sample.SUMS])
def test_damaged_sample_is_named_and_made_again(quick, tmp_path, capfd, file):
    folder = sample.make(str(tmp_path / 'sample'))
    assert not any(sample.faults(folder).values()) and capfd.readouterr().err == ''
    path = os.path.join(folder, file)
    with open(path, 'rb') as whole:
        content = whole.read()
    damaged = content[:40] + b'\xff' + content[41:]
    with open(path, 'wb') as part:
        part.write(damaged)
    assert any(sample.faults(folder).values())
    assert sample.make(folder) == folder
    err = capfd.readouterr().err
    assert 'making it again' in err
    if file != sample.SUMS:
        assert err.startswith(path + ' is damaged')
    with open(path, 'rb') as mended:
        assert mended.read() == content
    assert sorted(os.listdir(folder)) == ['SHA256SUMS', 'mnist', 'ptb']


def test_sample_of_another_version_is_made_again(quick, tmp_path, capfd, monkeypatch):
    folder = sample.make(str(tmp_path / 'sample'))
    sample.make(folder)
    assert capfd.readouterr().err == ''
    monkeypatch.setattr(sample, 'VERSION', '# data/sample.py, version 0')
    sample.make(folder)
    assert 'of another version; making it again' in capfd.readouterr().err
    assert not any(sample.faults(folder).values())


def test_half_made_sample_is_made_again(quick, tmp_path):
    """A program that was killed between two renames leaves files without their sums."""
    folder = tmp_path / 'sample'
    sample.make(str(folder))
    (folder / sample.SUMS).unlink()
    (folder / 'ptb' / 'ptb.test.txt').unlink()
    (folder / 'ptb' / 'ptb.train.txt').write_bytes(b'half')
    sample.make(str(folder))
    assert not any(sample.faults(str(folder)).values())
    assert (folder / 'ptb' / 'ptb.train.txt').read_bytes() == 100 * b'ptb.train.txt'


@pytest.mark.slow
def test_two_programs_make_the_sample_at_once(cache):
    code = 'import data; print(data.folder("ptb", "sample"))'
    programs = [subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, universal_newlines=True) for _ in range(2)]
    for running in programs:
        out, err = running.communicate()
        assert (running.returncode, out) == (0, '%s\n' % (cache / 'sample' / 'ptb')), err
    assert not any(sample.faults(str(cache / 'sample')).values())
    assert sorted(os.listdir(str(cache / 'sample'))) == ['SHA256SUMS', 'mnist', 'ptb']


def test_sample_that_cannot_be_written():
    with pytest.raises(data.DataError, match='cannot write the embedded sample to /proc/nowhere: '):
        sample.make('/proc/nowhere')
    with pytest.raises(data.DataError, match='SHA256SUMS: Not a directory; remove it, or set XDG_CACHE_HOME'):
        sample.make(__file__)


def test_no_digit_is_in_two_splits():
    split = sample.split_digits()
    assert {name: len(indices) for name, indices in split.items()} == {'validation': 250, 'test': 300, 'train': 1247}
    assert sorted(np.concatenate(list(split.values()))) == list(range(1797))


def read_images(folder, **kwargs):
    from tensorflow.examples.tutorials.mnist import input_data
    cli.quiet()
    return input_data.read_data_sets(os.path.join(folder, 'mnist'), dtype='uint8', **kwargs)


def crop(images):
    """The 20x20 pixels around each image's bounding box: the same for all shifts of a digit."""
    images = images.reshape(-1, 28, 28)
    cropped = set()
    for image in images:
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        box = image[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
        cropped.add((box.shape, box.tobytes()))
    return cropped


def test_sample_images_as_the_articles_read_them(sample_folder):
    mnist = read_images(sample_folder)
    assert mnist.validation.num_examples == 5000
    assert mnist.train.num_examples == 1247 * 5
    assert mnist.test.num_examples == 300 * 5
    digits = {}
    for split in 'train', 'validation', 'test':
        part = getattr(mnist, split)
        assert part.images.shape == (part.num_examples, 784) and part.images.dtype == np.uint8
        assert part.images.min() == 0 and part.images.max() == 255
        # 20x20 in the centre, shifted by two pixels at most: the rim is always empty.
        images = part.images.reshape(-1, 28, 28)
        assert not images[:, [0, 1, 26, 27]].any() and not images[:, :, [0, 1, 26, 27]].any()
        counts = np.bincount(part.labels)
        assert len(counts) == 10 and counts.min() > 0.06 * part.num_examples
        # Shuffled: in order, each label would come in runs of at least five.
        assert np.mean(part.labels[1:] == part.labels[:-1]) < 0.2
        digits[split] = crop(part.images)
    assert {split: len(found) for split, found in digits.items()} == {'train': 1247, 'validation': 250, 'test': 300}
    # As recorded. MNIST's are 0.1307 and 0.3081.
    assert mnist.train.images.mean() / 255 == pytest.approx(0.1309404516, abs=1e-6)
    assert mnist.train.images.std() / 255 == pytest.approx(0.2993221989, abs=1e-6)
    assert mnist.train.labels[:16].tolist() == [3, 2, 2, 7, 9, 7, 5, 9, 5, 6, 9, 1, 0, 5, 2, 5]
    assert mnist.test.labels[:16].tolist() == [2, 0, 5, 4, 8, 1, 9, 4, 8, 0, 7, 8, 2, 4, 0, 6]


def test_sample_images_are_the_digits(sample_folder):
    """Each original, enlarged and in the centre, is nearly one of the images, with its label."""
    from sklearn.datasets import load_digits
    digits = load_digits()
    indices = sample.split_digits()['validation']
    grid = np.rint(np.linspace(0, 7, 20)).astype(int)
    originals = np.zeros([len(indices), 28, 28])
    originals[:, 4:24, 4:24] = digits.images[indices][:, grid[:, None], grid]
    validation = read_images(sample_folder).validation

    def standard(images):
        images = images.reshape(-1, 784) - images.reshape(-1, 784).mean(1, keepdims=True)
        return images / np.linalg.norm(images, axis=1, keepdims=True)

    correlation = standard(originals).dot(standard(validation.images.astype(float)).T)
    assert correlation.max(1).min() > 0.8
    # Not all: a digit is in 20 of the 25 shifts, and may lack the one in the centre.
    assert np.mean(validation.labels[correlation.argmax(1)] == digits.target[indices]) > 0.95


def words_of(folder, part):
    with open(os.path.join(folder, 'ptb', 'ptb.%s.txt' % part), encoding='ascii') as file:
        return file.read()


def test_sample_text_is_in_the_format_of_ptb(sample_folder):
    lines = {part: words_of(sample_folder, part).splitlines(True) for part in ('train', 'valid', 'test')}
    for part in lines.values():
        for line in part:
            assert line.startswith(' ') and line.endswith(' \n')
            for word in line[1:-2].split(' '):
                assert word in ('N', '<unk>') or (word == word.lower() and word.strip("_'-abcdefghijklmnopqr"
                                                                                      'stuvwxyz') == ''), word
    total = sum(map(len, lines.values()))
    assert total > 1500
    assert 0.75 < len(lines['train']) / total < 0.85
    assert 0.08 < len(lines['valid']) / total < 0.12


def test_sample_vocabulary(sample_folder):
    train = collections.Counter(words_of(sample_folder, 'train').split())
    assert 1000 < len(train) < 9999             # and <eos>
    assert 'N' in train and '<unk>' in train and "n't" in train
    assert min(train.values()) >= sample.MIN_COUNT
    for part in 'valid', 'test':
        words = collections.Counter(words_of(sample_folder, part).split())
        assert set(words) <= set(train)
        assert sum(words.values()) > 2000       # 20 sequences of 35, and more than one of them
        assert words['<unk>'] < 0.15 * sum(words.values())


def test_no_sentence_is_in_two_parts():
    found = [tuple(words) for words in sample.sentences()]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize('sentence, words', [
    ('It doesn\u2019t matter; see PEP 3107, section 2.1.', "it does n't matter see pep N section N"),
    ("The object's built-in \"__len__()\" isn't called.", "the object 's built-in __len__ is n't called"),
])
def test_tokens(sentence, words):
    assert ' '.join(sample.tokens(sentence)) == words


# python -m data --------------------------------------------------------------------------------

def test_verify(small, tmp_path, capfd):
    fill(tmp_path, small)
    assert program.main(['verify', 'ptb', '--data_dir', str(tmp_path)]) == 0
    assert capfd.readouterr().out == 'ptb in %s\n  OK       a.txt\n  OK       b.txt\n' % tmp_path
    fill(tmp_path, {'a.txt': b'firsT'})
    (tmp_path / 'b.txt').unlink()
    assert program.main(['verify', 'ptb', '--data_dir', str(tmp_path)]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[1].startswith('  DAMAGED  a.txt (is damaged: its sha256 is ')
    assert lines[2] == '  MISSING  b.txt'
    assert (tmp_path / 'a.txt').read_bytes() == b'firsT'


def test_list_names_everything(cache, capfd, monkeypatch):
    monkeypatch.delenv('TF_TUTORIAL_DATA', raising=False)
    monkeypatch.setitem(data.MIRRORS, 'mnist', ['https://one.example/{}', 'https://two.example/{}'])
    assert program.main(['list']) == 0
    out = capfd.readouterr().out
    for name, file in REAL_FILES:
        assert '  MISSING  %s\n' % file in out
        assert '%d bytes, sha256 %s\n' % data.FILES[name][file] in out
    assert 'mnist in %s\n' % (cache / 'mnist') in out and 'ptb in %s\n' % (cache / 'ptb') in out
    assert '  from https://one.example/\n       https://two.example/\n' in out


def test_environment_variable_names_the_folder(small, tmp_path, monkeypatch, capfd):
    fill(tmp_path, small)
    monkeypatch.setenv('TF_TUTORIAL_DATA', str(tmp_path))
    assert program.main(['fetch', 'ptb']) == 0
    assert capfd.readouterr().out == 'ptb: %s\n' % tmp_path


def test_sample_from_the_shell(quick, cache, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv('TF_TUTORIAL_DATA', 'sample')
    assert program.main(['verify']) == 1
    assert capfd.readouterr().out.count('MISSING') == 7
    assert program.main(['sample']) == 0
    assert capfd.readouterr().out == '%s\n' % (cache / 'sample')
    assert program.main(['verify']) == 0
    assert capfd.readouterr().out.count('  OK       ') == 7
    path = cache / 'sample' / 'mnist' / 't10k-labels-idx1-ubyte.gz'
    path.write_bytes(b'')
    assert program.main(['verify', 'mnist']) == 1
    assert '  DAMAGED  t10k-labels-idx1-ubyte.gz (is empty)\n' in capfd.readouterr().out
    assert path.read_bytes() == b''
    assert program.main(['sample', '--to', str(tmp_path / 'to')]) == 0
    assert capfd.readouterr().out == '%s\n' % (tmp_path / 'to')
    assert (tmp_path / 'to' / 'mnist' / 't10k-labels-idx1-ubyte.gz').exists()


def test_module_runs_from_the_shell_without_tensorflow(small, tmp_path):
    code = ('import sys, runpy; sys.modules["tensorflow"] = None; '
            'runpy.run_module("data", run_name="__main__", alter_sys=True)')
    done = subprocess.run([sys.executable, '-c', code, 'verify', '--data_dir', str(tmp_path)],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, '')
    assert done.stdout.count('MISSING') == 7
