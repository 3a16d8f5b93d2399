"""Time the trainings of articles 3, 4 and 5 in this TensorFlow, as the scripts have them; for benchmark.py.

    python tf1.py tools/benchmark_tf.py --seconds 3

The scripts' own loops run, on random data that note when each batch is asked for. Prints versions and median
milliseconds a step, or saves weights and losses to compare with PyTorch's, in JSON.
"""
from companion import cli

import contextlib
import importlib
import io
import json
import math
import platform
import re
import tempfile
import types

import benchmark

cli.quiet()

import numpy as np
import tensorflow as tf


def load(chapter, name):
    """Import a chapter's program."""
    return importlib.import_module('%s.%s' % (chapter, name))


def pictures(chapter, tick, seed):
    """Train articles 3's or 4's network by its mnist_train.py, until `tick` raises Enough."""
    mnist_train = load(chapter, 'mnist_train')
    with tempfile.TemporaryDirectory() as folder, tf.Graph().as_default():
        mnist_train.MODEL_SAVE_PATH = folder
        tf.set_random_seed(seed)
        mnist_train.train(types.SimpleNamespace(train=benchmark.Pictures(tick, seed)))


def mlp(tick, seed):
    pictures('ch03_training_tricks', tick, seed)


def lenet(tick, seed):
    pictures('ch04_cnn', tick, seed)


def ptb(tick, seed, **constants):
    """Train article 5's language model by its run_epoch, with these constants, until `tick` raises Enough."""
    ptb_word_lm = load('ch05_rnn_ptb', 'ptb_word_lm')
    vars(ptb_word_lm).update(constants)
    ptb_iterator = ptb_word_lm.reader.ptb_iterator

    def ticking(*args):
        for batch in ptb_iterator(*args):
            tick()
            yield batch

    ptb_word_lm.reader.ptb_iterator = ticking
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        with tf.variable_scope("language_model", initializer=tf.random_uniform_initializer(-0.05, 0.05)):
            model = ptb_word_lm.PTBModel(True, ptb_word_lm.TRAIN_BATCH_SIZE, ptb_word_lm.TRAIN_NUM_STEP)
        with tf.Session() as session:
            tf.global_variables_initializer().run()
            try:
                while True:
                    perplexity = ptb_word_lm.run_epoch(
                        session, model, benchmark.words(seed), model.train_op, True)
                    assert math.isfinite(perplexity)
            finally:
                ptb_word_lm.reader.ptb_iterator = ptb_iterator


def sgemm(size, tick, seed):
    """Multiply two random matrices, until `tick` raises Enough."""
    with tf.Graph().as_default(), tf.Session() as session:
        # Variables, as the product of two constants would be computed only once.
        a, b = (tf.Variable(tf.random_uniform([size, size], seed=seed)) for _ in range(2))
        product = tf.matmul(a, b).op
        session.run(tf.global_variables_initializer())
        while True:
            tick()
            session.run(product)


TRAININGS = {benchmark.MLP: mlp, benchmark.LENET: lenet, benchmark.PTB: ptb}


def save_weights(path, seed):
    """Train CHECK_STEPS steps without dropout, and save the weights before and after and the first loss."""
    saved = {}

    def training(name, train, **constants):
        weights = []

        def tick():
            weights.append(tf.get_default_session().run(
                {variable.op.name: variable for variable in tf.trainable_variables()}))
            if len(weights) > benchmark.CHECK_STEPS:
                raise benchmark.Enough

        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.suppress(benchmark.Enough):
            train(tick, seed, **constants)
        # The programs print the loss of the first step, or its perplexity.
        loss, = re.findall(r'(?:batch is|perplexity is) ([\d.]+\d)', printed.getvalue())[:1]
        saved[name + '/loss'] = math.log(float(loss)) if name == benchmark.PTB else float(loss)
        for when, values in ('before', weights[0]), ('after', weights[-1]):
            for variable, value in values.items():
                saved['%s/%s/%s' % (name, when, variable)] = value

    dropout, tf.nn.dropout = tf.nn.dropout, lambda x, keep_prob: x
    training(benchmark.MLP, mlp)
    training(benchmark.LENET, lenet)
    tf.nn.dropout = dropout
    training(benchmark.PTB, ptb, KEEP_PROB=1.0, MAX_GRAD_NORM=benchmark.CHECK_GRAD_NORM)
    np.savez(path, **saved)


def main():
    args = benchmark.parse(__doc__)
    if args.weights:
        save_weights(args.weights, args.seed)
        print('{}')
        return
    with contextlib.redirect_stdout(io.StringIO()):
        times = benchmark.measure(TRAININGS, sgemm, args)
    print(json.dumps({'times': times, 'versions': 'TensorFlow %s, NumPy %s, Python %s' % (
        tf.__version__, np.__version__, platform.python_version())}))


if __name__ == '__main__':
    main()
