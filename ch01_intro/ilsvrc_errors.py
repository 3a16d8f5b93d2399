"""Plot the 错误率 (error rates) of article 1's text, and compute how fast they fell.

Article 1 深度学习及 TensorFlow 简介, section 深度学习的应用 (figure 5, and the numbers on speech).

    python ch01_intro/ilsvrc_errors.py

Shows the top-5 errors of the ImageNet competition ILSVRC before and after deep learning, beside the
published results of each year's winner, and what a fall by 4 points a year is as a share. Takes two
seconds. Expect 2.4 points in the last year before deep learning, 26 % to 16 % in the year that it came, 4
points a year from then on, which is 37 % of the errors each year, and for speech (TIMIT) 3.8 points, or
17.5 % of the errors.
"""
from companion import cli, figures

import matplotlib.figure

# Per cent, as the text gives them. It gives 26 as the lowest before deep learning; that was in 2011.
ARTICLE = {2011: 26, 2012: 16, 2015: 4}
PERSON = [5, 5.1]       # 人工标注 (labelled by a person): in the text, and published
# Speech recognition on TIMIT: with Gaussian mixtures, with deep learning.
TIMIT = [21.7, 17.9]

# The winners' test errors without other training data: image-net.org, ILSVRC 2010 to 2015, and
# Russakovsky et al. 2015 (also for the person).
PUBLISHED = {2010: 28.2, 2011: 25.8, 2012: 16.4, 2013: 11.7, 2014: 6.7, 2015: 3.6}


def fall(first, last, years=1):
    """Say how errors fell from `first` to `last` per cent: in points, and as a share of the errors."""
    return '%.1f points a year, %.1f %% of the errors each year' % (
        (first - last) / float(years), 100 * (1 - (float(last) / first) ** (1.0 / years)))


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('--picture', default='runs/ch01_intro/ilsvrc_errors.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    args = parser.parse(argv)
    figures.check(args.picture)

    print('year   article   published')
    for year in sorted(PUBLISHED):
        print('%d   %5s %%   %7.1f %%' % (year, ARTICLE.get(year, '-'), PUBLISHED[year]))
    print('person %3d %%   %7.1f %%' % tuple(PERSON))
    # Before deep learning; the article gives no figure for 2010.
    print('2010 to 2011, published: %s' % fall(PUBLISHED[2010], PUBLISHED[2011]))
    for name, errors in ('article', ARTICLE), ('published', PUBLISHED):
        print('2011 to 2012, %s: %s' % (name, fall(errors[2011], errors[2012])))
        print('2012 to 2015, %s: %s' % (name, fall(errors[2012], errors[2015], 3)))
    before, after = TIMIT
    print('TIMIT, %.1f %% to %.1f %%: %.1f points, %.1f %% of the errors' % (
        before, after, before - after, 100 * (1 - after / before)))

    figure = matplotlib.figure.Figure(figsize=(7, 4.5))
    axes = figure.subplots()
    years = sorted(PUBLISHED)
    axes.bar(years, [PUBLISHED[year] for year in years], alpha=0.5,
             color=['C7' if year < 2012 else 'C0' for year in years],
             label='published results (blue: deep learning)')
    axes.plot(sorted(ARTICLE), [ARTICLE[year] for year in sorted(ARTICLE)], 'ko', label="the article's text")
    axes.axhline(PERSON[0], color='C3', linestyle='--', label='a person, in the text: %d %%' % PERSON[0])
    for year, error in ARTICLE.items():
        axes.annotate('%d %%' % error, (year, error), xytext=(6, 5), textcoords='offset points')
    axes.set_xticks(years)
    axes.set_ylabel('top-5 error, per cent')
    axes.set_title('The best result of each ILSVRC, image classification')
    axes.legend()
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
