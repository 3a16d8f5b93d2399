"""Article 7, distributed TensorFlow: real processes over real gRPC, their end, and what comes of kill -9.

Each cluster runs through launch.py, at free ports and, where the system has them, in a network namespace.
"""
from companion import cli

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types

import numpy as np
import portpicker
import pytest
import tensorflow as tf
import yaml
from tensorflow.examples.tutorials.mnist import input_data

from conftest import ROOT, load

CHAPTER = 'ch07_acceleration/'
LAUNCH = CHAPTER + 'launch.py'
PROGRAMS = ['dist_mnist_async.py', 'dist_mnist_sync.py', 'dist_mnist_in_graph.py']
# A network whose steps take a millisecond.
SMALL = ['--layer1_node', 20, '--batch_size', 10, '--learning_rate_base', 0.1]
ENDLESS = ['--training_steps', 10 ** 8, '--report_steps', 20, '--save_steps', 50]

NAMESPACES = shutil.which('unshare') and subprocess.run(
    ['unshare', '--user', '--map-root-user', '--net', 'true'], stderr=subprocess.DEVNULL).returncode == 0
needs_namespace = pytest.mark.skipif(
    not NAMESPACES, reason='this system allows no network namespace (unshare -rn)')
needs_proc = pytest.mark.skipif(
    not os.path.exists('/proc/net/tcp'), reason='needs /proc/net/tcp, which Linux has')


class Program:
    """A program in the background: its lines, as they come, and its end."""

    def __init__(self, path, *flags, **environment):
        self.lines, self.changed, self.seen = [], threading.Condition(), 0
        self.popen = subprocess.Popen(
            [sys.executable, '-u', os.path.join(ROOT, path)] + [str(flag) for flag in flags],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
            env=dict(os.environ, **environment))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.popen.stdout:
            with self.changed:
                self.lines.append(line.rstrip('\n'))
                self.changed.notify_all()

    def wait_for(self, pattern, seconds=60):
        """Return the match of the next line in which `pattern` is found, after the last that this found."""
        limit = time.time() + seconds
        with self.changed:
            while True:
                while self.seen < len(self.lines):
                    self.seen += 1
                    match = re.search(pattern, self.lines[self.seen - 1])
                    if match:
                        return match
                assert time.time() < limit and (self.popen.poll() is None or self.reader.is_alive()), \
                    'no line has %r:\n%s' % (pattern, self.text())
                self.changed.wait(0.2)

    def text(self):
        return '\n'.join(self.lines)

    def end(self, seconds=90):
        """Wait for the end, and return the status."""
        self.popen.wait(seconds)
        self.reader.join(10)
        return self.popen.returncode

    def pid(self, task):
        """The process of a task of launch.py, the newest one."""
        return int(re.findall(r'^\[%s\] process (\d+)$' % task, self.text(), re.MULTILINE)[-1])

    def kill(self, task):
        os.kill(self.pid(task), signal.SIGKILL)
        self.wait_for(r'^\[%s\] ended with signal 9' % task)

    def alive(self):
        """The processes of the tasks that are still there."""
        pids = map(int, re.findall(r'^\[[\w ]+\] process (\d+)$', self.text(), re.MULTILINE))
        return [pid for pid in pids if running(pid)]


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open('/proc/%d/stat' % pid) as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return not os.path.exists('/proc/self')


@pytest.fixture
def start():
    """start(path, *flags) runs a program in the background; none outlives the test."""
    programs = []

    def run(path, *flags, **environment):
        programs.append(Program(path, *flags, **environment))
        return programs[-1]
    yield run
    for program in programs:
        if program.popen.poll() is None:
            program.popen.send_signal(signal.SIGTERM)
        try:
            program.end(10)
        except subprocess.TimeoutExpired:
            program.popen.kill()
            program.end(10)
        assert not program.alive()


def tasks_of(count_ps, count_workers):
    return ['ps %d' % i for i in range(count_ps)] + ['worker %d' % i for i in range(count_workers)]


