"""What the programs share: constants as flags, one-line errors, resuming, pictures."""
from companion import checkpoint, cli, errors, figures

import argparse
import errno
import json
import os

import matplotlib.figure
import numpy as np
import pytest
import tensorflow as tf
from matplotlib import font_manager

from conftest import load


def test_constants_become_flags_and_take_their_values():
    namespace = {'BATCH_SIZE': 100, 'RATE': 0.5, 'DECAY': 0.9, 'MODEL_NAME': 'model.ckpt', 'OTHER': 1}

    def parse(*argv):
        parser = cli.Parser('doc')
        parser.add_argument('--kept', type=cli.keep_prob)
        parser.add_constants(namespace, BATCH_SIZE='images', RATE='rate')
        parser.add_constants(namespace, cli.fraction, DECAY='decay')
        parser.add_constants(namespace, cli.file_name, MODEL_NAME='file')
        args = parser.parse(argv)
        cli.set_constants(namespace, args)
        return {name: namespace[name] for name in ('BATCH_SIZE', 'RATE', 'DECAY', 'MODEL_NAME', 'OTHER')}
    assert parse('--batch_size', '7', '--rate', '2') == {
        'BATCH_SIZE': 7, 'RATE': 2.0, 'DECAY': 0.9, 'MODEL_NAME': 'model.ckpt', 'OTHER': 1}
    assert parse()['BATCH_SIZE'] == 100, 'the printed value again'
    # The limits themselves.
    assert parse('--batch_size', '1', '--rate', '0', '--decay', '1', '--model_name', 'x') == {
        'BATCH_SIZE': 1, 'RATE': 0.0, 'DECAY': 1.0, 'MODEL_NAME': 'x', 'OTHER': 1}
    assert parse('--batch_size', str(2 ** 31 - 1))['BATCH_SIZE'] == 2 ** 31 - 1
    for wrong in (['--batch_size', '0'], ['--batch_size', '1.5'], ['--batch_size', str(2 ** 31)],
                  ['--rate', '-1'], ['--rate', 'inf'], ['--decay', '1.1'], ['--model_name', 'a/b'],
                  ['--seed', '-1'], ['--seed', str(2 ** 32)], ['--kept', '0'], ['--kept', '1e-17'], ['--batch', '3']):
        with pytest.raises(SystemExit) as stop:
            parse(*wrong)
        assert stop.value.code == 2


@pytest.mark.parametrize('sample', [False, True])
def test_outputs_lie_in_the_folder_of_the_environment(sample, tmp_path, monkeypatch):
    monkeypatch.setenv('TF_TUTORIAL_DATA', 'sample' if sample else '')
    monkeypatch.setattr(cli.data, 'folder', lambda name, data_dir, sample: '/data/' + name)
    parser = cli.Parser('doc', data='mnist')
    parser.add_argument('--picture', default='runs/a/b.png')
    args = parser.parse([])
    assert args.sample is sample and args.data_dir == '/data/mnist'
    assert args.picture == os.path.join(str(tmp_path), 'runs', *['sample'] * sample, 'a', 'b.png')
    assert parser.parse(['--picture', 'c.png']).picture == 'c.png'


def test_loss_and_batch_size_are_checked():
    cli.check_loss(1.0, 3, 0.1)
    cli.check_batch_size(5, 5)
    for loss in float('nan'), float('inf'), -np.inf:
        with pytest.raises(errors.UserError, match=r'after step 3: lower --rate \(now 0.1\)'):
            cli.check_loss(loss, 3, 0.1, '--rate')
    with pytest.raises(errors.UserError, match=r'--rate \(now 0.1\), and delete a/b, whose checkpoint may hold NaN'):
        cli.check_loss(loss, 3, 0.1, '--rate', 'a/b')
    with pytest.raises(errors.UserError, match='--batch_size 6 is more than the 5 training images'):
        cli.check_batch_size(6, 5)


def raising(error):
    def main():
        raise error
    return main


@pytest.mark.parametrize('error, status, text', [
    (errors.UserError('name the flag'), 1, 'error: name the flag\n'),
    (cli.data.Unavailable('no mirror'), 3, 'error: no mirror\n'),
    (OSError(errno.EACCES, 'Permission denied', 'a/b'), 1, 'error: a/b: Permission denied\n'),
    (OSError(errno.ENOSPC, 'No space left on device', 'a/b'), 1, 'free some space'),
    (ValueError('Cannot feed value of shape (1,)'), 1, 'a flag does not fit the data'),
    (tf.errors.NotFoundError(None, None, 'first\nsecond'), 1, 'NotFoundError: first\n'),
    (tf.errors.ResourceExhaustedError(None, None, 'OOM when allocating tensor\nx'), 1, 'tensor: a size is too large'),
    (MemoryError(), 1, 'no memory left: a size is too large for this machine: lower a flag\n'),
    (KeyboardInterrupt(), 130, 'interrupted\n')])
