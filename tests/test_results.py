"""RESULTS.md is what the committed logs give, and they are within their bands."""
import glob
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

import report


def test_results_are_those_of_the_logs():
    with open(report.OUTPUT, encoding='utf-8') as file:
        assert file.read() == report.render(), 'run python tools/report.py'


@pytest.mark.parametrize('path', sorted(glob.glob(os.path.join(ROOT, 'results', 'logs', '*.log'))))
def test_each_log_says_how_it_was_made(path):
    text = open(path, encoding='utf-8').read()
    header = dict(re.findall(r'^# (\w+): (.*)$', text, re.MULTILINE))
    # A training that was killed has no seconds; the log of the one that resumed it has.
    if os.path.exists(path.replace('.log', '-resumed.log')):
        assert 'killed' in header['ended']
    else:
        assert float(header['seconds']) > 0
    assert {'command', 'date', 'machine', 'versions'} <= set(header)
    assert re.search('python (tf1.py )?(ch0|tools/benchmark.py)', header['command']) and 'tensorflow' in header['versions']
    assert not re.search(r'(^|[\s\'"(=])/(?!dev/null)\w+/', text), 'no folder of a machine'
    name = os.path.basename(path)[:-len('.log')]
    assert name in report.render(), 'RESULTS.md names each log'


def test_article_2_within_its_bands():
    for run in report.of_seeds('mnist_fc', report.FC_LINE):
        for step, printed in report.FC_ACCURACY.items():
            if step:
                assert abs(run[step] - printed) <= report.BANDS['fc_accuracy']
    tests = report.of_seeds('mnist_fc', report.FC_TEST_LINE)
    assert len(tests) == 3
    assert all(abs(run[10000] - report.FC_TEST) <= report.BANDS['fc_test'] for run in tests)


def test_article_3_within_its_bands():
    losses = report.of_seeds('mnist_train', report.LOSS_LINE)
    assert len(losses) == 3
    for run in losses:
        assert 2 < run[1] < 6
        assert all(printed / 2 < run[step] < printed * 2 for step, printed in report.TRAIN_LOSS.items() if step > 1)
    for run in report.of_seeds('mnist_eval', report.VALIDATION_LINE):
        assert all(abs(run[step] - printed) <= report.BANDS['eval_accuracy']
                   for step, printed in report.EVAL_ACCURACY.items() if step > 1)
    for run in report.of_seeds('mnist_eval_once', report.VALIDATION_LINE):
        assert run[30000] >= 0.980
    for run in report.of_seeds('mnist_eval_once', report.TEST_LINE):
        assert abs(run[30000] - report.TRICKS_ACCURACY) <= report.BANDS['tricks_accuracy']


def test_article_4_within_its_band():
    tests = report.of_seeds('lenet-eval', report.TEST_LINE)
    assert tests and all(max(run.items())[1] >= 0.990 for run in tests)


def test_article_5_within_its_band():
    seeds = report.seeds_of('ptb_word_lm')
    assert len(seeds) == 3
    tests = [report.perplexities(seed)[2] for seed in seeds]
    assert abs(report.mean(tests) - report.PTB_TEST) <= report.BANDS['ptb_test']


def test_readme_has_the_figures_of_the_logs():
    text = open(os.path.join(ROOT, 'README.md'), encoding='utf-8').read()
    seeds = report.seeds_of('ptb_word_lm')
    for article, form, figures in (
            (2, '%.4f', [run[10000] for run in report.of_seeds('mnist_fc', report.FC_TEST_LINE)]),
            (3, '%.4f', [run[30000] for run in report.of_seeds('mnist_eval_once', report.TEST_LINE)]),
            (4, '%.4f', [run[30000] for run in report.of_seeds('lenet-eval', report.TEST_LINE)]),
            (5, '%.2f', [report.perplexities(seed)[2] for seed in seeds])):
        row = next(line for line in text.splitlines() if line.startswith('| article %d, ' % article))
        assert row.endswith('| %s |' % (form % report.mean(figures)))
    tflearn, keras = report.interfaces()
    losses = report.towers()[0]
    for start, ours in (
            ('article 6, tf.contrib.learn', '%.4f' % float(report.last('contrib_learn_cnn-seed1', 'Accuracy: (.*)'))),
            ('article 6, TFLearn', '%.4f' % tflearn[1]),
            ('article 6, Keras', '%.4f, %.4f' % (keras[1], keras[2])),
            ('article 7, four towers', ', '.join('%.*f to %.*f' % (
                digits, min(run[step] for run in losses), digits, max(run[step] for run in losses))
                for step, digits in ((10, 1), (990, 2))))):
        row = next(line for line in text.splitlines() if line.startswith('| ' + start))
        assert row.endswith('| %s |' % ours)
    for pattern in (report.VALIDATION_LINE, report.TEST_LINE):
        line = re.search(pattern, report.read('mnist_eval_once-seed1')[0]).group(0)
        assert line in text, 'the end of make mnist is that of seed 1'


