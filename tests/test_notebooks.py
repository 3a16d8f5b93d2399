"""The notebooks: each runs, both editions are alike, and what is stored in them is of one run on the real data."""
import base64
import glob
import io
import os
import re
import sys

import nbformat
import numpy as np
import pytest
from nbclient.exceptions import CellExecutionError
from PIL import Image

import notebooks
from conftest import ROOT

CHAPTERS = sorted(os.path.basename(path) for path in glob.glob(os.path.join(ROOT, 'ch0*')))
NOTEBOOKS = [os.path.relpath(path, ROOT) for path in notebooks.NOTEBOOKS]
EDITIONS = NOTEBOOKS + [notebooks.chinese(path) for path in NOTEBOOKS]


def read(path):
    return nbformat.read(os.path.join(ROOT, path), as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == 'code']


def write(path, *cells):
    """Write both editions of a notebook: code as text, Markdown as a pair of texts."""
    for name, edition in (path, 0), (notebooks.chinese(path), 1):
        nbformat.write(nbformat.v4.new_notebook(cells=[
            nbformat.v4.new_code_cell(cell) if isinstance(cell, str) else nbformat.v4.new_markdown_cell(cell[edition])
            for cell in cells]), name)


def test_each_chapter_has_a_notebook_in_two_editions():
    assert NOTEBOOKS == [os.path.join(folder, folder[:4] + '.ipynb') for folder in CHAPTERS]
    assert all(os.path.exists(os.path.join(ROOT, path)) for path in EDITIONS)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 8), reason='runs on TensorFlow 2.x; on 1.15 `make notebooks` runs them, '
                    'which a change of their code needs')
@pytest.mark.parametrize('path', NOTEBOOKS)
def test_runs_on_the_sample(path, tmp_path):
    # With nothing of the user's own Jupyter.
    _, codes = notebooks.execute(os.path.join(ROOT, path), TMPDIR=str(tmp_path), IPYTHONDIR=str(tmp_path / 'i'),
                                 TF_TUTORIAL_DATA='sample')
    assert all(map(notebooks.printed, codes))


@pytest.mark.parametrize('path', NOTEBOOKS)
def test_both_editions_store_one_run_of_the_programs_code(path):
    texts = []
    for name in path, notebooks.chinese(path):
        with open(os.path.join(ROOT, name), encoding='utf-8') as file:
            texts.append(file.read())
        assert not re.findall(r'(?<![\w.])/(?:work|tmp|home|root|Users|var)\b.*', texts[-1]), 'a folder of a machine'
        assert len(texts[-1]) < 1.5e6
    one, other = (nbformat.reads(text, as_version=4) for text in texts)
    assert [cell.cell_type for cell in one.cells] == [cell.cell_type for cell in other.cells]
    cells, again = code_cells(one), 'run `make notebooks NOTEBOOKS=%s`' % path[:4]
    assert cells == code_cells(other)
    assert [notebooks.answers(cell) for cell in one.cells] == [notebooks.answers(cell) for cell in other.cells]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), again
    assert not [cell.source for cell in cells for output in cell.outputs
                if output.output_type == 'error' or output.get('name') == 'stderr']
    assert all(text for cell in one.cells for _, text in notebooks.answers(cell))
    before = [cell.source for cell in one.cells]
    notebooks.fill(one)
    assert [cell.source for cell in one.cells] == before, again


PROGRAM = '''"""A program."""
import os

STEPS = 3           # ours

# Twice x.
def double(x):
    """Doc."""
    y = (x +
         x)
    check(y)        # ours

    return y


def main():
    a = 1
    # Why.
    b = double(a)
    for i in range(STEPS):
        print(i)

    c = b
'''


@pytest.mark.parametrize('take, code', [
    (['STEPS'], 'STEPS = 3           # ours'),
    (['def double'], PROGRAM[PROGRAM.index('# Twice'):PROGRAM.index('\n\n\ndef main')]),
    (['b = .. for i'], '# Why.\nb = double(a)\nfor i in range(STEPS):\n    print(i)'),
    (['for i ..'], 'for i in range(STEPS):\n    print(i)\n\nc = b'),
    (['a =', 'c ='], 'a = 1\n\nc = b'),
    ([], PROGRAM[PROGRAM.index('import'):].strip('\n'))])
def test_code_of(take, code, tmp_path):
    (tmp_path / 'program.py').write_text(PROGRAM)
    assert notebooks.code_of(str(tmp_path / 'program.py'), take) == code


def test_code_of_replaces_and_refuses_what_is_not_there(tmp_path):
    path = str(tmp_path / 'program.py')
    (tmp_path / 'program.py').write_text(PROGRAM)
    code = notebooks.code_of(path, ['y =', 'return'], [['y', 'z']])
    assert code == 'z = (x +\n     x)\n\nreturn z'
    assert 'check' not in notebooks.code_of(path, ['def double'], [['check(y)', '']])
    with pytest.raises(ValueError, match="no statement begins with 'a ='"):
        notebooks.code_of(path, ['c =', 'a ='])
    with pytest.raises(ValueError, match='no .w. in what is taken'):
        notebooks.code_of(path, ['c ='], [['w', 'v']])


