"""What the chapters' programs share.

cli: flags, output folders, one-line errors. checkpoint: resuming. figures: saving pictures. printed: what the
articles print. The programs import it before TensorFlow, so that Ctrl-C during TensorFlow's long import, and
a Python without TensorFlow, end in one line too.
"""
import os
import sys


def one_line(kind, error, trace):
    """The exception hook: one line for Ctrl-C and for a missing package, Python's own report for all else."""
    if issubclass(kind, KeyboardInterrupt):
        print('interrupted', file=sys.stderr, flush=True)
        os._exit(130)
    if issubclass(kind, ModuleNotFoundError) and os.environ.get('TF_TUTORIAL_VERBOSE', '0') in ('', '0'):
        print('error: %s has no module %r: `source .venv/bin/activate` first (`make venv` makes it), or see '
              'ch01_intro/extras/check_environment.py' % (sys.executable, error.name), file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = one_line

# CPython 3.7 reads a folder's Chinese name wrongly where LC_ALL is C, and TensorFlow then cannot be imported.
if any(os.fsencode(path).decode('utf-8', 'ignore') != path for path in (__file__, sys.prefix)):
    sys.exit('error: the name of the folder of this project cannot be read in the locale LC_ALL=%s: '
             'export LC_ALL=C.UTF-8' % os.environ.get('LC_ALL', ''))
