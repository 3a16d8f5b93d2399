"""tools/benchmark.py times the scripts' own trainings, counts as TensorFlow does, and tabulates right."""
from companion import cli

import functools
import os
import re
import sys
import types

import pytest
import tensorflow as tf
from tensorflow.python.framework import ops
from tensorflow.python.profiler.internal import flops_registry

import benchmark
import benchmark_tf
from conftest import ROOT, load

LOG = os.path.join(ROOT, 'results', 'logs', 'benchmark.log')
TORCH = os.path.join(ROOT, '.venv-torch', 'bin', 'python')
pytestmark = pytest.mark.slow
ROW = (r'^\| ([^|]+) \| ([^|]+) \| ([\d.]+) \| ([\d.]+) to ([\d.]+) \| ([\d.]+) \| ([\d.]+) '
       r'\| (\d+) \| (\d+) % \|$')
ROUND = r'^round (\d+)  (.+?) +784-500-10 network ([\d.]+)  LeNet ([\d.]+)  PTB LSTM ([\d.]+)  sgemm ([\d.]+) ms$'


def rows(text):
    """{(name, build): [median, lowest, highest, ratio, GFLOP, GFLOP/s, percent]} of a printed table."""
    return {row[:2]: [float(cell) for cell in row[2:]] for row in re.findall(ROW, text, re.MULTILINE)}


@pytest.mark.parametrize('name, train', [
    (benchmark.LENET, benchmark_tf.lenet), (benchmark.PTB, benchmark_tf.ptb)], ids=['lenet', 'ptb'])
def test_operations_are_those_that_tensorflow_counts_in_the_training_graph(name, train):
    graphs = []
    # As a first import finds them, whatever constants an earlier test has set.
    load('ch04_cnn/mnist_train.py')

    def tick():
        graphs.append(tf.get_default_graph())
        raise benchmark.Enough

    with pytest.raises(benchmark.Enough):
        train(tick, seed=1)
    definition = graphs[0].as_graph_def()
    for node in definition.node:
        # The gradient of the first input hangs on a control edge alone, and so is not computed when it runs.
        node.input[:] = [name for name in node.input if not name.startswith('^')]
    updates = [node.name for node in definition.node if node.op in ('ApplyGradientDescent', 'ScatterSub')]
    needed = tf.graph_util.extract_sub_graph(definition, updates)
    counted = [ops.get_stats_for_node_def(graphs[0], node, 'flops').value
               for node in needed.node if re.match('MatMul|Conv2D', node.op)]
    assert sum(counted) == benchmark.flop(name)


def test_operations_of_the_full_network():
    assert benchmark.flop(benchmark.MLP) == 2 * 100 * (2 * 784 * 500 + 3 * 500 * 10) == 159800000


def test_the_programs_own_steps_are_timed(run_script):
    out = run_script('tools/benchmark.py', '--python', 'this=' + sys.executable, '--rounds', 1,
                     '--seconds', 0.1, '--sgemm_size', 1024)
    assert re.search(r'^this: TensorFlow %s, NumPy ' % re.escape(tf.__version__), out, re.MULTILINE)
    (_, build, *times), = re.findall(ROUND, out, re.MULTILINE)
    found = rows(out)
    assert build == 'this' and [key[0] for key in found] == list(benchmark.MODELS) + [benchmark.SGEMM]
    for took, (median, lowest, highest, ratio, gflop, rate, _) in zip(map(float, times), found.values()):
        assert 0 < took == median == lowest == highest and ratio == 1
        assert rate == pytest.approx(gflop / took * 1000, rel=0.05, abs=1)
    assert found[benchmark.SGEMM, 'this'][-1] == 100
    # A step of the language model is at least 50 times the work of one of the full network.
    assert found[benchmark.PTB, 'this'][0] > 5 * found[benchmark.MLP, 'this'][0]


FAKE = '''
import json, os, sys
kind, speed, turn = os.path.basename(sys.argv[2]), float(sys.argv[1]), %r
with open(turn, 'a') as file:
    file.write('%%s ' %% sys.argv[1])
if '--weights' in sys.argv:
    print(json.dumps({'LeNet': [6.5, 6.5 + speed / 1e6, 0.0]} if 'torch' in kind else {}))
elif speed == 13:
    print('Traceback\\nOSError: no luck', file=sys.stderr)
    sys.exit(3)
else:
    # The machine slows down by half at each process.
    slow = 1.5 ** len(open(turn).read().split())
    times = dict.fromkeys(['784-500-10 network', 'LeNet', 'PTB LSTM', 'sgemm'], 100 * slow / speed)
    print('noise')
    print(json.dumps({'times': times, 'versions': 'Fake 1'}))
'''


