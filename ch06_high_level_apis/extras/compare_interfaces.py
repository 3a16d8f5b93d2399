"""The chapter's table: native TensorFlow and four interfaces side by side: code, size, speed, accuracy.

Article 6 TensorFlow 高层封装; the article compares the interfaces in words.

    python ch06_high_level_apis/extras/compare_interfaces.py
    python ch06_high_level_apis/extras/compare_interfaces.py --epoch       # also accuracies after one epoch
    python ch06_high_level_apis/extras/compare_interfaces.py --full        # also at the printed length: hours

Shows what the interfaces save and what they cost. Lines of code are those of the functions that hold the
article's program (of Slim, for which it prints none, ours): network, training and evaluation, without
docstrings, comments, empty lines, imports, constants, flags and resuming. As printed, with imports and
constants, the article's programs are 35 lines (tf.contrib.learn), 22 (TFLearn) and 45 (Keras, which prepares
the data itself). A step's time is the median between the starts of two batches of BATCH_SIZE images, on the
embedded sample, measured in turns by what each program calls once a step; of the STEPS steps of a round, the
first five and the last, which no next one ends, do not count. The networks are alike, but the native one, of
article 4, has 512 nodes in fc1 and the others 500, and that of Keras is smaller (no zero padding), and so faster.

Takes two minutes on two cores; --epoch seven. --full resumes, and only evaluates what is trained in runs/.
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
import types

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data
from tqdm import tqdm

import data

BATCH_SIZE = 100        # images a step, the same for all; the printed 64 and 128 would be other work
STEPS = 60              # steps in each round; all but the first five and the last are timed
REPEATS = 3             # rounds

# Of each interface: its programs, the one that trains first; the functions with the article's program; the
# flags of one epoch, 550 steps of 100 images.
PROGRAMS = {
    'native': (['ch04_cnn/mnist_train.py', 'ch04_cnn/mnist_inference.py', 'ch04_cnn/mnist_eval.py'],
               ['train', 'inference', 'evaluate'], ['--training_steps', '550']),
    'Slim': (['ch06_high_level_apis/slim_cnn.py'],
             ['lenet', 'batches', 'train', 'evaluate'], ['--training_steps', '550']),
    'tf.contrib.learn': (['ch06_high_level_apis/contrib_learn_cnn.py'],
                         ['conv_model', 'program'], ['--training_steps', '550']),
    'TFLearn': (['ch06_high_level_apis/tflearn_cnn.py'], ['program'], ['--n_epoch', '1']),
    'Keras': (['ch06_high_level_apis/keras_cnn.py'], ['program'], ['--epochs', '1']),
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


def program_lines(name):
    """Count the lines of code of an interface's program."""
    files, functions, _ = PROGRAMS[name]
    found = {}
    for module in map(load, files):
        found.update((name, getattr(module, name)) for name in functions if hasattr(module, name))
    return sum(code_lines(inspect.getsource(found[name])) for name in functions)


def parameters(graph):
    """Count the elements of the weights and biases in a graph."""
    variables = graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    return sum(variable.shape.num_elements() for variable in variables)


def steps_of(one_hot):
    """The sample as read_data_sets returns it, but with STEPS batches of training images (repeated)."""
    mnist = input_data.read_data_sets(data.folder('mnist', sample=True), one_hot=one_hot)
    images, labels = (np.resize(array, (STEPS * BATCH_SIZE,) + array.shape[1:])
                      for array in (mnist.train.images, mnist.train.labels))
    train = types.SimpleNamespace(images=images, labels=labels, num_examples=len(images),
                                  next_batch=mnist.train.next_batch)
    test = types.SimpleNamespace(images=mnist.test.images[:BATCH_SIZE], labels=mnist.test.labels[:BATCH_SIZE])
    return types.SimpleNamespace(train=train, validation=mnist.validation, test=test)


