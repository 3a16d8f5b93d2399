"""What the notebooks share: their first cell, and figures and tables as outputs.

A notebook begins with::

    import sys
    sys.path.insert(0, '..')                    # the project's folder
    from companion import notebook
    SAMPLE, DATA_DIR = notebook.start('mnist')

Its code is that of the chapter's programs; tools/notebooks.py holds the two together.
"""
import atexit
import base64
import io
import os
import re
import shutil
import sys
import tempfile
import warnings

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def start(*names):
    """Prepare a notebook: TensorFlow 1.x's names, the data, a temporary folder to work in.

    Checkpoints and pictures of the notebook are kept in the temporary folder, and deleted with it.

    Args:
        names: of the data sets that it uses, 'mnist' or 'ptb'.
    Returns:
        Whether it runs on the embedded sample, because it was asked to or the real data could not be downloaded, and
        the folder of each data set.
    """
    sys.path.insert(0, ROOT)
    from companion import cli

    import data
    import tf1
    tf1.install()                               # on TensorFlow 2.x; does nothing on 1.15
    cli.quiet()
    warnings.filterwarnings('ignore')
    import tensorflow as tf
    cli.quiet()                                 # once more: in a notebook, importing 1.15 makes it talkative again
    tf.reset_default_graph()                    # for when the cell is run again
    setting = os.environ.get('TF_TUTORIAL_DATA')
    sample = setting == 'sample'
    try:
        folders = [data.folder(name, setting, sample) for name in names]
    except data.Unavailable as error:
        print('%s: going on with the embedded sample' % error)
        sample = True
        folders = [data.folder(name, None, True) for name in names]
    folders = [os.path.abspath(path) for path in folders]
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ['TF_TUTORIAL_RUNS'] = os.path.join(folder, 'runs')
    os.chdir(folder)
    return [sample] + folders


def recorded(log, pattern):
    """Read a curve of a full run from results/logs.

    Args:
        log: the log's name without .log, 'lenet-train-seed1' say.
        pattern: a regular expression with two groups, step and value.
    Returns:
        A dict from int to float.
    """
    with open(os.path.join(ROOT, 'results', 'logs', log + '.log'), encoding='utf-8') as file:
        return {int(step): float(value) for step, value in re.findall(pattern, file.read())}


def show(figure, alt):
    """Show a matplotlib figure as the cell's output; `alt` says in words what is to be seen, in both languages."""
    file = io.BytesIO()
    figure.savefig(file, format='png', dpi=100, bbox_inches='tight')
    _display(file.getvalue(), alt)


def picture(name, alt):
    """Show a PNG file that a program has saved, by its name or path, as `show` does."""
    if not os.path.exists(name):
        name, = [os.path.join(folder, name) for folder, _, files in os.walk('.') if name in files]
    with open(name, 'rb') as file:
        _display(file.read(), alt)


def _display(png, alt):
    from IPython.display import display
    display({'image/png': base64.b64encode(png).decode(), 'text/plain': alt}, raw=True,
            metadata={'image/png': {'alt': alt}, 'alt': alt})


def table(head, *rows):
    """Show a table: the names of the columns, and the rows; floats with six digits, as `%g` prints them."""
    from IPython.display import Markdown, display
    lines = [['%g' % cell if isinstance(cell, float) else str(cell) for cell in row] for row in (head,) + rows]
    lines.insert(1, ['---'] * len(head))
    display(Markdown('\n'.join('| %s |' % ' | '.join(line) for line in lines)))
