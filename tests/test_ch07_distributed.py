"""Article 7, distributed TensorFlow: clusters in this process, real ones, their end, and what kill -9 does.

Real clusters run through launch.py, at free ports and, where the system has them, in a network namespace.
"""
from companion import cli

import contextlib
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

from conftest import ROOT, Built, accuracy_lines, load, newest_step, read, recorded, running, stop, until
from network import LAYERS, Images, descend

CHAPTER = 'ch07_acceleration/'
LAUNCH = CHAPTER + 'launch.py'
PROGRAMS = ['dist_mnist_async.py', 'dist_mnist_sync.py', 'dist_mnist_in_graph.py']
# A network whose steps take a millisecond.
SMALL = ['--layer1_node', 20, '--batch_size', 10, '--learning_rate_base', 0.1]
ENDLESS = ['--training_steps', 10 ** 8, '--report_steps', 20, '--save_steps', 50]

NAMESPACES = shutil.which('unshare') and subprocess.run(
    ['unshare', '--user', '--map-root-user', '--net', 'true'], stderr=subprocess.DEVNULL).returncode == 0
needs_proc = pytest.mark.skipif(not os.path.exists('/proc/net/tcp'), reason='needs /proc/net/tcp, which Linux has')


def address():
    return 'localhost:%d' % portpicker.pick_unused_port()


def tasks_of(count_ps, count_workers):
    return ['ps %d' % i for i in range(count_ps)] + ['worker %d' % i for i in range(count_workers)]


def assert_ended_well(launched, tasks):
    assert launched.end() == 0, launched.text()
    for task in tasks:
        assert '[%s] ended with status 0' % task in launched.lines, launched.text()
    assert re.search(r'^Run 1 of 1: every task ended with status 0 after', launched.text(), re.MULTILINE)
    assert 'Traceback' not in launched.text() and not launched.alive()


def accuracy(launched):
    return accuracy_lines(launched.text(), 'test')[-1]


# The article's programs

def test_hello(run_script):
    assert run_script(CHAPTER + 'hello_cluster.py').endswith('Hello, distributed TensorFlow!\n')
    # Without .decode(), as printed, it is bytes.
    server = tf.train.Server.create_local_server()
    with tf.Graph().as_default(), tf.Session(server.target) as sess:
        assert sess.run(tf.constant("Hello, distributed TensorFlow!")) == b'Hello, distributed TensorFlow!'


# TensorFlow 2 prefers the session's own task.
DEFAULT = 0 if tf.__version__ < '2' else 1


def test_two_tasks(start):
    """Without tf.device both constants are on the first task."""
    both = start(LAUNCH, CHAPTER + 'two_tasks_first.py', 'two_tasks_second.py')
    assert_ended_well(both, ['two_tasks_first', 'two_tasks_second'])
    for line in ('[two_tasks_first] Const: (Const): /job:local/replica:0/task:0/device:CPU:0',
                 '[two_tasks_second] Const: (Const): /job:local/replica:0/task:%d/device:CPU:0' % DEFAULT,
                 '[two_tasks_first] Hello from server1!', '[two_tasks_second] Hello from server2!'):
        assert line in both.lines


@pytest.mark.slow
def test_the_first_task_waits_and_the_second_is_pinned(start):
    # The article's blank.
    hosts = ['--task0', address(), '--task1', address().replace(':', ': ')]
    first = start(CHAPTER + 'two_tasks_first.py', *hosts)
    first.wait_for('^local 1 .* does not answer; waiting 300 s for it')
    assert len(first.lines) == 1, 'the first does nothing before the second starts'
    second = start(CHAPTER + 'two_tasks_second.py', '--pin', *hosts)
    assert second.end() == 0 and first.end() == 0
    assert second.lines == ['Const: (Const): /job:local/replica:0/task:1/device:CPU:0', 'Hello from server2!']
    assert 'Hello from server1!' in first.lines


@pytest.mark.parametrize('program, index', [('two_tasks_first.py', 0), ('two_tasks_second.py', 1)])
def test_where_the_two_tasks_put_their_constants(program, index, monkeypatch):
    module = load(CHAPTER + program)
    tasks, devices = [], []

    def printed(before_join):
        assert before_join == 'before'
        assert [module.TASK0, module.TASK1] == tasks[-1].cluster['local']
        devices.append(tf.constant('').device)
    monkeypatch.setattr(module.dist_robust, 'end_together', lambda task: tasks.append(task) or 'before')
    monkeypatch.setattr(module, 'program', printed)
    module.main([])
    module.main(['--pin', '--task0', 'a:1', '--task1', 'b: 2', '--wait_secs', '5'])
    assert tasks == [('local', index, {'local': ['localhost:2222', 'localhost:2223']}, 300),
                     ('local', index, {'local': ['a:1', 'b:2']}, 5)]
    assert devices == ['', '/job:local/task:%d' % index]


def test_the_printed_blank_is_skipped():
    """As printed, "localhost: 2223" has a blank; TensorFlow reads the port all the same."""
    here, port = address(), portpicker.pick_unused_port()
    cluster = tf.train.ClusterSpec({"local": [here, "localhost: %d" % port]})
    server = tf.train.Server(cluster, job_name="local", task_index=1)
    assert server.target == 'grpc://localhost:%d' % port
    socket.create_connection(('localhost', port), timeout=30).close()


@pytest.mark.slow
def test_the_second_task_never_comes(start):
    first = start(CHAPTER + 'two_tasks_first.py', '--wait_secs', 2, '--task0', address(), '--task1', address())
    assert first.end() == 1 and 'error: local 1 did not answer for 2 s' in first.lines[-1]


@pytest.mark.slow
def test_interrupted_while_tensorflow_waits(start):
    first = start(CHAPTER + 'two_tasks_first.py', '--task0', address(), '--task1', address())
    first.wait_for('does not answer')
    first.popen.send_signal(signal.SIGINT)
    assert first.end() == 130 and first.lines[-1] == 'interrupted'


JOIN = '''
import threading
import tensorflow as tf
server = tf.train.Server.create_local_server()
threading.Timer(1, lambda: print("joins", flush=True)).start()
server.join()
'''


@pytest.mark.slow
def test_the_printed_join_does_not_end_at_an_interrupt(tmp_path, start):
    (tmp_path / 'join.py').write_text(JOIN)
    printed = start(str(tmp_path / 'join.py'))
    printed.wait_for('^joins')
    printed.popen.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        printed.end(2)
    printed.popen.kill()


# Clusters whose servers are all in this process: what a training computes

class Cluster:
    def __init__(self, count_ps, count_workers):
        self.hosts = {'ps': [address() for _ in range(count_ps)], 'worker': [address() for _ in range(count_workers)]}
        self.spec = tf.train.ClusterSpec(self.hosts)
        self.servers = {(job, i): tf.train.Server(self.spec, job_name=job, task_index=i)
                        for job, hosts in self.hosts.items() for i in range(len(hosts))}

    def task(self, dist_cluster, job, index, wait_secs=60.0):
        return dist_cluster.Task(job, index, self.hosts, wait_secs)


def checkpoint_values(folder, step):
    reader = tf.train.NewCheckpointReader('%s/model.ckpt-%d' % (folder, step))
    assert reader.get_tensor('global_step') == step
    return {name: reader.get_tensor(name) for name in LAYERS}


@pytest.fixture
def module(request, tmp_path):
    """A program with small settings, in which each constant of the training matters."""
    program = load(CHAPTER + request.param)
    program.mnist_inference.LAYER1_NODE = 20
    program.BATCH_SIZE, program.LEARNING_RATE_BASE, program.LEARNING_RATE_DECAY = 10, 0.1, 0.5
    program.REGULARAZTION_RATE, program.TRAINING_STEPS = 0.01, 5
    program.REPORT_STEPS, program.SAVE_STEPS = 2, 4
    program.MODEL_SAVE_PATH = str(tmp_path / 'model')
    return program