@pytest.fixture
def fake(tmp_path):
    """fake(name, speed) is a build that only says how fast it is; fake.turns() is the order they ran in."""
    program, turn = tmp_path / 'fake.py', tmp_path / 'turns'
    program.write_text(FAKE % str(turn))

    def flag(name, speed):
        # Its first argument is the speed; the benchmark adds the programs that a real build would run.
        return ['--python', '%s=%s %s %s' % (name, sys.executable, program, speed)]
    flag.turns = lambda: turn.read_text().split()
    return flag


def test_builds_take_turns_and_are_compared_round_by_round(run_script, fake):
    out = run_script('tools/benchmark.py', '--rounds', 2, *fake('one', 1) + fake('two', 2))
    assert fake.turns() == ['1', '2', '2', '1']
    found = rows(out)
    # one: 150 and 100 * 1.5 ** 4 = 506.25; two: 112.5 and 168.75; 150 / 112.5 = 1.33, 506.25 / 168.75 = 3.
    assert found['LeNet', 'one'][:4] == [328.12, 150, 506.25, 1]
    assert found['LeNet', 'two'][:4] == [140.62, 112.5, 168.75, 2.17]
    rate = 2 * 4096 ** 3 / 140.625e6
    assert 'The sgemm rate is that of two, the highest here: %.0f GFLOP/s for float32 [4096, ' % rate in out
    assert found['LeNet', 'two'][-1] == round(100 * benchmark.flop('LeNet') / 140.625e6 / rate)


def test_a_pytorch_that_computes_something_else_is_refused(run_script, fake):
    out = run_script('tools/benchmark.py', '--rounds', 1, *fake('one', 1) + fake('pytorch', 2))
    assert 'Check of LeNet: loss 6.500000 by one and 6.500002 by pytorch; after 3 steps weights' in out
    with pytest.raises(Exception, match='LeNet: one and pytorch do not compute the same'):
        run_script('tools/benchmark.py', '--rounds', 1, *fake('one', 1) + fake('pytorch', 2000))


def test_faults_name_the_build(run_script, fake, capsys):
    for flags, message in (
            (fake('ok', 1) + fake('bad', 13), 'bad failed with status 3: OSError: no luck'),
            (['--python', 'gone=/nowhere/python'], 'gone: /nowhere/python: No such file or directory')):
        with pytest.raises(cli.UserError, match=message):
            run_script('tools/benchmark.py', *flags)
    with pytest.raises(SystemExit):
        run_script('tools/benchmark.py', '--python', 'nothing')
    assert "argument --python: must be NAME=COMMAND, not 'nothing'" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists(TORCH), reason='needs .venv-torch, see tools/benchmark.py')
def test_pytorch_computes_the_same():
    benchmark.check({'this': [sys.executable], 'pytorch': [TORCH]}, seed=1)


@pytest.mark.skipif(not os.path.exists(LOG), reason='the benchmark was not recorded')
def test_the_table_is_that_of_the_recorded_rounds():
    text = open(LOG, encoding='utf-8').read()
    checks = re.findall(r'^Check of .*: loss ([\d.]+) by .* and ([\d.]+) by .* at most (.*) of their change$',
                        text, re.MULTILINE)
    assert len(checks) == 3
    for one, other, difference in checks:
        assert float(one) == pytest.approx(float(other), rel=1e-4) and float(difference) < 1e-4
    rounds = {}
    for number, build, *times in re.findall(ROUND, text, re.MULTILINE):
        rounds.setdefault(int(number), {})[build] = dict(zip(benchmark.MODELS + (benchmark.SGEMM,), map(float, times)))
    order = list(rounds[1])
    again = benchmark.table([{build: rounds[number][build] for build in order} for number in sorted(rounds)])
    for key, figures in rows(again).items():
        # The rounds' lines give hundredths of a millisecond; the last two columns are whole numbers.
        assert rows(text)[key][:5] == pytest.approx(figures[:5], rel=0.01, abs=0.02)
        assert rows(text)[key][5:] == pytest.approx(figures[5:], rel=0.01, abs=1)
    assert len(rounds) == 5 and {'1.15.5', 'intel 1.15.2', '2.x', 'pytorch'} <= set(order)


