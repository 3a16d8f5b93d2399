"""What the programs share on the command line: flags, output folders, quiet, one-line errors.

A program's `main` says which of its constants are flags, and lets the flags' values take their places::

    def main(argv=None):
        parser = cli.Parser(__doc__, data='mnist')          # --data_dir, --sample, --seed
        parser.add_constants(globals(), TRAINING_STEPS='training steps')        # --training_steps
        args = parser.parse(argv)
        cli.set_constants(globals(), args)
        ...

    if __name__ == '__main__':
        cli.run(main)
"""
from companion.errors import UserError

import argparse
import logging
import math
import os
import sys

import data

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def verbose():
    """True if TF_TUTORIAL_VERBOSE asks for TensorFlow's own messages and for tracebacks."""
    return os.environ.get('TF_TUTORIAL_VERBOSE', '0') not in ('', '0')


def quiet():
    """Hide TensorFlow 1.15's start-up noise: deprecations, the contrib banner, the search for CUDA."""
    if not verbose():
        os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
        logging.getLogger('tensorflow').setLevel(logging.ERROR)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose help is a program's docstring.

    Args:
        doc: the program's `__doc__`.
        data: 'mnist' or 'ptb' if the program reads that data set. It then has --data_dir and
            --sample, and `parse` leaves in `args.data_dir` a folder with verified files.
        seed: whether the program draws random numbers, and so has --seed.
    """

    def __init__(self, doc, data=None, seed=True):
        super().__init__(description=doc, allow_abbrev=False,
                         formatter_class=argparse.RawDescriptionHelpFormatter)
        self.data = data
        if data:
            self.add_argument('--data_dir', metavar='DIR', default=os.environ.get('TF_TUTORIAL_DATA'),
                              help='folder of the data files (default: TF_TUTORIAL_DATA, or a cache '
                                   'folder that is filled by download)')
            self.add_argument('--sample', action='store_true',
                              help='use the small embedded sample instead of the real data')
        if seed:
            self.add_argument('--seed', type=seed_number, metavar='N',
                              help='random seed; without it each run differs, as in the article')

    def error(self, message):
        self.exit(2, '%s: error: %s (see --help)\n' % (self.prog, message))

    def add_constants(self, namespace, kind=None, **helps):
        """Make a flag of each named constant, --batch_size of BATCH_SIZE; its default is the printed value.

        Args:
            namespace: `globals()` or `vars(module)`.
            kind: a function from the flag's text to its value, such as `fraction`; by default integers are
                positive, other numbers are not negative, and text is text.
            helps: for each constant its help text.
        """
        # A second run in one process starts again from the printed value.
        printed = namespace.setdefault('_printed', {})
        for name, text in helps.items():
            value = printed.setdefault(name, namespace[name])
            self.add_argument(
                '--' + name.lower(), default=value, metavar=name.split('_')[-1],
                type=kind or {int: positive_int, float: non_negative_float}.get(type(value), str),
                help=text.replace('%', '%%') + (' (default: %(default)s)' if value != '' else ''))

    def parse(self, argv=None):
        """Parse `argv`, and prepare data and output folders.

        A default that starts with runs/ lies in TF_TUTORIAL_RUNS, by default the folder `runs` of
        the project, and in its folder `sample` when the run is on the embedded sample, so that
        checkpoints of the two never mix.
        """
        args = self.parse_args(argv)
        quiet()
        if self.data:
            args.sample = args.sample or args.data_dir == 'sample'
            args.data_dir = data.folder(self.data, args.data_dir, args.sample)
        runs = os.path.abspath(os.environ.get('TF_TUTORIAL_RUNS') or os.path.join(ROOT, 'runs'))
        if getattr(args, 'sample', False):
            runs = os.path.join(runs, 'sample')
        for name, value in vars(args).items():
            if isinstance(value, str) and value.startswith('runs/') and value == self.get_default(name):
                setattr(args, name, os.path.join(runs, value[len('runs/'):]))
        return args


def set_constants(namespace, args):
    """Let the flags' values take the places of the constants of the same names.

    Args:
        namespace: `globals()` or `vars(module)`.
        args: what Parser.parse returns.
    """
    namespace.update({name.upper(): value for name, value in vars(args).items() if name.upper() in namespace})


def seed_number(text):
    """`text` as a random seed, an int that fits in 32 bits as NumPy's seeds do."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2 ** 32:
        raise argparse.ArgumentTypeError('must be an integer from 0 to 4294967295, not %s' % text)
    return value


