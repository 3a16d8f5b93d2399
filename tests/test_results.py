"""RESULTS.md is what the committed logs give, and they are within their bands."""
from companion import cli, printed

import contextlib
import fcntl
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

import benchmark
import report
import reproduce
from conftest import ROOT, load, read


def within(value, wanted, band):
    return abs(value - wanted) <= report.BANDS[band]


def test_results_are_those_of_the_logs():
    for output in report.OUTPUTS:
        assert read(output) == report.render(output), 'run python tools/report.py'


@pytest.mark.parametrize('path', sorted(glob.glob(os.path.join(ROOT, 'results', '*', '*.log'))), ids=os.path.basename)
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
        assert os.path.basename(path)[:-len('.log')] in read('RESULTS.md'), 'RESULTS.md names each log'


def test_article_2_within_its_bands():
    for run in report.of_seeds('mnist_fc', report.FC_LINE):
        assert all(within(run[step], value, 'fc_accuracy') for step, value in printed.FC_ACCURACY.items() if step)
    tests = report.of_seeds('mnist_fc', report.FC_TEST_LINE)
    assert len(tests) == 3 and all(within(run[10000], printed.FC_TEST, 'fc_test') for run in tests)


def test_article_3_within_its_bands():
    losses = report.of_seeds('mnist_train', report.LOSS_LINE)
    assert len(losses) == 3
    for run in losses:
        assert 2 < run[1] < 6
        assert all(value / 2 < run[step] < value * 2 for step, value in printed.TRAIN_LOSS.items() if step > 1)
    for run in report.of_seeds('mnist_eval', report.VALIDATION_LINE):
        assert all(within(run[step], value, 'eval_accuracy')
                   for step, value in printed.EVAL_ACCURACY.items() if step > 1)
    for run in report.of_seeds('mnist_eval_once', report.TEST_LINE):
        assert within(run[30000], printed.TRICKS_ACCURACY, 'tricks_accuracy')


def test_article_4_within_its_band():
    tests = report.of_seeds('lenet-eval', report.TEST_LINE)
    assert tests and all(within(max(run.items())[1], printed.LENET_ACCURACY, 'lenet_accuracy') for run in tests)


def test_article_5_within_its_band():
    tests = [report.perplexities(seed)[2] for seed in report.seeds_of('ptb_word_lm')]
    assert len(tests) == 3 and within(report.mean(tests), printed.PTB_TEST, 'ptb_test')


def test_article_6_within_its_bands():
    for program, epoch, theirs, ours, new in report.interface_rows():
        # The bands were set for one seed; of nine of Keras's, two are outside after the first epoch, as RESULTS says.
        band = 'epoch_accuracy' if epoch else 'learn_accuracy'
        seeds = [float(value) for value in ours + new]
        outside = sum(not within(value, theirs, band) for value in seeds) if theirs else 0
        assert seeds and outside == 2 * ((program, epoch) == ('keras_cnn', 1)), program
        assert not theirs or within(report.mean(seeds), theirs, band), program
        # On 2.x TFLearn and Keras were trained for the printed epochs only.
        assert len(new) >= 3 or epoch == 20 or (program, len(new)) == ('slim_cnn', 2), program
        if (program, epoch) == ('tflearn_cnn', 1):
            assert len(seeds) == 4 and min(seeds) > theirs, 'RESULTS says that the print is below all'
        if (program, epoch) == ('keras_cnn', 2):
            versions = [list(map(float, of)) for of in (ours, new)]
            widest = max(max(of) - min(of) for of in versions)
            apart = abs(report.mean(versions[0]) - report.mean(versions[1]))
            assert ('%.3f' % widest, '%.3f' % apart) == ('0.008', '0.003')
    assert all(len(run) == 20 for run in report.epochs('(tflearn|keras)_cnn-seed1'))


def test_article_7_within_its_bands():
    losses, accuracies = report.towers()
    assert len(losses) == 5
    for run, accuracy in zip(losses, accuracies):
        assert sorted(run) == list(range(10, 1000, 10))
        assert 20 <= run[10] <= 80
        assert report.mean(value for step, value in run.items() if step > 500) < 5
        assert accuracy > 0.91
    # With tf.data one is outside, as the errata and the chapter say.
    tfdata = ['%.2f' % run[10] for run in report.of_seeds('multi_gpu_mnist_tfdata', report.TOWERS_LINE)]
    assert [20 <= float(loss) <= 80 for loss in tfdata] == [False, True, True]
    for language in '.md', '.zh-CN.md':
        assert all(loss in read('ERRATA' + language) for loss in tfdata)
        assert tfdata[0] in read('ch07_acceleration/README' + language)