def test_a_fault_is_one_line_and_a_status(error, status, text, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.run(raising(error))
    assert stop.value.code == status
    err = capsys.readouterr().err
    assert text in err and err.count('\n') == 1
    assert ('free some space' in err) == ('space left' in err)


def test_what_no_user_can_mend_keeps_its_traceback(monkeypatch):
    with pytest.raises(ZeroDivisionError):
        cli.run(raising(ZeroDivisionError()))
    monkeypatch.setenv('TF_TUTORIAL_VERBOSE', '1')
    with pytest.raises(tf.errors.NotFoundError):
        cli.run(raising(tf.errors.NotFoundError(None, None, 'first')))


def test_a_picture_is_whole_or_not_there_and_spares_other_files(tmp_path, capsys):
    path = tmp_path / 'new' / 'a.png'
    figures.save(matplotlib.figure.Figure(), str(path))
    assert capsys.readouterr().out == 'Saved %s\n' % path
    assert path.read_bytes().startswith(b'\x89PNG')
    figures.save(matplotlib.figure.Figure(), str(path))             # ours, so it may be replaced
    mine = tmp_path / 'mine.png'
    mine.write_bytes(b'not a picture of these programs')
    with pytest.raises(errors.UserError, match='mine.png is there already.*another --picture'):
        figures.save(matplotlib.figure.Figure(), str(mine))
    assert mine.read_bytes() == b'not a picture of these programs'
    for wrong in '', str(tmp_path), str(mine / 'a.png'):
        with pytest.raises(errors.UserError, match='choose another --picture'):
            figures.check(wrong)
        with pytest.raises(errors.UserError, match='choose another --folder$'):
            figures.check(wrong, '--folder')
    with pytest.raises(errors.UserError, match='choose another --folder$'):
        figures.check(str(mine), '--folder')

    class Broken(matplotlib.figure.Figure):
        def savefig(self, *args, **kwargs):
            raise OSError(errno.ENOSPC, 'No space left on device')
    with pytest.raises(OSError):
        figures.save(Broken(), str(path))
    assert os.listdir(str(path.parent)) == ['a.png'] and path.read_bytes().startswith(b'\x89PNG')


def save_steps(folder, steps):
    """Save checkpoints whose variable is their step; return what a test needs to restore them."""
    graph = tf.Graph()
    with graph.as_default(), tf.Session() as sess:
        step = tf.get_variable('global_step', initializer=0)
        saver = tf.train.Saver()
        for value in steps:
            step.load(value, sess)
            saver.save(sess, os.path.join(folder, 'model.ckpt'), global_step=value)
    return graph, step


def test_resumes_from_the_newest_intact_checkpoint(tmp_path, capsys):
    folder = str(tmp_path / 'model')
    os.makedirs(folder)
    graph, step = save_steps(folder, [1, 2, 3])
    assert checkpoint.verify(folder) == (os.path.join(folder, 'model.ckpt-3'), 3)
    (tmp_path / 'model' / 'model.ckpt-3.index').write_bytes(b'damaged')
    with graph.as_default(), tf.Session() as sess:
        saver = tf.train.Saver()
        assert checkpoint.resume(saver, sess, folder)
        assert sess.run(step) == 2 and 'going on from the older model.ckpt-2' in capsys.readouterr().out
        assert saver.last_checkpoints == [os.path.join(folder, 'model.ckpt-%d' % n) for n in (1, 2)]
        with pytest.raises(errors.UserError, match='ckpt-3.*another --model_save_path'):
            checkpoint.restore(saver, sess, folder, 'train.py')
        for n in 1, 2:
            (tmp_path / 'model' / ('model.ckpt-%d.index' % n)).write_bytes(b'damaged')
        with pytest.raises(errors.UserError, match='ckpt-3.*delete the folder'):
            checkpoint.resume(saver, sess, folder)
    with pytest.raises(errors.UserError):
        checkpoint.verify(folder)
    (tmp_path / 'model' / 'checkpoint').write_bytes(b'\xff\xfe damaged')
    with pytest.raises(errors.UserError, match='checkpoint is damaged'):
        checkpoint.newest(folder)


def test_restores_the_newest_and_names_the_trainer_where_there_is_none(tmp_path):
    graph, step = save_steps(str(tmp_path), [4, 5])
    with graph.as_default(), tf.Session() as sess:
        saver = tf.train.Saver()
        assert checkpoint.restore(saver, sess, str(tmp_path), 'train.py') == 5 == sess.run(step)
        with pytest.raises(errors.UserError, match='no checkpoint in .*run train.py first'):
            checkpoint.restore(saver, sess, str(tmp_path / 'empty'), 'train.py')
        assert checkpoint.resume(saver, sess, str(tmp_path / 'empty')) is False
    assert checkpoint.verify(str(tmp_path / 'empty')) == (None, 0)


def test_a_second_training_in_the_same_folder_is_refused(tmp_path):
    checkpoint.prepare(str(tmp_path))
    checkpoint.prepare(str(tmp_path))               # the same process
    first = checkpoint.LOCKS.pop(str(tmp_path))     # as in another process: a lock is of its open file
    with pytest.raises(errors.UserError, match='another training is writing to %s' % tmp_path):
        checkpoint.prepare(str(tmp_path))
    first.close()
    checkpoint.prepare(str(tmp_path))
    checkpoint.LOCKS.pop(str(tmp_path)).close()


@pytest.mark.parametrize('runs', [None, 'here', 'elsewhere'])
def test_a_folder_that_cannot_be_written_names_what_to_change(runs, tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    folder = str(tmp_path / 'file' / 'model')
    monkeypatch.delenv('TF_TUTORIAL_RUNS')
    if runs:
        monkeypatch.setenv('TF_TUTORIAL_RUNS', str(tmp_path / ('file' if runs == 'here' else 'other')))
    way = 'set TF_TUTORIAL_RUNS to' if runs == 'here' else 'another --model_save_path'
    with pytest.raises(errors.UserError, match='no checkpoint can be saved in .*%s' % way):
        checkpoint.prepare(folder)


def settings(folder, capsys, done, finished, **flags):
    checkpoint.compare_settings(str(folder), argparse.Namespace(**flags), done, 'steps', finished)
    return capsys.readouterr().out


def test_settings_that_a_finished_training_does_not_use_are_named(tmp_path, capsys):
    assert settings(tmp_path, capsys, 0, False, rate=0.8, training_steps=10, data_dir='a', seed=None) == ''
    assert json.loads((tmp_path / 'settings.json').read_text()) == {'rate': 0.8, 'seed': None}
    out = settings(tmp_path, capsys, 10, True, rate=0.1, training_steps=10, data_dir='b', seed=None)
    assert 'Already trained for 10 steps; not used: --rate 0.1 (it was 0.8)' in out
    assert 'delete %s or choose another --model_save_path' % tmp_path in out
    assert json.loads((tmp_path / 'settings.json').read_text())['rate'] == 0.8
    assert 'not used' not in settings(tmp_path, capsys, 10, True, rate=0.8, training_steps=5, seed=None)
    out = settings(tmp_path, capsys, 5, False, rate=0.2, seed=None)
    assert out == 'From here on with --rate 0.2 (it was 0.8)\n'
    assert json.loads((tmp_path / 'settings.json').read_text())['rate'] == 0.2
    # A new training in the folder has no old settings.
    assert settings(tmp_path, capsys, 0, False, rate=0.3, seed=None) == ''
    (tmp_path / 'settings.json').write_text('{damaged')
    assert settings(tmp_path, capsys, 5, False, rate=0.3, seed=None) == ''


def test_a_font_has_all_the_characters_of_the_labels(monkeypatch, capsys):
    path = font_manager.findfont('DejaVu Sans')
    has = font_manager.FontEntry(fname=path, name='DejaVu Sans')
    monkeypatch.setattr(font_manager.fontManager, 'ttflist', [
        font_manager.FontEntry(fname=path, name='Last Resort High-Efficiency'),
        font_manager.FontEntry(fname='/no/such/font.ttf', name='gone'), has])
    assert figures.chinese_font(['ab\n', '\u03b1']).get_file() == path
    assert capsys.readouterr().out == '' and figures.chinese_font(['\u03b1', '\u8f93']) is None
    assert capsys.readouterr().out.startswith('No installed font has the Chinese characters')
    font_manager.fontManager.ttflist.remove(has)
    assert figures.chinese_font(['a']) is None, 'each character would be a box'


@pytest.mark.parametrize('chapter', ['ch01_intro', 'ch02_mnist_basics', 'ch04_cnn', 'ch05_rnn_ptb'])
def test_drawings_in_chinese_where_there_is_a_font(chapter, monkeypatch):
    module, saved, asked = load(chapter + '/drawings.py'), [], []
    labels = getattr(module, 'CHINESE', None) or {english: chinese for english, chinese, _ in module.FIELDS}
    font = font_manager.FontProperties(fname=font_manager.findfont('DejaVu Serif'))
    monkeypatch.setattr(figures, 'save', lambda figure, path: saved.extend(figure.axes[0].texts))
    for found in font, None:
        monkeypatch.setattr(figures, 'chinese_font', lambda labels: asked.append(set(labels)) or found)
        del saved[:]
        module.main(['--language', 'zh'])
        text = '\n'.join(label.get_text() for label in saved)
        shown, hidden = (labels.values(), labels) if found else (labels, labels.values())
        assert [label for label in shown if label not in text] == []
        assert not set(hidden) & set(text.split('\n'))
        fonts = {label.get_fontproperties().get_name() for label in saved if label.get_text() in labels.values()}
        assert fonts == ({'DejaVu Serif'} if found else set())
    assert asked == [set(labels.values())] * 2
