"""What holds for every script of every chapter. They are discovered, so that none is forgotten."""
import glob
import os
import re

import pytest
import tensorflow as tf
from conftest import ROOT, load

FILES = sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, 'ch0*', '*.py')))
SCRIPTS = [path for path in FILES if "__name__ == '__main__'" in open(os.path.join(ROOT, path)).read()]
TITLES = {
    'ch01': '深度学习及 TensorFlow 简介', 'ch02': 'TensorFlow 解决 MNIST 问题入门',
    'ch03': '训练神经网络模型的常用方法', 'ch04': '卷积神经网络', 'ch05': '循环神经网络简介',
    'ch06': 'TensorFlow 高层封装', 'ch07': 'TensorFlow 计算加速',
}


def help_of(module, capsys):
    with pytest.raises(SystemExit) as stop:
        module.main(['--help'])
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_scripts_are_found():
    assert len(SCRIPTS) >= 12
    assert {path[:4] for path in SCRIPTS} >= {'ch02', 'ch03'}


@pytest.mark.parametrize('path', FILES)
def test_import_does_no_work(path, capfd):
    before = tf.get_default_graph().get_operations()
    module = load(path)
    assert tf.get_default_graph().get_operations() == before
    assert capfd.readouterr().out == ''
    assert TITLES[path[:4]] in module.__doc__, 'the docstring names the article'


@pytest.mark.parametrize('path', SCRIPTS)
def test_docstring_and_help(path, capsys):
    module = load(path)
    assert 'python %s' % path in module.__doc__, 'the docstring shows the command'
    assert re.search(r'[Tt]akes?\s', module.__doc__), 'the docstring says how long it takes'
    text = help_of(module, capsys)
    for name, value in vars(module).items():
        # PRINTED_... are figures of the article, not settings.
        if re.match('(?!PRINTED_)[A-Z][A-Z0-9_]+$', name) and isinstance(value, (int, float, str)):
            assert '--%s ' % name.lower() in text, '%s is no flag' % name
    flags = re.findall(r'^  (--\w+|-h, --help)(.*(?:\n {6,}.*)*)', text, re.MULTILINE)
    assert flags and all(len(help.split()) > 2 for _, help in flags), 'each flag has a help text'


@pytest.mark.parametrize('path', SCRIPTS)
def test_wrong_flag_is_one_line(path, capsys):
    with pytest.raises(SystemExit) as stop:
        load(path).main(['--no_such_flag'])
    out, err = capsys.readouterr()
    assert stop.value.code == 2
    assert out == '' and err.count('\n') == 1 and '--no_such_flag' in err


def test_help_where_the_terminal_knows_no_chinese(shell):
    result = shell('ch02_mnist_basics/mnist_fc.py', '--help', PYTHONIOENCODING='ascii')
    assert result.returncode == 0 and result.stderr == '' and '--training_steps' in result.stdout


@pytest.mark.parametrize('path', ['ch02_mnist_basics/forward_variables.py',
                                  'ch03_training_tricks/regularization.py'])
def test_tensorflow_is_quiet_and_can_be_heard(path, shell):
    quiet = shell(path)
    assert quiet.returncode == 0 and quiet.stderr == ''
    loud = shell(path, TF_TUTORIAL_VERBOSE='1')
    assert loud.returncode == 0 and 'WARNING:tensorflow' in loud.stderr and loud.stdout == quiet.stdout


def test_a_second_run_in_one_process_has_the_printed_values_again():
    module = load('ch03_training_tricks/exponential_decay.py')
    module.main(['--decay_step', '10'])
    assert module.DECAY_STEP == 10
    module.main([])
    assert module.DECAY_STEP == 550