def test_a_steps_operations_are_traced():
    profile_step = load('tools/profile_step.py')
    ptb = functools.partial(benchmark_tf.ptb, TRAIN_NUM_STEP=5)
    step, found = profile_step.profile(ptb, types.SimpleNamespace(seconds=0.1, seed=1))
    # Each of 5 steps and two layers has a product and its two gradients, the softmax too.
    products = {kind: count for kind, (_, count) in found.items() if 'MatMul -> ' in kind}
    assert sum(products.values()) == 3 * (2 * 5 + 1)
    assert {re.sub('.*-> ', '', kind) for kind in products} == {
        '20 x 800', '20 x 400', '400 x 800', '100 x 10000', '100 x 200', '200 x 10000'}
    assert 0 < step and all(ms >= 0 for ms, _ in found.values()) and sum(ms for ms, _ in found.values()) > 1
    assert tf.Session.__module__ != profile_step.__name__


def test_wall_times_are_reckoned_up(monkeypatch, capsys):
    wall_times = load('tools/wall_times.py')
    asked = []

    def took(build, program, flag, length):
        asked.append((build, program))
        return 5 + length * {'1.15': 0.05, '2.x': 0.025}[build]

    monkeypatch.setattr(wall_times, 'took', took)
    monkeypatch.setattr(wall_times, 'PROGRAMS', (
        ('here.py', 'training_steps', 1000, 100, 200), ('there.py', 'training_steps', 100000, 100, 200)))
    wall_times.main(['--only', 'here', '--rounds', '2'])
    out = capsys.readouterr().out
    assert out.endswith('| `here.py` | 1000 steps | 55 s | 30 s | 1.83 |\n'
                        '| `there.py` | 100000 steps | 83 min | 42 min | 2.00 |\n')
    asked.clear()
    wall_times.main(['--only', 'there', '--rounds', '2'])
    assert [build for build, _ in asked] == ['1.15', '1.15', '2.x', '2.x', '2.x', '2.x', '1.15', '1.15']
    monkeypatch.undo()
    monkeypatch.setattr(wall_times, 'BUILDS', {'this': (os.path.dirname(os.path.dirname(sys.executable)), [])})
    with pytest.raises(cli.UserError, match='ended with status 2'):
        wall_times.took('this', 'tools/wall_times.py', 'training_steps', -1)
    wall_times.BUILDS['this'] = '.venv-nowhere', []
    with pytest.raises(cli.UserError, match='there is no .*nowhere.*: `make venv` and `make venv-tf2`'):
        wall_times.took('this', 'ch02_mnist_basics/mnist_fc.py', 'training_steps', 1)


def test_first_accuracies_are_those_of_the_program(run_script, capsys, monkeypatch):
    first = load('tools/first_accuracies.py')
    monkeypatch.setattr(first, 'VARIANTS', {name: first.VARIANTS[name] for name in (
        first.AS_PRINTED, 'one order of the images', 'the same initial weights', 'weights: stddev 0.2',
        'learning rate 0.0125')})
    first.main(['--sample', '--seeds', '1', '--seeds_as_printed', '2'])
    out = capsys.readouterr().out
    rows = {name.strip(): cells.split() for name, cells in re.findall(
        r'^(.{32}) ((?: +[\d.]+){5})$', out, re.MULTILINE)}
    ours = sorted(re.search(r'After 1000 .* is (\S+)', run_script(
        'ch02_mnist_basics/mnist_fc.py', '--sample', '--training_steps', 1001, '--seed', seed)).group(1)
        for seed in (1, 2))
    assert [float(rows['as printed'][column]) for column in (1, 3)] == pytest.approx(
        [float(value) for value in ours], abs=1e-4)
    # Seed 1 is the program's own, whether weights or order are held.
    assert rows['one order of the images'][1:4] == rows['the same initial weights'][1:4]
    assert len({rows[name][1] for name in (
        'one order of the images', 'weights: stddev 0.2', 'learning rate 0.0125')}) == 3
