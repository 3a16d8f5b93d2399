"""The chapter's table: one network by native TensorFlow and by four interfaces, code, size, speed, accuracy.

Article 6 TensorFlow 高层封装; the article compares the interfaces in words.

    python ch06_high_level_apis/extras/compare_interfaces.py
    python ch06_high_level_apis/extras/compare_interfaces.py --epoch       # also accuracies after one epoch
    python ch06_high_level_apis/extras/compare_interfaces.py --full        # also at the printed length: hours

Shows what the interfaces save and what they cost. Lines of code are without comments, docstrings and empty
lines, of the whole program (native: network, training and evaluation, three files) and of the function with
the network, which in tf.contrib.learn, TFLearn and Keras holds loss and optimiser too. A step's time is the
median between two batches of BATCH_SIZE pictures in the programs' own trainings, run in turns, on the
embedded sample. The Keras network is smaller (no zero padding), and so faster.
Takes three minutes on two cores; --epoch eight. --full resumes, and only evaluates what is trained in runs/.
"""
from companion import cli

import contextlib
import importlib
import inspect
import io
import logging
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tokenize
from unittest import mock

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data
from tqdm import tqdm

BATCH_SIZE = 100        # pictures a step, for all alike; the printed 64 and 128 would be other work
STEPS = 60              # steps that are timed in each round
REPEATS = 3             # rounds

# Interface: its files, the program that trains first, and the flags of an epoch, 550 steps of 100 pictures.
PROGRAMS = {
    'native': (['ch04_cnn/mnist_train.py', 'ch04_cnn/mnist_inference.py', 'ch04_cnn/mnist_eval.py'],
               ['--training_steps', '550']),
    'Slim': (['ch06_high_level_apis/slim_cnn.py'], ['--training_steps', '550']),
    'tf.contrib.learn': (['ch06_high_level_apis/contrib_learn_cnn.py'], ['--training_steps', '550']),
    'TFLearn': (['ch06_high_level_apis/tflearn_cnn.py'], ['--n_epoch', '1']),
    'Keras': (['ch06_high_level_apis/keras_cnn.py'], ['--epochs', '1']),
}


def load(path):
    """Import a program by its path in the project."""
    return importlib.import_module(os.path.splitext(path)[0].replace('/', '.'))


def code_lines(source):
    """Count the lines of Python source that hold code: no comments, no docstrings, no empty lines."""
    lines, first = set(), True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            first = True                # of a statement
        elif token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER):
            # A statement that begins with a string is a docstring.
            if not (first and token.type == tokenize.STRING):
                lines.update(range(token.start[0], token.end[0] + 1))
            first = False
    return len(lines)


def network(name, module):
    """Return the function that builds the network, and the number of parameters that it makes."""
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, [BATCH_SIZE, 28, 28, 1])
        if name == 'native':
            function = module.mnist_inference.inference
            function(images, True, None)
        elif name == 'Slim':
            function = module.lenet
            function(images, True)
        elif name == 'tf.contrib.learn':
            function = module.conv_model
            tf.train.create_global_step()
            function(images, tf.zeros([BATCH_SIZE]), tf.contrib.learn.ModeKeys.TRAIN)
        elif name == 'TFLearn':
            function = module.build_network
            function()
        else:
            function = module.build_model
            # Keras's optimiser has trainable variables too.
            return function, function((28, 28, 1)).count_params()
        return function, sum(variable.shape.num_elements() for variable in tf.trainable_variables())


@contextlib.contextmanager
def time_stamps(name, module):
    """Make a list that gets the time at each training step of a program, by what it calls once a step."""
    stamps = []

    def stamped(function):
        def wrapper(*args, **kwargs):
            stamps.append(time.perf_counter())
            return function(*args, **kwargs)
        return wrapper

    def read(*args, **kwargs):
        mnist = read_data_sets(*args, **kwargs)
        mnist.train.next_batch = stamped(mnist.train.next_batch)
        return mnist

    class Stamp(tf.train.SessionRunHook):
        before_run = stamped(lambda self, run_context: None)

    read_data_sets = input_data.read_data_sets
    if name in ('native', 'Slim'):
        patch = mock.patch.object(input_data, 'read_data_sets', read)
    elif name == 'tf.contrib.learn':
        fit = tf.contrib.learn.Estimator.fit
        # fit calls itself once more; the hook goes in with the first call.
        patch = mock.patch.object(tf.contrib.learn.Estimator, 'fit', lambda *args, **kwargs: fit(
            *args, **dict(kwargs, monitors=kwargs.get('monitors') or [Stamp()])))
    elif name == 'TFLearn':
        patch = mock.patch.object(module.StopAtNaN, 'on_batch_end', stamped(module.StopAtNaN.on_batch_end))
    else:
        patch = mock.patch.object(module, 'check_loss', stamped(module.check_loss))
    with patch:
        yield stamps


