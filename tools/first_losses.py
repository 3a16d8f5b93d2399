"""Try what could explain the first losses that article 7 prints: 71.90 at step 10, 37.97 at step 20.

    python tools/record.py towers-first-losses python tools/first_losses.py

Trains multi_gpu_mnist.py's network for 41 steps, in variants and with several seeds each, and prints the
losses of the last tower beside the printed ones. Takes two minutes on two cores.
"""
from companion import cli, printed

import statistics

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch04_cnn import mnist_inference as convolutional
from ch07_acceleration import multi_gpu_mnist

STEPS = (10, 20, 30, 40)
SEEDS = 3               # of a variant; each has its weights and its batches
SEEDS_AS_PRINTED = 20

# What differs from the printed program, with four batches in a step where it has one batch for all towers.
AS_PRINTED = 'as printed, one batch for all towers'
VARIANTS = {
    AS_PRINTED: {'batches': 1},
    'a batch for each tower (ours)': {},
    'gradients added, not averaged': {'batches': 1, 'rate': 0.004},
    'learning rate 0.01': {'batches': 1, 'rate': 0.01},
    'learning rate 0.0001': {'batches': 1, 'rate': 0.0001},
    'weights: stddev 1, the default': {'batches': 1, 'weights': 10},
    'weights: stddev 0.2': {'batches': 1, 'weights': 2},
    'weights: stddev 0.05': {'batches': 1, 'weights': 0.5},
    'weights: stddev 0.036, as 1/sqrt(784)': {'batches': 1, 'weights': 0.36},
    'regularization 0.01': {'batches': 1, 'regularization': 0.01},
    'regularization 0.04': {'batches': 1, 'regularization': 0.04},
    'pixels from 0 to 1': {'batches': 1, 'pixels': 1 / 255},
    "article 4's network": {'batches': 1, 'network': convolutional},
    'batches of 25': {'batches': 1, 'size': 25},
}


def losses(mnist, seed, batches=4, rate=0.001, weights=1, regularization=0.0001, pixels=1, size=100,
           network=None):
    """Return the losses of steps 0 to 40, of the last tower, which are those before the step's update."""
    random = np.random.RandomState(seed)
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.set_random_seed(seed)
        x = tf.placeholder(tf.float32, [batches, size, 784])
        y_ = tf.placeholder(tf.int32, [batches, size])
        regularizer = tf.contrib.layers.l2_regularizer(regularization)
        opt, tower_grads = tf.train.GradientDescentOptimizer(rate), []
        for i in range(batches):
            with tf.variable_scope(tf.get_variable_scope(), reuse=i > 0), \
                    tf.name_scope('GPU_%d' % i) as scope:
                if network:
                    y = network.inference(tf.reshape(x[i], [size, 28, 28, 1]), False, regularizer)
                    loss = tf.add_n([tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(
                        logits=y, labels=y_[i]))] + tf.get_collection('losses', scope))
                else:
                    loss = multi_gpu_mnist.get_loss(x[i], y_[i], regularizer, scope)
                tower_grads.append(opt.compute_gradients(loss))
        train_op = opt.apply_gradients(multi_gpu_mnist.average_gradients(tower_grads))
        sess.run(tf.global_variables_initializer())
        sess.run([tf.assign(v, weights * v) for v in tf.trainable_variables() if 'weights' in v.name])
        values = []
        for _ in range(max(STEPS) + 1):
            drawn = random.randint(len(mnist.labels), size=(batches, size))
            _, value = sess.run([train_op, loss], {x: mnist.images[drawn] * pixels, y_: mnist.labels[drawn]})
            values.append(float(value))
        return values


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist', seed=False)
    parser.add_constants(
        globals(),
        SEEDS='seeds of a variant',
        SEEDS_AS_PRINTED='seeds of the printed program')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    mnist = input_data.read_data_sets(args.data_dir, dtype=tf.uint8, validation_size=0).train

    print('%-38s  %s' % ('loss at step', '  '.join('%7d' % step for step in STEPS)))
    print('%-38s  %s' % ('article', '  '.join('%7.2f' % printed.TOWERS_LOSS[step] for step in STEPS)))
    for name, settings in VARIANTS.items():
        runs = [losses(mnist, seed + 1, **settings)
                for seed in range(SEEDS_AS_PRINTED if name == AS_PRINTED else SEEDS)]
        if name == AS_PRINTED:
            as_printed = runs
        for label, of in ((name, min), ('', statistics.median), ('', max)):
            values = '  '.join('%7.2f' % of([run[step] for run in runs]) for step in STEPS)
            print('%-38s  %s  %s' % (
                label, values, {min: 'lowest', max: 'highest'}.get(of, 'median of %d' % len(runs))))
    print('as printed, median by step: %s' % ', '.join(
        '%.0f' % statistics.median(run[step] for run in as_printed) for step in range(11)))
    for step in STEPS:
        above = sum(run[step] >= printed.TOWERS_LOSS[step] for run in as_printed)
        print('as printed, step %d: %d of %d seeds at or above the article' % (step, above, len(as_printed)))


if __name__ == '__main__':
    cli.run(main)
