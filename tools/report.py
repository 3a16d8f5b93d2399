"""Write RESULTS.md and RESULTS.zh-CN.md, and the curves beside them, from the logs in results/logs.

    python tools/report.py

The prose is in results.md.j2 and results.zh-cn.md.j2, the figures are from the logs that the tables name. A band
says how far ours may be from the print, and why; tests/test_results.py checks the bands, and that both files are
what the logs give.
"""
from companion import cli, figures, printed

import os
import re

import jinja2
import matplotlib.figure

from ch04_cnn.extras import learning_rates

FOLDER = os.path.join(cli.ROOT, 'results')
OUTPUTS = ('RESULTS.md', 'RESULTS.zh-CN.md')
# Folders of logs and pictures; a log is taken from the first that has it. reproduce.py puts its own before.
FOLDERS = [FOLDER]
SEEDS = (1, 2, 3)

# How far our accuracies and perplexities may be from the print.
BANDS = {
    'fc_test': 0.005,           # two standard errors, 0.0022, of an accuracy of 0.95 on 10,000 images
    'fc_accuracy': 0.011,       # three standard errors, 0.0036, of an accuracy of 0.93 on 5,000 images
    'eval_accuracy': 0.0055,    # three standard errors, 0.0018, of an accuracy of 0.984 on 5,000 images
    'tricks_accuracy': 0.004,   # three standard errors, 0.0013, of an accuracy of 0.984 on 10,000 images
    'lenet_accuracy': 0.004,    # at least 0.990: the print gives one decimal and no seed
    'lenet_mean': 0.0015,       # of three seeds at a rate of 0.05: two standard errors, 0.0008, of one on 10,000 images
    'ptb_test': 0.03 * printed.PTB_TEST,
    'learn_accuracy': 0.003,    # three standard errors, 0.001, of an accuracy of 0.99 on 10,000 images
    'epoch_accuracy': 0.015,    # after an epoch or two it rises by 0.01 in 50 steps: weights and order tell
}


def names():
    """The names of all logs."""
    return sorted({file[:-len('.log')] for folder in FOLDERS if os.path.isdir(os.path.join(folder, 'logs'))
                   for file in os.listdir(os.path.join(folder, 'logs')) if file.endswith('.log')})


def find(*path):
    """The path of a log or picture in the first of FOLDERS that has it; by default in the last."""
    places = [os.path.join(folder, *path) for folder in FOLDERS]
    return next((place for place in places if os.path.exists(place)), places[-1])


def link(*path):
    """The same, as RESULTS.md names it."""
    return os.path.relpath(find(*path), cli.ROOT if FOLDERS[0] == FOLDER else FOLDERS[0]).replace(os.sep, '/')


def read(name):
    """Return a log's text and its header, a dict with command, date, machine, versions and seconds."""
    with open(find('logs', name + '.log'), encoding='utf-8') as file:
        text = file.read()
    return text, dict(re.findall(r'^# (\w+): (.*)$', text, re.MULTILINE))


def seeds_of(name):
    """The seeds of which there is a log called name-seedN."""
    return [seed for seed in SEEDS if '%s-seed%d' % (name, seed) in names()]


def values(name, pattern):
    """Return {step: value} of a log's lines that match a pattern with two groups; the last one counts."""
    return {int(step): float(value) for step, value in re.findall(pattern, read(name)[0])}


FC_LINE = r'After (\d+) training step\(s\), validation accuracy using average model is ([\d.]+)'
FC_TEST_LINE = r'After (\d+) training step\(s\), test accuracy using average model is ([\d.]+)'
LOSS_LINE = r'After (\d+) training step\(s\), loss on training batch is ([\d.]+)\.'
VALIDATION_LINE = r'After (\d+) training step\(s\), validation accuracy = ([\d.]+)'
TEST_LINE = r'After (\d+) training step\(s\), test accuracy = ([\d.]+)'
PERPLEXITY_LINE = r'After (\d+) steps, perplexity is ([\d.]+)'


def of_seeds(name, pattern):
    """Return one {step: value} for each seed."""
    return [values('%s-seed%d' % (name, seed), pattern) for seed in seeds_of(name)]


def mean(numbers):
    numbers = list(numbers)
    return sum(numbers) / len(numbers)


def table(heading, theirs, ours, form='%g', align='---:', words=('article', 'seed')):
    """A table with a row for each of the printed values: its name or step, the article's, ours by seed."""
    lines = ['| %s | %s | %s |' % (heading, words[0], ' | '.join(
        '%s %d' % (words[1], seed) for seed in range(1, len(ours) + 1))),
             '| %s | ---: |' % align + ' ---: |' * len(ours)]
    for step, value in theirs.items():
        cells = [form % value] + [form % run[step] if step in run else '' for run in ours]
        lines.append('| %s | %s |' % (step, ' | '.join(cells)))
    return '\n'.join(lines)


