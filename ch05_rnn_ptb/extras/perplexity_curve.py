"""Draw the perplexity over a training of the language model, beside the printed values.

Article 5 循环神经网络简介, section 自然语言建模, the output of the last program.

    python ch05_rnn_ptb/extras/perplexity_curve.py              # the trainings recorded in results/logs
    python ch05_rnn_ptb/ptb_word_lm.py | tee my.log             # or your own
    python ch05_rnn_ptb/extras/perplexity_curve.py my.log

Reads the lines that ptb_word_lm.py and ptb_train.py print, and saves the curve of 复杂度 (perplexity) as a
PNG. A training line covers all batches since its epoch began, so the curve jumps where an epoch ends.
Takes two seconds.
"""
from companion import cli, figures, printed

import os
import re

import matplotlib.figure

from ch05_rnn_ptb import reader

RECORDED = [os.path.join(cli.ROOT, 'results', 'logs', 'ptb_word_lm-seed%d.log' % seed) for seed in (1, 2, 3)]

# The article's output: in epoch 1 it stops after step 400, and in epoch 2 it begins at 1100.
PRINTED = {1: printed.PTB_FIRST, 2: printed.PTB_LAST}


def read_log(path):
    """Read what a training printed.

    Returns:
        The training perplexities, a dict from epoch to (step, perplexity) pairs; those of validation, a
        dict from epoch to float; and the test perplexity, None if the training has not reached it.
    Raises:
        cli.UserError: there is no training line in the file.
    """
    training, validation, test = {}, {}, None
    epoch = 1
    with open(path, encoding='utf-8', errors='replace') as lines:
        for line in lines:
            numbers = [float(number) for number in re.findall(r'\d+(?:\.\d+)?', line)]
            if line.startswith('In iteration:'):
                epoch = int(numbers[0])
            elif re.match(r'After \d+ steps, perplexity is \d', line):
                training.setdefault(epoch, []).append((int(numbers[0]), numbers[1]))
            elif re.match(r'Epoch: \d+ Validation Perplexity: \d', line):
                validation[int(numbers[0])] = numbers[1]
            elif re.match(r'Test Perplexity: \d', line):
                test = numbers[0]
    if not training:
        raise cli.UserError("%s has no line 'After ... steps, perplexity is ...': give what "
                            'ptb_word_lm.py printed' % path)
    return training, validation, test


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('logs', nargs='*', metavar='LOG', default=RECORDED,
                        help='what a training printed (default: the recorded ones)')
    parser.add_argument('--picture', default='runs/ch05_rnn_ptb/perplexity_curve.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    args = parser.parse(argv)
    figures.check(args.picture)
    printed_steps = reader.epoch_size(printed.PTB_WORDS, 20, 35)     # 1327 batches of an epoch

    figure = matplotlib.figure.Figure(figsize=(9, 5))
    axes = figure.subplots()
    for number, path in enumerate(args.logs):
        training, validation, test = read_log(path)
        name = os.path.splitext(os.path.basename(path))[0]
        steps = printed_steps
        # Other settings may have more batches in an epoch.
        steps = max([steps] + [step + 1 for line in training.values() for step, _ in line])
        for epoch, line in training.items():
            axes.plot([(epoch - 1) + step / steps for step, _ in line], [value for _, value in line],
                      color='C%d' % (number % 10), label=name if epoch == min(training) else None)
        axes.plot(list(validation), list(validation.values()), 's', color='C%d' % (number % 10))
        print('%s: validation %s, test %s' % (
            name, ', '.join('%.3f' % value for value in validation.values()) or 'not reached',
            'not reached' if test is None else '%.3f' % test))
    for epoch, line in PRINTED.items():
        axes.plot([(epoch - 1) + step / printed_steps for step in line], list(line.values()),
                  'kx', label='article, training' if epoch == 1 else None)
    axes.plot([2], [printed.PTB_VALIDATION], 'k+', markersize=12, label='article, validation')
    axes.axhline(printed.PTB_TEST, color='black', linewidth=0.8, linestyle=':', label='article, test')
    print('article: validation %.3f, test %.3f' % (printed.PTB_VALIDATION, printed.PTB_TEST))
    axes.set_yscale('log')
    axes.set_xlabel('epoch')
    axes.set_ylabel('perplexity')
    axes.set_title('Training (lines) and validation (squares)')
    axes.legend()
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