@pytest.mark.parametrize('name', ['async', 'sync', 'sync-2of3', 'in_graph'])
def test_ten_of_ten_runs_of_each_distributed_program_end(name):
    ended, longest, lowest = report.ten_runs('launch-' + name)
    assert ended == '10 of 10' and float(longest) < 10 and float(lowest) > 0.95


def test_how_near_article_5_is_as_its_readme_says():
    said = re.search(r'within ([\d.]+) % on 1.15, ([\d.]+) % on 2.21', read('ch05_rnn_ptb/README.md')).groups()
    for limit, name in zip(said, ('ptb_word_lm', 'tf2-ptb_word_lm')):
        off = []
        for seed in report.seeds_of(name):
            text = report.read('%s-seed%d' % (name, seed))[0]
            for kind, theirs in ('Validation', printed.PTB_VALIDATION), ('Test', printed.PTB_TEST):
                ours = float(re.findall(kind + r' Perplexity: ([\d.]+)', text)[-1])
                off.append(100 * abs(ours / theirs - 1))
        assert len(off) == 6 and float(limit) - 0.1 < max(off) <= float(limit)


def test_tensorflow_2_is_within_the_bands_too():
    rows = report.other_version()
    assert [row[0] for row in rows] == [2, 3, 4, 5]
    for (article, theirs, _, new), band in zip(rows, ('fc_test', 'tricks_accuracy', 'lenet_accuracy', 'ptb_test')):
        assert new and all(within(float(value), theirs, band) for value in new), article


def test_the_first_accuracy_of_article_2():
    """What RESULTS says of the printed 0.9044: above all seeds, and what was tried to explain it."""
    text = report.read('tf2-first-accuracies')[0]
    rows = {name.strip(): [float(cell) for cell in cells.split()] for name, cells in re.findall(
        r'^(.{32}) ((?: +[\d.]+){5})$', text, re.MULTILINE)}
    count, lowest, middle, highest, spread = rows['as printed']
    assert count == 40 and re.search(r'as printed, 0 of 40 seeds at or above the article', text)
    assert highest < printed.FC_ACCURACY[1000]
    assert '%.1f' % ((printed.FC_ACCURACY[1000] - middle) / spread) == '2.4'      # standard deviations
    assert 2 * rows['the same initial weights'][4] < spread
    assert all(rows['weights: stddev %s' % stddev][3] < middle for stddev in ('0.05', '0.2', '1, the default'))
    for page in 'RESULTS.md', 'RESULTS.zh-CN.md':
        assert all('%.4f' % value in read(page) for value in (
            lowest, middle, highest, spread, rows['learning rate 0.0125'][2], rows['the same initial weights'][4],
            rows['one order of the images'][4]))


def lenet_at_001():
    """The mean test accuracy of article 4's network at the default rate, on 1.15 and on 2.x."""
    return '%.4f' % report.mean([run[30000] for run in report.of_seeds('lenet-eval', report.TEST_LINE)] + [
        run['test'] for run in report.rates('tf2-lenet-rate-.*')[0.01].values()])


