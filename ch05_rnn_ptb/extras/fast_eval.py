"""Evaluate a saved language model twice, as printed and faster, and compare perplexities and times.

Article 5 循环神经网络简介, section 自然语言建模, the evaluation of the last program.

    python ch05_rnn_ptb/extras/ptb_train.py                    # first, six minutes
    python ch05_rnn_ptb/extras/fast_eval.py
    python ch05_rnn_ptb/extras/fast_eval.py --words 100000     # all of the test data

Shows why EVAL_NUM_STEP = 1 is slow and need not be: the time goes into 80,000 calls of session.run and
into products of a matrix and a single row. With FAST_NUM_STEP words a call, and the state handed on as
before, the same sums take fewer calls. Expect the same perplexity to three decimals, five times faster or
more (RESULTS.md has the measured ratio). Takes one minute on two cores.
"""
from companion import cli

import os
import statistics
import time

import numpy as np
import tensorflow as tf

from ch05_rnn_ptb import ptb_word_lm, reader
from ch05_rnn_ptb.extras import saved_model

FAST_NUM_STEP = 35          # words in one call: no 截断 (truncation), as the state is handed on


def evaluate(session, fast_model, step_model, data):
    """Return the perplexity that ptb_word_lm.run_epoch gives, but faster.

    Args:
        fast_model: a PTBModel that is not for training, with batch 1 and many steps.
        step_model: one with batch 1 and one step, for the last words, which do not fill a call.
        data: a sequence of identifiers.
    """
    total_costs = 0.0
    iters = 0
    state = session.run(fast_model.initial_state)
    for model in (fast_model, step_model):
        rest = data[iters:]
        if not reader.epoch_size(len(rest), 1, model.num_steps):
            continue
        batches = reader.ptb_iterator(rest, 1, model.num_steps)
        for x, y in ptb_word_lm.progress(batches, model, rest):
            cost, state = session.run(
                [model.cost, model.final_state],
                {model.input_data: x, model.targets: y, model.initial_state: state})
            total_costs += cost
            iters += model.num_steps
    ptb_word_lm.check_perplexity(total_costs / iters, iters)
    return np.exp(total_costs / iters)


def main(argv=None):
    parser = cli.Parser(__doc__, data='ptb', seed=False)
    saved_model.add_flags(parser)
    parser.add_constants(globals(), FAST_NUM_STEP='words in one call of the faster evaluation')
    ptb_word_lm.add_data_path(parser)
    parser.add_argument('--words', type=cli.positive_int, default=10000, metavar='N',
                        help='evaluate the first N words of the test data (default: %(default)s)')
    parser.add_argument('--repeats', type=cli.positive_int, default=3, metavar='N',
                        help='evaluations of each kind; the median time counts (default: %(default)s)')
    args = ptb_word_lm.parse(parser, argv)
    cli.set_constants(vars(saved_model), args)
    cli.set_constants(globals(), args)

    folder = saved_model.MODEL_SAVE_PATH
    saved_model.use_sizes(folder)
    vocabulary = saved_model.read_vocabulary(folder)
    data = reader.file_to_ids(os.path.join(args.data_path, 'ptb.test.txt'), vocabulary)[:args.words]
    if len(data) < 2:
        raise cli.UserError('--words %d is too few: give at least 2' % args.words)

    with tf.Graph().as_default():
        with tf.variable_scope("language_model"):
            step_model = ptb_word_lm.PTBModel(False, 1, 1)
        with tf.variable_scope("language_model", reuse=True):
            fast_model = ptb_word_lm.PTBModel(False, 1, FAST_NUM_STEP)
        with tf.Session() as session:
            saved_model.restore(session, folder)
            runs = {
                'as printed, 1 step a call': lambda: ptb_word_lm.run_epoch(
                    session, step_model, data, no_op, False),
                'faster, %d steps a call' % FAST_NUM_STEP: lambda: evaluate(
                    session, fast_model, step_model, data)}
            no_op = tf.no_op()
            times = {name: [] for name in runs}
            # Alternately, so that whatever else the machine does slows both down.
            for _ in range(args.repeats):
                for name, run in runs.items():
                    start = time.time()
                    try:
                        perplexity = run()
                    except cli.UserError:       # of check_perplexity, whose flags are those of a training
                        raise cli.UserError('the perplexity is NaN or infinite: the model in %s is ruined: '
                                            'delete it and run %s again' % (folder, saved_model.TRAINER))
                    times[name].append(time.time() - start)
                    print('%s: perplexity %.3f over %d words, %.2f s' % (
                        name, perplexity, len(data) - 1, times[name][-1]))
    # Ratios of the two that ran one after the other, as the machine's load may change between rounds.
    slow, fast = times.values()
    print('medians %.2f s and %.2f s; in the median round %.1f times as fast' % (
        statistics.median(slow), statistics.median(fast),
        statistics.median(a / b for a, b in zip(slow, fast))))


if __name__ == '__main__':
    cli.run(main)
