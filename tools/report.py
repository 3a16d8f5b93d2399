"""Write RESULTS.md, and the curves beside it, from the logs in results/logs.

    python tools/report.py

Prints nothing but the files' names. No figure of RESULTS.md is typed in except the article's own; each of
ours is read from the log that its table names. A band says how far ours may be from the print, and why;
tests/test_results.py checks the bands, and that RESULTS.md is what the logs give.
"""
from companion import cli, figures, printed

import os
import re

import matplotlib.figure

FOLDER = os.path.join(cli.ROOT, 'results')
OUTPUT = os.path.join(cli.ROOT, 'RESULTS.md')
# Folders of logs and pictures; a log is taken from the first that has it. reproduce.py puts its own before.
FOLDERS = [FOLDER]
SEEDS = (1, 2, 3)

LENET_NOTE = (
    'The article says neither which learning rate it used nor on which data it measured. With 0.01, falling '
    'to '
    '0.0058 over the 30,000 steps, the loss still falls at the end, so that a higher rate or more steps may '
    'well give more; we have tried neither. The standard error of such an accuracy on 10,000 pictures is '
    '0.001. '
    'One seed only, for want of time. This training was killed after step 22,001 and '
    'resumed, which it does with other batches and dropout than it would have had.')

# How far our accuracies and perplexities may be from the print.
BANDS = {
    'fc_test': 0.005,           # two standard errors, 0.0022, of an accuracy of 0.95 on 10,000 pictures
    'fc_accuracy': 0.011,       # three standard errors, 0.0036, of an accuracy of 0.93 on 5,000 pictures
    'eval_accuracy': 0.0055,    # three standard errors, 0.0018, of an accuracy of 0.984 on 5,000 pictures
    'tricks_accuracy': 0.004,   # three standard errors, 0.0013, of an accuracy of 0.984 on 10,000 pictures
    'lenet_accuracy': 0.004,    # at least 0.990: the print gives one decimal and no seed
    'ptb_test': 0.03 * printed.PTB_TEST,
    'learn_accuracy': 0.003,    # three standard errors, 0.001, of an accuracy of 0.99 on 10,000 pictures
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


def table(heading, theirs, ours, form='%g'):
    """A table with a row for each printed step: step, article, ours by seed."""
    lines = ['| %s | article | %s |' % (heading, ' | '.join('seed %d' % seed for seed in SEEDS[:len(ours)])),
             '| ---: | ---: |' + ' ---: |' * len(ours)]
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


def article2():
    ours, tests = of_seeds('mnist_fc', FC_LINE), of_seeds('mnist_fc', FC_TEST_LINE)
    return '\n\n'.join([
        '## Article 2, TensorFlow 解决 MNIST 问题入门: `mnist_fc.py`',
        'Validation accuracy during training, and test accuracy at the end.',
        table('step', printed.FC_ACCURACY, ours),
        table('test, step', {10000: printed.FC_TEST}, tests),
        'Mean test accuracy %.4f, article %g; band ± %g.' % (
            mean(run[10000] for run in tests), printed.FC_TEST, BANDS['fc_test']),
        source('mnist_fc')])


def article3():
    tests = of_seeds('mnist_eval_once', TEST_LINE)
    return '\n\n'.join([
        '## Article 3, 训练神经网络模型的常用方法: `mnist_train.py`, `mnist_eval.py`',
        'Loss on the training batch. It is the loss of a single batch of 100, so it swings by half its value '
        'from one batch to the next.',
        table('step', printed.TRAIN_LOSS, of_seeds('mnist_train', LOSS_LINE)),
        'Validation accuracy of the moving averages, beside training. The untrained network of step 1 '
        'guesses: '
        'anything from 0.05 to 0.2 is as good as the printed figure.',
        table('step', printed.EVAL_ACCURACY, of_seeds('mnist_eval', VALIDATION_LINE)),
        '![loss and validation accuracy by step](%s)' % link('ch03_curves.png'),
        'At the end, the article says ~98.4 %, without saying on which data. Ours:',
        table('validation, step', {30000: printed.TRICKS_ACCURACY},
              of_seeds('mnist_eval_once', VALIDATION_LINE)),
        table('test, step', {30000: printed.TRICKS_ACCURACY}, tests),
        'Mean test accuracy %.4f; band ± %g.' % (mean(run[30000] for run in tests), BANDS['tricks_accuracy']),
        source('mnist_train', 'mnist_eval', 'mnist_eval_once')])


def article4():
    tests = of_seeds('lenet-eval', TEST_LINE)
    if not tests:
        return ''
    at_end = mean(max(run.items())[1] for run in tests)
    return '\n\n'.join([
        '## Article 4, 卷积神经网络: LeNet-5, `mnist_train.py`, `mnist_eval.py`',
        'Loss on the training batch; most of it is the L2 term.',
        table('step', printed.LENET_LOSS, of_seeds('lenet-train', LOSS_LINE)),
        'Test accuracy of the moving averages at the end. The article says ~99.4 %, without saying on which '
        'data.',
        table('test, step', {max(tests[0]): printed.LENET_ACCURACY}, tests),
        'Mean %.4f; band: at least %g.' % (at_end, printed.LENET_ACCURACY - BANDS['lenet_accuracy']),
        LENET_NOTE,
        source('lenet-train', 'lenet-eval')])


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
    return re.findall(pattern, read(name)[0])[-1]


def article5():
    seeds = seeds_of('ptb_word_lm')
    if not seeds:
        return ''
    runs = [perplexities(seed) for seed in seeds]
    rows = [('validation, epoch 2', printed.PTB_VALIDATION, [run[1][1] for run in runs]),
            ('test', printed.PTB_TEST, [run[2] for run in runs])]
    return '\n\n'.join([
        '## Article 5, 循环神经网络简介: `ptb_word_lm.py`',
        'Training perplexity in epoch 1, the mean since its first step.',
        table('step', printed.PTB_FIRST, [run[0][0] for run in runs], '%.3f'),
        'In epoch 2.',
        table('step', printed.PTB_LAST, [run[0][1] for run in runs], '%.3f'),
        '\n'.join(['| perplexity | article | %s |' % ' | '.join('seed %d' % seed for seed in seeds),
                   '| --- | ---: |' + ' ---: |' * len(seeds)] +
                  ['| %s | %.3f | %s |' % (name, theirs, ' | '.join('%.3f' % value for value in ours))
                   for name, theirs, ours in rows]),
        'Mean test perplexity %.2f, article %.2f: %+.1f %%; band ± 3 %%.' % (
            mean(rows[1][2]), printed.PTB_TEST, 100 * (mean(rows[1][2]) / printed.PTB_TEST - 1)),
        source('ptb_word_lm'),
        '### Beside the article',
        '\n'.join([
            '| | |',
            '| --- | --- |',
            '| `ptb_train.py`, killed with kill -9 in its second epoch and started again: test perplexity | '
            '%s |' % (
                last('ptb_train-killed', r'Test Perplexity: ([\d.]+)')),
            '| `fast_eval.py` on that model, the printed evaluation and the faster one in turns | %s |' % (
                last('fast_eval', r'medians .*')),
            '| `shared_layers.py --train`, the printed `[lstm_cell] * NUM_LAYERS` on 1.15: test perplexity '
            '| %s |' % (
                last('shared_layers-seed1', r'Test Perplexity: ([\d.]+)'))]),
        'Sentences that begin with "the company", at temperature 0.7, are in '
        '[ptb_generate-seed1.log](%s).' % link('logs', 'ptb_generate-seed1.log'),
        source('ptb_train-killed', 'fast_eval', 'shared_layers', 'ptb_generate')])


def interfaces():
    """Return {epoch: validation accuracy} of TFLearn's and of Keras's training."""
    tflearn = {int(epoch): float(value) for epoch, value in re.findall(
        r'epoch: (\d+) .* val_acc: ([\d.]+)', read('tflearn_cnn-seed1')[0])}
    keras = dict(enumerate(map(float, re.findall(r'val_accuracy: ([\d.]+)', read('keras_cnn-seed1')[0])), 1))
    return tflearn, keras


def article6():
    tflearn, keras = interfaces()
    lines = ['| program | | article | seed 1 |', '| --- | --- | ---: | ---: |',
             '| `contrib_learn_cnn.py` | test, 20,000 steps | %g | %.4f |' % (
                 printed.LEARN_ACCURACY, float(last('contrib_learn_cnn-seed1', r'Accuracy: ([\d.]+)')))]
    for program, theirs, ours in ('tflearn_cnn.py', printed.TFLEARN_ACCURACY, tflearn), (
            'keras_cnn.py', printed.KERAS_ACCURACY, keras):
        for epoch in sorted(set(theirs) | {20}):
            lines.append('| `%s` | test, epoch %d | %s | %.4f |' % (
                program, epoch, theirs.get(epoch, ''), ours[epoch]))
    lines.append('| `slim_cnn.py` | test, 20,000 steps | | %.4f |' % float(
        last('slim_cnn-seed1', r'Accuracy: ([\d.]+)')))
    parts = [
        '## Article 6, TensorFlow 高层封装: four interfaces',
        'What the article calls validation is the test data.',
        '\n'.join(lines),
        'Bands: ± %g for tf.contrib.learn, ± %g after the first epochs.' % (
            BANDS['learn_accuracy'], BANDS['epoch_accuracy']),
        source('contrib_learn_cnn', 'tflearn_cnn', 'keras_cnn', 'slim_cnn')]
    if last('compare_interfaces', '.+'):
        table_lines = re.findall(r'^\|.*\|$|^ms(?: a |/)step.*', read('compare_interfaces')[0], re.MULTILINE)
        parts += [
            '### Side by side',
            'The programs of chapters 4 and 6. An epoch is 550 steps of 100 images, or what the library '
            'makes of '
            'it. Native at the printed length is the training of article 4 above, with weight decay and '
            'moving '
            'averages.',
            '\n'.join(table_lines[:-1]), table_lines[-1],
            source('compare_interfaces')]
    if last('pretrained_networks', '.+'):
        parts += [
            'What the 11 pretrained networks of the article that TensorFlow ships cost to use is in '
            '[pretrained_networks.log](%s).' % link('logs', 'pretrained_networks.log'),
            source('pretrained_networks')]
    return '\n\n'.join(parts)


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


def article7():
    losses, accuracies = towers()
    lines = ['| step | article | %s |' % ' | '.join('seed %d' % seed for seed in TOWERS_SEEDS),
             '| ---: |' + ' ---: |' * (1 + len(losses))]
    for step, value in printed.TOWERS_LOSS.items():
        lines.append('| %d | %.2f | %s |' % (step, value, ' | '.join('%.2f' % run[step] for run in losses)))
    lines.append('| mean, 510 to 990 | | %s |' % ' | '.join(
        '%.2f' % mean(value for step, value in run.items() if step > 500) for run in losses))
    lines.append('| test accuracy | | %s |' % ' | '.join('%.4f' % value for value in accuracies))
    speed = re.findall(r'^ ?\d+ .{43} +\d+ +\d+ +\d+\.\d\d$', read('input_speed')[0], re.MULTILINE)
    parts = [
        '## Article 7, TensorFlow 计算加速: several towers, `multi_gpu_mnist.py`',
        'The loss of the last tower, pixels from 0 to 255 and weights of standard deviation 0.1, 1,000 steps '
        'on four towers; here they are CPU devices. First losses depend on the weights that a seed draws. '
        'Bands: at step 10 from 20 to 80 (set after the runs: the print and 20 seeds of the printed program '
        'lie inside, '
        'and what a wrong sum of gradients or wrong weights give lies outside, '
        '[towers-first-losses.log](%s)), the mean of the last 50 printed losses below 5, test accuracy over '
        '0.91. The band of step 10 is for these five runs; the one with tf.data, which draws its batches in '
        'another way, has %.2f there.' % (
            link('logs', 'towers-first-losses.log'),
            values('multi_gpu_mnist_tfdata-seed1', TOWERS_LINE)[10]),
        '\n'.join(lines),
        '![loss by step](%s)' % link('ch07_towers.png'),
        source('multi_gpu_mnist', 'multi_gpu_mnist_tfdata', 'towers-first-losses'),
        '### What makes it faster',
        'Examples per second on this machine: way, median, lowest, and the ratio to way 0, the printed '
        'input, median '
        'over the rounds.',
        '```\n%s\n```' % '\n'.join(speed),
        '![examples per second](%s)' % link('ch07_input_speed.png'),
        source('input_speed')]
    if last('dist_speed', '.+'):
        parts += ['### What distribution costs on one machine',
                  '```\n%s\n```' % '\n'.join(line for line in read('dist_speed')[0].splitlines()
                                             if not line.startswith(('#', 'Saved'))),
                  '![examples per second](%s)' % link('ch07_dist_speed.png'),
                  source('dist_speed')]
    runs = [name for name in names() if name.startswith('launch-')]
    if runs:
        parts += ['### Ten runs of each distributed program',
                  '| | ended well | seconds from the last step to the last end, longest | lowest test '
                  'accuracy |\n'
                  '| --- | ---: | ---: | ---: |\n' + '\n'.join('| %s | %s |' % (
                      run[len('launch-'):], ' | '.join(ten_runs(run))) for run in runs),
                  source(*runs)]
    return '\n\n'.join(parts)


def other_version():
    """Articles 2 to 5 on TensorFlow 2.x, by tf1.py."""
    rows = []
    for article, what, theirs, base, pattern in (
            (2, '`mnist_fc.py`, test accuracy', printed.FC_TEST, 'mnist_fc', FC_TEST_LINE),
            (3, '`mnist_train.py`, test accuracy', printed.TRICKS_ACCURACY, 'mnist_eval_once', TEST_LINE),
            (4, 'LeNet-5, test accuracy', printed.LENET_ACCURACY, 'lenet-eval', TEST_LINE),
            (5, '`ptb_word_lm.py`, test perplexity', printed.PTB_TEST, 'ptb_word_lm',
             r'Test Perplexity:( )([\d.]+)')):
        if 'tf2-%s-seed1' % base in names():
            found = [re.findall(pattern, read(name)[0])[-1][1] for name in (
                ['%s-seed%d' % (base, seed) for seed in seeds_of(base)] + ['tf2-%s-seed1' % base])]
            rows.append('| %d | %s | %g | %s | %s |' % (
                article, what, theirs, ', '.join(found[:-1]), found[-1]))
    if not rows:
        return ''
    return '\n\n'.join([
        '## The same files on TensorFlow 2.x, by `tf1.py`',
        'At the printed settings on the real data. `--seed` draws other numbers on each version, so that '
        'the bands of the '
        'articles hold for both, not the digits.',
        '\n'.join(['| article | | article | 1.15.5, by seed | %s, seed 1 |' % re.search(
            r'tensorflow ([\d.]+)', read('tf2-mnist_fc-seed1')[1]['versions']).group(1),
            '| ---: | --- | ---: | ---: | ---: |'] + rows),
        source('tf2-mnist_fc', 'tf2-mnist_train', 'tf2-mnist_eval_once', 'tf2-lenet-train', 'tf2-lenet-eval',
               'tf2-ptb_word_lm')])


def benchmark():
    if 'benchmark' not in names():
        return ''
    text = read('benchmark')[0]
    builds = re.findall(r'^[^#|:\n]+: (?:TensorFlow|PyTorch) .*$', text, re.MULTILINE)
    checks = re.findall(r'^Check of .*$', text, re.MULTILINE)
    return '\n\n'.join([
        '## Speed: TensorFlow 1.15.5, Intel\'s build, TensorFlow 2.x and PyTorch',
        'Three trainings at their printed sizes and settings, on random data, all builds in turns in one '
        'run on an '
        'otherwise idle machine, by `python tools/benchmark.py`. Times are medians over the rounds of a '
        'round\'s '
        'median step; the speed beside the first build is the median of the ratios in each round; the '
        'operations '
        'are those of the products and convolutions alone, and the share is of the fastest sgemm of the '
        'table.',
        '\n'.join(re.findall(r'^\|.*\|$', text, re.MULTILINE)),
        re.search(r'^The sgemm rate .*$', text, re.MULTILINE).group(0),
        '\n'.join('- ' + line for line in builds),
        'That PyTorch computes the same, without dropout and from the same weights:',
        '\n'.join('- ' + line for line in checks),
        source('benchmark')])


def render():
    """Return the text of RESULTS.md."""
    intro = (
        '# Results beside the print\n\n'
        'The programs of the articles at their printed settings (save the errata) on the real data, with '
        'seeds 1, 2 and 3 (articles 4 and 6: seed 1 alone; article 7: 1 to 5). The article gives no seed, '
        'so that figures agree within a band, never exactly; '
        'what is exact (worked examples, counts, identifiers) is in the tables of the chapters and asserted '
        'by the tests.\n\n'
        '`python tools/reproduce.py` runs all of this again, in six to seven hours by the times of these '
        'logs, and its `--quick` a '
        'part of it in eight minutes by them; both write a RESULTS.md of what they got. `python '
        'tools/report.py` writes this '
        'file from the logs in [results/logs](results/logs), each of which says by which command, when, '
        'with what and '
        'where it was made. mnist_eval ran beside the training of the same seed. Other programs, too, '
        'shared the '
        'machine, so the seconds in the logs are no measure of speed.')
    parts = (intro, article2(), article3(), article4(), article5(), article6(), article7(), other_version(),
             benchmark())
    return '\n\n'.join(part for part in parts if part) + '\n'


def write(folder=FOLDER):
    """Write RESULTS.md and the curves: the project's, or those of another folder of logs, into that one."""
    FOLDERS[:] = [FOLDER] if folder == FOLDER else [folder, FOLDER]
    curves(os.path.join(folder, 'ch03_curves.png'))
    towers_curve(os.path.join(folder, 'ch07_towers.png'))
    output = OUTPUT if folder == FOLDER else os.path.join(folder, 'RESULTS.md')
    with open(output, 'w', encoding='utf-8') as file:
        file.write(render())
    print('Saved %s' % output)


if __name__ == '__main__':
    write()