@pytest.mark.slow
def test_running_stores_code_outputs_and_answers_in_both_editions(tmp_path):
    path = str(tmp_path / 'ch09.ipynb')
    answer = '%s\n<details>\n\n```python\nprint(a + 1)\n```\n\n</details>'
    # In the Python that runs it.
    write(path, 'import sys\nassert sys.executable == %r\na = 20' % sys.executable,
          (answer % 'How many?', answer % '多少？'), 'a += 21\nprint(a, end="")')
    notebooks.run(path)
    one, other = read(path), read(notebooks.chinese(path))
    # An answer runs after the last cell.
    assert '```text\n42\n```' in one.cells[1].source and one.cells[1].source.startswith('How many?')
    assert '```text\n42\n```' in other.cells[1].source and other.cells[1].source.startswith('多少？')
    assert one.cells[2].outputs[0].text == '41' and code_cells(one) == code_cells(other)
    # Run again, the same.
    notebooks.run(path)
    assert read(path) == one


@pytest.mark.slow
@pytest.mark.parametrize('cells, error', [
    (['print(1)', 'import sys; sys.exit(2)'], 'SystemExit'),
    ([('<details>\n\n```python\n1 / 0\n```\n', '')], 'ZeroDivisionError')])
def test_a_cell_or_an_answer_that_fails_leaves_the_notebook(cells, error, tmp_path, monkeypatch, capsys):
    path = str(tmp_path / 'ch09.ipynb')
    write(path, *cells)
    before = open(path).read()
    with pytest.raises(CellExecutionError, match=error):
        notebooks.run(path)
    assert open(path).read() == before and len(os.listdir(str(tmp_path))) == 2


def test_editions_that_differ_are_refused(tmp_path):
    path = str(tmp_path / 'ch09.ipynb')
    write(path, 'a = 1')
    one, two = (nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell('') for _ in range(count)])
                for count in (1, 2))
    with pytest.raises(ValueError, match='differ at cell 0'):
        notebooks.translate(read(path), one)
    with pytest.raises(ValueError, match='differ at cell 1'):
        notebooks.translate(one, two)


def test_clean():
    new_output = nbformat.v4.new_output
    file = io.BytesIO()
    pixels = np.random.RandomState(1).randint(0, 256, [64, 64, 3]) // [64, 64, 256] * [64, 64, 0]
    Image.fromarray(pixels.astype(np.uint8)).save(file, 'PNG')
    picture = base64.b64encode(file.getvalue()).decode()
    cell = nbformat.v4.new_code_cell('', outputs=[
        new_output('stream', name='stdout', text='Extracting /a/b.gz\n[worker 0] Extra'),
        new_output('stream', name='stdout', text='cting /a/b.gz\n\x1b[1mone\x1b[0m\n'),
        new_output('stream', name='stdout', text='Saved /t/tmpab_1/runs/x.png\n'),
        new_output('stream', name='stderr', text='Extracting /a/b.gz\n'),
        new_output('display_data', {'text/plain': notebooks.ROOT + '/ch02/y.py', 'image/png': picture})])
    notebooks.clean([cell], '/t')
    stream, display = cell.outputs
    assert stream.text == 'one\nSaved runs/x.png\n' and display.data['text/plain'] == 'ch02/y.py'
    stored = Image.open(io.BytesIO(base64.b64decode(display.data['image/png'])))
    assert (np.array(stored.convert('RGB')) == pixels).all()
    assert len(display.data['image/png']) < len(picture)


def test_storing_the_sample_is_refused(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['notebooks.py'])
    with pytest.raises(SystemExit, match='TF_TUTORIAL_DATA=sample'):
        notebooks.main()


def test_the_first_cell_without_data_and_network_goes_on_with_the_sample(monkeypatch, capsys):
    from companion import notebook

    import data
    real = data.folder

    def folder(name, data_dir=None, sample=False):
        if not sample:
            raise data.Unavailable('no network')
        return real(name, data_dir, sample)
    monkeypatch.setattr(data, 'folder', folder)
    monkeypatch.delenv('TF_TUTORIAL_DATA')
    monkeypatch.setenv('TF_TUTORIAL_RUNS', '')
    monkeypatch.chdir(ROOT)
    sample, mnist = notebook.start('mnist')
    assert sample is True and os.path.isdir(mnist) and os.listdir('.') == []
    assert 'no network: going on with the embedded sample' in capsys.readouterr().out


def test_the_first_cell_takes_a_relative_folder_of_data(monkeypatch, tmp_path):
    from companion import notebook

    import data
    monkeypatch.setattr(data, 'folder', lambda name, data_dir, sample: os.path.join(data_dir, name))
    monkeypatch.setenv('TF_TUTORIAL_DATA', 'mine')
    monkeypatch.setenv('TF_TUTORIAL_RUNS', '')
    monkeypatch.chdir(tmp_path)
    assert notebook.start('mnist', 'ptb') == [False, str(tmp_path / 'mine' / 'mnist'), str(tmp_path / 'mine' / 'ptb')]
    assert os.getcwd() != str(tmp_path) and os.environ['TF_TUTORIAL_RUNS'].startswith(os.path.realpath(os.getcwd()))


def test_recorded():
    from companion import notebook, printed
    curve = notebook.recorded('mnist_train-seed1', r'After (\d+) training step\(s\), loss on training batch is (\S+)\.')
    assert set(curve) >= set(printed.TRAIN_LOSS) and 2 < curve[1] < 4