def assert_ended_well(launched, tasks):
    assert launched.end() == 0, launched.text()
    for task in tasks:
        assert '[%s] ended with status 0' % task in launched.lines, launched.text()
    # On an idle machine 2 to 4 s; a loaded one may be slow, but TensorFlow's own end waits for two minutes.
    assert float(launched.wait_for(r'^Run 1 of 1: .* ([\d.]+) s after the last step').group(1)) < 30
    assert 'Traceback' not in launched.text() and not launched.alive()


def accuracy(launched, which='test'):
    return [(int(step), float(value)) for step, value in re.findall(
        r'After (\d+) training step\(s\), %s accuracy = ([\d.]+)' % which, launched.text())][-1]


# The article's two programs

def test_hello(run_script):
    assert run_script(CHAPTER + 'hello_cluster.py').endswith('Hello, distributed TensorFlow!\n')


@pytest.mark.parametrize('flags, device', [((), 0), (('--pin',), 1)], ids=['unpinned', 'pinned'])
def test_two_tasks(start, flags, device):
    ports = ['--task0', 'localhost:%d' % portpicker.pick_unused_port(),
             # The article's blank.
             '--task1', 'localhost: %d' % portpicker.pick_unused_port()]
    first = start(CHAPTER + 'two_tasks_first.py', *ports)
    first.wait_for('^local 1 .* does not answer; waiting 300 s for it')
    assert len(first.lines) == 1, 'the first does nothing before the second starts'
    second = start(CHAPTER + 'two_tasks_second.py', *(ports + list(flags)))
    assert second.end() == 0 and first.end(30) == 0
    assert 'Const: (Const): /job:local/replica:0/task:%d/device:CPU:0' % device in second.lines
    assert 'Const: (Const): /job:local/replica:0/task:0/device:CPU:0' in first.lines
    assert second.lines[-1] == 'Hello from server2!' and 'Hello from server1!' in first.lines


def test_the_second_task_never_comes(start):
    first = start(CHAPTER + 'two_tasks_first.py', '--wait_secs', 2,
                  '--task0', 'localhost:%d' % portpicker.pick_unused_port(),
                  '--task1', 'localhost:%d' % portpicker.pick_unused_port())
    assert first.end(30) == 1 and 'error: local 1 did not answer for 2 s' in first.lines[-1]


def test_interrupted_while_tensorflow_waits(start):
    first = start(CHAPTER + 'two_tasks_first.py', '--task0', 'localhost:%d' % portpicker.pick_unused_port(),
                  '--task1', 'localhost:%d' % portpicker.pick_unused_port())
    first.wait_for('does not answer')
    first.popen.send_signal(signal.SIGINT)
    assert first.end(5) == 130 and first.lines[-1] == 'interrupted'


# The three programs train, and every task ends

@pytest.mark.parametrize('program', PROGRAMS)
def test_trains_and_ends(start, program):
    steps = 600 if 'async' in program else 300
    launched = start(LAUNCH, program, '--ps', 2, '--workers', 2, '--', '--training_steps', steps, *SMALL)
    assert_ended_well(launched, tasks_of(2, 2))
    step, value = accuracy(launched)
    assert step == steps or 'async' in program and steps <= step <= steps + 1
    # The sample's digits; article 3's program has 0.9 after 2002 such steps.
    assert value > 0.7



