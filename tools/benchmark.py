"""Compare how fast TensorFlow 1.15.5, Intel's build of it, TensorFlow 2.x and PyTorch train three networks.

    python tools/benchmark.py         # all that there are of .venv, .venv-intel, .venv-tf2 and .venv-torch
    python tools/benchmark.py --python 1.15.5=.venv/bin/python --python pytorch=.venv-torch/bin/python

    python3.7 -m venv .venv-intel && .venv-intel/bin/pip install -r requirements/benchmark-intel.txt
    python3.11 -m venv .venv-torch && .venv-torch/bin/pip install -r requirements/benchmark-torch.txt

Shows the median time of a training step of article 3's network, article 4's LeNet and article 5's language
model, at their printed sizes and settings, on random data. TensorFlow runs the programs' own trainings
(benchmark_tf.py), PyTorch the same in its own words (benchmark_torch.py). First it checks that both compute
the same: from the same weights, without dropout, the same loss, and the same weights after some steps. A name
that begins with "pytorch" runs benchmark_torch.py, any other benchmark_tf.py. The first is the one that the
others are compared with.

In each round each build is a process of its own, in another order each time, and uses all cores: TensorFlow
by itself, PyTorch as it is told. A step lasts from one batch to the next, feeding and fetching included. The
floating-point operations are those of the matrix products and convolutions alone, see `flop` below. The last
rows are one product of two square matrices by each build's own sgemm; the share is of the fastest of these.

Takes eight minutes on two cores with four builds. Nothing else should run meanwhile: beside other programs
Intel's build and PyTorch, whose threads wait for each other, may lose ten times their speed.
"""
from companion import cli

import argparse
import datetime
import json
import os
import shlex
import statistics
import subprocess
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))

ROUNDS = 5
SECONDS = 3.0               # of timed steps, for each network in each process
WARMUP = 10                 # steps before them
SGEMM_WARMUP = 2            # products, likewise
SGEMM_SIZE = 4096           # rows and columns of the square matrices

CHECK_STEPS = 3             # after which the weights must agree
CHECK_GRAD_NORM = 0.5       # for MAX_GRAD_NORM, which the first steps' gradients do not reach
TOLERANCE = 1e-4            # of the loss, and of the weights, relative to the largest change of each

# What is shared with benchmark_torch.py, as printed in the articles.
BATCH_SIZE = 100                            # articles 3 and 4
EXAMPLES = 55000
TRAIN_BATCH_SIZE, TRAIN_NUM_STEP = 20, 35   # article 5
HIDDEN_SIZE, VOCAB_SIZE = 200, 10000

MLP, LENET, PTB, SGEMM = '784-500-10 network', 'LeNet', 'PTB LSTM', 'sgemm'
MODELS = (MLP, LENET, PTB)

# Where a build is looked for, and how it is made.
BUILDS = {
    '1.15.5': ('.venv', 'make venv'),
    'intel 1.15.2': ('.venv-intel', 'python3.7 -m venv .venv-intel && '
                                    '.venv-intel/bin/pip install -r requirements/benchmark-intel.txt'),
    '2.x': ('.venv-tf2', 'make venv-tf2'),
    'pytorch': ('.venv-torch', 'python3.11 -m venv .venv-torch && '
                               '.venv-torch/bin/pip install -r requirements/benchmark-torch.txt'),
}


# What the measured processes share

class Enough(Exception):
    """Ends a training."""


class Clock:
    """Notes when each batch is asked for, and ends the training in time."""

    def __init__(self, seconds, warmup):
        self.seconds, self.warmup, self.times = seconds, warmup, []

    def tick(self):
        self.times.append(time.perf_counter())
        if len(self.times) > self.warmup + 1 and self.times[-1] - self.times[self.warmup] >= self.seconds:
            raise Enough

    def median(self):
        """The median of the steps after the warm-up, in milliseconds."""
        times = self.times[self.warmup:]
        return 1000 * statistics.median(after - before for before, after in zip(times, times[1:]))


class Pictures:
    """Random pictures in the place of mnist.train. `tick` is called before each batch."""

    num_examples = EXAMPLES

    def __init__(self, tick, seed):
        self.tick, self.random = tick, np.random.RandomState(seed)
        self.images = self.random.uniform(size=[10 * BATCH_SIZE, 784]).astype('float32')
        self.labels = np.eye(10)[self.random.randint(10, size=len(self.images))]
        self.start = 0

    def next_batch(self, batch_size):
        """Pictures, float32 [batch_size, 784], and labels, float64 [batch_size, 10]; ten batches in turn."""
        self.tick()
        chosen = slice(self.start, self.start + batch_size)
        self.start = chosen.stop % len(self.images)
        return self.images[chosen], self.labels[chosen]


