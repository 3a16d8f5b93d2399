"""RESULTS.md is what the committed logs give, and they are within their bands."""
from companion import printed

import glob
import os
import re
import subprocess
import sys

import pytest

import report
from conftest import ROOT


def read(name):
    with open(os.path.join(ROOT, name), encoding='utf-8') as file:
        return file.read()


def within(value, wanted, band):
    return abs(value - wanted) <= report.BANDS[band]


def test_results_are_those_of_the_logs():
    for output in report.OUTPUTS:
        assert read(output) == report.render(output), 'run python tools/report.py'


@pytest.mark.parametrize('path', sorted(glob.glob(os.path.join(ROOT, 'results', '*', '*.log'))),
                         ids=os.path.basename)
def test_each_log_says_how_it_was_made(path):
    text = read(path)
    header = dict(re.findall(r'^# (\w+): (.*)$', text, re.MULTILINE))
    # A training that was killed has no seconds; the log of the one that resumed it has.
    if os.path.exists(path.replace('.log', '-resumed.log')):
        assert 'killed' in header['ended']
    else:
        assert float(header['seconds']) >= 0
    assert {'command', 'date', 'machine', 'versions'} <= set(header)
    assert 'tensorflow' in header['versions']
    assert not re.search(r'(^|[\s\'"(=])/(?!dev/null|job|gpu|cpu|device)\w+/', text), 'no folder of a machine'
    if os.path.basename(os.path.dirname(path)) == 'logs':
        assert os.path.basename(path)[:-len('.log')] in report.render(), 'RESULTS.md names each log'


def test_article_2_within_its_bands():
    for run in report.of_seeds('mnist_fc', report.FC_LINE):
        assert all(within(run[step], value, 'fc_accuracy')
                   for step, value in printed.FC_ACCURACY.items() if step)
    tests = report.of_seeds('mnist_fc', report.FC_TEST_LINE)
    assert len(tests) == 3 and all(within(run[10000], printed.FC_TEST, 'fc_test') for run in tests)


def test_article_3_within_its_bands():
    losses = report.of_seeds('mnist_train', report.LOSS_LINE)
    assert len(losses) == 3
    for run in losses:
        assert 2 < run[1] < 6
        assert all(value / 2 < run[step] < value * 2
                   for step, value in printed.TRAIN_LOSS.items() if step > 1)
    for run in report.of_seeds('mnist_eval', report.VALIDATION_LINE):
        assert all(within(run[step], value, 'eval_accuracy')
                   for step, value in printed.EVAL_ACCURACY.items() if step > 1)
    for run in report.of_seeds('mnist_eval_once', report.TEST_LINE):
        assert within(run[30000], printed.TRICKS_ACCURACY, 'tricks_accuracy')


def test_article_4_within_its_band():
    tests = report.of_seeds('lenet-eval', report.TEST_LINE)
    assert tests and all(within(max(run.items())[1], printed.LENET_ACCURACY, 'lenet_accuracy')
                         for run in tests)


def test_article_5_within_its_band():
    tests = [report.perplexities(seed)[2] for seed in report.seeds_of('ptb_word_lm')]
    assert len(tests) == 3 and within(report.mean(tests), printed.PTB_TEST, 'ptb_test')


def test_article_6_within_its_bands():
    learn = float(report.last('contrib_learn_cnn-seed1', r'Accuracy: ([\d.]+)'))
    assert within(learn, printed.LEARN_ACCURACY, 'learn_accuracy')
    for theirs, ours in zip((printed.TFLEARN_ACCURACY, printed.KERAS_ACCURACY), report.interfaces()):
        assert len(ours) == 20
        assert all(within(ours[epoch], value, 'epoch_accuracy') for epoch, value in theirs.items())


def test_article_7_within_its_bands():
    losses, accuracies = report.towers()
    assert len(losses) == 5
    for run, accuracy in zip(losses, accuracies):
        assert sorted(run) == list(range(10, 1000, 10))
        assert 20 <= run[10] <= 80
        assert report.mean(value for step, value in run.items() if step > 500) < 5
        assert accuracy > 0.91


@pytest.mark.parametrize('name', ['async', 'sync', 'sync-2of3', 'in_graph'])
def test_ten_of_ten_runs_of_each_distributed_program_end(name):
    ended, longest, lowest = report.ten_runs('launch-' + name)
    assert ended == '10 of 10' and float(longest) < 10 and float(lowest) > 0.95


def test_tensorflow_2_is_within_the_bands_too():
    for name, pattern, value, band in (
            ('mnist_fc', r'test accuracy using average model is ([\d.]+)', printed.FC_TEST, 'fc_test'),
            ('mnist_eval_once', r'test accuracy = ([\d.]+)', printed.TRICKS_ACCURACY, 'tricks_accuracy'),
            ('lenet-eval', r'test accuracy = ([\d.]+)', printed.LENET_ACCURACY, 'lenet_accuracy'),
            ('ptb_word_lm', r'Test Perplexity: ([\d.]+)', printed.PTB_TEST, 'ptb_test')):
        assert within(float(report.last('tf2-%s-seed1' % name, pattern)), value, band), name


