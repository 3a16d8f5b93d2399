"""Article 3: each printed number, and the training program: resumed, killed, damaged, beside evaluation."""
from companion import cli

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf
from matplotlib import image as png

from conftest import ROOT, load

TRAIN = 'ch03_training_tricks/mnist_train.py'
EVAL = 'ch03_training_tricks/mnist_eval.py'
# A network small enough to train a thousand steps in a second.
SMALL = ['--layer1_node', 20, '--batch_size', 10, '--learning_rate_base', 0.1]


def loss_lines(text):
    return [(int(step), float(loss)) for step, loss in re.findall(
        r'After (\d+) training step\(s\), loss on training batch is ([-\w.+]+)\.', text)]


def accuracy_lines(text, which='validation'):
    return [(int(step), float(value)) for step, value in re.findall(
        r'After (\d+) training step\(s\), %s accuracy = ([\d.]+)' % which, text)]


def test_gradient_descent(run_script, tmp_path):
    out = run_script('ch03_training_tricks/gradient_descent.py')
    assert out.splitlines()[:15] == [
        'learning rate 0.3',
        '1  5  2*5*0.3=3  5-3=2',
        '2  2  2*2*0.3=1.2  2-1.2=0.8',
        '3  0.8  2*0.8*0.3=0.48  0.8-0.48=0.32',
        '4  0.32  2*0.32*0.3=0.192  0.32-0.192=0.128',
        '5  0.128  2*0.128*0.3=0.0768  0.128-0.0768=0.0512',
        'learning rate 1',
        '1  5  2*5*1=10  5-10=-5',
        '2  -5  2*-5*1=-10  -5-(-10)=5',
        '3  5  2*5*1=10  5-10=-5',
        'TensorFlow at 0.3: 5 2 0.8 0.32 0.128 0.0512',
        'TensorFlow at 1: 5 -5 5 -5',
        'TensorFlow at 0.001, after 5 steps: 4.95',
        'x <= 0.05 at learning rate 0.3: after 6 steps (x = 0.0205, one step before 0.0512)',
        'x <= 0.05 at learning rate 0.001: after 2301 steps (x = 0.0499, one step before 0.0500)']
    assert png.imread(str(tmp_path / 'runs/ch03_training_tricks/gradient_descent.png')).std() > 0.05