def positive_int(text):
    """`text` as an int of 1 or more, that fits in 32 bits as TensorFlow's sizes do."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value < 2 ** 31:
        raise argparse.ArgumentTypeError('must be an integer from 1 to 2147483647, not %s' % text)
    return value


def non_negative_float(text):
    """`text` as a finite float of 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError('must be a number of 0 or more, not %s' % text)
    return value


def fraction(text):
    """`text` as a float between 0 and 1, as decay rates and probabilities are."""
    value = non_negative_float(text)
    if value > 1:
        raise argparse.ArgumentTypeError('must be a number between 0 and 1, not %s' % text)
    return value


def keep_prob(text):
    """`text` as the probability that dropout keeps a node: over 0, up to 1."""
    value = fraction(text)
    if 1 - value == 1:                  # so small that it is lost in TensorFlow's 1 - keep_prob
        raise argparse.ArgumentTypeError('must be over 0, or no node is left')
    return value


def file_name(text):
    """`text` as the name of a file without a folder, as checkpoints are named."""
    if not text or os.path.basename(text) != text:
        raise argparse.ArgumentTypeError('must be a file name without a folder, not %r' % text)
    return text


def check_batch_size(batch_size, examples):
    """Raise UserError if a training batch would have more images than there are."""
    if batch_size > examples:
        raise UserError('--batch_size %d is more than the %d training images' % (batch_size, examples))


def check_loss(loss, step, learning_rate, flag='--learning_rate', folder=None):
    """Raise UserError if the loss after a step is no longer finite; the flag of the rate is the way out.

    The loss is that of the weights before the step: those that spoiled it may be in a checkpoint in `folder`.
    """
    if not -math.inf < loss < math.inf:
        raise UserError('the loss is %g after step %d: lower %s (now %g)%s' % (
            loss, step, flag, learning_rate,
            ', and delete %s, whose checkpoint may hold NaN too' % folder if folder else ''))


def run(main):
    """Call `main` as the program: a fault of input or surroundings ends in one line and a status."""
    if sys.stdout:
        # A log shows each line at once; a terminal that knows no Chinese gets numbers for it.
        sys.stdout.reconfigure(line_buffering=True, errors='backslashreplace')
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:                      # the reader, `head` say, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (UserError, data.DataError) as error:
        message, status = str(error), error.status
    except OSError as error:
        message, status = ('%s: %s' % (error.filename, error.strerror) if error.filename else str(error)), 1
    except MemoryError as error:
        message, status = '%s: a size is too large for this machine: lower a flag' % (str(error) or 'no memory left'), 1
    except Exception as error:
        if verbose():
            raise
        elif getattr(error, 'message', '').startswith('OOM when allocating'):
            message = '%s: a size is too large for this machine: lower a flag' % error.message.split('\n')[0]
            status = 1
        elif hasattr(error, 'node_def'):         # a tf.errors.OpError; its text repeats the graph's stack
            message, status = '%s: %s' % (type(error).__name__, error.message.split('\n')[0]), 1
        elif str(error).startswith('Cannot feed value of shape'):
            message, status = '%s: a flag does not fit the data' % error, 1
        else:
            raise
    if 'No space left on device' in message:
        message += '; free some space and start again: a training resumes from its last intact checkpoint'
    folder, name = os.path.split(sys.argv[0])
    if name == '__main__.py':
        name = 'python -m %s' % os.path.basename(folder)
    sys.stdout.flush()
    print('%s: error: %s' % (name, message), file=sys.stderr)
    sys.exit(status)
