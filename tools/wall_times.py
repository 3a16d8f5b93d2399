"""How long the articles' trainings take at their printed settings, on TensorFlow 1.15 and on 2.x.

    python tools/record.py wall_times python tools/wall_times.py

Each program is run as a reader runs it, on the real data, in turns on both, for a few steps and for more of
them: that gives the time of a step, and of all around it (start, data, evaluation), and so the time of the
printed length, without waiting for it. Where a program counts in epochs, one and two of them, in one round.
Article 5's program is not among them: half of its time is the evaluation, which
takes equally long after a short training.
Takes a quarter of an hour on two cores; nothing else should run.
"""
from companion import cli

import os
import statistics
import subprocess
import tempfile
import time

ROUNDS = 2
BUILDS = {'1.15': ('.venv', []), '2.x': ('.venv-tf2', ['tf1.py'])}
# Program, flag of its length, printed length, and the two that are timed.
PROGRAMS = (
    ('ch02_mnist_basics/mnist_fc.py', 'training_steps', 10000, 200, 1200),
    ('ch03_training_tricks/mnist_train.py', 'training_steps', 30000, 200, 1200),
    ('ch04_cnn/mnist_train.py', 'training_steps', 30000, 10, 110),
    ('ch06_high_level_apis/contrib_learn_cnn.py', 'training_steps', 20000, 10, 110),
    ('ch06_high_level_apis/tflearn_cnn.py', 'n_epoch', 20, 1, 2),
    ('ch06_high_level_apis/keras_cnn.py', 'epochs', 20, 1, 2),
    ('ch06_high_level_apis/slim_cnn.py', 'training_steps', 20000, 10, 110),
    ('ch07_acceleration/multi_gpu_mnist.py', 'training_steps', 1000, 10, 110),
)


def took(build, program, flag, length):
    """Seconds of a run of this length, from nothing.

    Raises:
        cli.UserError: it failed, or its environment is not there.
    """
    folder, launcher = BUILDS[build]
    python = os.path.join(cli.ROOT, folder, 'bin', 'python')
    if not os.path.exists(python):
        raise cli.UserError('there is no %s: `make venv` and `make venv-tf2`' % python)
    command = [python] + launcher + [program, '--' + flag, str(length)]
    with tempfile.TemporaryDirectory() as runs:
        start = time.time()
        status = subprocess.call(command, cwd=cli.ROOT, env=dict(os.environ, TF_TUTORIAL_RUNS=runs),
                                 stdout=subprocess.DEVNULL)
    if status:
        raise cli.UserError('%s ended with status %d' % (' '.join(command), status))
    return time.time() - start


def spelled(seconds):
    return '%.0f s' % seconds if seconds < 100 else '%.0f min' % (seconds / 60)


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(globals(), ROUNDS='rounds of both builds')
    parser.add_argument('--only', default='', metavar='TEXT', help='only programs whose path has this text')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    print('| program | printed length | 1.15.5 | 2.x | 1.15.5 / 2.x |\n| --- | ---: | ---: | ---: | ---: |')
    for program, flag, length, few, more in PROGRAMS:
        if args.only not in program:
            continue
        rounds = []
        for i in range(1 if flag.endswith(('epoch', 'epochs')) else ROUNDS):
            times = {}
            for build in sorted(BUILDS, reverse=i % 2):
                short = took(build, program, flag, few)
                step = (took(build, program, flag, more) - short) / (more - few)
                times[build] = short + (length - few) * step
            rounds.append(times)
        ours, theirs = (statistics.median(times[build] for times in rounds) for build in sorted(BUILDS))
        print('| `%s` | %d %s | %s | %s | %.2f |' % (
            program, length, 'steps' if 'steps' in flag else 'epochs', spelled(ours), spelled(theirs),
            statistics.median(times['1.15'] / times['2.x'] for times in rounds)), flush=True)


if __name__ == '__main__':
    cli.run(main)