def test_the_readmes_have_the_figures_of_the_logs():
    means = {(program, epoch): report.mean(map(float, ours + new))
             for program, epoch, _, ours, new in report.interface_rows()}
    losses = report.towers()[0]
    low, high = [[pick(run[step] for run in losses) for step in (10, 990)] for pick in (min, max)]
    wanted = [
        '%.4f' % report.mean(run[10000] for run in report.of_seeds('mnist_fc', report.FC_TEST_LINE)),
        '%.4f' % report.mean(run[30000] for run in report.of_seeds('mnist_eval_once', report.TEST_LINE)),
        lenet_at_001(),
        '%.4f' % report.mean(run['test'] for run in report.rates('tf2-lenet-rate-.*')[0.05].values()),
        '%.2f' % report.mean(report.perplexities(seed)[2] for seed in report.seeds_of('ptb_word_lm')),
        '%.4f' % means['contrib_learn_cnn', None], '%.4f' % means['tflearn_cnn', 1],
        '%.4f, %.4f' % (means['keras_cnn', 1], means['keras_cnn', 2]),
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


def test_article_4_at_several_rates():
    """What RESULTS, the errata and the chapter say of the learning rates."""
    full, scan = report.rates('tf2-lenet-rate-.*'), report.rates('tf2-lenet-scan-seed.*')
    assert sorted(scan) == [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3]
    assert all(run[1]['step'] == 5001 for run in scan.values())
    assert all(run['step'] == 30000 and run['l2_loss'] > 0.9 * (run['l2_loss'] + run['cross_entropy'])
               for of_rate in full.values() for run in of_rate.values())
    fast, mean = full[0.05].values(), report.mean
    assert len(fast) == 3
    accuracy, misfit = (mean(run[name] for run in fast) for name in ('test', 'misfit'))
    assert within(accuracy, printed.LENET_ACCURACY, 'lenet_mean')
    slow, middle = ([run['misfit'] for run in full[rate].values()] for rate in (0.01, 0.02))
    assert len(middle) == 3 and mean(middle) < mean(slow) < misfit and min(slow) < max(middle)
    assert mean(slow) - mean(middle) < max(middle) - min(middle)
    tests = [mean(run['test'] for run in full[rate].values()) for rate in (0.01, 0.02)]
    assert tests[0] < tests[1] < accuracy
    best = {rate: mean(run['misfit'] for run in runs.values()) for rate, runs in scan.items()}
    assert min(best, key=best.get) == 0.02 and scan[0.3][1]['test'] < 0.12
    # The chapter: from 0.62 to 0.60, and over the last 25000 steps both parts fall by 0.02 to 0.03.
    for curve in report.rate_curves('tf2-lenet-rate-0.01-.*').values():
        assert ['%.2f' % curve[step]['l2_loss'] for step in (1, 30000)] == ['0.62', '0.60']
        assert all('%.2f' % (curve[5001][part] - curve[30000][part]) in ('0.02', '0.03')
                   for part in ('l2_loss', 'cross_entropy'))
    # The L2 loss that 0.01 comes to by decay alone, beside the readers' reports.
    rates = load('ch04_cnn/extras/learning_rates.py')
    for step in 60000, 80000:
        l2 = mean(run['l2_loss'] for run in full[0.01].values()) * rates.l2_factor(0.01, 30000, step)
        assert '%.2f' % l2 == '%.2f' % rates.REPORTED_LOSS[step]
        cross_entropy = mean(run['cross_entropy'] for run in full[0.01].values())
        assert 0.055 < (l2 + cross_entropy) / rates.REPORTED_LOSS[step] - 1 < 0.068
    for page in 'README', 'ch04_cnn/README', 'ERRATA', 'RESULTS':
        for language in '.md', '.zh-CN.md':
            assert '%.4f' % accuracy in read(page + language)
    assert all(lenet_at_001() in read('ch04_cnn/README' + language) for language in ('.md', '.zh-CN.md'))
    for page in 'RESULTS.md', 'RESULTS.zh-CN.md':
        assert '%.2f' % mean(run['l2_loss'] + run['cross_entropy'] for run in fast) in read(page)


def test_the_readmes_have_the_times_of_the_programs():
    rows = re.findall(r'^\| `(\S+)` \| (\d+) \w+ \| (.+?) \| (.+?) \| ([\d.]+) \|$', report.read('wall_times')[0],
                      re.MULTILINE)
    assert len(rows) == 8
    for program, length, ours, theirs, ratio in rows:
        python = '.venv-tf2/bin/python tf1.py' if float(ratio) > 1.5 else 'python'
        row = '| `%s %s` | %s steps | %s | %s |' % (python, program, length, ours, theirs)
        english, chinese = (re.sub('[,，] ?(ours|我们定的) ', ' ', read(name)).replace(' epochs |', ' steps |')
                            for name in ('README.md', 'README.zh-CN.md'))
        assert row in english
        for word, character in ('steps', '步'), (' min', ' 分钟'), (' s ', ' 秒 '):
            row = row.replace(word, character)
        assert row in chinese.replace(' 轮 |', ' 步 |')
        if 'ch04' in program:           # in the map of the articles too
            assert '`mnist_train.py`: %s, [on TensorFlow 2](#tensorflow-2) %s;' % (ours, theirs) in read('README.md')
            words = '`mnist_train.py`：%s，[用 TensorFlow 2](#tensorflow-2) %s；' % (ours, theirs)
            assert words.replace('min', '分钟') in read('README.zh-CN.md')


def test_what_is_said_of_the_two_tables_of_speeds():
    """RESULTS: the machine was half as fast for the second, and LeNet's ratio another; README: a step of article 5."""
    builds, settings, times = (report.read(name)[0] for name in ('benchmark', 'benchmark-settings', 'wall_times'))
    ms, ratio = {}, {}
    for text in builds, settings:
        for name, found, speed in re.findall(
                r'^\| ([^|]+) \| 2\.x \| ([\d.]+) \|[^|]+\| ([\d.]+) \|', text, re.MULTILINE):
            ms.setdefault(name, []).append(float(found))
            ratio.setdefault(name, speed)
    assert 1.8 < ms['sgemm'][1] / ms['sgemm'][0] < 2.2
    here, = re.findall(r'ch04_cnn.* ([\d.]+) \|$', times, re.MULTILINE)
    for page in 'RESULTS.md', 'RESULTS.zh-CN.md':
        assert all(re.search(r'%.1f(?!\d)' % float(number), read(page)) for number in (ratio['LeNet'], here))
    for page in 'README.md', 'README.zh-CN.md':
        assert re.search(r'%s (times|倍)' % ratio['PTB LSTM'], read(page))


def test_where_a_steps_time_goes():
    """What RESULTS says of the profile of article 5's and article 3's steps, and of TensorFlow's settings."""
    steps = {name: (float(total), {kind: (float(ms), int(count)) for kind, ms, count in re.findall(
        r'^  (.+?) +([\d.]+) ms .* (\d+) operations$', body, re.MULTILINE)}) for name, total, body in re.findall(
        r'^(.+): [\d.]+ ms a step; ([\d.]+) ms in operations.*\n((?:  .*\n)+)', report.read('tf2-profile')[0],
        re.MULTILINE)}
    total, types = steps[benchmark.PTB]
    products = [(ms, count) for kind, (ms, count) in types.items() if '->' in kind]
    assert 0.7 < sum(ms for ms, _ in products) / total < 0.8
    large, small = ([ms for ms, count in products if (count == 1) == one] for one in (True, False))
    assert len(large) == len(small) == 3 and sum(count for _, count in products if count > 1) == 210
    rows = benchmark.TRAIN_BATCH_SIZE * benchmark.TRAIN_NUM_STEP
    flop = 6 * rows * benchmark.HIDDEN_SIZE * benchmark.VOCAB_SIZE
    rest = benchmark.flop(benchmark.PTB) - flop
    old = {shape: float(ms) for shape, ms in re.findall(
        r'^  MatMul -> (\S+ x \S+) +([\d.]+) ms', report.read('profile')[0].split(benchmark.PTB)[1], re.MULTILINE)}
    assert len(old) == 6
    shapes = '700 x 10000', '700 x 200', '200 x 10000'
    said = ['%.1f' % (flop / 1e9), '%.1f GFLOP' % (rest / 1e9), '%.0f' % sum(large), '%.0f' % sum(small),
            '%.0f GFLOP/s' % (flop / 1e6 / sum(large)), '%.0f GFLOP/s' % (rest / 1e6 / sum(small)),
            '%.0f' % sum(old[shape] for shape in shapes),
            '%.0f' % sum(ms for shape, ms in old.items() if shape not in shapes)]
    for page in 'RESULTS.md', 'RESULTS.zh-CN.md':
        assert all(number in read(page) for number in said)
    total, types = steps[benchmark.MLP]
    assert 0.35 < sum(types[kind][0] for kind in ('Mul', 'Sub', 'L2Loss', 'AssignSub', 'ApplyGradientDescent', 'AddN')
                      ) / total < 0.45
    settings = report.read('benchmark-settings')[0]
    # No setting is clearly faster; oneDNN and XLA matter to convolutions; the second core hardly does.
    speed = {
        (name, build): float(ratio) for name, build, ratio in re.findall(
            r'^\| ([^|]+) \| 2\.x,? ?([^|]*?) ?\| [\d.]+ \| [^|]+ \| ([\d.]+) \|', settings, re.MULTILINE)}
    assert len(speed) == 20 and max(speed.values()) < 1.1
    assert speed[benchmark.LENET, 'no oneDNN'] < 0.7 > speed[benchmark.LENET, 'XLA']
    assert [speed[name, way] for way in ('one thread', 'one operation at once') for name in (
        benchmark.LENET, benchmark.PTB)] == [0.87, 0.92, 1.07, 0.96] and speed['sgemm', 'one thread'] == 0.54


def test_links_lead_somewhere():
    pages = [page for pattern in ('*.md', 'ch0*/*.md', 'ch0*/*/*.md', 'results/*.md')
             for page in glob.glob(os.path.join(ROOT, pattern))]
    for page in pages:
        for target in re.findall(r'\]\((?!http)([^)#:]+)', read(page)):
            assert os.path.exists(os.path.join(os.path.dirname(page), target)), (page, target)
    pages += glob.glob(os.path.join(ROOT, 'ch0*', '*.ipynb'))
    for name in 'ERRATA.md', 'ERRATA.zh-CN.md':
        errata = set(re.findall(r'<a id="([\d.]+)">', read(name)))
        for page in pages:
            assert set(re.findall(re.escape(name) + r'#([\d.]+)\)', read(page))) <= errata, page


def test_reproduce_knows_how_each_log_is_made():
    made = {name: ' '.join(command) for _, commands in reproduce.plan() for name, command in commands.items()}
    for path in glob.glob(os.path.join(ROOT, 'results', '*', '*.log')):
        folder, name = os.path.basename(os.path.dirname(path)), os.path.basename(path)[:-len('.log')]
        if folder in ('outputs', 'clusters'):
            name = folder + '/' + name
        # A training in two parts is made as one.
        if not name.endswith('-resumed') and (shutil.which('sbatch') or 'slurm' not in name):
            assert name in made, 'tools/reproduce.py has no %s' % name
            on_2 = re.search(r', tensorflow 2', read(path))
            assert bool(on_2) == name.startswith('tf2-'), name
    # On 2.x two at once.
    took = {on: 0 for on in ('tf2', '1.15')}
    for _, commands in reproduce.plan():
        on = reproduce.version(list(commands)[0])
        took[on] += max(map(reproduce.seconds, commands)) / (2 if on == 'tf2' else 1)
    assert [round(took[on] / 3600) for on in ('tf2', '1.15')] == [5, 7] and round(sum(took.values()) / 3600) == 12
    for page, words in (('README.md', 'five hours; --on 1.15: the rest, seven'), ('RESULTS.md', 'about twelve hours'),
                        ('README.zh-CN.md', '约五小时；--on 1.15：其余的，约七小时'),
                        ('RESULTS.zh-CN.md', '约十二个小时'), ('tools/reproduce.py', 'about five hours')):
        assert words in read(page)


def test_reproduce_runs_two_folders_at_once_and_ends_with_the_first_failure(monkeypatch, capsys):
    meet, done = threading.Barrier(2, timeout=60), []

    def run(step, folder, running, stop):
        name, = step[1]
        meet.wait()
        if name == 'fails':
            raise cli.UserError('it failed')
        if name == 'tf2-waits':
            time.sleep(1)           # until the other has failed
        done.append(name)

    monkeypatch.setattr(reproduce, 'run', run)
    steps = [('one', {'tf2-a': []}), ('two', {'tf2-b': []}), ('one', {'tf2-c': []}), ('two', {'tf2-d': []})]
    reproduce.run_all(steps, 2, '', False)
    assert sorted(done) == ['tf2-a', 'tf2-b', 'tf2-c', 'tf2-d'] and sorted(done[:2]) == ['tf2-a', 'tf2-b']
    done.clear()
    with pytest.raises(cli.UserError, match='it failed'):
        reproduce.run_all([('one', {'fails': []}), ('one', {'tf2-e': []}), ('two', {'tf2-waits': []}),
                           ('two', {'tf2-f': []}), ('three', {'tf2-g': []})], 2, '', False)
    assert done == ['tf2-waits']
    # Only a list, and only of what is asked for.
    capsys.readouterr()
    for asked in ['tf2', '--only', 'no such run'], ['1.15', '--only', 'tf2-m']:
        with pytest.raises(SystemExit):
            reproduce.main(['--list', '--on'] + asked)
    assert capsys.readouterr().out == ''


def test_reproduce_says_what_is_missing_before_it_starts(monkeypatch):
    monkeypatch.setattr(reproduce, 'PYTHON_2', '/nowhere')
    with pytest.raises(cli.UserError, match='wall_times needs .venv-tf2: `make venv-tf2`'):
        reproduce.check(['mnist_fc-seed1', 'wall_times', 'tf2-profile'])
    monkeypatch.setattr(reproduce, 'PYTHON_2', sys.executable)
    reproduce.check(['tf2-mnist_fc-seed1'])
    if sys.version_info >= (3, 8):
        with pytest.raises(cli.UserError, match='profile needs TensorFlow 1.15: .* --on tf2'):
            reproduce.check(['profile'])


@pytest.fixture
def recording(monkeypatch):
    """record.py refuses to record what is of the sample."""
    monkeypatch.delenv('TF_TUTORIAL_DATA')


STOPPED = """
import sys
sys.path[:0] = 'tools', '.'
from companion import cli
import report, reproduce
# With a process that prints nothing, and so does not notice that nobody listens any more.
COMMAND = ('sleep 999 > /dev/null & ' + sys.executable + ' ch03_training_tricks/mnist_train.py --sample --seed 1 '
           '--training_steps 4001; kill $!')
reproduce.plan = lambda: [('runs', {'training': ['sh', '-c', COMMAND]})]
report.write = print
cli.run(lambda: reproduce.main(['--folder', sys.argv[1]]))
"""


def processes_of(folder):
    """Those that have a folder in their environment."""
    found = []
    for path in glob.glob('/proc/[0-9]*/environ'):
        with contextlib.suppress(OSError), open(path, 'rb') as file:
            if str(folder).encode() in file.read():
                found.append(path)
    return found


@pytest.mark.slow
@pytest.mark.parametrize('stop', ['SIGTERM to it alone', 'Ctrl-C'])
def test_reproduce_is_stopped_and_goes_on(recording, tmp_path, stop):
    def start():
        return subprocess.Popen([sys.executable, '-c', STOPPED, str(tmp_path)], cwd=ROOT, universal_newlines=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    part = tmp_path / 'logs' / 'training.log.part'
    run = start()
    try:
        while not (part.exists() and 'After 1001 ' in part.read_text()):
            assert run.poll() is None
            time.sleep(0.1)
        assert processes_of(tmp_path)
    finally:
        run.terminate() if stop != 'Ctrl-C' else os.killpg(run.pid, signal.SIGINT)
    assert 'interrupted' in run.communicate(timeout=60)[1] and run.returncode == 130
    assert not processes_of(tmp_path), 'its training has ended too'
    before = part.read_text()
    assert not (tmp_path / 'logs' / 'training.log').exists() and 'After 4001 ' not in before
    out, err = start().communicate(timeout=200)
    assert str(tmp_path) in out, err
    assert not part.exists()
    text = (tmp_path / 'logs' / 'training.log').read_text()
    assert text.startswith(before) and len(re.findall('^# command', text, re.MULTILINE)) == 1
    assert re.search(r'After 1001 .*\n(?s:.*)# resumed: .*\nResuming after (\d+001|1) .*\n(?s:.*)'
                     r'After 4001 .*\nTrained 4001 (?s:.*)# seconds: \d+\n$', text)


def test_record_goes_on_only_with_a_training_that_resumes(recording, tmp_path, monkeypatch):
    def run(name, program):
        return subprocess.run([sys.executable, os.path.join(ROOT, 'tools', 'record.py'), '--logs', str(tmp_path), name,
                               'python', '-c', program], stderr=subprocess.PIPE, universal_newlines=True)

    def log(name):
        return re.sub('(?m)^# .*\n', '', (tmp_path / (name + '.log')).read_text())

    for name, first, second, lines in (('a', 'step 1', '9 test records\\nResuming after 1',
                                        'step 1\n9 test records\nResuming after 1\n'),
                                       ('e', 'step 1', '/x/9 is damaged: going on from /x/1\\nResuming after 1',
                                        'step 1\n/x/9 is damaged: going on from /x/1\nResuming after 1\n'),
                                       ('b', 'step 1', 'step 2', 'step 2\n')):
        assert run(name, 'print("%s"); raise SystemExit(7)' % first).returncode == 1
        assert run(name, 'print("%s")' % second).returncode == 0 and log(name) == lines
    for _ in range(2):
        assert 'delete its checkpoints' in run('c', 'print("Already trained for 9 steps")').stderr
    with open(str(tmp_path / 'd.log.part'), 'w') as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert 'another run is writing' in run('d', '').stderr
    monkeypatch.setenv('TF_TUTORIAL_DATA', 'sample')
    assert 'is to be of the real data' in run('f', '').stderr
    assert sorted(os.listdir(str(tmp_path))) == ['a.log', 'b.log', 'c.log.part', 'd.log.part', 'e.log']


def test_record_keeps_a_failed_run_apart(recording, tmp_path):
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
