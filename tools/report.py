"""Write RESULTS.md and RESULTS.zh-CN.md, and the curves beside them, from the logs in results/logs.

    python tools/report.py

The prose is in results.md.j2 and results.zh-CN.md.j2, the figures are from the logs that the tables name. A band
says how far ours may be from the print, and why; tests/test_results.py checks the bands, and that both files are
what the logs give.
"""
from companion import cli, figures, printed

import os
import re

import jinja2
import matplotlib.figure

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
    """Return what a pattern's group matches last in a log, or None where there is no log of this name."""
    if name not in names():
        return None
    return re.findall(pattern, read(name)[0], re.MULTILINE)[-1]


def lines(name, pattern, before=''):
    """The lines of a log that match."""
    return '\n'.join(before + line for line in re.findall(pattern, read(name)[0], re.MULTILINE))


def interfaces():
    """Return {epoch: validation accuracy} of TFLearn's and of Keras's training."""
    tflearn = {int(epoch): float(value) for epoch, value in re.findall(
        r'epoch: (\d+) .* val_acc: ([\d.]+)', read('tflearn_cnn-seed1')[0])}
    keras = dict(enumerate(map(float, re.findall(r'val_accuracy: ([\d.]+)', read('keras_cnn-seed1')[0])), 1))
    return tflearn, keras


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
    """Articles 2 to 5 on TensorFlow 2.x, by tf1.py: article, printed, on 1.15 by seed, on 2.x."""
    rows = []
    for article, theirs, base, pattern in (
            (2, printed.FC_TEST, 'mnist_fc', FC_TEST_LINE),
            (3, printed.TRICKS_ACCURACY, 'mnist_eval_once', TEST_LINE),
            (4, printed.LENET_ACCURACY, 'lenet-eval', TEST_LINE),
            (5, printed.PTB_TEST, 'ptb_word_lm', r'Test Perplexity:( )([\d.]+)')):
        if 'tf2-%s-seed1' % base in names():
            found = [re.findall(pattern, read(name)[0])[-1][1] for name in (
                ['%s-seed%d' % (base, seed) for seed in seeds_of(base)] + ['tf2-%s-seed1' % base])]
            rows.append((article, theirs, found[:-1], found[-1]))
    return rows


def from_logs():
    """What the templates show, by name: figures of the logs, and the functions that make tables of them."""
    tricks, lenet = of_seeds('mnist_eval_once', TEST_LINE), of_seeds('lenet-eval', TEST_LINE)
    ptb = [perplexities(seed) for seed in seeds_of('ptb_word_lm')]
    tflearn, keras = interfaces()
    losses, accuracies = towers()
    other = other_version()
    return dict(
        globals(), has=lambda name: name in names(),
        mean_at=lambda runs, step: mean(run[step] for run in runs),
        fc_tests=of_seeds('mnist_fc', FC_TEST_LINE), tricks_tests=tricks, lenet_tests=lenet,
        ptb=ptb and {
            'first': [epochs[0] for epochs, _, _ in ptb], 'second': [epochs[1] for epochs, _, _ in ptb],
            'ends': lambda keys: [dict(zip(keys, (validation[1], test))) for _, validation, test in ptb],
            'mean': mean(test for _, _, test in ptb),
            'percent': 100 * (mean(test for _, _, test in ptb) / printed.PTB_TEST - 1)},
        learn=float(last('contrib_learn_cnn-seed1', r'Accuracy: ([\d.]+)')),
        slim=float(last('slim_cnn-seed1', r'Accuracy: ([\d.]+)')),
        interface_rows=[(program, epoch, theirs.get(epoch, ''), ours[epoch]) for program, theirs, ours in (
            ('tflearn_cnn.py', printed.TFLEARN_ACCURACY, tflearn), ('keras_cnn.py', printed.KERAS_ACCURACY, keras))
            for epoch in sorted(set(theirs) | {20})],
        towers_losses=losses, tfdata_step_10=values('multi_gpu_mnist_tfdata-seed1', TOWERS_LINE)[10],
        towers_means=' | '.join('%.2f' % mean(value for step, value in run.items() if step > 500) for run in losses),
        towers_accuracies=' | '.join('%.4f' % accuracy for accuracy in accuracies),
        launched=[name for name in names() if name.startswith('launch-')],
        other_version=other,
        version2=other and re.search(r'tensorflow ([\d.]+)', read('tf2-mnist_fc-seed1')[1]['versions']).group(1))


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
    towers_curve(os.path.join(folder, 'ch07_towers.png'))
    for output in OUTPUTS:
        path = os.path.join(cli.ROOT if folder == FOLDER else folder, output)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(render(output))
        print('Saved %s' % path)


if __name__ == '__main__':
    write()
