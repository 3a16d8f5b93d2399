"""Draw a recurrent network and its unrolled form, a translation, and an LSTM cell.

Article 5 循环神经网络简介, figures 1, 2, 3 and 5. The drawings are ours.

    python ch05_rnn_ptb/drawings.py
    python ch05_rnn_ptb/drawings.py --language zh       # Chinese labels, if there is a font for them

Saves three PNG files in runs/ch05_rnn_ptb/: rnn.png (figures 1 and 2), translation.png (figure 3) and
lstm_cell.png (figure 5). Takes three seconds.
"""
from companion import cli, figures

import os

from matplotlib import patches, rc_context
from matplotlib.figure import Figure

FOLDER = 'runs/ch05_rnn_ptb/'

CHINESE = {
    'Figure 1: a recurrent network': '图 1：循环神经网络', 'input': '输入', 'state': '状态',
    'Figure 2: the same network, unrolled in time': '图 2：按时间展开后的网络', 'output': '输出',
    'loss': '损失', 'sum of the losses': '损失之和', 'reading: outputs are not used': '读入：不使用输出',
    'Figure 3: translation of the sentence A B C D': '图 3：翻译句子 A B C D',
    'translating: each output is the next input': '翻译：输出作为下一时刻的输入',
    'Figure 5: an LSTM cell': '图 5：LSTM 单元', 'forget gate': '遗忘门', 'input gate': '输入门',
    'output gate': '输出门', 'new values': '新信息',
    'The gates see $x_t$ and $h_{t-1}$, not $c_{t-1}$.': '门的输入是 $x_t$ 和 $h_{t-1}$，没有 $c_{t-1}$'}


def box(axes, x, y, text, colour='lightblue', width=0.8, style='round,pad=0.05', height=0.5):
    axes.add_patch(patches.FancyBboxPatch(
        (x - width / 2, y - height / 2), width, height, boxstyle=style, facecolor=colour, zorder=3))
    axes.text(x, y, text, ha='center', va='center', zorder=4)


def circle(axes, x, y, text, colour='mistyrose'):
    box(axes, x, y, text, colour, 0.54, 'circle,pad=0', 0.54)


def line(axes, *points):
    axes.plot(*zip(*points), color='black', linewidth=1)


def arrow(axes, *points):
    """A line through the points, (x, y) each, with a head at the last."""
    line(axes, *points[:-1])
    axes.annotate('', points[-1], points[-2], arrowprops={'arrowstyle': '->', 'shrinkA': 0, 'shrinkB': 0})