def test_the_chinese_readme_has_the_same_figures_and_links():
    english, chinese = (open(os.path.join(ROOT, name), encoding='utf-8').read()
                        for name in ('README.md', 'README.zh-CN.md'))

    def figures(text, start):
        return [[cell.strip().replace(' 到 ', ' to ') for cell in line.split('|')[2:4]]
                for line in text.splitlines() if re.match(start, line)]
    wanted = figures(english, r'\| article \d, ')
    assert len(wanted) == 8 and figures(chinese, '\\| 第.篇 .*：') == wanted
    for text in english, chinese:
        for target in re.findall(r'\]\(([^)#:]+)', text):
            assert os.path.exists(os.path.join(ROOT, target)), target
    for end in re.findall('^    After 30000 .*$', english, re.MULTILINE):
        assert end in chinese


def test_record_keeps_a_failed_run_apart(tmp_path):
    (tmp_path / 'record.py').write_text(open(os.path.join(ROOT, 'results', 'record.py')).read())
    record = [sys.executable, str(tmp_path / 'record.py')]
    good = subprocess.run(record + ['good', 'python', '-c', 'print("Extracting /x"); print("42")'],
                          stdout=subprocess.PIPE, universal_newlines=True)
    assert good.returncode == 0 and good.stdout == 'Extracting /x\n42\n'
    text = (tmp_path / 'logs' / 'good.log').read_text()
    assert re.match('# command: python -c .*\n# date: .*\n# machine: .*\n# versions: .*\n42\n# seconds: ', text)
    bad = subprocess.run(record + ['bad', 'python', '-c', 'print("1"); raise SystemExit(7)'],
                         stderr=subprocess.PIPE, universal_newlines=True)
    assert bad.returncode == 1 and 'status 7' in bad.stderr
    assert sorted(os.listdir(str(tmp_path / 'logs'))) == ['bad.log.part', 'good.log']


def test_article_6_within_its_bands():
    learn = float(report.last('contrib_learn_cnn-seed1', r'Accuracy: ([\d.]+)'))
    assert abs(learn - report.LEARN_ACCURACY) <= report.BANDS['learn_accuracy']
    for printed, ours in zip((report.TFLEARN_ACCURACY, report.KERAS_ACCURACY), report.interfaces()):
        assert len(ours) == 20
        for epoch, value in printed.items():
            assert abs(ours[epoch] - value) <= report.BANDS['epoch_accuracy']


def test_article_7_within_its_bands():
    losses, accuracies = report.towers()
    assert len(losses) == 5
    for run, accuracy in zip(losses, accuracies):
        assert sorted(run) == list(range(10, 1000, 10))
        assert 10 <= run[10] <= 100
        assert report.mean(value for step, value in run.items() if step > 500) < 5
        assert accuracy > 0.91


def test_a_correct_input_is_at_least_twice_as_fast_as_the_printed_one():
    ratios = {int(way): float(ratio) for way, ratio in re.findall(
        r'^ ?(\d+) .{43} +\d+ +\d+ +(\d+\.\d\d)$', report.read('input_speed')[0], re.MULTILINE)}
    assert ratios[0] == 1 and ratios[4] >= 2 and ratios[6] >= 2


@pytest.mark.parametrize('name', ['async', 'sync', 'sync-2of3', 'in_graph'])
def test_ten_of_ten_runs_of_each_distributed_program_end(name):
    ended, longest, lowest = report.ten_runs('launch-' + name)
    assert ended == '10 of 10' and float(longest) < 10 and float(lowest) > 0.95


def test_tensorflow_2_is_within_the_bands_too():
    def last(name, pattern):
        return float(re.findall(pattern, report.read('tf2-%s-seed1' % name)[0])[-1])
    assert abs(last('mnist_fc', r'test accuracy using average model is ([\d.]+)') - report.FC_TEST) <= \
        report.BANDS['fc_test']
    assert abs(last('mnist_eval_once', r'test accuracy = ([\d.]+)') - report.TRICKS_ACCURACY) <= \
        report.BANDS['tricks_accuracy']
    assert abs(last('lenet-eval', r'test accuracy = ([\d.]+)') - report.LENET_ACCURACY) <= report.BANDS['lenet_accuracy']
    assert abs(last('ptb_word_lm', r'Test Perplexity: ([\d.]+)') - report.PTB_TEST) <= report.BANDS['ptb_test']