def assert_trained(folder, batches, decay_steps, losses):
    first = checkpoint_values(folder, 0)
    curve, last = descend(first, batches, [0.1 * 0.5 ** (step / decay_steps) for step in range(len(batches))])
    found = checkpoint_values(folder, 5)
    for name in LAYERS:
        assert np.abs(found[name] - last[name]).max() < 1e-5, name
        assert np.abs(found[name] - first[name]).max() > 1e-4, 'the training moves it'
    if losses:
        assert losses == pytest.approx([curve[step] for step in (0, 2, 4)], rel=1e-4)
    assert os.path.exists(folder + '/model.ckpt-4.index'), 'SAVE_STEPS'


@pytest.mark.parametrize('module', ['dist_mnist_async.py'], indirect=True)
def test_asynchronous_steps_of_one_worker_are_those_of_a_plain_program(module, capsys):
    cluster, mnist = Cluster(2, 1), Images(60)
    with tf.Graph().as_default():
        module.train(cluster.spec, 0, mnist, cluster.servers['worker', 0], tf.train.MonitoredTrainingSession)
    out = capsys.readouterr().out
    losses = re.findall(r'^After (\d) training step\(s\), (\d) of them by worker 0, loss on training batch '
                        r'is (.*)\.$', out, re.MULTILINE)
    assert [line[:2] for line in losses] == [('1', '1'), ('3', '3'), ('5', '5')]
    assert_trained(module.MODEL_SAVE_PATH, mnist.batches, 6, [float(line[2]) for line in losses])
    assert re.search(r'^Trained 5 step\(s\), 5 of them by worker 0, [\d.]+ examples/sec by all\.$', out, re.MULTILINE)

    # A complete training: not one step more.
    with tf.Graph().as_default():
        module.train(cluster.spec, 0, mnist, cluster.servers['worker', 0], tf.train.MonitoredTrainingSession)
    assert 'Trained 5 step(s), 0 of them by worker 0' in capsys.readouterr().out and len(mnist.batches) == 5


@pytest.mark.parametrize('module', ['dist_mnist_sync.py'], indirect=True)
def test_strict_synchronous_steps_are_those_of_one_large_batch(module, capsys):
    # Both have their token before either computes; else a quick worker might take the other one's as well.
    both = threading.Barrier(2, timeout=60)
    cluster, digits = Cluster(1, 2), [Images(60, seed=seed, wait=both.wait) for seed in (1, 2)]
    robust = module.dist_robust

    def work(index):
        with tf.Graph().as_default():
            module.train(cluster.spec, index, 2, digits[index], cluster.servers['worker', index],
                         robust.SyncReplicasOptimizer, robust.MonitoredTrainingSession)
    other = threading.Thread(target=work, args=[1], daemon=True)
    other.start()
    work(0)
    other.join(60)
    assert not other.is_alive()
    out = capsys.readouterr().out
    for worker in 0, 1:
        # Not at the start of a line: two threads may print before either one ends its line.
        lines = re.findall(r'After (\d) training step\(s\), (\d) gradient\(s\) of worker %d, loss' % worker, out)
        assert lines == [('1', '1'), ('3', '3'), ('5', '5')]
        assert re.search(r'Trained 5 step\(s\), 5 gradient\(s\) of worker %d, ' % worker, out)
    batches = [tuple(map(np.concatenate, zip(*pair))) for pair in zip(*(part.batches for part in digits))]
    assert_trained(module.MODEL_SAVE_PATH, batches, 3, None)


@pytest.mark.parametrize('module', ['dist_mnist_in_graph.py'], indirect=True)
def test_in_graph_steps_are_those_of_one_large_batch(module, capsys):
    cluster, mnist = Cluster(1, 2), Images(60)
    with tf.Graph().as_default():
        module.train(cluster.spec, mnist, cluster.servers['worker', 0], tf.train.MonitoredTrainingSession)
    pairs = list(zip(mnist.batches[::2], mnist.batches[1::2]))
    assert len(pairs) == 5
    batches = [tuple(map(np.concatenate, zip(*pair))) for pair in pairs]
    assert_trained(module.MODEL_SAVE_PATH, batches, 3, None)
    out = capsys.readouterr().out
    # The printed loss is that of the last tower.
    first = descend(checkpoint_values(module.MODEL_SAVE_PATH, 0), [pairs[0][1]], [0.1])[0][0]
    assert float(re.search(r'^After 1 training step\(s\), loss on training batch is (.*)\.$', out,
                           re.MULTILINE).group(1)) == pytest.approx(first, rel=1e-4)
    assert 'After 3 ' in out and 'After 2 ' not in out and 'Trained 5 step(s), ' in out


def captured(train):
    """The arguments with which `train` asks for its session, and its graph."""
    with tf.Graph().as_default() as graph, pytest.raises(Built) as stopped:
        train(stop)
    return stopped.value.args[-1], graph


def run_train(module, spec, server, session, index=0, workers=1, optimizer=tf.train.SyncReplicasOptimizer):
    """Call a program's `train`: what it is given depends on the program."""
    mnist = Images(60)
    arguments = {'async': (index, mnist, server), 'graph': (mnist, server),
                 'sync': (index, workers, mnist, server, optimizer)}
    module.train(spec, *arguments[module.__name__.rpartition('_')[2]], session)


def devices(graph, *names):
    return [graph.get_operation_by_name(name).device for name in names]


@pytest.mark.parametrize('module', PROGRAMS, indirect=True)
def test_where_all_lies(module):
    """Variables on the servers in turn; the rest, the saver too, on the worker; sessions on what they use."""
    spec = tf.train.ClusterSpec({'ps': ['a:1', 'a:2'], 'worker': ['b:1', 'b:2']})
    server = types.SimpleNamespace(target='grpc://b:2')
    in_graph, sync = 'in_graph' in module.__name__, '_sync' in module.__name__
    asked, graph = captured(lambda session: run_train(module, spec, server, session, 1, 2))
    worker = 0 if in_graph else 1
    here = '/job:worker/task:%d' % worker
    assert devices(graph, *LAYERS) == ['/job:ps/task:%d' % (i % 2) for i in range(4)]
    assert graph.get_operation_by_name('global_step').device == '/job:ps/task:%d' % 0
    saver = [op.device for op in graph.get_operations() if op.type in ('SaveV2', 'RestoreV2')]
    assert {device.replace('/device:CPU:0', '') for device in saver} == {here}
    if in_graph:
        for i in 0, 1:
            assert devices(graph, 'WORKER_%d/x-input' % i, 'WORKER_%d/y-input' % i) == ['/job:worker/task:%d' % i] * 2
        assert not asked.get('config')
    else:
        assert devices(graph, 'x-input', 'y-input') == [here, here]
        assert list(asked['config'].device_filters) == ['/job:ps', here]
    assert asked['master'] == 'grpc://b:2' and asked['is_chief'] == in_graph
    assert asked['checkpoint_dir'] == module.MODEL_SAVE_PATH and asked['save_checkpoint_steps'] == 4
    assert [type(hook).__name__ for hook in asked['hooks']] == \
        ['_SyncReplicasOptimizerHook'] * sync + ['StopAtStepHook']
    # Without regularization there is no such loss.
    module.REGULARAZTION_RATE = 0.0
    _, graph = captured(lambda session: run_train(module, spec, server, session, 1, 2))
    assert 'L2Loss' not in {op.type for op in graph.get_operations()}


@pytest.mark.parametrize('module', [
    PROGRAMS[0], pytest.param(PROGRAMS[1], marks=pytest.mark.slow), PROGRAMS[2]], indirect=True)