def test_the_readmes_have_the_figures_of_the_logs():
    tflearn, keras = report.interfaces()
    losses = report.towers()[0]
    low, high = [[pick(run[step] for run in losses) for step in (10, 990)] for pick in (min, max)]
    wanted = [
        '%.4f' % report.mean(run[10000] for run in report.of_seeds('mnist_fc', report.FC_TEST_LINE)),
        '%.4f' % report.mean(run[30000] for run in report.of_seeds('mnist_eval_once', report.TEST_LINE)),
        '%.4f' % report.mean(run[30000] for run in report.of_seeds('lenet-eval', report.TEST_LINE)),
        '%.2f' % report.mean(report.perplexities(seed)[2] for seed in report.seeds_of('ptb_word_lm')),
        '%.4f' % float(report.last('contrib_learn_cnn-seed1', 'Accuracy: (.*)')), '%.4f' % tflearn[1],
        '%.4f, %.4f' % (keras[1], keras[2]),
        '%.1f to %.1f, %.2f to %.2f' % (low[0], high[0], low[1], high[1])]
    for name, row in ('README.md', r'\| article \d, .*\|'), ('README.zh-CN.md', r'\| 第.篇 .*：.*\|'):
        ours = [line.split('|')[3].strip().replace(' 到 ', ' to ') for line in re.findall(row, read(name))]
        assert ours == wanted, name
    # The end of `make mnist`, as both show it, is that of seed 1.
    for pattern in report.VALIDATION_LINE, report.TEST_LINE:
        line = re.search(pattern, report.read('mnist_eval_once-seed1')[0]).group(0)
        assert line in read('README.md') and line in read('README.zh-CN.md')


@pytest.mark.parametrize('page', ['ch07_acceleration/README.md', 'ch07_acceleration/README.zh-CN.md'])
def test_article_7s_pages_have_the_speeds_and_costs_of_the_logs(page):
    cost = [line for line in read('results/clusters/dist_cost.log').splitlines() if not line.startswith('#')]
    assert '\n'.join(cost) in read(page)
    off = [int(percent) for percent in re.findall(r'\(\s*([-+]\d+) %\)', '\n'.join(cost))]
    assert re.search(r'%d (to|到) \%+d %%' % (min(off), max(off)), read(page))
    # The same case once more, with two servers, and with gradients that are added up.
    once, = [float(ms) for ms in re.findall(r'500 nodes, batch of  100, .* cluster +([\d.]+) ms', '\n'.join(cost))]
    moved, = [line for line in cost if line.startswith('What moves it')]
    again, two, added, model = map(float, re.findall(r'([\d.]+) ms', moved))
    prose = read(page).replace('\n'.join(cost), '')
    for number in again, two, added, model:
        assert '%.2f' % number in prose
    for percent in again / once, model / added:
        assert '%.0f %%' % (100 * (percent - 1)) in prose
    # Three runs of each way: what the worker says that took most of the steps.
    rows = []
    for run in re.split('(?m)^== ', read('results/clusters/ways.log'))[1:]:
        own, speed = max((int(own), float(speed)) for own, speed in re.findall(
            r'(\d+) of them by worker \d, ([\d.]+) examples/sec by all', run))
        rows.append('%.0f%s' % (speed, r'\*' if own > 3500 else ''))
    assert ' | '.join(', '.join(rows[way::3]) for way in range(3)) in read(page)


def test_article_4_at_two_rates():
    """What RESULTS, the errata and the chapter say of 0.05, beside 0.01."""
    ends = []
    for name in 'tf2-lenet-rate-0.01', 'tf2-lenet-rates':
        row = re.findall(r'step 30000: L2 loss ([\d.]+), cross entropy ([\d.]+), .* test accuracy ([\d.]+)$',
                         report.read(name)[0], re.MULTILINE)[-1]
        ends.append([float(value) for value in row])
    (l2, cross_entropy, accuracy), (l2_fast, cross_entropy_fast, accuracy_fast) = ends
    assert l2 > 0.9 * (l2 + cross_entropy) and l2_fast > 0.9 * (l2_fast + cross_entropy_fast)
    assert accuracy_fast > accuracy
    for page in 'RESULTS.md', 'RESULTS.zh-CN.md', 'ERRATA.md', 'ERRATA.zh-CN.md':
        assert '%.2f' % (l2_fast + cross_entropy_fast) in read(page)
    for page in 'README.md', 'README.zh-CN.md':
        assert '%.4f' % accuracy_fast in read('ch04_cnn/' + page)


def test_links_lead_somewhere():
    pages = glob.glob(os.path.join(ROOT, '*.md')) + glob.glob(os.path.join(ROOT, 'ch0*', '*.md'))
    for page in pages:
        for target in re.findall(r'\]\((?!http)([^)#:]+)', read(page)):
            assert os.path.exists(os.path.join(os.path.dirname(page), target)), (page, target)
    pages += glob.glob(os.path.join(ROOT, 'ch0*', '*.ipynb'))
    for name in 'ERRATA.md', 'ERRATA.zh-CN.md':
        errata = set(re.findall(r'<a id="([\d.]+)">', read(name)))
        for page in pages:
            assert set(re.findall(re.escape(name) + r'#([\d.]+)\)', read(page))) <= errata, page


def test_record_keeps_a_failed_run_apart(tmp_path):
    record = [sys.executable, os.path.join(ROOT, 'tools', 'record.py'), '--logs', str(tmp_path)]
    good = subprocess.run(record + ['good', 'python', '-c', 'print("Extracting /x"); print("42")'],
                          stdout=subprocess.PIPE, universal_newlines=True)
    assert good.returncode == 0 and good.stdout == 'Extracting /x\n42\n'
    text = (tmp_path / 'good.log').read_text()
    head = '# command: python -c .*\n# date: .*\n# machine: .*\n# versions: .*\n'
    assert re.match(head + '42\n# seconds: ', text)
    bad = subprocess.run(record + ['bad', 'python', '-c', 'print("1"); raise SystemExit(7)'],
                         stderr=subprocess.PIPE, universal_newlines=True)
    assert bad.returncode == 1 and 'status 7' in bad.stderr
    assert sorted(os.listdir(str(tmp_path))) == ['bad.log.part', 'good.log']
