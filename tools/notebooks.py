"""Run the chapters' notebooks from beginning to end on the real data, and store what they show.

    python tools/notebooks.py                 # all of them, twelve minutes; the same as `make notebooks`
    python tools/notebooks.py ch02 ch05       # only these

A chapter has two editions, chNN.ipynb in English and chNN.zh-CN.ipynb in Chinese: the same cells, code and
outputs; the prose is each edition's own. To change them, edit them in Jupyter, save, and run this. Code that is
a program's is taken from the program: the cell's metadata names the file and what to take (see `code_of`). The
English edition is run in a new kernel, and its code and outputs are copied into the Chinese one. Both are
replaced when the last cell has ended without an error.

An exercise's answer is a Markdown cell with <details>; its blocks of ```python are run after the last cell, and
what they print is put into the block of ```text that follows.
"""
import base64
import copy
import glob
import io
import os
import re
import sys
import tempfile
import textwrap
import tokenize

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOTEBOOKS = sorted(glob.glob(os.path.join(ROOT, 'ch0*', 'ch0?.ipynb')))
CELL_SECS = 1200        # longest time for a cell; on an idle machine none takes over two minutes
ANSWER = re.compile(r'```python\n(.*?)```(?:\s*```text\n(.*?)```)?', re.DOTALL)


def chinese(path):
    """The path of a notebook's Chinese edition."""
    return path.replace('.ipynb', '.zh-CN.ipynb')


def statements(lines):
    """The first and the last line, from 0, of each of a program's statements; a comment is a statement too."""
    begin = None
    for token in tokenize.generate_tokens(iter(lines + ['']).__next__):
        if token.type == tokenize.COMMENT and begin is None:
            yield token.start[0] - 1, token.start[0] - 1
        elif token.type == tokenize.NEWLINE:
            yield begin, token.start[0] - 1
            begin = None
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT) and begin is None:
            begin = token.start[0] - 1


def code_of(path, take, replace=()):
    """Return the code that a cell has from a program.

    Args:
        path: the program, from the project's folder.
        take: a list of what to take, each searched after the one before. 'def train' is the first statement that
            begins so, with its block if it has one, and the comments right above it; 'x = .. y =' is all from
            one statement to another; 'x = ..' is all from there to the end of the block that it is in. An empty
            list is the whole file after its docstring.
        replace: pairs of what stands in the program and what stands in the cell; each must be found. A line
            that becomes empty goes.
    Raises:
        ValueError: something is not found.
    """
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        lines = file.read().splitlines(keepends=True)
    found = list(statements(lines))

    def indent(i):
        line = lines[found[i][0]]
        return len(line) - len(line.lstrip())

    def search(text, i):
        for j in range(i, len(found)):
            if lines[found[j][0]].lstrip().startswith(text):
                return j
        raise ValueError('%s: no statement begins with %r after line %d' % (path, text, found[max(i - 1, 0)][0] + 1))

    def block(i):
        """The number of the last statement in the block that statement i opens, or i."""
        j = i
        while j + 1 < len(found) and indent(j + 1) > indent(i):
            j += 1
        return j

    pieces, i, last_line = [], 0, -1
    for text in take:
        first, dots, last = (part.strip() for part in text.partition(' ..'))
        begin = end = search(first, i)
        if not dots:
            end = block(begin)
        elif last:
            end = block(search(last, begin))
        else:
            while end + 1 < len(found) and indent(end + 1) >= indent(begin):
                end += 1
        i = end + 1
        top = found[begin][0]
        # Comments right above, unless they were asked for by themselves.
        while top and lines[top - 1].strip().startswith('#') and top - 1 > last_line:
            top -= 1
        last_line = found[end][1]
        pieces.append(textwrap.dedent(''.join(lines[top:last_line + 1])))
    if not take:
        doc = 0 if lines[found[0][0]].startswith(('"""', "'''")) else -1
        pieces = [''.join(lines[found[doc + 1][0]:])]
    code = '\n'.join(pieces)
    for old, new in replace:
        if old not in code:
            raise ValueError('%s: no %r in what is taken' % (path, old))
        code = re.sub(r'(?m)^[ ]*%s[ ]*(#.*)?\n' % re.escape(old) if not new else re.escape(old), lambda _: new, code)
    return code.strip('\n')


def fill(notebook):
    """Put the programs' code into the cells whose metadata asks for it."""
    for cell in notebook.cells:
        if 'companion' in cell.metadata:
            wanted = cell.metadata['companion']
            cell.source = code_of(wanted['file'], wanted['take'], wanted.get('replace', ()))


def answers(cell):
    """The code of each answer in a Markdown cell, and what is said to be printed."""
    return ANSWER.findall(cell.source) if cell.cell_type == 'markdown' and '<details>' in cell.source else []