def test_exponential_decay(run_script):
    out = run_script('ch03_training_tricks/exponential_decay.py')
    rows = re.findall(r'step +(\d+): exponential_decay (\S+)  formula (\S+)  staircase (\S+)', out)
    assert len(rows) == 5
    for step, smooth, formula, stairs in rows:
        assert float(smooth) == pytest.approx(0.8 * 0.99 ** (int(step) / 550), abs=2e-6)
        assert float(formula) == pytest.approx(0.8 * 0.99 ** (int(step) / 550), abs=1e-6)
        assert float(stairs) == pytest.approx(0.8 * 0.99 ** (int(step) // 550), abs=2e-6)
    assert 'after 3 steps: global_step 3, learning rate 0.799956' in out


def test_regularization(run_script):
    out = run_script('ch03_training_tricks/regularization.py')
    assert 'L1: lambda * sum|w|     = 5, l1_regularizer gives 5\n' in out
    assert 'L2: lambda * sum(w^2)/2 = 7.5, l2_regularizer gives 7.5\n' in out
    assert 'gradient at w = 0.001: L1 0.5, L2 0.0005' in out
    fits = {name.strip(): (float(w1), int(zeros)) for name, w1, zeros in re.findall(
        r'^(.{12})  w1 = +(\S+)  w2 = .*zeros: (\d)', out, re.MULTILINE)}
    assert [fits[name][1] for name in ('none', 'L2', 'L1', 'L1, proximal')] == [0, 0, 0, 1]
    # The minima in closed form: w / (1 + lambda / 2) for L2, w - lambda / 2 for L1, at E[x1^2] = 1.
    assert fits['none'][0] == pytest.approx(2.0, abs=0.05)
    assert fits['L2'][0] == pytest.approx(1.6, abs=0.05)
    assert fits['L1, proximal'][0] == pytest.approx(1.75, abs=0.05)


def test_overfitting(run_script, tmp_path):
    out = run_script('ch03_training_tricks/overfitting.py')
    simple, suitable, overfitted = [(float(own), float(fresh)) for own, fresh in re.findall(
        r'points (\S+), on 5000 fresh ones (\S+)', out)]
    assert overfitted[0] == 1.0 and simple[0] < suitable[0] < overfitted[0]
    assert simple[1] < suitable[1] and overfitted[1] < suitable[1]
    truth, second, third = re.search(
        r'is of class (\d); called \d \(too simple\), (\d) \(suitable\), (\d) \(overfitted\)', out).groups()
    assert truth == second != third
    # More parameters than points: the loss goes to zero.
    sizes = [(int(count), float(loss)) for count, loss in re.findall(
        r'(\d+) parameters, cross entropy on its points (\S+)', out)]
    assert [count for count, _ in sizes] == [3, 65, 10501]
    assert sizes[0][1] > sizes[1][1] > 0.05 and sizes[2][1] < 0.001
    assert png.imread(str(tmp_path / 'runs/ch03_training_tricks/overfitting.png')).std() > 0.05


def test_moving_average(run_script):
    out = run_script('ch03_training_tricks/moving_average.py')
    assert out == '[5.0, 4.5]\n[10.0, 4.555]\n'
    # By the formulas: the decay is min{0.99, (1 + step) / (10 + step)}, 0.1 at step 0 and 0.99 at step 10000.
    first, second = [float(average) for average in re.findall(r', (\S+)\]', out)]
    assert 1 / 10 == 0.1 and round(10001 / 10010, 3) == 0.999
    assert first == 0.1 * 0 + (1 - 0.1) * 5 and second == pytest.approx(0.99 * first + (1 - 0.99) * 10)


def test_the_programs_have_the_printed_settings():
    inference = load('ch03_training_tricks/mnist_inference.py')
    assert (inference.INPUT_NODE, inference.OUTPUT_NODE, inference.LAYER1_NODE) == (784, 10, 500)
    train = load(TRAIN)
    assert (train.BATCH_SIZE, train.LEARNING_RATE_BASE, train.LEARNING_RATE_DECAY) == (100, 0.8, 0.99)
    assert (train.REGULARAZTION_RATE, train.TRAINING_STEPS, train.MOVING_AVERAGE_DECAY) == (0.0001, 30000, 0.99)
    assert train.MODEL_NAME == 'model.ckpt'
    assert load(EVAL).EVAL_INTERVAL_SECS == 10


def test_variables_and_losses_are_as_printed():
    inference = load('ch03_training_tricks/mnist_inference.py').inference
    for regularizer in tf.contrib.layers.l2_regularizer(0.0001), None:
        with tf.Graph().as_default():
            logits = inference(tf.placeholder(tf.float32, [None, 784]), regularizer)
            assert logits.get_shape().as_list() == [None, 10]
            assert {v.op.name: v.get_shape().as_list() for v in tf.trainable_variables()} == {
                'layer1/weights': [784, 500], 'layer1/biases': [500],
                'layer2/weights': [500, 10], 'layer2/biases': [10]}
            assert len(tf.get_collection('losses')) == (2 if regularizer else 0)


def test_train_saves_as_printed_resumes_and_evaluates(run_script, tmp_path):
    folder = tmp_path / 'runs' / 'sample' / 'ch03_training_tricks' / 'model'
    first = run_script(TRAIN, '--training_steps', 1500, '--seed', 1)
    assert re.findall(r'^Extracting .*/(.*)$', first, re.MULTILINE) == [
        'train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz',
        't10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz']
    assert [step for step, _ in loss_lines(first)] == [1, 1001]
    assert 2 < loss_lines(first)[0][1] < 6 and loss_lines(first)[1][1] < 0.5, 'it learns at the printed rate'
    assert {name.split('.index')[0] for name in os.listdir(str(folder)) if name.endswith('.index')} == {
        'model.ckpt-1', 'model.ckpt-1001', 'model.ckpt-1500'}

    second = run_script(TRAIN, '--training_steps', 2002)
    assert 'Resuming after 1500 training step(s)' in second
    assert [step for step, _ in loss_lines(second)] == [2001]
    evaluated = run_script(EVAL, '--once')
    assert accuracy_lines(evaluated)[0][0] == 2002
    assert accuracy_lines(evaluated)[0][1] > 0.8 and accuracy_lines(evaluated, 'test')[0][1] > 0.9
    assert "not MNIST's" in evaluated and 'The article: validation' not in evaluated

    third = run_script(TRAIN, '--training_steps', 2002)
    assert not loss_lines(third) and 'Trained 2002 step(s)' in third


def test_evaluation_reads_the_moving_averages(run_script, tmp_path):
    run_script(TRAIN, '--training_steps', 300, '--moving_average_decay', 1.0, '--seed', 1, '--model_save_path',
               tmp_path / 'model')
    # With decay min{1, (1 + step) / (10 + step)} the averages lag far behind; spoil them to be sure.
    path = tf.train.latest_checkpoint(str(tmp_path / 'model'))
    with tf.Graph().as_default(), tf.Session() as sess:
        saver = tf.train.import_meta_graph(path + '.meta')
        saver.restore(sess, path)
        averages = [v for v in tf.global_variables() if v.op.name.endswith('ExponentialMovingAverage')]
        assert len(averages) == 4
        sess.run([tf.assign(v, tf.zeros_like(v)) for v in averages])
        saver.save(sess, path)
    out = run_script(EVAL, '--once', '--model_save_path', tmp_path / 'model')
    assert accuracy_lines(out)[0][1] < 0.2


def test_old_checkpoints_go_also_after_a_resume(run_script, tmp_path):
    for steps in (2500, 4500, 6500):
        run_script(TRAIN, '--training_steps', steps, '--model_save_path', tmp_path / 'model', *SMALL)
    left = {name for name in os.listdir(str(tmp_path / 'model')) if name.endswith('.index')}
    assert left == {'model.ckpt-%d.index' % step for step in (3001, 4001, 4500, 5001, 6001, 6500)} - {
        'model.ckpt-3001.index'}


def test_evaluation_runs_beside_training(tmp_path):
    model = ['--model_save_path', str(tmp_path / 'model'), '--layer1_node', '20']
    evaluation = subprocess.Popen(
        [sys.executable, os.path.join(ROOT, EVAL), '--eval_interval_secs', '1', '--until_step', '6001'] + model,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    try:
        # It waits where the printed program ends.
        assert 'No checkpoint file found\n' in iter(evaluation.stdout.readline, '')
        training = subprocess.run(
            [sys.executable, os.path.join(ROOT, TRAIN), '--training_steps', '6001'] + model[:2] +
            [str(flag) for flag in SMALL], stdout=subprocess.PIPE, timeout=120)
        out, err = evaluation.communicate(timeout=60)
    finally:
        evaluation.kill()
    assert training.returncode == 0 and evaluation.returncode == 0
    assert 'Traceback' not in err
    steps = [step for step, _ in accuracy_lines(out)]
    assert steps == sorted(steps) and steps[-1] == 6001


def test_evaluation_survives_a_checkpoint_that_is_replaced(run_script, tmp_path, monkeypatch):
    """The first restore finds the files gone, as when the trainer deletes them at that moment."""
    run_script(TRAIN, '--training_steps', 5, '--model_save_path', tmp_path / 'model')
    restore, calls = tf.train.Saver.restore, []

    def vanish_once(self, sess, path):
        calls.append(path)
        restore(self, sess, path if len(calls) > 1 else path + '-gone')

    monkeypatch.setattr(tf.train.Saver, 'restore', vanish_once)
    out = run_script(EVAL, '--eval_interval_secs', 1, '--until_step', 5, '--model_save_path', tmp_path / 'model')
    assert len(calls) == 2 and [step for step, _ in accuracy_lines(out)] == [5]


def test_evaluation_repeats_every_ten_seconds(run_script, capsys, tmp_path, monkeypatch):
    """Also a checkpoint that it knows already, as the article's output shows for step 2001."""
    run_script(TRAIN, '--training_steps', 5, '--model_save_path', tmp_path / 'model', *SMALL)
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, 'sleep', sleep)
    with pytest.raises(KeyboardInterrupt):
        run_script(EVAL, '--model_save_path', tmp_path / 'model', '--layer1_node', 20)
    lines = accuracy_lines(capsys.readouterr().out)
    assert pauses == [10, 10] and len(lines) == 2 and lines[0] == lines[1]


def test_kill_the_trainer_ten_times(tmp_path):
    """Each time it resumes from its last save, and the folder holds a checkpoint that restores."""
    model = tmp_path / 'model'
    command = [sys.executable, os.path.join(ROOT, TRAIN), '--training_steps', '1000000',
               '--model_save_path', str(model)] + [str(flag) for flag in SMALL]
    moments = random.Random(1)
    saved = 0
    for kill in range(10):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   universal_newlines=True)
        lines = []
        for line in process.stdout:       # from the first step on, at a random moment
            lines.append(line)
            if line.startswith(('After', 'Resuming')):
                time.sleep(moments.uniform(0, 1.5))
                process.send_signal(signal.SIGKILL)
                lines.extend(process.stdout)
                break
        err = process.communicate()[1]
        assert process.returncode == -signal.SIGKILL, err
        text = ''.join(lines)
        resumed = re.search(r'Resuming after (\d+)', text)
        assert int(resumed.group(1)) == saved if resumed else saved == 0
        newest = tf.train.latest_checkpoint(str(model))
        if newest is None:                # killed within the very first save
            continue
        saved = int(newest.split('-')[-1])
        # A report comes just before its save: at most the save of the last report is lost.
        reported = [step for step, _ in loss_lines(text)]
        assert not reported or saved >= reported[-1] - 1000
        reader = tf.train.NewCheckpointReader(newest)
        assert reader.get_tensor('layer1/weights').shape == (784, 20)
        assert int(reader.get_tensor('Variable')) == saved
    assert saved > 1000


def cut(path):
    with open(path, 'r+b') as file:
        file.truncate(os.path.getsize(path) // 2)


def flip(path):
    with open(path, 'r+b') as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xff]))