def source(*bases):
    """A paragraph that says which logs a table is from, and how they were made."""
    lines, machines = [], []
    for name in names():
        if re.sub(r'-(seed\d|resumed)', '', name) in bases:
            # The second part of a training, unless all of it was run again.
            first = re.sub('-resumed$', '', name)
            if os.path.dirname(find('logs', first + '.log')) != os.path.dirname(find('logs', name + '.log')):
                continue
            header = read(name)[1]
            lines.append('- [%s.log](%s), %s: `%s`' % (
                name, link('logs', name + '.log'), header['date'], header['command']))
            machines.append('%s; %s.' % (header['machine'], header['versions']))
    return '\n'.join(lines) + '\n\n' + '\n'.join(sorted(set(machines)))


def curves(path):
    """Save article 3's curves, ours thin and the article's as dots."""
    figure = matplotlib.figure.Figure(figsize=(10, 4))
    panels = (('loss on training batch', printed.TRAIN_LOSS, of_seeds('mnist_train', LOSS_LINE), (0.02, 5)),
              ('validation accuracy', printed.EVAL_ACCURACY, of_seeds('mnist_eval', VALIDATION_LINE),
               (0.97, 0.99)))
    for axes, (label, theirs, ours, limits) in zip(figure.subplots(1, 2), panels):
        for seed, run in zip(SEEDS, ours):
            axes.plot(list(run), list(run.values()), linewidth=0.8, label='seed %d' % seed)
        axes.plot(list(theirs), list(theirs.values()), 'ko', label='article')
        axes.set(xlabel='step', ylabel=label, ylim=limits)
        axes.legend()
    figure.axes[0].set_yscale('log')
    figure.tight_layout()
    figures.save(figure, path)


def perplexities(seed):
    """Return a run's training perplexities, {step: value} by epoch, validation perplexities, and test one."""
    text = read('ptb_word_lm-seed%d' % seed)[0]
    epochs = [{int(step): float(value) for step, value in re.findall(PERPLEXITY_LINE, part)}
              for part in text.split('In iteration: ')[1:]]
    validation = [float(value) for value in re.findall(r'Epoch: \d+ Validation Perplexity: ([\d.]+)', text)]
    return epochs, validation, float(re.search(r'Test Perplexity: ([\d.]+)', text).group(1))


def last(name, pattern):
    """Return what a pattern's group matches last in a log."""
    return re.findall(pattern, read(name)[0], re.MULTILINE)[-1]


def lines(name, pattern, before=''):
    """The lines of a log that match."""
    return '\n'.join(before + line for line in re.findall(pattern, read(name)[0], re.MULTILINE))


def epochs(pattern):
    """{epoch: validation accuracy} of TFLearn's or Keras's trainings whose logs have this pattern, in order."""
    return [dict(enumerate(map(float, re.findall(r'val_acc(?:uracy)?: ([\d.]+)', read(name)[0])), 1))
            for name in names() if re.match(pattern + '$', name)]


def interface_rows():
    """Article 6's table: program, epoch (None for 20,000 steps), printed, on 1.15 and on 2.x, both by seed."""
    rows = []
    for program, theirs, here in (
            ('tflearn_cnn', printed.TFLEARN_ACCURACY, r'tflearn_cnn-seed\d'),
            ('keras_cnn', printed.KERAS_ACCURACY, r'keras_cnn-(2epochs-)?seed\d')):
        # Sorted by name, the seeds of the shorter ones come first.
        ours, new = (sorted(epochs(pattern), key=len, reverse=True)
                     for pattern in (here, r'tf2-%s-seed\d' % program))
        for epoch in sorted(set(theirs) | {20}):
            rows.append((program, epoch, theirs.get(epoch, ''), *(
                ['%.4f' % run[epoch] for run in runs if epoch in run] for runs in (ours, new))))
    for program, theirs in ('contrib_learn_cnn', printed.LEARN_ACCURACY), ('slim_cnn', ''):
        rows.append((program, None, theirs, *(
            ['%.4f' % float(last(name, r'Accuracy: ([\d.]+)')) for name in names()
             if re.match(r'%s%s-seed\d$' % (prefix, program), name)] for prefix in ('', 'tf2-'))))
    return rows


def after_an_epoch():
    """{interface: test accuracies by seed} of compare_interfaces.py."""
    found = {}
    for seed in seeds_of('compare_interfaces'):
        log = read('compare_interfaces-seed%d' % seed)[0]
        for name, accuracy in re.findall(r'^\| ([\w.]+) \|.*? (0\.\d{4}) \|', log, re.MULTILINE):
            found.setdefault(name, []).append('%.4f' % float(accuracy))
    return found


