"""Draw how ptb_iterator cuts a text into batches.

Article 5 循环神经网络简介, section 自然语言建模, figure 6.

    python ch05_rnn_ptb/batching.py

Saves the figure for the beginning of the training text, cut by the function itself: each of the BATCH_SIZE
rows is one stretch of the text, each colour one batch. White words are not used as input: the last word
(or words) of each row, and those at the end that do not fill a row. Takes four seconds.
"""
from companion import cli, figures

import os

import matplotlib.figure
import matplotlib.patches

from ch05_rnn_ptb import reader

BATCH_SIZE = 4
NUM_STEP = 5            # 截断 (truncation) after so many words
WORDS = 66              # from the second line on: PTB's first is a list of rare words

COLOURS = ('tab:blue', 'tab:orange', 'tab:green', 'tab:red', 'tab:purple')


def main(argv=None):
    parser = cli.Parser(__doc__, data='ptb', seed=False)
    parser.add_constants(
        globals(),
        BATCH_SIZE='rows of a batch',
        NUM_STEP='words per row of a batch',
        WORDS='words of the text to cut')
    parser.add_argument('--picture', default='runs/ch05_rnn_ptb/batching.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    if WORDS > 1000:
        parser.error('argument --words: at most 1000 can be drawn')
    if not reader.epoch_size(WORDS, BATCH_SIZE, NUM_STEP):
        needed = BATCH_SIZE * (NUM_STEP + 1)
        raise cli.UserError('--words %d do not fill one batch: %s' % (
            WORDS, 'give at least %d' % needed if needed <= 1000 else 'lower --batch_size or --num_step'))
    if WORDS // BATCH_SIZE > 500:
        raise cli.UserError('a row of %d words is too long to draw, at most 500 can be: lower --words or '
                            'raise --batch_size' % (WORDS // BATCH_SIZE))
    figures.check(args.picture)

    words = reader.read_words(os.path.join(args.data_dir, 'ptb.train.txt'))
    start = words.index(reader.EOS) + 1
    words = words[start:start + WORDS]

    # The function cuts the positions of the words, so that a batch says which words it took.
    batches = list(reader.ptb_iterator(range(len(words)), BATCH_SIZE, NUM_STEP))
    batch_len = len(words) // BATCH_SIZE
    for number, (x, y) in enumerate(batches, 1):
        for row in range(BATCH_SIZE):
            print('batch %d, row %d: %s -> %s' % (
                number, row + 1, ' '.join(words[i] for i in x[row]), words[y[row, -1]]))

    figure = matplotlib.figure.Figure(figsize=(1 + 0.85 * (batch_len + 1), 1 + 0.5 * (BATCH_SIZE + 1)))
    axes = figure.subplots()
    colours = {i: COLOURS[number % len(COLOURS)] for number, (x, _) in enumerate(batches) for i in x.flat}
    for i, word in enumerate(words):
        row, column = divmod(i, batch_len)
        axes.add_patch(matplotlib.patches.Rectangle(
            (column, row), 1, 1, alpha=0.4 if i in colours else 1,
            facecolor=colours.get(i, 'white'), edgecolor='black'))
        axes.text(column + 0.5, row + 0.5, word.replace('$', r'\$'), ha='center', va='center', fontsize=7)
    for number in range(len(batches)):
        axes.text((number + 0.5) * NUM_STEP, -0.3, 'batch %d' % (number + 1), ha='center')
    axes.set_xlim(0, batch_len)
    axes.set_ylim(-(-len(words) // batch_len), -0.8)
    axes.set_axis_off()
    axes.set_title('%d words, batch_size %d, num_steps %d' % (len(words), BATCH_SIZE, NUM_STEP))
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