def contents(folder):
    return {name: open(os.path.join(folder, name), 'rb').read() for name in os.listdir(folder)}


@pytest.mark.parametrize('damage', [cut, flip])
@pytest.mark.parametrize('name', ['checkpoint', 'model.ckpt-30.data-00000-of-00001', 'model.ckpt-30.index'])
def test_a_damaged_checkpoint_is_named(run_script, tmp_path, name, damage):
    model = str(tmp_path / 'model')
    run_script(TRAIN, '--training_steps', 30, '--model_save_path', model, *SMALL)
    damage(os.path.join(model, name))
    for part in '.index', '.data-00000-of-00001':       # the older one would do
        damage(os.path.join(model, 'model.ckpt-1' + part))
    kept = contents(model)
    with pytest.raises(cli.UserError, match='--model_save_path') as error:
        run_script(TRAIN, '--training_steps', 40, '--model_save_path', model, *SMALL)
    assert model in str(error.value) and '\n' not in str(error.value)
    assert contents(model) == kept, 'nothing is lost'
    with pytest.raises(cli.UserError, match='--model_save_path') as error:
        run_script(EVAL, '--once', '--model_save_path', model, '--layer1_node', 20)
    assert model in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('damage', [cut, flip])
@pytest.mark.parametrize('name', ['model.ckpt-30.data-00000-of-00001', 'model.ckpt-30.index'])
def test_an_older_checkpoint_stands_in_for_a_damaged_one(run_script, tmp_path, name, damage):
    model = str(tmp_path / 'model')
    run_script(TRAIN, '--training_steps', 30, '--model_save_path', model, *SMALL)
    damage(os.path.join(model, name))
    out = run_script(TRAIN, '--training_steps', 40, '--model_save_path', model, *SMALL)
    assert '%s is damaged: going on from the older model.ckpt-1\n' % os.path.join(model, 'model.ckpt-30') in out
    assert 'Trained 40 step(s)' in out
    assert 'After 40 training step(s)' in run_script(EVAL, '--once', '--model_save_path', model, *SMALL[:2])