def execute(path, **environment):
    """Run a notebook's cells in order, as Jupyter does: in the notebook's folder, in a new kernel.

    Args:
        path: the notebook. It is read only.
        environment: variables of the environment to add for the kernel.
    Returns:
        The notebook with its outputs, and for each answer of an exercise what it prints.
    Raises:
        nbclient.exceptions.CellExecutionError: a cell, or an answer, ended with an error.
    """
    notebook = nbformat.read(path, as_version=4)
    fill(notebook)
    # Without folders of kernels there is only that of the running Python.
    manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = NotebookClient(notebook, km=manager, timeout=CELL_SECS, record_timing=False,
                            resources={'metadata': {'path': os.path.dirname(path)}})
    # The programs beside the notebook, also if those of another folder are installed.
    python_path = os.pathsep.join([ROOT] + [p for p in [os.environ.get('PYTHONPATH')] if p])
    env = dict(os.environ, PYTHONPATH=python_path, **environment)
    # With it ipykernel does not pass on what TensorFlow's C++ prints.
    env.pop('PYTEST_CURRENT_TEST', None)
    codes = [nbformat.v4.new_code_cell(code) for cell in notebook.cells for code, _ in answers(cell)]
    # cleanup_kc: else the kernel outlives this, as the manager is ours.
    with client.setup_kernel(env=env, cleanup_kc=True):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        for code in codes:
            notebook.cells.append(code)
            client.execute_cell(code, len(notebook.cells) - 1, store_history=False)
            notebook.cells.pop()
    return notebook, codes


def printed(cell):
    """What a code cell prints."""
    return ''.join(output.text for output in cell.outputs if output.output_type == 'stream' and output.name == 'stdout')


def put_answers(notebook, texts):
    """Put what the answers print, in order, into a notebook's blocks of ```text."""
    texts = iter(texts)

    def block(match):
        text = next(texts).rstrip('\n')
        return '```python\n%s```' % match.group(1) + ('\n\n```text\n%s\n```' % text if text else '')
    for cell in notebook.cells:
        if answers(cell):
            cell.source = ANSWER.sub(block, cell.source)


def translate(notebook, other):
    """Give the Chinese edition the English one's code and outputs.

    Raises:
        ValueError: the two do not have the same kinds of cells in the same order.
    """
    kinds, others = ([cell.cell_type for cell in each.cells] for each in (notebook, other))
    if kinds != others:
        at = next((i for i, pair in enumerate(zip(kinds, others)) if len(set(pair)) > 1), min(len(kinds), len(others)))
        raise ValueError('the editions differ at cell %d' % at)
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == 'code':
            other.cells[i] = copy.deepcopy(cell)


def smaller(png):
    """The same picture, a PNG file in base64, with 256 colours, which takes half the room or less."""
    picture = io.BytesIO()
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert('RGB')
    image.quantize().save(picture, 'PNG', optimize=True)
    return base64.b64encode(picture.getvalue()).decode() + '\n'


def clean(cells, folder):
    """Take this machine's folders, and colours, out of the outputs; make pictures smaller.

    Args:
        cells: code cells, which are changed.
        folder: where the kernel made its temporary folders.
    """
    for cell in cells:
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
                text = re.sub(re.escape(folder) + r'/tmp\w+/?', '', text)
                texts[key] = text.replace(ROOT + os.sep, '')
            if 'image/png' in texts:
                texts['image/png'] = smaller(texts['image/png'])
        cell.outputs = [output for output in outputs if output.get('text') != '']


def run(path):
    """Run a notebook and store both its editions."""
    with tempfile.TemporaryDirectory() as folder:
        notebook, codes = execute(path, TMPDIR=folder)
        clean([cell for cell in notebook.cells if cell.cell_type == 'code'] + codes, folder)
    other = nbformat.read(chinese(path), as_version=4)
    translate(notebook, other)
    for name, edition in (path, notebook), (chinese(path), other):
        put_answers(edition, map(printed, codes))
        nbformat.write(edition, name + '.part')
    for name in path, chinese(path):
        os.replace(name + '.part', name)
        print('%s: %d cells, %d KB' % (os.path.relpath(name, ROOT), len(notebook.cells),
                                       os.path.getsize(name) // 1024), flush=True)


def main():
    if os.environ.get('TF_TUTORIAL_DATA') == 'sample':
        sys.exit('notebooks.py: error: TF_TUTORIAL_DATA=sample, and what is stored is to be of the real data')
    known = {os.path.basename(path)[:-len('.ipynb')]: path for path in NOTEBOOKS}
    for name in sys.argv[1:] or sorted(known):
        if name not in known:
            sys.exit('notebooks.py: error: no notebook %s; there are %s' % (name, ', '.join(sorted(known))))
        try:
            run(known[name])
        except (CellExecutionError, ValueError) as error:
            sys.exit('notebooks.py: error: %s is left as it was: %s' % (os.path.relpath(known[name], ROOT), error))


if __name__ == '__main__':
    main()