def step_seconds(name, module):
    """Train on the sample in a folder of its own, and return the seconds from each step to the next."""
    # TFLearn and Keras count epochs; one of the sample is 63 steps and 113.
    length = {'TFLearn': ['--n_epoch', '1'], 'Keras': ['--epochs', '1']}.get(
        name, ['--training_steps', str(STEPS)])
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, TF_TUTORIAL_RUNS=folder), \
            time_stamps(name, module) as stamps, open(os.devnull, 'w') as nowhere, \
            contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        module.main(['--sample', '--batch_size', str(BATCH_SIZE)] + length)
    # The first steps are slower.
    return [after - before for before, after in zip(stamps[5:STEPS], stamps[6:STEPS])]


def accuracy_of(name, flags, data_flags, folder):
    """Run a program as a user does, outputs in `folder`, and return the test accuracy that it prints."""
    files = PROGRAMS[name][0]
    commands = [[files[0]] + flags + data_flags]
    if name == 'native':
        commands.append([files[2], '--once'] + data_flags)
    for command in commands:
        result = subprocess.run(
            [sys.executable, os.path.join(cli.ROOT, command[0])] + command[1:], stdout=subprocess.PIPE,
            env=dict(os.environ, TF_TUTORIAL_RUNS=folder), universal_newlines=True)
        if result.returncode:
            raise cli.UserError('%s ended with status %d' % (command[0], result.returncode))
    return float(re.findall(r'(?im)(?:test |^)accuracy(?: =|:) ([\d.]+)', result.stdout)[-1])


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_constants(
        globals(),
        BATCH_SIZE='pictures a step, where time is measured',
        STEPS='steps that are timed in a round',
        REPEATS='rounds of the measurement')
    parser.add_argument('--epoch', action='store_true', help='train each for an epoch, and show its accuracy')
    parser.add_argument('--full', action='store_true', help='train each for as long as printed: hours')
    parser.add_argument('--runs', metavar='DIR', default='runs/',
                        help='folder of the --full trainings (default: %(default)s)')
    parser.add_argument('--sample', action='store_true',
                        help='train for --epoch and --full on the embedded sample')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    if STEPS < 7:
        parser.error('argument --steps: must be 7 or more, as the first six are not counted')
    seed_flags = [] if args.seed is None else ['--seed', str(args.seed)]
    data_flags = ['--sample'] if args.sample else []

    modules = {name: load(files[0]) for name, (files, _) in PROGRAMS.items()}
    logging.getLogger('tensorflow').disabled = True         # their progress
    seconds = {name: [] for name in PROGRAMS}
    for _ in tqdm(range(REPEATS), unit='round', disable=None):
        for name, module in modules.items():
            seconds[name] += step_seconds(name, module)
    logging.getLogger('tensorflow').disabled = False

    print('| interface | lines of code | of the network | parameters | ms a step | native / it | '
          'test accuracy, one epoch | printed length |')
    print('| --- |' + ' ---: |' * 7)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    for name, (files, epoch_flags) in PROGRAMS.items():
        lines = sum(code_lines(open(os.path.join(cli.ROOT, file), encoding='utf-8').read()) for file in files)
        function, parameters = network(name, modules[name])
        one_epoch = printed_length = ''
        if args.epoch:
            with tempfile.TemporaryDirectory() as folder:
                one_epoch = '%.4f' % accuracy_of(name, epoch_flags + seed_flags, data_flags, folder)
        if args.full:
            printed_length = '%.4f' % accuracy_of(name, seed_flags, data_flags, args.runs)
        print('| %s | %d | %d | %d | %.1f | %.2f | %s | %s |' % (
            name, lines, code_lines(inspect.getsource(function)), parameters, 1000 * median[name],
            median['native'] / median[name], one_epoch, printed_length))
    print('ms a step: median of %d x %d steps of %d pictures.' % (REPEATS, STEPS, BATCH_SIZE))


if __name__ == '__main__':
    cli.run(main)