def test_evaluation_without_a_checkpoint(shell, tmp_path):
    result = shell(EVAL, '--once', '--model_save_path', tmp_path / 'none')
    assert result.returncode == 1
    assert 'run mnist_train.py first' in result.stderr.splitlines()[-1] and 'Traceback' not in result.stderr


def test_checkpoint_of_another_network(run_script, shell, tmp_path):
    run_script(TRAIN, '--training_steps', 5, '--model_save_path', tmp_path / 'model', *SMALL)
    for script, flags in ((TRAIN, ['--training_steps', 9]), (EVAL, ['--once'])):
        result = shell(script, '--model_save_path', tmp_path / 'model', '--layer1_node', 21, *flags)
        assert result.returncode == 1 and 'Traceback' not in result.stderr
        assert 'another network' in result.stderr.splitlines()[-1]


def test_a_copied_or_moved_folder_keeps_to_itself(run_script, tmp_path):
    model, copy, moved = (str(tmp_path / name) for name in ('model', 'copy', 'moved'))
    run_script(TRAIN, '--training_steps', 4500, '--model_save_path', model, *SMALL)
    shutil.copytree(model, copy)
    before = contents(model)
    run_script(TRAIN, '--training_steps', 6500, '--model_save_path', copy, *SMALL)
    assert contents(model) == before
    os.rename(model, moved)
    assert 'Resuming after 4500 training step(s)' in run_script(
        TRAIN, '--training_steps', 4501, '--model_save_path', moved, *SMALL)
    assert accuracy_lines(run_script(EVAL, '--once', '--model_save_path', moved, '--layer1_node', 20))[0][0] == 4501