RATE_LINE = (r'rate (\S+), seed (\d), step +(\d+): L2 loss ([\d.]+), cross entropy ([\d.]+), '
             r'validation accuracy ([\d.]+), test accuracy ([\d.]+)$')


def rate_curves(pattern):
    """What learning_rates.py printed in the logs of this pattern: {(rate, seed): {step: a dict by name}}."""
    found = {}
    for name in names():
        if re.match(pattern + '$', name):
            for rate, seed, step, *cells in re.findall(RATE_LINE, read(name)[0], re.MULTILINE):
                found.setdefault((float(rate), int(seed)), {})[int(step)] = dict(zip(
                    ('l2_loss', 'cross_entropy', 'validation', 'test'), map(float, cells)))
    return found


def rates(pattern):
    """The last row of each of these curves, with its step and the misfit: {rate: {seed: a dict by name}}."""
    found = {}
    for (rate, seed), curve in rate_curves(pattern).items():
        found.setdefault(rate, {})[seed] = dict(curve[max(curve)], step=max(curve))
    for name in names():
        if re.match(pattern + '$', name):
            for rate, seed, value in re.findall(r'rate (\S+), seed (\d): misfit ([\d.]+)', read(name)[0]):
                found[float(rate)][int(seed)]['misfit'] = float(value)
    return found


def ten_runs(name):
    """Return what a log of launch.py --repeat 10 shows, as cells of a table."""
    text = read(name)[0]
    ends = [float(value) for value in re.findall(
        r'^Run \d+ of \d+: every task ended with status 0 after .* s, ([\d.]+) s after the last step', text,
        re.MULTILINE)]
    accuracies = [float(value) for value in re.findall(r'test accuracy = ([\d.]+)', text)]
    planned = int(re.search(r'--repeat (\d+)', text).group(1))
    return '%d of %d' % (len(ends), planned), '%.1f' % max(ends), '%.4f' % min(accuracies)


TOWERS_LINE = r'step (\d+), loss = ([\d.]+) '
TOWERS_SEEDS = (1, 2, 3, 4, 5)


def towers():
    """Return one {step: loss} and the test accuracy for each seed of multi_gpu_mnist.py."""
    names = ['multi_gpu_mnist-seed%d' % seed for seed in TOWERS_SEEDS]
    return [values(name, TOWERS_LINE) for name in names], [
        float(last(name, r'test accuracy = ([\d.]+)')) for name in names]


def towers_curve(path):
    """Save the loss of the five seeds, ours thin and the article's as dots."""
    figure = matplotlib.figure.Figure(figsize=(8, 4))
    axes = figure.subplots()
    for seed, run in zip(TOWERS_SEEDS, towers()[0]):
        axes.plot(list(run), list(run.values()), linewidth=0.8, label='seed %d' % seed)
    axes.plot(list(printed.TOWERS_LOSS), list(printed.TOWERS_LOSS.values()), 'ko', label='article')
    axes.set(xlabel='step', ylabel='loss of the last tower', yscale='log')
    axes.legend()
    figure.tight_layout()
    figures.save(figure, path)


def other_version():
    """Articles 2 to 5 on TensorFlow 2.x, by tf1.py: article, printed, on 1.15 and on 2.x, both by seed."""
    rows = []
    for article, theirs, base, pattern in (
            (2, printed.FC_TEST, 'mnist_fc', FC_TEST_LINE),
            (3, printed.TRICKS_ACCURACY, 'mnist_eval_once', TEST_LINE),
            (4, printed.LENET_ACCURACY, 'lenet-eval', TEST_LINE),
            (5, printed.PTB_TEST, 'ptb_word_lm', r'Test Perplexity:( )([\d.]+)')):
        ours, new = ([re.findall(pattern, read('%s-seed%d' % (name, seed))[0])[-1][1] for seed in seeds_of(name)]
                     for name in (base, 'tf2-' + base))
        if article == 4:
            # Evaluated there as mnist_eval.py does, at the default rate.
            new = ['%.4f' % run['test'] for run in rates(r'tf2-lenet-rate-.*').get(0.01, {}).values()]
        if new:
            rows.append((article, theirs, ours, new))
    return rows