def new_figure(width, height):
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes([0, 0, 1, 1], xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def write(axes, chinese, *texts):
    """Write (x, y, text) each, as it is or as CHINESE has it."""
    for x, y, text in texts:
        axes.text(x, y, chinese and CHINESE.get(text) or text, ha='center', va='center', fontsize=11)


def rnn(chinese):
    """循环神经网络 (recurrent neural network): the loop, and 时刻 (time steps) side by side."""
    figure, axes = new_figure(11, 4.6)
    for x, t in (1.7, 't'), (5, '0'), (6.7, '1'), (8.4, '2'), (10.1, 't'):
        circle(axes, x, 0.5, '$x_%s$' % t, 'lightyellow')
        box(axes, x, 1.6, '$A$')
        circle(axes, x, 2.6, '$h_%s$' % t, 'lightgreen')
        arrow(axes, (x, 0.77), (x, 1.3))
        arrow(axes, (x, 1.9), (x, 2.33))
        if x > 2:
            box(axes, x, 3.3, '$loss$', 'mistyrose', 0.6)
            arrow(axes, (x, 2.87), (x, 3.0))
            line(axes, (x, 3.6), (x, 3.8), (10.1, 3.8))
            arrow(axes, (x - 1.25, 1.6), (x - 0.45, 1.6))
    arrow(axes, (2.15, 1.6), (2.6, 1.6), (2.6, 2.1), (0.8, 2.1), (0.8, 1.6), (1.25, 1.6))
    write(axes, chinese, (1.7, 4.3, 'Figure 1: a recurrent network'), (2.9, 1.85, 'state'),
          (7.5, 4.3, 'Figure 2: the same network, unrolled in time'), (5.85, 1.8, 'state'), (9.2, 1.7, '...'),
          (4.2, 0.5, 'input'), (4.2, 2.6, 'output'), (4.2, 3.3, 'loss'), (7.5, 3.95, 'sum of the losses'))
    return figure


def translation(chinese):
    """Words are read up to the mark _; from then on each output is the next input, up to the mark Q."""
    figure, axes = new_figure(11, 3.8)
    for t, (word, output) in enumerate(zip('ABCD_XYZ', '    XYZQ')):
        x = 0.8 + 1.32 * t
        circle(axes, x, 0.8, r'$\_$' if word == '_' else word, 'lightyellow')
        box(axes, x, 1.8, '$A$', width=0.6)
        arrow(axes, (x, 1.07), (x, 1.5))
        if t:
            arrow(axes, (x - 0.97, 1.8), (x - 0.35, 1.8))
        if output != ' ':
            circle(axes, x, 2.8, output, 'lightgreen')
            arrow(axes, (x, 2.1), (x, 2.53))
        if output not in ' Q':
            arrow(axes, (x + 0.27, 2.8), (x + 0.66, 2.8), (x + 0.66, 0.8), (x + 1.05, 0.8))
    write(axes, chinese, (8.1, 0.25, 'translating: each output is the next input'), (2.8, 0.25,
          'reading: outputs are not used'), (5.5, 3.5, 'Figure 3: translation of the sentence A B C D'))
    return figure


def lstm_cell(chinese):
    """长短时记忆 (LSTM): a gate is a sigmoid layer, σ, and a product; × and + are by element."""
    figure, axes = new_figure(10, 5.6)
    axes.add_patch(patches.Rectangle((1.2, 0.9), 7.6, 3.9, facecolor='whitesmoke', edgecolor='black'))
    # What the gates see: x and h joined.
    line(axes, (1.6, 0.35), (1.6, 1.3), (0.3, 1.3), (6.6, 1.3))
    sigmoid = r'$\sigma$', 'orange'
    for x, text, (layer, colour) in ((2.3, 'forget gate', sigmoid), (3.8, 'input gate', sigmoid), (
            5.1, 'new values', ('tanh', 'lightblue')), (6.6, 'output gate', sigmoid)):
        box(axes, x, 2.1, layer, colour, 0.7)
        write(axes, chinese, (x + 0.6, 1.55, text))
        arrow(axes, (x, 1.3), (x, 1.8))
    box(axes, 7.9, 3.55, 'tanh', 'lightblue', 0.7)
    for points in (
            ((0.3, 4.3), (2.03, 4.3)), ((2.57, 4.3), (4.83, 4.3)), ((5.37, 4.3), (9.6, 4.3)),
            ((2.3, 2.4), (2.3, 4.03)), ((3.8, 2.4), (3.8, 3.2), (4.83, 3.2)), ((5.1, 2.4), (5.1, 2.93)),
            ((5.1, 3.47), (5.1, 4.03)), ((7.9, 4.3), (7.9, 3.85)), ((7.9, 3.25), (7.9, 2.37)),
            ((7.0, 2.1), (7.63, 2.1)), ((7.9, 1.83), (7.9, 1.3), (9.6, 1.3))):
        arrow(axes, *points)
    for x, y, sign in (2.3, 4.3, '×'), (5.1, 4.3, '+'), (5.1, 3.2, '×'), (7.9, 2.1, '×'):
        circle(axes, x, y, sign)
    write(axes, chinese, (5, 5.3, 'Figure 5: an LSTM cell'), (0.6, 4.5, '$c_{t-1}$'), (9.4, 4.5, '$c_t$'),
          (0.6, 1.5, '$h_{t-1}$'), (9.4, 1.5, '$h_t$'), (1.9, 0.5, '$x_t$'),
          (5.2, 0.5, 'The gates see $x_t$ and $h_{t-1}$, not $c_{t-1}$.'))
    return figure


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(globals(), FOLDER='folder of the PNG files')
    parser.add_argument('--language', choices=('en', 'zh'), default='en', help='language of the labels')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    pictures = {os.path.join(FOLDER, function.__name__ + '.png'): function
                for function in (rnn, translation, lstm_cell)}
    for path in pictures:
        figures.check(path, '--folder')
    font = figures.chinese_font(CHINESE.values()) if args.language == 'zh' else None
    with rc_context({'font.family': font.get_name()} if font else {}):
        for path, function in pictures.items():
            figures.save(function(bool(font)), path)


if __name__ == '__main__':
    cli.run(main)