def local_training(folder, steps, workers, seed):
    """What the synchronous cluster computes, on this machine alone, with the workers' batches as one."""
    mnist_inference = load('ch03_training_tricks/mnist_inference.py')
    mnist_inference.LAYER1_NODE = 20
    batches = []
    for i in range(workers):
        # One after the other, for their shuffling shares NumPy's global generator.
        train = input_data.read_data_sets(folder, seed=seed + i).train
        batches.append([train.next_batch(10) for _ in range(steps)])
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        x = tf.placeholder(tf.float32, [None, 784])
        y_ = tf.placeholder(tf.int64, [None])
        y = mnist_inference.inference(x, tf.contrib.layers.l2_regularizer(0.0001))
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=y, labels=y_)) + \
            tf.add_n(tf.get_collection('losses'))
        step = tf.train.get_or_create_global_step()
        rate = tf.train.exponential_decay(0.1, step, train.num_examples // (10 * workers), 0.99)
        train_op = tf.train.GradientDescentOptimizer(rate).minimize(loss, global_step=step)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            first = {v.op.name: sess.run(v) for v in tf.trainable_variables()}
            for step_batches in zip(*batches):
                xs, ys = zip(*step_batches)
                sess.run(train_op, {x: np.concatenate(xs), y_: np.concatenate(ys)})
            return first, {v.op.name: sess.run(v) for v in tf.trainable_variables()}


def test_strict_synchronous_steps_are_those_of_one_large_batch(start, tmp_path):
    launched = start(LAUNCH, 'dist_mnist_sync.py', '--workers', 2, '--seed', 5, '--', '--training_steps', 40,
                     '--model_save_path', tmp_path / 'model', *SMALL)
    assert_ended_well(launched, tasks_of(1, 2))
    folder = re.search('Extracting (.*)/train-images', launched.text()).group(1)
    first, last = local_training(folder, 40, 2, 5)
    reader = tf.train.NewCheckpointReader(tf.train.latest_checkpoint(str(tmp_path / 'model')))
    assert reader.get_tensor('global_step') == 40
    for name, value in last.items():
        assert np.abs(reader.get_tensor(name) - value).max() < 1e-5
        assert np.abs(first[name] - value).max() > 1e-3, 'the training moves it'


@pytest.mark.real_data
@pytest.mark.parametrize('program', PROGRAMS[:2])
def test_accuracy_on_mnist(start, real_data, program):
    launched = start(LAUNCH, program, '--workers', 2, '--data_dir', real_data, '--', '--training_steps', 1000)
    assert_ended_well(launched, tasks_of(1, 2))
    assert accuracy(launched)[1] > 0.95


def test_tf_config_in_place_of_flags_and_a_complete_training(start):
    launched = start(LAUNCH, 'dist_mnist_async.py', '--workers', 1, '--', '--training_steps', 30, *SMALL)
    assert_ended_well(launched, tasks_of(1, 1))
    assert 'Trained 30 step(s), 30 of them by worker 0' in launched.text()

    cluster = {job: ['localhost:%d' % portpicker.pick_unused_port()] for job in ('ps', 'worker')}
    ps, worker = [start(CHAPTER + 'dist_mnist_async.py', '--training_steps', 30, *SMALL, TF_CONFIG=json.dumps(
        {'cluster': cluster, 'task': {'type': job, 'index': 0}, 'environment': 'cloud'}))
        for job in ('ps', 'worker')]
    assert worker.end() == 0 and ps.end(10) == 0
    assert 'ps 0 ends: all workers are done' in ps.lines
    assert 'Resuming after 30 training step(s)' in worker.text()
    assert 'Trained 30 step(s), 0 of them by worker 0' in worker.text(), 'not one step more'
    assert accuracy(worker) == accuracy(launched)


# What the article says of the two ways

def test_the_device_setter_places_by_order():
    """Each graph must make its variables in the same order, and know the same parameter servers."""
    def places(count):
        cluster = {'ps': ['a:%d' % (i + 1) for i in range(count)], 'worker': ['b:1', 'b:2']}
        with tf.Graph().as_default(), tf.device(tf.train.replica_device_setter(
                worker_device='/job:worker/task:1', cluster=tf.train.ClusterSpec(cluster))):
            variables = [tf.get_variable('v%d' % i, ()) for i in range(4)]
            assert tf.constant(0).device == '/job:worker/task:1'
            return [v.device for v in variables]
    assert places(2) == ['/job:ps/task:%d' % i for i in (0, 1, 0, 1)]
    assert places(3) == ['/job:ps/task:%d' % i for i in (0, 1, 2, 0)]


@pytest.mark.parametrize('tokens', [-1, 0], ids=['default', 'none'])
def test_synchronous_steps_count_gradients_not_workers(tokens):
    """One worker alone of two makes steps with the default tokens, and none with none."""
    with tf.Graph().as_default(), tf.Session() as sess:
        step = tf.train.get_or_create_global_step()
        loss = tf.square(tf.get_variable('v', (), initializer=tf.ones_initializer()))
        opt = tf.train.SyncReplicasOptimizer(tf.train.GradientDescentOptimizer(0.1), 2, 2)
        train_op = opt.minimize(loss, global_step=step)
        sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        sess.run(opt.chief_init_op)
        sess.run(opt.get_init_tokens_op(tokens))
        opt.get_chief_queue_runner()._queue_closed_exception_types += (tf.errors.CancelledError,)
        opt.get_chief_queue_runner().create_threads(sess, daemon=True, start=True)
        limited = tf.RunOptions(timeout_in_ms=2000)
        if tokens == 0:
            with pytest.raises(tf.errors.DeadlineExceededError):
                sess.run(train_op, options=limited)
            assert sess.run(step) == 0
        else:
            for _ in range(8):
                sess.run(train_op, options=limited)
            assert sess.run(step) >= 3


def test_a_restarted_chief_gives_each_other_worker_a_token():
    """Else a worker whose token was lost with the old chief waits for ever, and the chief for its gradient."""
    sync = load(CHAPTER + 'dist_mnist_sync.py')
    for resumed in False, True:
        with tf.Graph().as_default(), tf.Session() as sess:
            step = tf.train.get_or_create_global_step()
            loss = tf.square(tf.get_variable('v', (), initializer=tf.ones_initializer()))
            opt = tf.train.SyncReplicasOptimizer(tf.train.GradientDescentOptimizer(0.1), 3, 3)
            opt.minimize(loss, global_step=step)
            size = tf.FIFOQueue(-1, tf.int64, shapes=(), shared_name='sync_token_q').size()
            sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
            hook = sync.RestartTokens(types.SimpleNamespace(resumed=resumed), opt.get_init_tokens_op(2))
            hook.after_create_session(sess, None)
            assert sess.run(size) == (2 if resumed else 0)


# kill -9, by process id

def test_killed_tasks_of_an_asynchronous_training(start):
    launched = start(LAUNCH, 'dist_mnist_async.py', '--workers', 2, '--restarts', 3, '--', *(ENDLESS + SMALL))
    for worker in 0, 1:
        launched.wait_for(r'^\[worker %d\] After \d+ ' % worker)

    launched.kill('worker 1')
    # The other one goes on, and the new one joins it.
    launched.wait_for(r'^\[worker 0\] After \d+ ')
    step = int(launched.wait_for(r'^\[worker 1\] After (\d+) training step\(s\), 1 of').group(1))

    launched.kill('worker 0')
    held = int(launched.wait_for(r'^\[worker 0\] The parameter servers still hold step (\d+)').group(1))
    assert held >= step, 'nothing is lost'
    step = int(launched.wait_for(r'^\[worker 0\] After (\d+) training step\(s\), 1 of').group(1))

    launched.kill('ps 0')
    resumed = int(launched.wait_for(r'^\[worker 0\] Resuming after (\d+) training step').group(1))
    # The chief saves at its start, and every 50 steps; so what is lost is no more than what came since.
    assert resumed >= held
    for worker in 0, 1:
        after = launched.wait_for(r'^\[worker %d\] After (\d+) ' % worker)
        assert int(after.group(1)) >= resumed


def test_an_asynchronous_worker_never_comes(start):
    """The other one neither waits for it nor fails; only the parameter server misses it."""
    cluster = {job: ['localhost:%d' % portpicker.pick_unused_port() for _ in range(count)]
               for job, count in (('ps', 1), ('worker', 2))}
    ps, worker = [start(CHAPTER + 'dist_mnist_async.py', '--training_steps', 30, '--wait_secs', 8, *SMALL,
                        TF_CONFIG=json.dumps({'cluster': cluster, 'task': {'type': job, 'index': 0}}))
                  for job in ('ps', 'worker')]
    assert worker.end() == 0 and accuracy(worker)[0] == 30
    assert ps.end(60) == 1 and 'error: worker 1 did not answer for 8 s and had not finished' in ps.lines[-1]


def test_killed_tasks_of_a_synchronous_training(start):
    launched = start(LAUNCH, 'dist_mnist_sync.py', '--workers', 2, '--restarts', 4, '--',
                     '--training_steps', 10 ** 8, '--report_steps', 1, '--save_steps', 50, *SMALL)
    launched.wait_for(r'^\[worker 1\] After 100 ')

    launched.kill('worker 1')
    stalled = len(launched.lines)
    launched.wait_for(r'^\[worker 1\] After \d+ training step\(s\), 1 gradient')
    # Two gradients a step: the chief alone makes none, but for lines that were on their way.
    assert sum(line.startswith('[worker 0] After') for line in launched.lines[stalled:launched.seen]) < 20
    for worker in 0, 1:
        launched.wait_for(r'^\[worker %d\] After \d+ ' % worker)

    # Each time at another moment between two steps.
    for _ in range(3):
        launched.kill('worker 0')
        step = int(launched.wait_for(r'^\[worker 0\] The parameter servers still hold step (\d+)').group(1))
        for worker in 0, 1:
            launched.wait_for(r'^\[worker %d\] After \d+ ' % worker)
        later = int(launched.wait_for(r'^\[worker 0\] After (\d+) training step\(s\), 50 gr').group(1))
        assert later > step, 'no deadlock'

    launched.kill('ps 0')
    resumed = int(launched.wait_for(r'^\[worker 0\] Resuming after (\d+) training step').group(1))
    assert resumed >= step
    for worker in 0, 1:
        assert int(launched.wait_for(r'^\[worker %d\] After (\d+) ' % worker).group(1)) >= resumed


def test_a_backup_worker_is_killed(start):
    launched = start(LAUNCH, 'dist_mnist_sync.py', '--workers', 3, '--grace_secs', 60, '--', '--replicas', 2,
                     '--training_steps', 2000, '--report_steps', 20, '--wait_secs', 8, *SMALL)
    launched.wait_for(r'^\[worker 2\] After ')
    launched.kill('worker 2')
    # Two of three go on to the end; only the parameter server misses the third.
    assert launched.end() == 1
    assert 'test accuracy' in launched.text(), launched.text()
    assert accuracy(launched)[0] == 2000
    for task, status in ('worker 0', 0), ('worker 1', 0), ('ps 0', 1):
        assert '[%s] ended with status %d' % (task, status) in launched.lines, launched.text()
    assert 'worker 2 did not answer for 8 s and had not finished' in launched.text()
    assert 'launch.py: error: worker 2 ended with signal 9 (SIGKILL)' in launched.lines[-1]


@pytest.mark.parametrize('program', PROGRAMS)
def test_a_parameter_server_stays_away(start, program):
    launched = start(LAUNCH, program, '--workers', 2, '--grace_secs', 60, '--', '--wait_secs', 8,
                     *(ENDLESS + SMALL))
    launched.wait_for(r'^\[worker 0\] After ')
    launched.kill('ps 0')
    killed = time.time()
    assert launched.end() == 1 and time.time() - killed < 45
    assert '[worker 0] error: ps 0 did not answer for 8 s' in launched.text()
    for worker in 'worker 0', 'worker 1':
        assert '[%s] ended with status 1' % worker in launched.lines, launched.text()


def test_a_killed_worker_of_an_in_graph_training(start):
    launched = start(LAUNCH, 'dist_mnist_in_graph.py', '--workers', 2, '--restarts', 1, '--',
                     *(ENDLESS + SMALL))
    step = int(launched.wait_for(r'^\[worker 0\] After (\d+) ').group(1))
    launched.kill('worker 1')
    launched.wait_for(r'^\[worker 1\] worker 1 serves')
    held = int(launched.wait_for(r'^\[worker 0\] The parameter servers still hold step (\d+)').group(1))
    assert held >= step
    assert int(launched.wait_for(r'^\[worker 0\] After (\d+) ').group(1)) > held


# The launcher leaves nothing behind

@pytest.mark.parametrize('number, status', [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
                         ids=['Ctrl-C', 'terminated', 'kill-9'])
def test_the_launcher_is_ended(start, number, status):
    launched = start(LAUNCH, 'dist_mnist_async.py', '--workers', 1, '--', *(ENDLESS + SMALL))
    launched.wait_for(r'^\[worker 0\] After ')
    assert len(launched.alive()) == 2
    launched.popen.send_signal(number)
    assert launched.end(15) == status
    limit = time.time() + 5
    while launched.alive() and time.time() < limit:
        time.sleep(0.1)
    assert not launched.alive()


def test_time_limit_and_failing_task(start, tmp_path):
    launched = start(LAUNCH, 'dist_mnist_async.py', '--workers', 1, '--timeout', 3, '--logs', tmp_path,
                     '--', *ENDLESS)
    assert launched.end(20) == 1
    assert 'time limit, --timeout 3: stopped ps 0, worker 0; logs in %s' % tmp_path in launched.lines[-1]
    assert not launched.alive()

    failing = start(LAUNCH, 'dist_mnist_async.py', '--workers', 1, '--grace_secs', 1, '--logs', tmp_path,
                    '--', '--batch_size', 10 ** 6)
    assert failing.end(30) == 1 and not failing.alive()
    assert 'worker 0 ended with status 1; stopped after 1 s: ps 0; logs in' in failing.lines[-1]
    log = (tmp_path / 'dist_mnist_async' / 'worker-0.log').read_text()
    assert '--batch_size 1000000 is more than' in log and 'Traceback' not in log


def test_a_loss_that_is_no_number(start):
    launched = start(LAUNCH, 'dist_mnist_sync.py', '--workers', 1, '--grace_secs', 1, '--',
                     '--layer1_node', 20, '--learning_rate_base', 1e30)
    assert launched.end() == 1
    assert re.search(r'the loss is (nan|inf) at step \d+: lower --learning_rate_base', launched.text())
    assert 'Traceback' not in launched.text()


def test_launcher_refuses_other_programs(run_script, capsys):
    for program, message in (('mnist_train.py', 'is no distributed program'),
                             ('dist_mnist_none.py', 'is no distributed program'),
                             ('two_tasks_first.py', 'name both')):
        with pytest.raises(SystemExit) as stopped:
            run_script(LAUNCH, program)
        assert stopped.value.code == 2 and message in capsys.readouterr().err


# Faults of the cluster: one line

@pytest.mark.parametrize('flags, message', [
    ([], 'which task is this? Give --job_name and --task_index, or TF_CONFIG'),
    (['--job_name', 'sp'], "argument --job_name: invalid choice: 'sp'"),
    (['--job_name', 'worker', '--task_index', 3], '--task_index 3: the cluster has worker 0 to 2'),
    (['--job_name', 'worker', '--task_index', -1], '--task_index -1: the cluster has worker 0 to 2'),
    (['--job_name', 'ps', '--ps_hosts', 'here'], "--ps_hosts: 'here' is not host:port"),
    (['--job_name', 'ps', '--ps_hosts', 'a:1,a:1'], '--ps_hosts: the same host:port twice'),
    (['--job_name', 'ps', '--ps_hosts', 'a:1', '--worker_hosts', 'a:1'],
     'the cluster: the same host:port twice')],
    ids=['none', 'job', 'index', 'negative', 'host', 'twice', 'both'])
@pytest.mark.parametrize('program', PROGRAMS)
def test_wrong_place_in_the_cluster(run_script, capsys, monkeypatch, program, flags, message):
    monkeypatch.delenv('TF_CONFIG', raising=False)
    with pytest.raises(SystemExit) as stopped:
        run_script(CHAPTER + program, *flags)
    err = capsys.readouterr().err.splitlines()[-1]
    assert stopped.value.code == 2 and message in err


@pytest.mark.parametrize('value, message', [
    ('{', 'TF_CONFIG is not of the form'), ('[]', 'TF_CONFIG is not of the form'),
    ('{"cluster": {"ps": ["a:1"], "worker": ["b:1"], "chief": ["c:1"]}, "task": {"type": "chief", "index": 0}}',
     'these programs know ps and worker, and worker 0 is the chief'),
    ('{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}, "task": {"type": "worker", "index": 1}}',
     '--task_index 1: the cluster has worker 0 to 0')], ids=['no-json', 'list', 'chief', 'index'])
def test_wrong_tf_config(run_script, capsys, monkeypatch, value, message):
    monkeypatch.setenv('TF_CONFIG', value)
    with pytest.raises(SystemExit) as stopped:
        run_script(CHAPTER + 'dist_mnist_async.py')
    assert stopped.value.code == 2 and message in capsys.readouterr().err


def test_busy_port(run_script):
    with socket.socket() as other:
        other.bind(('', 0))
        other.listen(1)
        port = other.getsockname()[1]
        with pytest.raises(cli.UserError, match='ps 0 cannot listen on port %d .*in use.*another port' % port):
            run_script(CHAPTER + 'dist_mnist_async.py', '--job_name', 'ps', '--ps_hosts', 'localhost:%d' % port)


def test_unreachable_parameter_server(start):
    worker = start(CHAPTER + 'dist_mnist_sync.py', '--job_name', 'worker', '--wait_secs', 2,
                   '--ps_hosts', 'localhost:%d' % portpicker.pick_unused_port(),
                   '--worker_hosts', 'localhost:%d' % portpicker.pick_unused_port())
    assert worker.end(30) == 1
    assert worker.lines[-1].startswith('error: ps 0 did not answer for 2 s')


def test_tasks_with_different_clusters(start):
    ps, one, two = ('localhost:%d' % portpicker.pick_unused_port() for _ in range(3))
    program = CHAPTER + 'dist_mnist_async.py'
    start(program, '--job_name', 'ps', '--ps_hosts', ps, '--worker_hosts', one)
    worker = start(program, '--job_name', 'worker', '--ps_hosts', ps, '--worker_hosts', '%s,%s' % (one, two))
    assert worker.end() == 1
    assert 'ps 0 was started with another cluster than worker 0' in worker.lines[-1] and two in worker.lines[-1]


# Who can reach a server

def listening(pid):
    """Addresses and ports at which a process listens, as its /proc/PID/net/tcp and tcp6 have them."""
    sockets = set()
    for name in os.listdir('/proc/%d/fd' % pid):
        try:
            sockets.add(os.readlink('/proc/%d/fd/%s' % (pid, name)))
        except OSError:
            pass
    found = set()
    for table in 'tcp', 'tcp6':
        if os.path.exists('/proc/%d/net/%s' % (pid, table)):
            with open('/proc/%d/net/%s' % (pid, table)) as lines:
                for line in list(lines)[1:]:
                    fields = line.split()
                    if fields[3] == '0A' and 'socket:[%s]' % fields[9] in sockets:
                        address, _, port = fields[1].partition(':')
                        found.add((address.strip('0') or 'every interface', int(port, 16)))
    return found


@needs_proc
def test_a_server_listens_on_every_interface(start):
    port = portpicker.pick_unused_port()
    ps = start(CHAPTER + 'dist_mnist_async.py', '--job_name', 'ps', '--ps_hosts', 'localhost:%d' % port)
    ps.wait_for('ps 0 serves')
    assert ('every interface', port) in listening(ps.popen.pid)


@needs_proc
@needs_namespace
def test_the_namespace_shuts_it_in(start):
    launched = start(LAUNCH, 'dist_mnist_async.py', '--workers', 1, '--', *(ENDLESS + SMALL))
    launched.wait_for(r'^\[worker 0\] After ')
    (address, port), = listening(launched.pid('ps 0'))
    assert address == 'every interface', 'in there it listens as ever'
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(('127.0.0.1', port), timeout=5)
    assert 'NOTICE' not in launched.text()


def test_a_notice_where_there_is_no_namespace(start, tmp_path):
    launched = start(LAUNCH, 'hello_cluster.py', PATH=str(tmp_path))
    assert launched.end(30) == 0
    assert 'NOTICE: no network namespace (there is no program unshare)' in launched.text()
    assert '[hello_cluster] Hello, distributed TensorFlow!' in launched.lines
    fake = tmp_path / 'unshare'
    fake.write_text('#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n')
    fake.chmod(0o755)
    refused = start(LAUNCH, 'hello_cluster.py', PATH='%s:%s' % (tmp_path, os.environ['PATH']))
    assert refused.end(30) == 0
    assert 'NOTICE: no network namespace (unshare: unshare failed: Operation not permitted)' in refused.text()


# What it costs

def test_speed(run_script, tmp_path):
    out = run_script(CHAPTER + 'dist_speed.py', '--repeats', 1, '--max_workers', 1, '--examples', 2000,
                     '--sizes', 5, 20)
    rows = re.findall(r'^(local|async|sync) .* ([\d.]+) examples/sec +([\d.]+) of local', out, re.MULTILINE)
    assert [row[0] for row in rows] == ['local', 'async', 'sync'] and float(rows[0][2]) == 1
    # (784 + 1) * 20 + (20 + 1) * 10 parameters, four bytes each, there and back.
    assert '20 nodes     15910 parameters    0.13 MB sent a step' in out
    with open(str(tmp_path / 'runs/sample/ch07_acceleration/dist_speed.json')) as file:
        figures = json.load(file)
    assert len(figures) == 5 and all(len(figure['examples_per_sec']) == 1 for figure in figures)
    for name, _, ratio in rows:
        speed = {(figure['program'], figure['nodes']): figure['examples_per_sec'][0] for figure in figures}
        assert float(ratio) == pytest.approx(speed[name, 20] / speed['local', 20], abs=0.01)
    assert (tmp_path / 'runs/sample/ch07_acceleration/dist_speed.png').stat().st_size > 10000


# Kubernetes: what can be known without one

def manifests(name):
    with open(os.path.join(ROOT, CHAPTER, 'kubernetes', name), encoding='utf-8') as file:
        return list(yaml.safe_load_all(file))


@pytest.mark.parametrize('name, program', [('tfjob-async.yaml', 'dist_mnist_async.py'),
                                           ('tfjob-sync.yaml', 'dist_mnist_sync.py')])
def test_manifests_fit_the_programs(name, program, monkeypatch):
    job, = manifests(name)
    assert job['apiVersion'] == 'kubeflow.org/v1' and job['kind'] == 'TFJob'
    specs = job['spec']['tfReplicaSpecs']
    assert set(specs) == {'PS', 'Worker'}
    claims = {claim['metadata']['name'] for claim in manifests('volumes.yaml')}
    cluster = {kind.lower(): ['%s-%s-%d.ns.svc:2222' % (job['metadata']['name'], kind.lower(), i)
                              for i in range(spec['replicas'])] for kind, spec in specs.items()}
    for kind, spec in specs.items():
        assert spec['restartPolicy'] == 'OnFailure'
        pod = spec['template']['spec']
        container, = pod['containers']
        assert container['name'] == 'tensorflow' and container['ports'] == [
            {'containerPort': 2222, 'name': 'tfjob-port'}]
        assert container['command'] == ['python', CHAPTER + program]
        volumes = {volume['name']: volume['persistentVolumeClaim']['claimName'] for volume in pod['volumes']}
        assert set(volumes.values()) == claims
        mounts = {mount['mountPath']: mount['name'] for mount in container['volumeMounts']}
        assert set(mounts.values()) == set(volumes)

        # The program's own parser takes the arguments and what the operator sets; then the server starts.
        module = load(CHAPTER + program)
        tasks = []

        def stop(task):
            tasks.append(task)
            raise cli.UserError('far enough')
        monkeypatch.setattr(module.dist_cluster, 'start_server', stop)
        monkeypatch.setenv('TF_CONFIG', json.dumps({
            'cluster': cluster, 'task': {'type': kind.lower(), 'index': spec['replicas'] - 1},
            'environment': 'cloud'}))
        args = list(container['args'])           # YAML's anchors make it one list for both kinds
        folders = {args[i]: args[i + 1] for i in range(0, len(args), 2)}
        assert folders['--data_dir'] in mounts
        assert os.path.dirname(folders['--model_save_path']) in mounts
        args[args.index('--data_dir') + 1] = 'sample'        # the volume is not here
        with pytest.raises(cli.UserError, match='far enough'):
            module.main(args)
        assert (tasks[0].job, tasks[0].index) == (kind.lower(), spec['replicas'] - 1)
        assert tasks[0].cluster == cluster
        assert module.MODEL_SAVE_PATH == folders['--model_save_path']
        assert module.TRAINING_STEPS == int(folders['--training_steps'])


def test_network_policy_covers_the_jobs():
    policy, = manifests('networkpolicy.yaml')
    label = policy['spec']['podSelector']['matchLabels']
    assert set(policy['spec']['policyTypes']) == {'Ingress', 'Egress'}
    rule, = policy['spec']['ingress']
    assert rule == {'from': [{'podSelector': {'matchLabels': label}}],
                    'ports': [{'protocol': 'TCP', 'port': 2222}]}
    for name in 'tfjob-async.yaml', 'tfjob-sync.yaml':
        job, = manifests(name)
        for spec in job['spec']['tfReplicaSpecs'].values():
            assert label.items() <= spec['template']['metadata']['labels'].items()
