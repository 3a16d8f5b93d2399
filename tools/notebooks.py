"""Run the chapters' notebooks from beginning to end on the real data, and store what they show.

    python tools/notebooks.py                 # all of them, ten minutes; the same as `make notebooks`
    python tools/notebooks.py ch02 ch05       # only these

The notebook is the source: edit it in Jupyter, save it, and run this. It takes a kernel of its own, so that
what is stored is of one run, in order. A notebook is replaced when its last cell has ended without an error.
"""
import base64
import glob
import io
import os
import re
import sys
import tempfile

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOTEBOOKS = sorted(glob.glob(os.path.join(ROOT, 'ch0*', '*.ipynb')))
CELL_SECS = 1200        # longest time for a cell; on an idle machine none takes over two minutes


def execute(path, **environment):
    """Run a notebook's cells in order, as Jupyter does: in the notebook's folder, in a new kernel.

    Args:
        path: the notebook. It is read only.
        environment: variables of the environment to add for the kernel.
    Returns:
        The notebook with its outputs.
    Raises:
        nbclient.exceptions.CellExecutionError: a cell ended with an error.
    """
    notebook = nbformat.read(path, as_version=4)
    # Without folders of kernels there is only that of the running Python.
    manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = NotebookClient(notebook, km=manager, timeout=CELL_SECS, record_timing=False,
                            resources={'metadata': {'path': os.path.dirname(path)}})
    # The scripts beside the notebook, also if those of another folder are installed.
    python_path = os.pathsep.join([ROOT] + [p for p in [os.environ.get('PYTHONPATH')] if p])
    env = dict(os.environ, PYTHONPATH=python_path, **environment)
    # With it ipykernel does not pass on what TensorFlow's C++ prints.
    env.pop('PYTEST_CURRENT_TEST', None)
    # cleanup_kc: else the kernel outlives this, as the manager is ours.
    with client.setup_kernel(env=env, cleanup_kc=True):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    return notebook


def smaller(png):
    """The same picture, a PNG file in base64, with 256 colours, which takes half the room or less."""
    picture = io.BytesIO()
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert('RGB')
    image.quantize().save(picture, 'PNG', optimize=True)
    return base64.b64encode(picture.getvalue()).decode() + '\n'


def clean(notebook, folder):
    """Take this machine's folders, and colours, out of the outputs; make pictures smaller.

    Args:
        notebook: it is changed.
        folder: where the kernel made its temporary folders.
    """
    for cell in notebook.cells:
        if cell.cell_type != 'code':
            continue
        outputs = []
        for output in cell.outputs:
            # Pieces of one stream, which arrive as time will have it.
            if outputs and output.output_type == outputs[-1].output_type == 'stream' and \
                    output.name == outputs[-1].name:
                outputs[-1].text += output.text
            else:
                outputs.append(output)
        for output in outputs:
            texts = output if output.output_type == 'stream' else output.get('data', {})
            for key in set(texts) & {'text', 'text/plain', 'text/markdown'}:
                text = re.sub(r'(?m)^(\[[\w ]+\] )?Extracting .*\n', '', texts[key])
                text = re.sub('\x1b\\[[0-9;]*[A-Za-z]', '', text)
                text = re.sub(re.escape(folder) + r'/tmp\w+', 'runs', text)
                texts[key] = text.replace(ROOT + os.sep, '')
            if 'image/png' in texts:
                texts['image/png'] = smaller(texts['image/png'])
        cell.outputs = [output for output in outputs if output.get('text') != '']


def main():
    if os.environ.get('TF_TUTORIAL_DATA') == 'sample':
        sys.exit('notebooks.py: error: TF_TUTORIAL_DATA=sample, and what is stored is to be of the real data')
    known = {os.path.basename(path)[:-len('.ipynb')]: path for path in NOTEBOOKS}
    for name in sys.argv[1:] or sorted(known):
        if name not in known:
            sys.exit('notebooks.py: error: no notebook %s; there are %s' % (name, ', '.join(sorted(known))))
        path = known[name]
        with tempfile.TemporaryDirectory() as folder:
            try:
                notebook = execute(path, TMPDIR=folder)
            except CellExecutionError as error:
                sys.exit('notebooks.py: error: %s is left as it was: %s' % (
                    os.path.relpath(path, ROOT), error))
        clean(notebook, folder)
        nbformat.write(notebook, path + '.part')
        os.replace(path + '.part', path)
        print('%s: %d cells, %d KB' % (os.path.relpath(path, ROOT), len(notebook.cells),
                                       os.path.getsize(path) // 1024), flush=True)


if __name__ == '__main__':
    main()