def test_a_loss_that_is_nan(module, capsys):
    module.LEARNING_RATE_BASE = 1e30
    cluster, robust = Cluster(1, 1), module.dist_robust
    message = r'the loss is (nan|inf) after step \d: lower --learning_rate_base \(now 1e\+30\), and delete %s' % (
        module.MODEL_SAVE_PATH)
    with tf.Graph().as_default(), pytest.raises(cli.UserError, match=message):
        run_train(module, cluster.spec, cluster.servers['worker', 0], robust.MonitoredTrainingSession,
                  optimizer=robust.SyncReplicasOptimizer)


# What lets tasks end and survive, in this process

@pytest.mark.parametrize('module', ['dist_mnist_async.py'], indirect=True)
def test_a_new_chief_finds_the_servers_or_the_checkpoint(module, capsys):
    robust, cluster, mnist, steps = module.dist_robust, Cluster(1, 1), Images(60), []

    def train(cluster, last):
        module.TRAINING_STEPS = last
        with tf.Graph().as_default():
            module.train(cluster.spec, 0, mnist, cluster.servers['worker', 0],
                         lambda **asked: robust.MonitoredTrainingSession(on_resume=steps.append, **asked))
        return capsys.readouterr().out
    assert 'Trained 5 step(s), 5 of them' in train(cluster, 5)
    held = train(cluster, 7)
    assert 'The parameter servers still hold step 5: going on from there' in held
    assert 'Trained 7 step(s), 2 of' in held
    resumed = train(Cluster(1, 1), 8)
    assert 'Resuming after 7 training step(s) from %s' % module.MODEL_SAVE_PATH in resumed
    assert 'Trained 8 step(s), 1 of' in resumed
    assert steps == [0, 7]


def test_servers_end_when_their_clients_are_done(capsys):
    robust = load(CHAPTER + 'extras/dist_robust.py')
    dist_cluster = sys.modules['ch07_acceleration.dist_cluster']
    cluster = Cluster(1, 2)
    serving = threading.Thread(target=robust.serve, daemon=True, args=[
        cluster.task(dist_cluster, 'ps', 0), cluster.servers['ps', 0], [0, 1]])
    serving.start()
    for index in 0, 1:
        task = cluster.task(dist_cluster, 'worker', index)
        robust.check_cluster(task, cluster.servers['worker', index], [('ps', 0)])
        assert serving.is_alive()
        robust.say_done(task, cluster.servers['worker', index], [('ps', 0)])
    serving.join(30)
    assert not serving.is_alive()
    assert capsys.readouterr().out.splitlines() == ['ps 0 serves', 'ps 0 ends: all workers are done']
    other = dist_cluster.Task('worker', 0, dict(cluster.hosts, ps=['a:1']), 60)
    with pytest.raises(cli.UserError, match='ps 0 was started with another cluster than worker 0: .*a:1'):
        robust.check_cluster(other, cluster.servers['worker', 0], [('ps', 0)])


def test_a_server_whose_client_stays_away():
    robust = load(CHAPTER + 'extras/dist_robust.py')
    cluster = Cluster(1, 1)
    task = cluster.task(sys.modules['ch07_acceleration.dist_cluster'], 'ps', 0, wait_secs=0.3)
    task = task._replace(cluster=dict(cluster.hosts, worker=[address()]))
    with pytest.raises(cli.UserError, match=r'worker 0 did not answer for 0\.3 s and had not finished'):
        robust.wait_for_done(task, cluster.servers['ps', 0], 'worker', [0])


def test_a_task_that_comes_and_goes(capsys):
    robust = load(CHAPTER + 'extras/dist_robust.py')
    here, there = address(), address()
    task = sys.modules['ch07_acceleration.dist_cluster'].Task('worker', 0, {'worker': [here, there]}, 0.4)
    watched = robust.Watch(task, 'worker')
    assert set(watched.others) == {1} and watched.look() == []
    until(lambda: watched.look() == [1], 30)
    name = 'worker 1 (%s)' % there
    assert capsys.readouterr().err == '%s does not answer; waiting 0.4 s for it\n' % name
    with socket.socket() as come:
        come.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        come.bind(('', int(there.rpartition(':')[2])))
        come.listen(5)
        assert watched.look() == [] and capsys.readouterr().err == '%s answers\n' % name


def sync_optimizer(replicas):
    """A SyncReplicasOptimizer for so many workers, its operation for a step, and the count of steps."""
    step = tf.train.get_or_create_global_step()
    loss = tf.square(tf.get_variable('v', (), initializer=tf.ones_initializer()))
    robust = load(CHAPTER + 'extras/dist_robust.py')
    opt = robust.SyncReplicasOptimizer(tf.train.GradientDescentOptimizer(0.1), replicas, replicas)
    return opt, opt.minimize(loss, global_step=step), step


@pytest.mark.parametrize('tokens', [-1, 0], ids=['default', 'none'])
def test_synchronous_steps_count_gradients_not_workers(tokens):
    """One worker alone of two makes steps with the default tokens, and none with none."""
    with tf.Graph().as_default(), tf.Session() as sess:
        opt, train_op, step = sync_optimizer(2)
        sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        sess.run(opt.chief_init_op)
        sess.run(opt.get_init_tokens_op(tokens))
        opt.get_chief_queue_runner().create_threads(sess, daemon=True, start=True)
        if tokens == 0:
            with pytest.raises(tf.errors.DeadlineExceededError):
                sess.run(train_op, options=tf.RunOptions(timeout_in_ms=1000))
            assert sess.run(step) == 0
        else:
            for _ in range(8):
                sess.run(train_op, options=tf.RunOptions(timeout_in_ms=60000))
            assert sess.run(step) >= 3


@pytest.mark.parametrize('resumed, chief, tokens', [(False, True, 0), (True, True, 2), (True, False, 0)])
def test_a_restarted_chief_gives_each_other_worker_a_token(resumed, chief, tokens):
    """Otherwise a worker whose token was lost with the old chief waits forever, and the chief for it."""
    with tf.Graph().as_default(), tf.Session() as sess:
        opt, _, _ = sync_optimizer(3)
        size = tf.FIFOQueue(-1, tf.int64, shapes=(), shared_name='sync_token_q').size()
        hook = opt.make_session_run_hook(chief, num_tokens=0)
        hook.creator = types.SimpleNamespace(resumed=resumed)
        hook.begin()
        sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        coord = tf.train.Coordinator()
        hook.after_create_session(sess, coord)
        assert sess.run(size) == tokens
        coord.request_stop()


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


def test_sync_replicas_optimizer_is_a_class_and_the_device_setter_a_function():
    assert isinstance(tf.train.SyncReplicasOptimizer, type)
    assert issubclass(tf.train.SyncReplicasOptimizer, tf.train.Optimizer)
    assert not isinstance(tf.train.replica_device_setter, type)


# The three programs as processes: they train, and every task ends

def test_trains_and_ends(start):
    launched = start(LAUNCH, CHAPTER + 'dist_mnist_async.py', '--workers', 2, '--', '--training_steps', 1000, *SMALL)
    assert_ended_well(launched, tasks_of(1, 2))
    step, value = accuracy(launched)
    # Each worker stops at its first step that has begun after 998 or more: at most two too many.
    assert 1000 <= step <= 1004
    # On the sample 60 trainings like this one ended at 0.77 or more; after 300 steps, at 0.64 or more.
    assert value > 0.7
    assert launched.text().count('Note: this is the embedded sample') == 1


@pytest.mark.slow
def test_the_synchronous_program_trains_and_ends(start):
    launched = start(LAUNCH, 'dist_mnist_sync.py', '--workers', 2, '--', '--training_steps', 1000, *SMALL)
    assert_ended_well(launched, tasks_of(1, 2))
    step, value = accuracy(launched)
    assert step == 1000 and value > 0.7