def rates_table(runs, words):
    """A row for each learning rate: test accuracy by seed and mean, validation accuracy, loss in its parts, misfit.

    Args:
        runs: what `rates` returns.
        words: the heads of the columns after the seeds, from the learning rate on.
    """
    seeds = sorted({seed for of_rate in runs.values() for seed in of_rate})
    lines = ['| %s | %s |' % (words[0], ' | '.join(['%s %d' % (words[1], seed) for seed in seeds] + words[2:])),
             '| ---: |' + ' ---: |' * (len(seeds) + len(words) - 2)]
    for rate, of_rate in sorted(runs.items()):
        means = {name: mean(run[name] for run in of_rate.values()) for name in of_rate[min(of_rate)]}
        cells = ['%g' % rate] + ['%.4f' % of_rate[seed]['test'] if seed in of_rate else '' for seed in seeds]
        lines.append('| %s |' % ' | '.join(cells + ['%.4f' % means[name] for name in (
            'test', 'validation', 'l2_loss', 'cross_entropy')] + ['%.3f' % means['misfit']]))
    return '\n'.join(lines)


def from_logs():
    """What the templates show, by name: figures of the logs, and the functions that make tables of them."""
    tricks, lenet = of_seeds('mnist_eval_once', TEST_LINE), of_seeds('lenet-eval', TEST_LINE)
    ptb = [perplexities(seed) for seed in seeds_of('ptb_word_lm')]
    losses, accuracies = towers()
    other, full = other_version(), rates(r'tf2-lenet-rate-.*')
    at_005 = list(full[0.05].values())
    tfdata = ['multi_gpu_mnist_tfdata-seed%d' % seed for seed in seeds_of('multi_gpu_mnist_tfdata')]
    return dict(
        globals(),
        mean_at=lambda runs, step: mean(run[step] for run in runs),
        fc_tests=of_seeds('mnist_fc', FC_TEST_LINE), tricks_tests=tricks, lenet_tests=lenet,
        ptb={
            'first': [epochs[0] for epochs, _, _ in ptb], 'second': [epochs[1] for epochs, _, _ in ptb],
            'ends': lambda keys: [dict(zip(keys, (validation[1], test))) for _, validation, test in ptb],
            'mean': mean(test for _, _, test in ptb),
            'percent': 100 * (mean(test for _, _, test in ptb) / printed.PTB_TEST - 1)},
        full_tests=[run['test'] for run in at_005], full_cross=[run['cross_entropy'] for run in at_005],
        full_validations=[run['validation'] for run in at_005],
        keras_versions=[[run[2] for run in epochs(prefix + r'keras_cnn-(2epochs-)?seed\d')] for prefix in ('', 'tf2-')],
        full_misfits={rate: [run['misfit'] for run in runs.values()] for rate, runs in full.items()},
        scan_misfits=[run['misfit'] for run in rates(r'tf2-lenet-scan-seed.*')[0.02].values()],
        full_sums=[run['l2_loss'] + run['cross_entropy'] for run in at_005],
        keras_second=[run[2] for run in epochs(r'(tf2-)?keras_cnn-(2epochs-)?seed\d')],
        towers_losses=losses, tfdata_step_10=['%.2f' % values(name, TOWERS_LINE)[10] for name in tfdata],
        tfdata_accuracies=[last(name, r'test accuracy = ([\d.]+)') for name in tfdata],
        towers_means=' | '.join('%.2f' % mean(value for step, value in run.items() if step > 500) for run in losses),
        towers_accuracies=' | '.join('%.4f' % accuracy for accuracy in accuracies),
        launched=[name for name in names() if name.startswith('launch-')],
        other_version=other,
        version2=re.search(r'tensorflow ([\d.]+)', read('tf2-mnist_fc-seed1')[1]['versions']).group(1))


def render(output='RESULTS.md'):
    """Return the text of RESULTS.md or of RESULTS.zh-CN.md."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.join(cli.ROOT, 'tools')), undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True)
    template = environment.get_template(output.lower() + '.j2')
    return template.render(from_logs()).rstrip('\n') + '\n'


def write(folder=FOLDER):
    """Write both files and the curves: the project's, or those of another folder of logs, into that one."""
    FOLDERS[:] = [FOLDER] if folder == FOLDER else [folder, FOLDER]
    curves(os.path.join(folder, 'ch03_curves.png'))
    figures.save(learning_rates.draw(rate_curves(r'tf2-lenet-rate-.*')), os.path.join(folder, 'ch04_rates.png'))
    towers_curve(os.path.join(folder, 'ch07_towers.png'))
    for output in OUTPUTS:
        path = os.path.join(cli.ROOT if folder == FOLDER else folder, output)
        with open(path, 'w', encoding='utf-8') as file:
            # From another folder the project's own pages are elsewhere.
            file.write(re.sub(r'\]\(((?:results|ch0\w+)/[^)#]*)', lambda match: '](' + os.path.relpath(
                os.path.join(cli.ROOT, match.group(1)), os.path.dirname(path)), render(output)))
        print('Saved %s' % path)


if __name__ == '__main__':
    write()
