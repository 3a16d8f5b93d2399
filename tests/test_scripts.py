"""What holds for every program of every chapter. They are discovered, so that none is forgotten."""
from companion import cli

import glob
import io
import os
import re
import runpy
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from matplotlib import image

from conftest import ROOT, load, read

FILES = sorted(os.path.relpath(path, ROOT) for pattern in ('*.py', 'extras/*.py')
               for path in glob.glob(os.path.join(ROOT, 'ch0*', pattern)))
NEEDED = {'ch03_training_tricks/extras/predict_digit.py': ['a.png'],
          'ch07_acceleration/launch.py': ['hello_cluster.py']}
SCRIPTS = [path for path in FILES if "__name__ == '__main__'" in open(os.path.join(ROOT, path)).read()]
# The commands of the pages: the program, and the rest of the line.
COMMANDS = {command for pages in ('*.md', 'ch0*/*.md', 'ch0*/*/*.md') for page in glob.glob(os.path.join(ROOT, pages))
            for command in re.findall(r'(?m)^    .*?(\w+/\S+\.py)(.*)', read(page).replace('\\\n', ''))}


def test_the_programs_of_the_commands_are_there():
    assert len(COMMANDS) > 99 and [path for path, _ in COMMANDS if not os.path.exists(os.path.join(ROOT, path))] == []


@pytest.mark.parametrize('path', FILES)
def test_import_does_no_work(path, capfd):
    before = tf.get_default_graph().get_operations()
    load(path)
    assert tf.get_default_graph().get_operations() == before
    assert capfd.readouterr().out == ''


@pytest.mark.parametrize('path', SCRIPTS)
def test_each_constant_is_a_flag_with_the_printed_value(path, monkeypatch, capsys):
    module = load(path)
    monkeypatch.setattr(sys, 'argv', [path, '--help'])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(os.path.join(ROOT, path), run_name='__main__')
    assert stop.value.code == 0
    text = capsys.readouterr().out
    flags = dict(re.findall(r'^  --(\w+)((?:.|\n +(?! *-))*)', text, re.MULTILINE))
    for program, rest in COMMANDS:
        own, _, handed = rest.partition(' -- ')             # handed on by launch.py
        told = own if program == path else handed if os.path.basename(path) in own else ''
        assert set(re.findall('--([a-z_0-9]+)', told)) <= {'help', *flags}, rest
    for name, value in vars(module).items():
        # A string such as '#9ecae1' is a colour of a drawing.
        if (re.match('[A-Z][A-Z0-9_]+$', name) and isinstance(value, (int, float, str))
                and not str(value).startswith('#')):
            assert name.lower() in flags, '%s is no flag' % name
            if not isinstance(value, str):
                assert '(default: %s)' % value in re.sub(r'\s+', ' ', flags[name.lower()])
    code = read(path)
    drawn = bool(re.search(r'args\.seed\b', code)) or path.endswith('_tfdata.py')
    assert ('seed' in flags) == drawn, 'a seed where something is drawn by chance, and only there'
    with pytest.raises(SystemExit) as stop:
        module.main(['--no_such_flag'])
    out, err = capsys.readouterr()
    assert stop.value.code == 2 and out == '' and err.count('\n') == 1 and '--no_such_flag' in err
    # Before anything else, the flags' values take the places of the constants, in each module that has some.
    if re.search(r'add_(constants|settings)\(', code) and not path.endswith('drawings.py'):
        waiting, add = [], cli.Parser.add_constants

        def add_constants(parser, namespace, *args, **helps):
            if not namespace['__name__'].endswith('dist_cluster'):      # which asks args itself
                waiting.append(namespace)
            add(parser, namespace, *args, **helps)

        def set_constants(namespace, args):
            waiting[:] = [other for other in waiting if other is not namespace]
            if not waiting:
                sys.exit('all constants are set')
        monkeypatch.setattr(cli.Parser, 'add_constants', add_constants)
        monkeypatch.setattr(cli, 'set_constants', set_constants)
        with pytest.raises(SystemExit, match='all constants are set'):
            module.main(NEEDED.get(path, []))


@pytest.mark.parametrize('path', [
    path for path in SCRIPTS if "'--picture'" in read(path) and not path.endswith(('drawings.py', 'pictures.py'))])
def test_a_picture_has_the_programs_name_and_spares_other_files(refuses, path, tmp_path, capsys):
    default, = re.findall(r"'--picture', default='runs/(.*)\.png'", read(path))
    assert default + '.py' == path.replace('extras/', '')
    if 'input_speed' not in path:               # it makes its records first
        mine = tmp_path / 'mine.png'
        image.imsave(str(mine), np.eye(2))      # made by Matplotlib too, but not by us
        before = mine.read_bytes()
        refuses('mine.png is there already.* another --picture', path, *NEEDED.get(path, []), '--picture', mine)
        assert capsys.readouterr().out == '' and mine.read_bytes() == before


def test_help_where_the_terminal_knows_no_chinese(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), 'ascii')
    monkeypatch.setattr(sys, 'stdout', out)
    monkeypatch.setattr(sys, 'argv', ['mnist_fc.py', '--help'])
    with pytest.raises(SystemExit) as stop:
        cli.run(load('ch02_mnist_basics/mnist_fc.py').main)
    out.flush()
    assert stop.value.code == 0 and b'--training_steps' in out.buffer.getvalue()

@pytest.mark.slow
def test_tensorflow_is_quiet_and_can_be_heard(shell):
    command = 'ch03_training_tricks/regularization.py', '--training_steps', 5
    quiet = shell(*command)
    assert quiet.returncode == 0 and quiet.stderr == ''
    loud = shell(*command, TF_TUTORIAL_VERBOSE='1')
    assert loud.returncode == 0 and 'WARNING:tensorflow' in loud.stderr and loud.stdout == quiet.stdout

def test_a_python_without_tensorflow_is_told_in_one_line(tmp_path, shell):
    (tmp_path / 'tensorflow.py').write_text('raise ModuleNotFoundError("No module named \'tensorflow\'", '
                                            'name="tensorflow")')
    result = shell('ch02_mnist_basics/vector_sum.py', PYTHONPATH=os.pathsep.join([str(tmp_path), ROOT]))
    assert result.returncode == 1
    assert result.stderr.count('\n') == 1 and "no module 'tensorflow'" in result.stderr
    assert 'source .venv/bin/activate' in result.stderr


def test_ctrl_c_while_tensorflow_is_imported_is_one_line(tmp_path):
    (tmp_path / 'tensorflow.py').write_text('print("importing", flush=True)\nimport time\ntime.sleep(60)')
    process = subprocess.Popen(
        [sys.executable, os.path.join(ROOT, 'ch02_mnist_basics', 'vector_sum.py')],
        env=dict(os.environ, PYTHONPATH=os.pathsep.join([str(tmp_path), ROOT])),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert process.stdout.readline() == 'importing\n'
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == 'interrupted\n' and process.returncode == 130