def words(seed):
    """Random words, int32, for 100 batches of article 5."""
    return np.random.RandomState(seed).randint(
        VOCAB_SIZE, size=TRAIN_BATCH_SIZE * (100 * TRAIN_NUM_STEP + 1)).astype('int32')


def parse(doc):
    """The flags of a measured process."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', type=float, default=SECONDS, help='seconds of timed steps')
    parser.add_argument('--sgemm_size', type=int, default=SGEMM_SIZE, help='rows of the square matrices')
    parser.add_argument('--seed', type=int, default=1, help='random seed of weights and data')
    parser.add_argument('--weights', metavar='FILE', help='check instead: weights and losses, an .npz file')
    return parser.parse_args()


def measure(trainings, sgemm, args):
    """Run each training until it has lasted, then the product of matrices, and return {name: milliseconds}.

    Args:
        trainings: {name: function(tick, seed)} that train until `tick` raises Enough.
        sgemm: a function(size, tick, seed) that multiplies matrices likewise.
    """
    found = {}
    for name, train in list(trainings.items()) + [
            (SGEMM, lambda tick, seed: sgemm(args.sgemm_size, tick, seed))]:
        clock = Clock(args.seconds, SGEMM_WARMUP if name == SGEMM else WARMUP)
        try:
            train(clock.tick, args.seed)
        except Enough:
            pass                        # else the training ended before
        found[name] = clock.median()
    return found


# Counting

def flop(name):
    """The floating-point operations of a training step: 2 for each multiply-add of products, convolutions.

    A layer multiplies once forward, once backward for its weights, and once more for its inputs, which the
    first layer spares itself (TensorFlow too: it drops that gradient from the graph before a run). What goes
    element by element, such as dropout, pooling and the update, is left out.
    """
    rows = TRAIN_BATCH_SIZE * TRAIN_NUM_STEP
    # A layer's multiply-adds forward, and how many times they come.
    layers = {
        MLP: [(BATCH_SIZE * 784 * 500, 2), (BATCH_SIZE * 500 * 10, 3)],
        LENET: [(BATCH_SIZE * 28 * 28 * 32 * 5 * 5 * 1, 2), (BATCH_SIZE * 14 * 14 * 64 * 5 * 5 * 32, 3),
                (BATCH_SIZE * 7 * 7 * 64 * 512, 3), (BATCH_SIZE * 512 * 10, 3)],
        # Each LSTM layer makes four gates of its input and its state; the embedding is looked up.
        PTB: [(rows * 2 * HIDDEN_SIZE * 4 * HIDDEN_SIZE, 3)] * 2 + [(rows * HIDDEN_SIZE * VOCAB_SIZE, 3)],
        SGEMM: [(SGEMM_SIZE ** 3, 1)],
    }
    return sum(2 * multiply_adds * times for multiply_adds, times in layers[name])


def table(rounds):
    """The table in Markdown.

    Args:
        rounds: for each round {build: {name: milliseconds}}; others are compared with the first build.
    """
    builds = list(rounds[0])

    def rate(name, build):
        return flop(name) / 1e6 / statistics.median(times[build][name] for times in rounds)

    best = max(builds, key=lambda build: rate(SGEMM, build))
    lines = ['| | build | ms a step | lowest to highest | speed / %s '
             '| GFLOP a step | GFLOP/s | of sgemm |' % builds[0],
             '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |']
    for name in MODELS + (SGEMM,):
        for build in builds:
            took = [times[build][name] for times in rounds]
            # By round, so that what slows a whole round down cancels out.
            ratio = statistics.median(times[builds[0]][name] / times[build][name] for times in rounds)
            lines.append('| %s | %s | %.2f | %.2f to %.2f | %.2f | %.3f | %.0f | %.0f %% |' % (
                name, build, statistics.median(took), min(took), max(took), ratio, flop(name) / 1e9,
                rate(name, build), 100 * rate(name, build) / rate(SGEMM, best)))
    lines.append('')
    lines.append('The sgemm rate is that of %s, the highest here: %.0f GFLOP/s for float32 [%d, %d].' % (
        best, rate(SGEMM, best), SGEMM_SIZE, SGEMM_SIZE))
    return '\n'.join(lines)


# Running the builds

def find():
    """The environments in the project's folder, {name: command}; says how to make those that are missing."""
    commands = {}
    for name, (folder, remedy) in BUILDS.items():
        path = os.path.join(cli.ROOT, folder, 'bin', 'python')
        if os.path.exists(path):
            commands[name] = [path]
        else:
            print('Without %s, as there is no %s: %s' % (name, folder, remedy))
    return commands


