"""Draw what article 2's figures 2, 3 and 4 show: a neuron, a fully connected network, the loop of training.

Article 2 TensorFlow 解决 MNIST 问题入门, sections TensorFlow 实现前向传播 and TensorFlow 实现反向传播.

    python ch02_mnist_basics/drawings.py
    python ch02_mnist_basics/drawings.py --language zh      # Chinese labels, where a font has the characters

Our own drawings, not the author's. Figure 3 has the numbers of forward_by_hand.py, from the printed formulas.
Saves figure2.png, figure3.png and figure4.png. Takes five seconds.
"""
from companion import cli, figures

import os

from matplotlib import patches
from matplotlib.figure import Figure

from ch02_mnist_basics import forward_by_hand

FOLDER = 'runs/ch02_mnist_basics'   # of the pictures
INPUT, NODE, RESULT = (0.93, 0.93, 0.93), (0.62, 0.79, 0.88), (0.63, 0.85, 0.61)      # red, green, blue
CHINESE = {
    'input': '输入', 'weight': '权重', 'bias': '偏置项', 'output': '输出', 'weighted sum': '加权和',
    'activation\nfunction': '激活函数', 'input layer': '输入层', 'hidden layer': '隐藏层',
    'output layer': '输出层',                # and the four steps of figure 4
    'pick a batch of\ntraining data': '选取一个 batch\n的训练数据',
    'forward pass:\nthe predictions': '前向传播：\n得到预测值',
    'loss: how far from\nthe right answers': '损失函数：\n与正确答案的差距',
    'back-propagation:\nupdate the parameters': '反向传播：\n更新参数'}


class Drawing:
    """A figure of nodes and edges, in inches, its labels in Chinese if there is a font."""

    def __init__(self, width, height, font):
        self.font, self.figure = font, Figure(figsize=(width, height))
        self.axes = self.figure.add_axes([0, 0, 1, 1], xlim=(0, width), ylim=(0, height))
        self.axes.axis('off')

    def text(self, x, y, label, size=11, **kwargs):
        if self.font:
            label, kwargs['fontproperties'] = CHINESE.get(label, label), self.font.copy()
        self.axes.text(x, y, label, ha='center', va='center', size=size, zorder=3, **kwargs)

    def node(self, x, y, label, color):
        self.axes.add_patch(patches.Circle((x, y), 0.45, facecolor=color, edgecolor='black'))
        self.text(x, y, label)

    def edge(self, start, end, label='', at=0.5, radius=0.45):
        self.axes.add_patch(patches.FancyArrowPatch(
            start, end, arrowstyle='-|>', mutation_scale=14, facecolor='black',
            shrinkA=72 * radius, shrinkB=72 * radius))
        self.text(*(a + at * (b - a) for a, b in zip(start, end)), label,
                  bbox={'facecolor': 'white', 'edgecolor': 'none', 'pad': 1} if label else None)


def neuron(font):
    """Figure 2: weighted inputs, their sum with the 偏置项 (bias), the 激活函数 (activation function)."""
    drawing = Drawing(9, 4.4, font)
    for i, y in enumerate((3.5, 2.2, 0.9)):
        drawing.node(1, y, '$x_%d$' % (i + 1), INPUT)
        drawing.edge((1, y), (3.8, 2.2), '$w_%d$' % (i + 1))
    drawing.node(3.8, 3.8, '$b$', INPUT)
    for x, label, color in (3.8, r'$\Sigma$', NODE), (5.9, '$f$', NODE), (8, '$y$', RESULT):
        drawing.node(x, 2.2, label, color)
    for start, end in ((3.8, 3.8), (3.8, 2.2)), ((3.8, 2.2), (5.9, 2.2)), ((5.9, 2.2), (8, 2.2)):
        drawing.edge(start, end)
    for x, y, label in ((1, 0.25, 'input'), (2.2, 3.5, 'weight'), (4.7, 3.8, 'bias'), (8, 1.5, 'output'),
                        (3.8, 1.5, 'weighted sum'), (5.9, 1.4, 'activation\nfunction')):
        drawing.text(x, y, label)
    drawing.text(5.4, 0.5, '$y = f(w_1 x_1 + w_2 x_2 + w_3 x_3 + b)$', size=14)
    return drawing.figure


def network(font):
    """Figure 3: the 全连接 (fully connected) network of the printed formulas, each weight on its edge."""
    by_hand, drawing = forward_by_hand, Drawing(9, 5.6, font)
    w2, a = by_hand.second_weights(), by_hand.relu(by_hand.hidden_sums())
    inputs, hidden, output = [(1, 3.9), (1, 1.7)], [(4.5, 4.5), (4.5, 2.8), (4.5, 1.1)], (8, 2.8)
    for j, node in enumerate(hidden):
        for i, x in enumerate(inputs):
            drawing.edge(x, node, '%g' % by_hand.W1[i][j], 0.33)
        drawing.edge(node, output, '%.1f' % w2[j])
        drawing.node(*node, '$a_{1%d}$\n%.2f' % (j + 1, a[j]), NODE)
        drawing.text(4.5, node[1] - 0.6, '$b$ = %g' % by_hand.B1[j])
    for i, x in enumerate(inputs):
        drawing.node(*x, '$x_%d$\n%g' % (i + 1, by_hand.X[i]), INPUT)
    drawing.node(*output, '$Y$\n%.3f' % by_hand.relu(a.dot(w2) + by_hand.B2[0]), RESULT)
    for x, y, label in ((1, 5.3, 'input layer'), (4.5, 5.3, 'hidden layer'), (8, 5.3, 'output layer'),
                        (8, 2.2, '$b$ = %g' % by_hand.B2[0])):
        drawing.text(x, y, label)
    return drawing.figure


def training_loop(font):
    """Figure 4: the four steps of 反向传播 (back-propagation), repeated."""
    drawing, corners = Drawing(9, 4.6, font), [(1.9, 3.5), (7.1, 3.5), (7.1, 1.1), (1.9, 1.1)]
    for (x, y), label in zip(corners, list(CHINESE)[-4:]):
        drawing.axes.add_patch(patches.FancyBboxPatch(
            (x - 1.5, y - 0.6), 3, 1.2, boxstyle='round,pad=0.1', facecolor=NODE, edgecolor='black'))
        drawing.text(x, y, label, size=12)
    for start, end, space in zip(corners, corners[1:] + corners[:1], (1.65, 0.75, 1.65, 0.75)):
        drawing.edge(start, end, radius=space)
    return drawing.figure


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(globals(), FOLDER='folder of the pictures')
    parser.add_argument('--language', default='en', choices=['en', 'zh'],
                        help='language of the labels (default: %(default)s)')
    args = parser.parse(argv)
    pictures = {os.path.join(args.folder, 'figure%d.png' % number): draw
                for number, draw in [(2, neuron), (3, network), (4, training_loop)]}
    for path in pictures:
        figures.check(path, '--folder')
    font = figures.chinese_font(CHINESE.values()) if args.language == 'zh' else None
    for path, draw in pictures.items():
        figures.save(draw(font), path)


if __name__ == '__main__':
    cli.run(main)