@pytest.mark.slow
def test_the_textbook_programs_train(start):
    """With one worker: a second one would sleep for 30 s until the variables are there."""
    launched = start(LAUNCH, 'dist_mnist_sync.py', '--workers', 1, '--ps', 2, '--grace_secs', 0.5, '--', '--textbook',
                     '--training_steps', 300, *SMALL)
    assert launched.end() == 0 and not launched.alive()
    assert accuracy(launched)[0] == 300 and accuracy(launched)[1] > 0.5
    for task in tasks_of(2, 1):
        served = '[%s] still runs, but no client is left: ended by the launcher' % task
        assert (served in launched.lines) == (task != 'worker 0')


@pytest.mark.slow
@pytest.mark.real_data
def test_accuracy_on_mnist(start, real_data):
    launched = start(LAUNCH, 'dist_mnist_async.py', '--workers', 2, '--data_dir', real_data, '--',
                     '--training_steps', 500)
    assert_ended_well(launched, tasks_of(1, 2))
    assert accuracy(launched)[1] > 0.93


@pytest.mark.slow
def test_tf_config_a_worker_that_never_comes_and_a_complete_training(start):
    """TF_CONFIG in place of flags. Only the parameter server misses the worker, and the other one trains."""
    cluster = {job: [address() for _ in range(count)] for job, count in (('ps', 1), ('worker', 2))}
    ps, worker = [start(CHAPTER + 'dist_mnist_async.py', '--training_steps', 30, '--wait_secs', wait, *SMALL,
                        TF_CONFIG=json.dumps({'cluster': cluster, 'task': {'type': job, 'index': 0},
                                              'environment': 'cloud'}))
                  for job, wait in (('ps', 20), ('worker', 60))]
    assert worker.end() == 0 and accuracy(worker)[0] == 30
    assert 'Trained 30 step(s), 30 of them by worker 0' in worker.text()
    assert ps.end() == 1 and 'error: worker 1 did not answer for 20 s and had not finished' in ps.lines[-1]

    launched = start(LAUNCH, 'dist_mnist_async.py', '--workers', 1, '--', '--training_steps', 30,
                     '--learning_rate_base', 0.2, *SMALL[:4])
    assert_ended_well(launched, tasks_of(1, 1))
    assert 'Resuming after 30 training step(s)' in launched.text()
    assert 'Already trained for 30 steps; not used: --learning_rate_base 0.2 (it was 0.1)' in launched.text()
    assert 'Trained 30 step(s), 0 of them by worker 0' in launched.text(), 'not one step more'
    assert accuracy(worker) == accuracy(launched)


# kill -9, by process id

def survives(launched, step, further):
    """The chief's death, then the server's, at a step or later; each worker goes on, by so many steps."""
    for task, held in (('worker 0', r'The parameter servers still hold step (\d+)'),
                       ('ps 0', r'Resuming after (\d+) training step')):
        launched.kill(task)
        reached = int(launched.wait_for(r'^\[worker 0\] ' + held).group(1))
        # Nothing is lost with a worker, and the new chief saves before its first step.
        assert reached >= step
        for worker in 'worker 0', 'worker 1':
            launched.wait_for_step(worker, reached + further)        # no deadlock
        step = reached


@pytest.mark.slow
def test_killed_tasks_of_an_asynchronous_training(start):
    launched = start(LAUNCH, 'dist_mnist_async.py', '--workers', 2, '--restarts', 3, '--', *(ENDLESS + SMALL))
    for worker in 'worker 0', 'worker 1':
        step = launched.wait_for_step(worker)
    survives(launched, step, 1)


@pytest.mark.slow
def test_killed_tasks_of_a_synchronous_training(start):
    launched = start(LAUNCH, 'dist_mnist_sync.py', '--workers', 2, '--restarts', 3, '--',
                     '--training_steps', 10 ** 8, '--report_steps', 1, '--save_steps', 50, *SMALL)
    launched.wait_for_step('worker 1', 100)

    launched.kill('worker 1')
    # All that the old process printed stands before the line of its end.
    old = int(re.findall(launched.STEP % 'worker 1', '\n'.join(launched.lines[:launched.seen]), re.MULTILINE)[-1])
    new = int(launched.wait_for(r'^\[worker 1\] After (\d+) training step\(s\), 1 gradient').group(1))
    # Killed while it computes, the others wait for it. Killed while it waits for its token, worker 0 takes
    # that too, and goes on alone until it is back: how many steps is not known beforehand.
    assert new > old

    survives(launched, new, 50)


@pytest.mark.slow
def test_a_backup_worker_is_killed(start):
    """Without --restarts the others go on to the end, and the status tells that a task was lost."""
    launched = start(LAUNCH, 'dist_mnist_sync.py', '--workers', 3, '--grace_secs', 2, '--', '--replicas', 2,
                     '--wait_secs', 300, '--training_steps', 3000, '--report_steps', 20, *SMALL)
    launched.wait_for(r'^\[worker 2\] After ')
    launched.kill('worker 2')
    launched.wait_for(r'^\[worker 2\] is not started again \(--restarts 0\): the others go on as far')
    assert launched.end() == 1
    assert accuracy(launched)[0] == 3000
    for worker in 'worker 0', 'worker 1':
        assert '[%s] ended with status 0' % worker in launched.lines, launched.text()
    assert 'launch.py: error: worker 2 ended with signal 9 (SIGKILL); stopped after 2 s: ps 0; logs in' in \
        launched.text()


@pytest.mark.slow
def test_a_parameter_server_stays_away_from_a_cluster_that_is_shut_in(start):
    launched = start(LAUNCH, 'dist_mnist_sync.py', '--workers', 2, '--', '--wait_secs', 20, *(ENDLESS + SMALL))
    launched.wait_for_step('worker 0')
    if NAMESPACES and os.path.exists('/proc/net/tcp'):
        (place, port), = listening(launched.pid('ps 0'))
        assert place == 'every interface', 'inside it listens as ever'
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(('127.0.0.1', port), timeout=5)
        assert 'NOTICE' not in launched.text()
    launched.kill('ps 0')
    assert launched.end() == 1
    assert '[worker 0] error: ps 0 did not answer for 20 s' in launched.text()
    for worker in 'worker 0', 'worker 1':
        assert '[%s] ended with status 1' % worker in launched.lines, launched.text()
    if not NAMESPACES:
        pytest.skip('this system allows no network namespace (unshare -rn); the rest has passed')


@pytest.mark.slow
def test_a_killed_worker_of_an_in_graph_training(start):
    launched = start(LAUNCH, 'dist_mnist_in_graph.py', '--workers', 2, '--restarts', 1, '--',
                     '--training_steps', 1000, '--report_steps', 20, '--save_steps', 50, *SMALL)
    step = launched.wait_for_step('worker 0')
    launched.kill('worker 1')
    held = int(launched.wait_for(r'^\[worker 0\] The parameter servers still hold step (\d+)').group(1))
    assert held >= step
    assert_ended_well(launched, tasks_of(1, 2))
    assert accuracy(launched)[0] == 1000 and accuracy(launched)[1] > 0.7
    assert sum(line.startswith('[worker 1] worker 1 serves') for line in launched.lines) == 2


# The launcher leaves nothing behind

@pytest.mark.slow
@pytest.mark.parametrize('number, status', [(signal.SIGINT, 130), (signal.SIGKILL, -9)], ids=['Ctrl-C', 'kill-9'])
def test_the_launcher_is_ended(start, number, status):
    launched = start(LAUNCH, 'dist_mnist_async.py', '--workers', 1, '--', *(ENDLESS + SMALL))
    launched.wait_for(r'^\[worker 0\] process')
    assert len(launched.alive()) == 2
    launched.popen.send_signal(number)
    assert launched.end() == status
    until(lambda: not launched.alive(), 30)


def lines(text):
    return [sys.executable, '-c', text]