def run(name, command, *flags):
    """Run a build's process, and return what it says last, from JSON.

    Raises:
        cli.UserError: it failed.
    """
    program = ['benchmark_torch.py'] if name.startswith('pytorch') else [
        os.path.join(os.pardir, 'tf1.py'), 'benchmark_tf.py']
    try:
        # The project is not installed in the other environments.
        done = subprocess.run(command + program + list(flags), cwd=HERE, stdout=subprocess.PIPE,
                              env=dict(os.environ, PYTHONPATH=cli.ROOT),
                              stderr=subprocess.PIPE, universal_newlines=True)
    except OSError as error:
        raise cli.UserError('%s: %s: %s (see --python in --help)' % (name, command[0], error.strerror))
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or 'no message'
        raise cli.UserError('%s failed with status %d: %s' % (name, done.returncode, said.split('\n')[-1]))
    return json.loads(done.stdout.splitlines()[-1])


def check(commands, seed):
    """Compare the first PyTorch with the first TensorFlow, if both are there, and print how well they agree.

    Raises:
        cli.UserError: they do not compute the same.
    """
    ours = [name for name in commands if name.startswith('pytorch')]
    theirs = [name for name in commands if not name.startswith('pytorch')]
    if not (ours and theirs):
        return
    with tempfile.TemporaryDirectory() as folder:
        flags = '--weights', os.path.join(folder, 'weights.npz'), '--seed', str(seed)
        run(theirs[0], commands[theirs[0]], *flags)
        for name, (tensorflow, pytorch, difference) in run(ours[0], commands[ours[0]], *flags).items():
            print('Check of %s: loss %.6f by %s and %.6f by %s; after %d steps weights differ by at most '
                  '%.1e of their change' % (
                      name, tensorflow, theirs[0], pytorch, ours[0], CHECK_STEPS, difference))
            if not (abs(tensorflow - pytorch) <= TOLERANCE * tensorflow and difference <= TOLERANCE):
                raise cli.UserError('%s: %s and %s do not compute the same' % (name, theirs[0], ours[0]))


def build(text):
    """A flag NAME=COMMAND as a pair."""
    name, equals, command = text.partition('=')
    if not (name and shlex.split(command)):
        raise argparse.ArgumentTypeError('must be NAME=COMMAND, not %r' % text)
    # Relative to where the user is, as the processes start elsewhere; a bare name is looked for in PATH.
    return name, [os.path.abspath(word) if os.path.dirname(word) and os.path.exists(word) else word
                  for word in shlex.split(command)]


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('--python', type=build, action='append', metavar='NAME=COMMAND',
                        help='a build and the command of its Python, which may set variables: "intel tuned='
                             'env KMP_BLOCKTIME=0 .venv-intel/bin/python"; give it once for each build')
    parser.add_constants(
        globals(),
        ROUNDS='rounds of all builds',
        SECONDS='seconds of timed steps, for each network in each process',
        SGEMM_SIZE='rows and columns of the square matrices')
    parser.add_argument('--seed', type=int, default=1, metavar='N',
                        help='random seed of weights and data (default: %(default)s)')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    commands = dict(args.python) if args.python else find()
    if not commands:
        raise cli.UserError('no build to measure: make one, or name one by --python')

    import record  # wants setuptools, which the other environments may not have
    print('%s, %s; seed %d' % (record.processor(), datetime.date.today().isoformat(), args.seed))
    check(commands, args.seed)

    rounds = []
    for i in range(ROUNDS):
        names = list(commands)
        times = {}
        for name in names[i % len(names):] + names[:i % len(names)]:
            found = run(name, commands[name], '--seconds', str(SECONDS), '--sgemm_size', str(SGEMM_SIZE),
                        '--seed', str(args.seed))
            if not rounds:
                print('%s: %s' % (name, found['versions']))
            times[name] = found['times']
            print('round %d  %-12s  %s ms' % (i + 1, name, '  '.join(
                '%s %.2f' % item for item in times[name].items())))
        rounds.append({name: times[name] for name in names})
    print()
    print(table(rounds))


if __name__ == '__main__':
    cli.run(main)