def run_program(name, module, stamp):
    """Train STEPS steps with the program's own function, calling `stamp` at each; return its parameters."""
    mnist = steps_of(one_hot=name in ('native', 'TFLearn'))
    train, test = mnist.train, mnist.test
    with tf.Graph().as_default() as graph:
        if name in ('native', 'Slim'):
            next_batch = train.next_batch
            train.next_batch = lambda size: stamp() or next_batch(size)
            module.train(mnist)
        elif name == 'tf.contrib.learn':
            class Hook(tf.train.SessionRunHook):
                def begin(self):
                    self.graph = tf.get_default_graph()         # the Estimator's

                def before_run(self, run_context):
                    stamp()
            hook = Hook()
            config = module.learn.RunConfig(tf_random_seed=None, save_checkpoints_steps=STEPS)
            module.program(mnist, {'model_dir': module.MODEL_SAVE_PATH, 'config': config}, [hook])
            return parameters(hook.graph)
        elif name == 'TFLearn':
            class Callback(module.tflearn.callbacks.Callback):
                def on_batch_begin(self, training_state):
                    stamp()
            load_data = types.SimpleNamespace(load_data=lambda one_hot: (
                train.images, train.labels, test.images, test.labels))
            module.program(load_data, None, 0, [Callback()])
        else:
            callback = module.keras.callbacks.LambdaCallback(on_batch_begin=lambda batch, logs: stamp())
            load_data = types.SimpleNamespace(load_data=lambda: (
                (train.images, train.labels), (test.images, test.labels)))
            with tf.Session().as_default():
                module.program(load_data, None, 0, [callback])
            # The variables of Keras's optimizer are trainable too.
            return callback.model.count_params()
        return parameters(graph)


def measure(name, module):
    """Train in a temporary folder; return the seconds from step to step, and the number of parameters."""
    stamps, printed = [], dict(vars(module))
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, 'w') as nowhere, \
            contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        # TFLearn and Keras count epochs: one, of STEPS batches.
        vars(module).update({constant: value for constant, value in (
            ('BATCH_SIZE', BATCH_SIZE), ('batch_size', BATCH_SIZE), ('TRAINING_STEPS', STEPS), ('N_EPOCH', 1),
            ('epochs', 1), ('MODEL_SAVE_PATH', folder), ('LOG_PATH', folder)) if constant in printed})
        try:
            count = run_program(name, module, lambda: stamps.append(time.perf_counter()))
        finally:
            vars(module).update(printed)
    # The first five steps are slower; the last has no next one.
    return [after - before for before, after in zip(stamps[5:STEPS], stamps[6:STEPS])], count


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
        BATCH_SIZE='images a step, where time is measured',
        STEPS='steps in a round, of which all but the first five and the last are timed',
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
        parser.error('argument --steps: must be 7 or more, as the first five and the last are not timed')
    seed_flags = [] if args.seed is None else ['--seed', str(args.seed)]
    data_flags = ['--sample'] if args.sample else []

    modules = {name: load(files[0]) for name, (files, _, _) in PROGRAMS.items()}
    logging.getLogger('tensorflow').disabled = True         # their progress
    seconds, sizes = {name: [] for name in PROGRAMS}, {}
    for _ in tqdm(range(REPEATS), unit='round', disable=None):
        for name, module in modules.items():
            times, sizes[name] = measure(name, module)
            seconds[name] += times
    logging.getLogger('tensorflow').disabled = False

    heads = ['lines of code', 'parameters', 'ms/step', 'native / it']
    heads += ['test accuracy, one epoch'] * args.epoch + ['test accuracy, printed length'] * args.full
    print('| interface | %s |' % ' | '.join(heads))
    print('| --- |' + ' ---: |' * len(heads))
    median = {name: statistics.median(times) for name, times in seconds.items()}
    for name, (files, _, epoch_flags) in PROGRAMS.items():
        cells = [name, '%d' % program_lines(name), '%d' % sizes[name], '%.1f' % (1000 * median[name]),
                 '%.2f' % (median['native'] / median[name])]
        if args.epoch:
            with tempfile.TemporaryDirectory() as folder:
                cells.append('%.4f' % accuracy_of(name, epoch_flags + seed_flags, data_flags, folder))
        if args.full:
            cells.append('%.4f' % accuracy_of(name, seed_flags, data_flags, args.runs))
        print('| %s |' % ' | '.join(cells))
    print('ms/step: median of %d x %d steps of %d images.' % (REPEATS, STEPS - 6, BATCH_SIZE))


if __name__ == '__main__':
    cli.run(main)
