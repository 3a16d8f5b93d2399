"""The notebooks: each runs, and what is stored in it is of one run on the real data."""
import base64
import glob
import io
import os
import re
import sys

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT

# The environment of TensorFlow 2.x has no Jupyter.
nbformat = pytest.importorskip('nbformat', reason='needs Jupyter, which is installed with TensorFlow 1.15')
CellExecutionError = pytest.importorskip('nbclient.exceptions').CellExecutionError
notebooks = pytest.importorskip('notebooks')

CHAPTERS = sorted(os.path.basename(path) for path in glob.glob(os.path.join(ROOT, 'ch0*')))
NOTEBOOKS = [os.path.relpath(path, ROOT) for path in notebooks.NOTEBOOKS]

# What only the real data give.
STORED = {
    'ch01': 'test accuracy 0.92',
    'ch02': 'training 55000 + validation 5000 = 60000 images, test 10000',
    'ch03': 'After 6001 training step(s), test accuracy = 0.98',
    'ch04': 'of 10000 test digits are wrong',
    'ch05': '929589\n[9970, 9971, 9972, 9974, 9975,',
    'ch06': 'iter: 55000/55000',
    'ch07': '60000 training records',
}


def read(path):
    return nbformat.read(os.path.join(ROOT, path), as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == 'code']


def shown_code(notebook):
    return [output.data['text/markdown'] for cell in code_cells(notebook) for output in cell.outputs
            if 'text/markdown' in output.get('data', {})]


def printed(notebook):
    return ''.join(output.text for cell in code_cells(notebook) for output in cell.outputs
                   if output.output_type == 'stream')


def run(path, tmp_path):
    """Run a notebook on the sample, with nothing of the user's own Jupyter."""
    return notebooks.execute(os.path.join(ROOT, path), TMPDIR=str(tmp_path), IPYTHONDIR=str(tmp_path / 'i'))


def test_each_chapter_has_one_notebook():
    assert NOTEBOOKS == [os.path.join(folder, folder[:4] + '.ipynb') for folder in CHAPTERS]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize('path', NOTEBOOKS)
def test_runs_on_the_sample(path, tmp_path):
    again = run(path, tmp_path)
    # The code that is shown is that of the programs as they are now.
    assert shown_code(again) == shown_code(read(path)), 'run `make notebooks NOTEBOOKS=%s`' % path[:4]
    assert not os.path.exists(os.path.join(ROOT, path + '.part'))


@pytest.mark.parametrize('path', NOTEBOOKS)
def test_stored_outputs_are_of_one_run_on_the_real_data(path):
    notebook = read(path)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), \
        'run `make notebooks NOTEBOOKS=%s`' % path[:4]
    # The first cell only prepares.
    assert cells[0].outputs == [] and all(cell.outputs for cell in cells[1:])
    assert not [cell.source for cell in cells for output in cell.outputs if output.output_type == 'error']
    assert 'embedded sample' not in printed(notebook)
    assert STORED[path[:4]] in printed(notebook)


@pytest.mark.parametrize('path', NOTEBOOKS)
def test_nothing_of_a_machine_is_stored(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        text = file.read()
    assert not re.findall(r'(?<![\w.])/(?:work|tmp|home|root|Users|var)\b.*', text)
    assert len(text) < 400e3


@pytest.mark.slow
def test_a_cell_that_fails_is_an_error(tmp_path):
    bad = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (
        'print(1)', 'import sys; sys.exit(2)')])
    nbformat.write(bad, str(tmp_path / 'bad.ipynb'))
    with pytest.raises(CellExecutionError, match='SystemExit'):
        run(str(tmp_path / 'bad.ipynb'), tmp_path)


@pytest.mark.slow
def test_the_kernel_is_the_python_that_runs(tmp_path):
    good = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell('import sys; print(sys.executable)')])
    nbformat.write(good, str(tmp_path / 'good.ipynb'))
    assert printed(run(str(tmp_path / 'good.ipynb'), tmp_path)).strip() == sys.executable


def test_clean():
    new_output = nbformat.v4.new_output
    file = io.BytesIO()
    pixels = np.random.RandomState(1).randint(0, 256, [64, 64, 3]) // [64, 64, 256] * [64, 64, 0]
    Image.fromarray(pixels.astype(np.uint8)).save(file, 'PNG')
    picture = base64.b64encode(file.getvalue()).decode()
    cell = nbformat.v4.new_code_cell('', outputs=[
        new_output('stream', name='stdout', text='Extracting /a/b.gz\n[worker 0] Extra'),
        new_output('stream', name='stdout', text='cting /a/b.gz\n\x1b[1mone\x1b[0m\n'),
        new_output('stream', name='stdout', text='Saved /t/tmpab_1/ch02/x.png\n'),
        new_output('stream', name='stderr', text='Extracting /a/b.gz\n'),
        new_output('display_data', {'text/plain': notebooks.ROOT + '/ch02/y.py', 'image/png': picture})])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebooks.clean(notebook, '/t')
    stream, display = cell.outputs
    assert stream.text == 'one\nSaved runs/ch02/x.png\n' and display.data['text/plain'] == 'ch02/y.py'
    stored = Image.open(io.BytesIO(base64.b64decode(display.data['image/png'])))
    assert (np.array(stored.convert('RGB')) == pixels).all()
    assert len(display.data['image/png']) < len(picture)


def test_storing_the_sample_is_refused(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['notebooks.py'])
    with pytest.raises(SystemExit, match='TF_TUTORIAL_DATA=sample'):
        notebooks.main()