FAILS, ENDS, SERVES = lines('import sys; sys.exit(3)'), lines('print("Trained 5 step(s)")'), \
    lines('import time; time.sleep(1000)')
SLOW, BRIEF = lines('import time; time.sleep(0.8)'), lines('import time; time.sleep(0.2)')


@pytest.fixture
def launcher(monkeypatch):
    module = load(LAUNCH)
    monkeypatch.setattr(module, 'GRACE_SECS', 0.5)
    return module


def test_all_tasks_end_well(launcher, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(launcher, 'GRACE_SECS', 60)
    tasks = [('ps 0', BRIEF), ('worker 0', ENDS)]
    after, stopped = launcher.run_tasks(tasks, ['worker 0'], any, str(tmp_path))
    assert stopped == ''
    assert 0 < after < 30 and (tmp_path / 'worker-0.log').read_text() == 'Trained 5 step(s)\n'
    out = capsys.readouterr().out
    assert '[worker 0] Trained 5 step(s)\n' in out and '[worker 0] ended with status 0\n' in out
    assert re.search(r'^\[ps 0\] process \d+$', out, re.MULTILINE)


def test_what_serves_is_ended_after_its_last_client(launcher, tmp_path, capsys):
    tasks = [('ps 0', SERVES), ('worker 0', ENDS), ('worker 1', SLOW)]
    start = time.time()
    after, stopped = launcher.run_tasks(tasks, ['worker 0', 'worker 1'], any, str(tmp_path))
    assert time.time() - start > 0.8 and stopped == '; stopped after 0.5 s: ps 0'
    out = capsys.readouterr().out
    assert '[worker 1] ended with status 0' in out
    assert '[ps 0] still runs, but no client is left: ended by the launcher' in out
    # Each of the two tasks needs the other.
    with pytest.raises(cli.UserError, match='^two ended with status 3; stopped after 0.5 s: one; logs in'):
        launcher.run_tasks([('one', SERVES), ('two', FAILS)], ['one', 'two'], all, str(tmp_path))


def test_a_lost_task_is_told_at_once_and_in_the_status(launcher, tmp_path, capsys):
    lost = str(tmp_path / 'lost')
    tasks = [('worker 0', lines('import os, time\nwhile not os.path.exists(%r): time.sleep(0.05)\n'
                                'time.sleep(0.8)' % lost)),
             ('worker 1', lines('import sys; open(%r, "w").close(); sys.exit(3)' % lost))]
    with pytest.raises(cli.UserError, match='^worker 1 ended with status 3; logs in'):
        launcher.run_tasks(tasks, ['worker 0', 'worker 1'], any, str(tmp_path))
    out = capsys.readouterr().out
    told = '[worker 1] is not started again (--restarts 0): the others go on as far as they can'
    assert out.index(told) < out.index('[worker 0] ended with status 0')


def test_a_failed_task_is_started_again(launcher, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(launcher, 'RESTARTS', 2)
    with pytest.raises(cli.UserError, match='^worker 0 ended with status 3; logs in'):
        launcher.run_tasks([('worker 0', FAILS)], ['worker 0'], any, str(tmp_path))
    out = capsys.readouterr().out
    assert len(re.findall(r'^\[worker 0\] process \d+$', out, re.MULTILINE)) == 3
    assert '[worker 0] ended with status 3: starting it again (2 of 2)' in out


def test_time_limit(launcher, tmp_path, monkeypatch):
    monkeypatch.setattr(launcher, 'TIMEOUT', 0.5)
    with pytest.raises(cli.UserError, match='^time limit, --timeout 0.5: stopped ps 0, worker 0; logs in'):
        launcher.run_tasks([('ps 0', SERVES), ('worker 0', SERVES)], ['worker 0'], any, str(tmp_path))


@pytest.mark.parametrize('number, error', [
    (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_while_a_task_is_started(launcher, tmp_path, monkeypatch, number, error):
    """Raised by the handler, an exception once hung the launcher, or left a task running."""
    popen, started, before = subprocess.Popen, [], signal.getsignal(number)
    signal.signal(number, signal.SIG_DFL)

    def interrupted(*args, **rest):
        os.kill(os.getpid(), number)
        started.append(popen(*args, **rest))
        return started[-1]
    monkeypatch.setattr(launcher.subprocess, 'Popen', interrupted)
    try:
        with pytest.raises(error) as raised, launcher.noted_signals() as signals:
            launcher.run_tasks([('worker 0', SERVES)], ['worker 0'], any, str(tmp_path), signals)
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert [task.returncode for task in started] == [-signal.SIGTERM]
    assert error is KeyboardInterrupt or raised.value.code == 128 + number


def test_a_signal_after_the_last_look_is_not_lost(launcher, tmp_path, monkeypatch):
    stop, signals = launcher.stop, []
    monkeypatch.setattr(launcher, 'stop', lambda processes: signals.append(signal.SIGTERM) or stop(processes))
    with pytest.raises(SystemExit, match='143'):
        launcher.run_tasks([('worker 0', ENDS)], ['worker 0'], any, str(tmp_path), signals)


def test_what_nohup_ignores_stays_ignored(launcher, tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        hang_up = lines('import os, signal; os.kill(os.getppid(), signal.SIGHUP)')
        with launcher.noted_signals() as signals:
            assert launcher.run_tasks([('worker 0', hang_up)], ['worker 0'], any, str(tmp_path), signals) == (None, '')
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_batch_that_is_too_large(monkeypatch):
    program = load(CHAPTER + 'dist_mnist_async.py')
    monkeypatch.setattr(program.dist_robust, 'run', lambda task, train, **rest: train())
    with pytest.raises(cli.UserError, match='--batch_size 1000000 is more than'):
        program.main(['--job_name', 'worker', '--batch_size', '1000000'])


def test_launcher_refuses_other_programs(refuses):
    for arguments, message in ((['mnist_train.py'], 'is not a distributed program'),
                               (['dist_mnist_none.py'], 'is not a distributed program'),
                               (['elsewhere/dist_mnist_async.py'], 'is not a distributed program'),
                               ([], 'no program: see the examples'),
                               (['two_tasks_first.py'], 'name both'),
                               (['hello_cluster.py', 'two_tasks_first.py'], 'name both, and nothing else'),
                               (['two_tasks_first.py', 'dist_mnist_async.py'], 'name both, and nothing else'),
                               (['dist_mnist_async.py', 'dist_mnist_sync.py'],
                                'dist_mnist_async.py dist_mnist_sync.py: one program at a time'),
                               (['dist_mnist_async.py', '--training_steps', '5'],
                                'arguments: --training_steps 5; flags of the program come after --')):
        refuses(message, LAUNCH, *arguments, status=2)


def test_a_program_is_named_as_the_shell_completes_it(launcher, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    for program in 'dist_mnist_sync.py', CHAPTER + 'dist_mnist_sync.py':
        assert launcher.find(program) == 'dist_mnist_sync.py'
    monkeypatch.chdir(tmp_path)
    assert launcher.find(os.path.join(ROOT, CHAPTER, 'two_tasks_first.py')) == 'two_tasks_first.py'
    assert launcher.find(CHAPTER + 'dist_mnist_sync.py') is None
    # A flag's value that begins like one is no program.
    args, flags = launcher.parse(['dist_mnist_async.py', '--logs', str(tmp_path / 'two_tasks')])
    assert args.programs == ['dist_mnist_async.py'] and flags == ['--sample']


def test_commands_of_a_cluster(launcher, monkeypatch):
    monkeypatch.setattr(launcher, 'PS', 2)
    monkeypatch.setattr(launcher, 'WORKERS', 3)
    tasks, clients, enough = launcher.commands(['dist_mnist_async.py'], ['--sample'])
    assert [name for name, _ in tasks] == tasks_of(2, 3) and enough is any
    assert clients == ['worker 0', 'worker 1', 'worker 2']
    command = tasks[3][1]
    assert command[2].endswith('ch07_acceleration/dist_mnist_async.py') and command[-1] == '--sample'
    flags = dict(zip(command[3:-1:2], command[4:-1:2]))
    assert (flags['--job_name'], flags['--task_index']) == ('worker', '1')
    assert len(flags['--ps_hosts'].split(',')) == 2 and len(flags['--worker_hosts'].split(',')) == 3
    assert launcher.commands(['dist_mnist_in_graph.py'], [])[1:] == (['worker 0'], any)
    tasks, clients, enough = launcher.commands(['two_tasks_first.py', 'two_tasks_second.py'], ['--pin'])
    assert clients == ['two_tasks_first', 'two_tasks_second'] and enough is all
    assert tasks[0][1][3:] == tasks[1][1][3:] and tasks[0][1][3::2] == ['--task0', '--task1', '--pin']
    # Each of several runs has a new folder.
    folders = [os.environ['TF_TUTORIAL_RUNS']]
    monkeypatch.setattr(launcher, 'run_tasks', lambda *args: (folders.append(os.environ['TF_TUTORIAL_RUNS']), ''))
    launcher.main(['--no_namespace', '--repeat', '2', 'two_tasks_first.py', 'two_tasks_second.py'])
    assert len(set(folders)) == 3


# The way above MonitoredTrainingSession, and the way below it

@pytest.mark.slow
@pytest.mark.parametrize('flags', [[], ['--by_hand']], ids=['estimator', 'by_hand'])
def test_train_and_evaluate(start, flags):
    launched = start(LAUNCH, 'train_and_evaluate.py', '--grace_secs', 0.5, '--', '--training_steps', 300,
                     '--save_steps', 100, *SMALL[:6], *flags)
    assert launched.end() == 0 and not launched.alive()
    assert 300 <= accuracy(launched)[0] <= 303 and accuracy(launched)[1] > 0.5
    assert '[ps 0] still runs, but no client is left: ended by the launcher' in launched.lines
    again = start(LAUNCH, 'train_and_evaluate.py', '--workers', 1, '--grace_secs', 0.5, '--', '--training_steps', 300,
                  '--save_steps', 100, *SMALL[:6], *flags)
    assert again.end() == 0 and 'Already trained for 30' in again.text()


@pytest.mark.slow
@pytest.mark.parametrize('program, flags, recovers', [
    ('train_and_evaluate.py', ['--by_hand'], False), ('train_and_evaluate.py', [], True),
    ('dist_mnist_async.py', ['--textbook'], True)], ids=['by_hand', 'estimator', 'monitored'])
def test_which_way_survives_a_killed_parameter_server(start, tmp_path, program, flags, recovers):
    """It is started again in its place. By hand the workers fall with it; the others restore the checkpoint."""
    folder = tmp_path / 'model'
    launched = start(LAUNCH, program, '--restarts', 1, '--workers', 1, '--', '--training_steps', 10 ** 8,
                     '--save_steps', 50, '--model_save_path', folder, *SMALL, *flags)
    until(lambda: newest_step(folder) >= 100, 150, launched.text)
    launched.kill('ps 0')
    if recovers:
        launched.wait_for(r'^\[ps 0\] process')
        launched.wait_for(r'^\[ps 0\] This is')
        step = newest_step(folder) + 100
        until(lambda: newest_step(folder) >= step, 150, launched.text)
    else:
        launched.wait_for(r'^\[worker 0\] ended with status 1')
    assert ('[worker 0] ended' in launched.text()) != recovers


def test_the_rate_of_train_and_evaluate_decays_at_each_epoch():
    module = load(CHAPTER + 'extras/train_and_evaluate.py')
    with recorded(tf.train, 'exponential_decay') as asked, tf.Graph().as_default():
        module.training(tf.zeros([5, 784]), tf.zeros([5], tf.int32), 1099)
    (rate, _, steps, factor), = asked
    assert (rate, steps, factor) == (module.LEARNING_RATE_BASE, 10, module.LEARNING_RATE_DECAY)


def test_train_and_evaluate_without_regularization():
    module = load(CHAPTER + 'extras/train_and_evaluate.py')
    module.REGULARAZTION_RATE = 0.0
    with tf.Graph().as_default() as graph:
        module.training(tf.zeros([5, 784]), tf.zeros([5], tf.int32), 1099)
    assert 'L2Loss' not in {op.type for op in graph.get_operations()}


@pytest.mark.parametrize('way', ['by_estimator', 'by_hand'])
def test_train_and_evaluate_stops_at_nan(way, monkeypatch, tmp_path):
    module = load(CHAPTER + 'extras/train_and_evaluate.py')
    module.BATCH_SIZE, module.LEARNING_RATE_BASE, module.MODEL_SAVE_PATH = 10, 1e30, str(tmp_path / 'model')
    cluster = Cluster(1, 1)
    if way == 'by_hand':
        monkeypatch.setattr(tf.train, 'Server', lambda *args, **rest: cluster.servers['worker', 0])
    elif not hasattr(tf, 'estimator'):
        pytest.skip('this TensorFlow has no tf.estimator')
    else:
        monkeypatch.setenv('TF_CONFIG', '')

        def diverge(*args):
            raise tf.train.NanLossDuringTrainingError
        monkeypatch.setattr(tf.estimator, 'train_and_evaluate', diverge)
    message = r'the loss is .*: lower --learning_rate_base \(now 1e\+30\), and delete %s' % module.MODEL_SAVE_PATH
    with tf.Graph().as_default(), pytest.raises(cli.UserError, match=message):
        getattr(module, way)(cluster.task(module.dist_cluster, 'worker', 0), types.SimpleNamespace(train=Images(60)))
    assert not os.path.exists(module.MODEL_SAVE_PATH)


def test_tf_estimators_names_of_the_tasks(monkeypatch):
    """Its chief is a job of its own: worker 0 is chief, worker 1 is worker 0."""
    if not hasattr(tf, 'estimator'):
        pytest.skip('this TensorFlow has no tf.estimator')
    module = load(CHAPTER + 'extras/train_and_evaluate.py')
    told = []
    monkeypatch.setattr(tf.estimator, 'RunConfig', lambda **rest: None)
    monkeypatch.setattr(tf.estimator, 'Estimator', lambda *args: None)
    monkeypatch.setattr(tf.estimator, 'train_and_evaluate', lambda *args: told.append(
        json.loads(os.environ['TF_CONFIG'])))
    hosts = {'ps': ['a:1'], 'worker': ['b:1', 'b:2', 'b:3']}
    monkeypatch.setenv('TF_CONFIG', '')
    for job, index in ('ps', 0), ('worker', 0), ('worker', 2):
        module.by_estimator(module.dist_cluster.Task(job, index, hosts, 60), None)
    assert [config['task'] for config in told] == [
        {'type': 'ps', 'index': 0}, {'type': 'chief', 'index': 0}, {'type': 'worker', 'index': 1}]
    assert told[0]['cluster'] == {'ps': ['a:1'], 'chief': ['b:1'], 'worker': ['b:2', 'b:3']}


# Faults of the cluster: one line

def tf_config(ps, worker, job, index, **more):
    return json.dumps({'cluster': dict(more, ps=ps, worker=worker), 'task': {'type': job, 'index': index}})


@pytest.mark.parametrize('flags, config, message', [
    ([], '', 'which task is this? Give --job_name and --task_index, or TF_CONFIG'),
    (['--job_name', 'sp'], '', "argument --job_name: invalid choice: 'sp'"),
    (['--job_name', 'worker', '--task_index', 3], '', '--task_index 3: the cluster has worker 0 to 2'),
    (['--job_name', 'worker', '--task_index', -1], '', '--task_index -1: the cluster has worker 0 to 2'),
    (['--job_name', 'ps', '--ps_hosts', 'here'], '', "--ps_hosts: 'here' is not host:port"),
    (['--job_name', 'ps', '--ps_hosts', 'a:1,a:1'], '', '--ps_hosts: the same host:port twice'),
    (['--job_name', 'ps', '--ps_hosts', 'a:1', '--worker_hosts', 'a:1'], '', 'the cluster: the same host:port twice'),
    (['--job_name', 'ps', '--replicas', 4], '', '--replicas: 4 are more than the 3 workers'),
    ([], '{', 'TF_CONFIG is not of the form'),
    ([], '[]', 'TF_CONFIG is not of the form'),
    ([], tf_config(['a:1'], ['b:1'], 'chief', 0, chief=['c:1']), 'know ps and worker, and worker 0 is the chief'),
    ([], tf_config(['a:1'], ['b:1'], 'worker', 1), 'TF_CONFIG, task index 1: the cluster has worker 0 to 0')])
def test_wrong_place_in_the_cluster(refuses, monkeypatch, flags, config, message):
    monkeypatch.delenv('TF_CONFIG', raising=False)
    if config:
        monkeypatch.setenv('TF_CONFIG', config)
    refuses(re.escape(message), CHAPTER + 'dist_mnist_sync.py', *flags, status=2)


# What each program asks of dist_robust.run, or of its textbook function

@pytest.mark.parametrize('program, servers, spare', [
    ('dist_mnist_async.py', [('ps', 0), ('ps', 1)], None),
    ('dist_mnist_sync.py', [('ps', 0), ('ps', 1)], 1),
    ('dist_mnist_in_graph.py', [('ps', 0), ('ps', 1), ('worker', 1), ('worker', 2)], 0)])
def test_what_each_task_is_for(program, servers, spare, monkeypatch, tmp_path, capsys):
    module = load(CHAPTER + program)
    asked, trained, evaluated = {}, [], []

    def run(task, train, **rest):
        asked.update(rest, task=task, graph=tf.get_default_graph())
        train(server='server', MonitoredTrainingSession=1)
    monkeypatch.setattr(module.dist_robust, 'run', run)
    monkeypatch.setattr(module, 'train', lambda *args, **rest: trained.append((args, rest)))
    monkeypatch.setattr(module.dist_cluster, 'evaluate', lambda mnist, folder: evaluated.append(folder))
    flags = ['--job_name', 'worker', '--model_save_path', str(tmp_path), '--seed', '7']
    flags += ['--replicas', '2'] if 'dist_mnist_sync' in program else []
    module.main(flags + ['--task_index', '0'])
    assert asked['servers'] == servers and asked.get('spare') == spare
    assert (asked['folder'], asked['steps']) == (str(tmp_path), module.TRAINING_STEPS)
    assert asked['task'].cluster == {'ps': ['tf-ps0:2222', 'tf-ps1:2222'],
                                     'worker': ['tf-worker%d:2222' % i for i in range(3)]}
    assert asked['task'][:2] == ('worker', 0) and asked['task'].wait_secs == 60 and asked['graph'].seed == 7
    assert 'ps_hosts' not in vars(asked['settings']) and asked['settings'].batch_size == 100
    assert evaluated == [str(tmp_path)]
    args, rest = trained[0]
    assert args[0].as_dict() == asked['task'].cluster and rest['server'] == 'server'
    assert rest.get('SyncReplicasOptimizer') in (None, module.dist_robust.SyncReplicasOptimizer)
    if spare != 0:
        module.main(flags + ['--task_index', '1'])
        assert len(evaluated) == 1 and trained[1][0][1] == 1
        if spare:
            assert trained[1][0][2] == 2
        batches = [args[-1].train.next_batch(10)[0] for args, _ in trained]
        assert (batches[0] != batches[1]).any(), 'each worker draws its own batches'


@pytest.mark.parametrize('program', PROGRAMS)
@pytest.mark.parametrize('job, index', [('ps', 1), ('worker', 0), ('worker', 1)])
def test_who_joins_in_the_textbook(program, job, index, monkeypatch):
    module, asked, trained = load(CHAPTER + program), [], []
    monkeypatch.setattr(tf.train, 'Server', lambda cluster, job_name, task_index: asked.append(
        (cluster.as_dict(), job_name, task_index)) or types.SimpleNamespace(join=stop))
    monkeypatch.setattr(module, 'train', lambda *args: trained.append(args))
    monkeypatch.setattr(module.dist_cluster, 'read_mnist', lambda *args: 'mnist')
    monkeypatch.setattr(module.dist_cluster, 'evaluate', lambda *args: None)
    joins = job == 'ps' or index and 'in_graph' in program
    with pytest.raises(Built) if joins else contextlib.nullcontext():
        module.main(['--textbook', '--job_name', job, '--task_index', str(index), '--ps_hosts', 'a:1,a:2',
                     '--worker_hosts', 'b:1,b:2'])
    assert asked == [({'ps': ['a:1', 'a:2'], 'worker': ['b:1', 'b:2']}, job, index)]
    assert joins or 'mnist' in trained[0] and tf.train.MonitoredTrainingSession is trained[0][-1]


def test_busy_port(refuses):
    with socket.socket() as other:
        other.bind(('', 0))
        other.listen(1)
        port = other.getsockname()[1]
        host, message = 'localhost:%d' % port, ' cannot listen on port %d .*in use.*another port' % port
        refuses('ps 0' + message, CHAPTER + 'dist_mnist_async.py', '--job_name', 'ps', '--ps_hosts', host)
        refuses('local 0' + message, CHAPTER + 'two_tasks_first.py', '--task0', host)


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
            with open('/proc/%d/net/%s' % (pid, table)) as rows:
                for row in list(rows)[1:]:
                    fields = row.split()
                    if fields[3] == '0A' and 'socket:[%s]' % fields[9] in sockets:
                        place, _, port = fields[1].partition(':')
                        found.add((place.strip('0') or 'every interface', int(port, 16)))
    return found


@needs_proc
def test_a_server_listens_on_every_interface():
    cluster = Cluster(1, 1)
    port = int(cluster.hosts['ps'][0].rpartition(':')[2])
    assert ('every interface', port) in listening(os.getpid())


def test_a_notice_where_there_is_no_namespace(launcher, tmp_path, monkeypatch, capsys):
    namespace = launcher.network_namespace
    monkeypatch.setenv('PATH', str(tmp_path))
    assert namespace.enter(LAUNCH, []) == 'there is no program unshare'
    fake = tmp_path / 'unshare'
    fake.write_text('#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n')
    fake.chmod(0o755)
    assert namespace.enter(LAUNCH, []) == 'unshare: unshare failed: Operation not permitted'
    monkeypatch.setattr(launcher, 'run_tasks', lambda *args: (None, ''))
    launcher.main(['hello_cluster.py'])
    out, err = capsys.readouterr()
    assert '*** NOTICE: no network namespace (unshare: unshare failed: Operation not permitted)' in err
    assert out.startswith('Run 1 of 1: every task ended with status 0 after ')


# What it costs

def test_speed(tmp_path, monkeypatch, capsys):
    speed = load(CHAPTER + 'extras/dist_speed.py')
    monkeypatch.setattr(speed, 'local_speed', lambda mnist, nodes: {5: 300.0, 20: 200.0}[nodes])
    monkeypatch.setattr(speed, 'cluster_speed', lambda flags, program, workers, nodes: {
        ('async', 5): 120.0, ('async', 20): 80.0, ('sync', 20): 50.0}[program[11:-3], nodes] * workers)
    speed.main(['--repeats', '1', '--max_workers', '2', '--examples', '2000', '--sizes', '5', '20'])
    out = capsys.readouterr().out
    rows = re.findall(r'^(local|async|sync) .* ([\d.]+) examples/sec +([\d.]+) of local', out, re.MULTILINE)
    assert rows == [('local', '200', '1.00'), ('async', '80', '0.40'), ('async', '160', '0.80'),
                    ('sync', '50', '0.25'), ('sync', '100', '0.50')]
    # (784 + 1) * 20 + (20 + 1) * 10 parameters, four bytes each, there and back; 100 / 80 - 100 / 200 s.
    assert '20 nodes     15910 parameters    0.13 MB sent a step  local      200  cluster       80 ' \
        'examples/sec  0.40 of local  750.00 ms/step more' in out
    with open(str(tmp_path / 'runs/sample/ch07_acceleration/dist_speed.json')) as file:
        figures = json.load(file)
    assert len(figures) == 7
    assert {'program': 'sync', 'workers': 2, 'nodes': 20, 'examples_per_sec': [100.0]} in figures
    assert (tmp_path / 'runs/sample/ch07_acceleration/dist_speed.png').stat().st_size > 10000


def test_speed_refuses_before_it_measures(refuses, monkeypatch, tmp_path):
    monkeypatch.setattr(subprocess, 'run', stop)
    for flags, message, status in (
            (['--examples', 299], '--examples 299 is less than --batch_size 100 x --max_workers 3 = 300', 2),
            (['--batch_size', 10 ** 6], '--batch_size 1000000 is more than', 1),
            (['--examples', 300, '--json', tmp_path], 'cannot save .*: choose another --json', 1)):
        refuses(message, CHAPTER + 'extras/dist_speed.py', *flags, status=status)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='by a call of Linux')
def test_a_task_dies_with_its_launcher():
    """Also where kill -9 leaves the launcher no time to end it."""
    launcher = subprocess.Popen([sys.executable, '-c', (
        'import os, subprocess, time\n'
        'from ch07_acceleration.extras import network_namespace\n'
        'parent = os.getpid()\n'
        'task = subprocess.Popen(["sleep", "300"], preexec_fn=lambda: network_namespace.die_with(parent))\n'
        'print(task.pid, flush=True)\n'
        'time.sleep(300)')], stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=ROOT))
    task = int(launcher.stdout.readline())
    try:
        assert running(task)
        launcher.kill()
        launcher.wait()
        until(lambda: not running(task))
    finally:
        launcher.kill()
        if running(task):
            os.kill(task, signal.SIGKILL)


def test_the_model_of_cost():
    cost = load(CHAPTER + 'extras/dist_cost.py')
    assert cost.fit([(1, 1e5), (1, 1e6), (8, 1e6), (8, 4e6)], [0.0012, 0.0021, 0.0028, 0.0058]) == pytest.approx(
        (0.001, 0.0001, 1e-9))
    costs = cost.Costs(down=1e-9, up=2e-9, message=0.0009, variable=0.00005)
    # Two messages of two variables, 4 MB each way.
    assert cost.transfer_seconds(4e6, 2, costs) == pytest.approx(0.014)
    # Over 10 Gbit/s 4 MB take 3.2 ms, each way, beside 10 ms of computing.
    assert cost.speed_up(0.010, 4e6, 2, costs, 2, 1, 10) == pytest.approx(2 * 0.010 / 0.0304)
    # What RESULTS shows was measured for these.
    recorded = re.findall(r'^ *(\d+) nodes, batch of +(\d+),', read('results/clusters/dist_cost.log'), re.MULTILINE)
    assert [tuple(map(int, pair)) for pair in recorded] == list(cost.CASES)
    # The one server is busy for 6 ms of each step; 64 have as much left as the workers ask for.
    assert cost.speed_up(0.010, 4e6, 2, costs, 64, 1, 10) == pytest.approx(0.010 / 0.006)
    assert cost.speed_up(0.010, 4e6, 2, costs, 64, 64, 10) == pytest.approx(64 * 0.010 / 0.0304)


def test_what_a_step_of_each_network_sends():
    cost = load(CHAPTER + 'extras/dist_cost.py')
    # Articles 3 and 4: the parameters; article 5: without the word vectors that are not in the batch.
    lstm = 2 * (400 + 1) * 800
    for network, numbers in ((cost.article_3, 784 * 500 + 500 + 5000 + 10), (cost.article_4, 1663370),
                             (cost.article_5, 20 * 35 * 200 + lstm + 200 * 10000 + 10000)):
        with tf.Graph().as_default():
            assert network()[2] == 4 * numbers


@pytest.mark.slow
def test_the_cost_of_a_step(monkeypatch, capsys):
    cost = load(CHAPTER + 'extras/dist_cost.py')
    monkeypatch.setattr(cost, 'CASES', ((20, 10),))
    monkeypatch.setattr(cost, 'MOVED', (20, 10))
    monkeypatch.setattr(cost, 'article_4', cost.article_3)
    monkeypatch.setattr(cost, 'article_5', cost.article_3)
    original, places = cost.seconds, []

    def seconds(run):
        places.append({variable.op.name: variable.device for variable in tf.trainable_variables()})
        return original(run)
    monkeypatch.setattr(cost, 'seconds', seconds)
    cost.main(['--no_namespace', '--repeats', '1', '--runs', '2'])
    out = capsys.readouterr().out
    assert re.search(r'^  20 nodes, batch of   10,  0.06 MB each way: plain +[\d.]+ ms, cluster', out, re.MULTILINE)
    assert re.search(r'worker [\d.]+ ms, ps [\d.]+ ms, transfers [\d.]+ ms$', out, re.MULTILINE)
    assert re.search(r'^What moves it, 20 nodes.* 2 with a part of each .*; 10 batches', out, re.MULTILINE)
    assert out.count('2 workers') == 6
    # Two servers: each variable has a part on either.
    divided, = [place for place in places if '/job:ps/task:1' in place.values()]
    for name in {name.rsplit('/', 1)[0] for name in divided}:
        assert [divided['%s/part_%d' % (name, i)] for i in (0, 1)] == ['/job:ps/task:0', '/job:ps/task:1']


def test_gradients_that_are_added_up():
    """Three equal batches change the parameters as one step does, again and again."""
    cost = load(CHAPTER + 'extras/dist_cost.py')
    cluster = Cluster(1, 1)
    with tf.Graph().as_default():
        with tf.device('/job:worker/task:0'):
            w = tf.get_variable('w', initializer=[2.0, 4.0])
            loss = tf.reduce_sum(w * w)
        (parameters,), start, fetch, add, send = cost.added_up(loss, 3)
        with tf.Session(cluster.servers['worker', 0].target) as sess:
            sess.run(tf.global_variables_initializer())
            sess.run(start)
            for step in 1, 2:
                for op in fetch, add, add, add, send:
                    sess.run(op)
                assert sess.run(parameters) == pytest.approx(np.array([2.0, 4.0]) * (1 - 2 * cost.RATE) ** step)


def test_the_plain_program_of_the_comparison(monkeypatch):
    speed = load(CHAPTER + 'extras/dist_speed.py')
    monkeypatch.setattr(speed, 'EXAMPLES', 40)
    monkeypatch.setattr(speed, 'BATCH_SIZE', 10)
    mnist = Images(60)
    assert speed.local_speed(mnist, 20) > 0 and len(mnist.batches) == 4


@pytest.mark.slow
def test_speed_of_a_cluster(monkeypatch):
    speed = load(CHAPTER + 'extras/dist_speed.py')
    monkeypatch.setattr(speed, 'EXAMPLES', 500)
    assert speed.cluster_speed(['--sample'], 'dist_mnist_sync.py', 1, 20) > 0
    with pytest.raises(cli.UserError, match='none.py with 1 worker.* failed: .*is not a distributed program'):
        speed.cluster_speed(['--sample'], 'dist_mnist_none.py', 1, 20)
