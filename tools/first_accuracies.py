"""Try what could explain article 2's accuracy at step 1000: 0.9044 on the validation data, ours is lower.

    python tf1.py tools/record.py tf2-first-accuracies python tf1.py tools/first_accuracies.py

Trains mnist_fc.py's network for 1000 steps, with other weights and another order of the images for each seed,
then with one of the two alike, and with other settings, and prints the accuracies beside the printed one. Takes
about five minutes on two cores that do nothing else.
"""
from companion import cli, printed

import contextlib
import io
import re
import statistics

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch02_mnist_basics import mnist_fc

SEEDS = 5               # of a variant
SEEDS_AS_PRINTED = 40
STEP = 1000             # mnist_fc.py prints the accuracy every 1000 steps

AS_PRINTED = 'as printed'
VARIANTS = {
    AS_PRINTED: {},
    'one order of the images': {'order': 1},
    'the same initial weights': {'weights': 1},
    'weights: stddev 0.05': {'stddev': 0.05},
    'weights: stddev 0.2': {'stddev': 0.2},
    'weights: stddev 1, the default': {'stddev': 1},
    'learning rate 0.009': {'rate': 0.009},
    'learning rate 0.011': {'rate': 0.011},
    'learning rate 0.0125': {'rate': 0.0125},
}


def accuracies(data_dir, seed, order=None, weights=None, stddev=0.1, rate=mnist_fc.LEARNING_RATE):
    """Return the validation accuracies that mnist_fc.py prints, of steps 0 and STEP.

    Args:
        order, weights: seeds of the order of the images and of the initial weights, by default `seed`.
        stddev: standard deviation of the initial weights; printed: 0.1.
    """
    mnist = input_data.read_data_sets(data_dir, one_hot=True, seed=order or seed)
    mnist_fc.LEARNING_RATE, mnist_fc.TRAINING_STEPS = rate, STEP + 1
    truncated_normal, out = tf.truncated_normal, io.StringIO()
    try:
        tf.truncated_normal = lambda shape, **_: truncated_normal(shape, stddev=stddev)
        with tf.Graph().as_default(), contextlib.redirect_stdout(out):
            tf.set_random_seed(weights or seed)
            mnist_fc.train(mnist)
    finally:
        tf.truncated_normal = truncated_normal
    return [float(value) for value in re.findall(r'validation accuracy using average model is (\S+)', out.getvalue())]


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist', seed=False)
    parser.add_constants(
        globals(),
        SEEDS='seeds of a variant',
        SEEDS_AS_PRINTED='seeds of the printed program')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    print('%-32s %6s %6s %6s %8s %6s' % ('accuracy at step %d' % STEP, 'seeds', 'lowest', 'mean', 'highest', 'stddev'))
    print('%-32s %6s %6s %6.4f' % ('article', '', '', printed.FC_ACCURACY[1000]))
    for name, settings in VARIANTS.items():
        seeds = SEEDS_AS_PRINTED if name == AS_PRINTED else SEEDS
        runs = [accuracies(args.data_dir, seed + 1, **settings) for seed in range(seeds)]
        last = [run[-1] for run in runs]
        spread = statistics.stdev(last) if seeds > 1 else 0
        print('%-32s %6d %6.4f %6.4f %8.4f %6.4f' % (
            name, seeds, min(last), statistics.mean(last), max(last), spread), flush=True)
        if name == AS_PRINTED:
            above = sum(value >= printed.FC_ACCURACY[1000] for value in last)
            first = [run[0] for run in runs]
            print('as printed, %d of %d seeds at or above the article; accuracy at step 0 from %.4f to %.4f' % (
                above, seeds, min(first), max(first)))


if __name__ == '__main__':
    cli.run(main)
