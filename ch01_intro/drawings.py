"""Draw what article 1's figure 3 shows: deep learning within machine learning within artificial intelligence.

Article 1 深度学习及 TensorFlow 简介, section 人工智能、机器学习和深度学习的关系.

    python ch01_intro/drawings.py
    python ch01_intro/drawings.py --language zh         # Chinese labels, where a font has the characters

Our own drawing, not the author's, with a program of this chapter as an example of each field. Saves
figure3.png. Takes three seconds.
"""
from companion import cli, figures

import os

from matplotlib import patches
from matplotlib.figure import Figure

FOLDER = 'runs/ch01_intro'          # of the picture
# From the outermost field to the innermost: its English and Chinese name, and a program that belongs to it.
FIELDS = [('artificial intelligence', '人工智能', ''), ('machine learning', '机器学习', 'spam_filter.py'),
          ('deep learning', '深度学习', 'learned_features.py')]


def draw(font):
    """Three ellipses, each within the one before it, with names in Chinese if there is a font."""
    figure = Figure(figsize=(8, 4.8))
    axes = figure.add_axes([0, 0, 1, 1], xlim=(0, 8), ylim=(0, 4.8))
    axes.axis('off')
    for i, (english, chinese, program) in enumerate(FIELDS):
        # All rest on about the same ground, so that there is room for a name at the top of each.
        height = 4.4 - 1.35 * i
        axes.add_patch(patches.Ellipse((4, 0.2 + 0.1 * i + height / 2), 1.7 * height, height,
                                       facecolor=['#eeeeee', '#c6dbef', '#9ecae1'][i], edgecolor='black'))
        top = 0.2 + 0.1 * i + height
        axes.text(4, top - 0.5, chinese if font else english, ha='center', va='center', size=14,
                  fontproperties=font and font.copy())
        axes.text(4, top - 0.9, program, ha='center', va='center', size=9, color='dimgray')
    return figure


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_constants(globals(), FOLDER='folder of the picture')
    parser.add_argument('--language', default='en', choices=['en', 'zh'],
                        help='language of the names (default: %(default)s)')
    args = parser.parse(argv)
    path = os.path.join(args.folder, 'figure3.png')
    figures.check(path, '--folder')
    font = figures.chinese_font(chinese for _, chinese, _ in FIELDS) if args.language == 'zh' else None
    figures.save(draw(font), path)


if __name__ == '__main__':
    cli.run(main)