def test_training_without_regularisation(run_script):
    out = run_script(TRAIN, '--training_steps', 1, '--regularaztion_rate', 0)
    assert [step for step, _ in loss_lines(out)] == [1]


@pytest.mark.parametrize('script, flags, words', [
    (TRAIN, ['--model_name', 'a/b'], '--model_name'),
    (TRAIN, ['--layer1_node', 10 ** 20], '--layer1_node'),
    ('ch03_training_tricks/regularization.py', ['--lambda', 0], '--lambda'),
    ('ch03_training_tricks/exponential_decay.py', ['--decay_rate', 2], '--decay_rate'),
])
def test_a_setting_that_makes_no_sense(run_script, capsys, script, flags, words):
    with pytest.raises(SystemExit) as stop:
        run_script(script, *flags)
    assert stop.value.code == 2 and words in capsys.readouterr().err


@pytest.mark.parametrize('picture', ['', '.', '/proc/no/picture.png'])
def test_a_picture_that_cannot_be_saved(run_script, picture):
    with pytest.raises(cli.UserError, match='another --picture'):
        run_script('ch03_training_tricks/exponential_decay.py', '--picture', picture)


def test_a_loss_that_is_no_number_is_not_saved(shell, tmp_path):
    result = shell(TRAIN, '--learning_rate_base', '1e30', '--model_save_path', tmp_path / 'model')
    assert result.returncode == 1 and '--learning_rate_base (now 1e+30)' in result.stderr.splitlines()[-1]
    assert tf.train.latest_checkpoint(str(tmp_path / 'model')).endswith('model.ckpt-1')


@pytest.mark.parametrize('options, words', [('size=100k', 'No space left'), ('ro', 'Read-only')])
def test_a_disk_that_takes_no_checkpoint(tmp_path, options, words):
    """In a mount namespace of its own, which an unprivileged user may make on most systems."""
    disk = tmp_path / 'disk'
    disk.mkdir()
    inside = 'mount -t tmpfs -o %s tmpfs "$1" || exit 99; shift; exec "$@"' % options
    result = subprocess.run(
        ['unshare', '-rm', 'sh', '-c', inside, 'sh', str(disk), sys.executable, os.path.join(ROOT, TRAIN),
         '--training_steps', '10', '--model_save_path', str(disk / 'model')],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if result.returncode == 99 or 'unshare' in result.stderr:
        pytest.skip('no mount namespace can be made here: %s' % result.stderr.strip())
    last = result.stderr.splitlines()[-1]
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert words in last and str(disk / 'model') in last


def test_damaged_data_stop_the_training(shell, tmp_path):
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'train-images-idx3-ubyte.gz').write_bytes(b'')
    result = shell(TRAIN, '--data_dir', tmp_path / 'data')
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert 'train-images-idx3-ubyte.gz is empty' in result.stderr
    assert not (tmp_path / 'runs').exists()


def test_the_recorded_accuracy_of_step_1_is_a_guess():
    for seed in 1, 2, 3:
        with open(os.path.join(ROOT, 'results', 'logs', 'mnist_eval-seed%d.log' % seed)) as file:
            step, accuracy = accuracy_lines(file.read())[0]
        # Article: 0.0616. One answer for most pictures, whatever it is, is right for a tenth of them or so.
        assert step == 1 and 0.05 < accuracy < 0.2


@pytest.mark.real_data
def test_the_printed_curves_on_mnist(run_script, real_data, tmp_path):
    flags = ['--data_dir', real_data, '--model_save_path', tmp_path / 'model']
    losses = dict(loss_lines(run_script(TRAIN, '--training_steps', 2001, '--seed', 1, *flags)))
    # Article: 3.46893, 0.172291, 0.197483. One batch of 100: the loss swings by a factor of two.
    assert 2 < losses[1] < 6 and losses[1001] < 0.4 and losses[2001] < 0.4
    out = run_script(EVAL, '--once', *flags)
    # Article: 0.9834 at step 2001; three standard errors (0.0018) of an accuracy on 5000 pictures.
    assert accuracy_lines(out) == [(2001, pytest.approx(0.9834, abs=0.0055))]
    assert 'The article: validation accuracy = 0.9854 after 6001 steps' in out
