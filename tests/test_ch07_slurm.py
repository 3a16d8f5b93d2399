"""Article 7's programs under Slurm: real daemons, two nodes that are this machine, and what dies there.

Needs Debian's packages slurm-wlm and munge, and root.
"""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import portpicker
import pytest

from conftest import ROOT, load, read

CHAPTER = os.path.join(ROOT, 'ch07_acceleration')
TRAIN = os.path.join(CHAPTER, 'slurm', 'train.sh')
DAEMONS = ['munged', 'slurmctld', 'slurmd']
# A network whose steps take a millisecond.
SMALL = ['--layer1_node', '20', '--batch_size', '10', '--learning_rate_base', '0.1', '--report_steps', '20',
         '--save_steps', '50']
ENDLESS = SMALL + ['--training_steps', '100000000']
# Longer than one task's start may take after another's, on a busy machine.
WAIT = '30'
RESUMED = r'^Resuming after (\d+) training step'

CONF = '''
ClusterName=test
# Clusters of parallel tests: other numbers of jobs, and so other ports.
FirstJobId={first}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MailProg=/bin/true
ReturnToService=2
# How soon a node is down whose slurmd is gone, and tasks are killed that do not end.
SlurmdTimeout=10
KillWait=5
NodeName=n[1-2],localhost NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]},{ports[2]},{ports[3]}] CPUs=16
PartitionName=two Nodes=n[1-2] Default=YES
PartitionName=one Nodes=localhost
'''


class Slurm:
    """A cluster of three nodes: n1 and n2, whose names do not resolve, and localhost."""

    def __init__(self, folder):
        self.folder, self.daemons = folder, {}
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith('SLURM_')}
        self.environment.update(
            SLURM_CONF=os.path.join(folder, 'slurm.conf'),
            PATH=os.pathsep.join([os.path.dirname(sys.executable), '/usr/sbin', os.environ['PATH']]))
        ports = [portpicker.pick_unused_port() for _ in range(4)]
        with open(os.path.join(folder, 'slurm.conf'), 'w') as file:
            file.write(CONF.format(
                host=socket.gethostname().split('.')[0], folder=folder, ports=sorted(ports),
                first=1 + 18 * int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])))
        for name in 'state', 'n1', 'n2', 'localhost':
            os.mkdir(os.path.join(folder, name))
        with open(os.path.join(folder, 'munge.key'), 'wb') as file:
            file.write(os.urandom(1024))
        os.chmod(file.name, 0o400)
        self.start('munged', '--foreground', '--force', *(
            '--%s=%s/munge.%s' % (flag, folder, ending) for flag, ending in (
                ('socket', 'socket'), ('key-file', 'key'), ('pid-file', 'pid'), ('seed-file', 'seed'))))
        self.wait_for(lambda: os.path.exists(os.path.join(folder, 'munge.socket')))
        self.start('slurmctld', '-D')
        for node in 'n1', 'n2', 'localhost':
            self.start('slurmd', '-D', '-N', node)
        self.wait_for(lambda: self.run('sinfo', '-h', '-N', '-o', '%T').split() == ['idle'] * 3)

    def start(self, *command):
        name = ' '.join(command[:1] + command[3:]) if command[0] == 'slurmd' else command[0]
        with open(os.path.join(self.folder, name + '.log'), 'a') as log:
            self.daemons[name] = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log,
                                                  cwd=self.folder)

    def end(self):
        self.run('scancel', '--user=root')
        self.wait_for(lambda: not self.run('squeue', '-h'))
        for daemon in reversed(list(self.daemons.values())):
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def run(self, *command, **more):
        done = subprocess.run(command, env=dict(self.environment, **more), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, cwd=ROOT)
        return done.stdout.strip() if done.returncode == 0 else 'failed: ' + done.stdout

    def logs(self):
        return ''.join('%s:\n%s' % (path, open(path).read()[-2000:])
                       for path in glob.glob(os.path.join(self.folder, '*.log')))

    def wait_for(self, condition, seconds=120):
        limit = time.time() + seconds
        while not condition():
            assert time.time() < limit, self.logs()
            time.sleep(0.2)


class Job:
    def __init__(self, slurm, out, number):
        self.slurm, self.out, self.number = slurm, out, number

    def text(self):
        try:
            with open(self.out, encoding='utf-8') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def field(self, name):
        shown = self.slurm.run('scontrol', 'show', 'job', '-o', self.number)
        found = re.search(r'\b%s=(\S+)' % name, shown)
        return found.group(1) if found else shown

    def wait_for(self, pattern, count=1):
        """Wait until `count` lines have `pattern`, and return the last one's match."""
        found = []

        def look():
            found[:] = re.finditer(pattern, self.text(), re.MULTILINE)
            state = self.field('JobState')
            assert len(found) >= count or state in ('PENDING', 'CONFIGURING', 'RUNNING', 'COMPLETING'), (
                state, pattern, self.text())
            return len(found) >= count
        self.slurm.wait_for(look)
        return found[-1]

    def end(self):
        """Wait for the end, and return state and status."""
        self.slurm.wait_for(lambda: self.field('JobState') not in (
            'PENDING', 'CONFIGURING', 'RUNNING', 'COMPLETING', 'REQUEUED'), 200)
        self.slurm.wait_for(lambda: not self.tasks(), 60)
        return self.field('JobState'), self.field('ExitCode').split(':')[0]

    def tasks(self):
        """The processes of the programs, as a dict from the task's number to its process."""
        found = {}
        for path in glob.glob('/proc/[0-9]*/environ'):
            try:
                with open(path, 'rb') as file:
                    variables = dict(word.split(b'=', 1) for word in file.read().split(b'\0') if b'=' in word)
                with open(os.path.join(os.path.dirname(path), 'cmdline'), 'rb') as file:
                    words = file.read().split(b'\0')
            except OSError:                      # it has ended
                continue
            if (variables.get(b'SLURM_CONF', b'').decode() == self.slurm.environment['SLURM_CONF']
                    and variables.get(b'SLURM_JOB_ID') == self.number.encode() and b'-u' in words
                    and words[0].endswith(b'python')):
                found[int(variables[b'SLURM_PROCID'])] = int(path.split('/')[2])
        return found

    def steps(self):
        """The titles of the daemons that still watch over this job's script or its tasks."""
        titles = self.slurm.run('ps', '-eo', 'args').splitlines()
        return [title for title in titles if title.startswith('slurmstepd: [%s.' % self.number)]

    def kill(self, task):
        os.kill(self.tasks()[task], signal.SIGKILL)

    def wait_for_checkpoint(self):
        """Wait until the checkpoint of step 50 or of a later one is whole."""
        def saved():
            assert self.field('JobState') in ('PENDING', 'CONFIGURING', 'RUNNING'), self.text()
            paths = glob.glob(os.environ['TF_TUTORIAL_RUNS'] + '/**/checkpoint', recursive=True)
            return [path for path in paths if int(re.search(r'-(\d+)"', open(path).readline()).group(1)) >= 50]
        self.slurm.wait_for(saved)

    def wait_until_queued_again(self):
        self.slurm.wait_for(lambda: self.field('Restarts') == '1' and self.field('JobState') == 'PENDING')

    def start_again(self):
        """Start it soon, now that it is queued again; by itself it would wait two minutes.

        Not in the second in which its first run ended: slurmd takes the second run's credential for that of the first.
        """
        self.slurm.wait_for(lambda: self.field('Restarts') == '1' and (
            self.field('JobState') == 'RUNNING' or not self.steps()))
        self.slurm.run('scontrol', 'update', 'JobId=' + self.number, 'StartTime=now+2')

    def accuracy(self):
        return float(re.findall(r'test accuracy = ([\d.]+)$', self.text(), re.MULTILINE)[-1])


@pytest.fixture(scope='module')
def cluster(tmp_path_factory):
    missing = [name for name in DAEMONS if not shutil.which(name, path='/usr/sbin:' + os.environ['PATH'])]
    if missing:
        pytest.skip('needs %s: apt-get install slurm-wlm munge' % ' and '.join(missing))
    if os.getuid():
        pytest.skip("Slurm's daemons of the test run as root")
    slurm = Slurm(str(tmp_path_factory.mktemp('slurm')))
    yield slurm
    slurm.end()


@pytest.fixture
def submit(cluster, tmp_path):
    """submit(program, *flags, sbatch=[...], **environment) submits train.sh and returns the Job."""
    jobs = []

    def run(program, *flags, sbatch=(), script=TRAIN, **environment):
        out = str(tmp_path / ('job%d.out' % len(jobs)))
        program = [os.path.join(CHAPTER, program)] if program else []
        told = cluster.run(
            'sbatch', '--parsable', '--chdir', str(tmp_path), '--output', out, *sbatch, script, *program,
            *flags, TF_TUTORIAL_DATA=os.environ['TF_TUTORIAL_DATA'],
            TF_TUTORIAL_RUNS=os.environ['TF_TUTORIAL_RUNS'], PYTHONPATH=ROOT, **environment)
        assert told.isdigit(), told
        jobs.append(Job(cluster, out, told))
        return jobs[-1]
    yield run
    for job in jobs:
        cluster.run('scancel', job.number)
        job.end()


# A task's place

STEP = {'SLURM_STEP_ID': '0', 'SLURM_JOB_ID': '76', 'SLURM_PROCID': '2', 'SLURM_NTASKS': '4',
        'SLURM_STEP_NODELIST': 'a[1-2]', 'SLURM_STEP_TASKS_PER_NODE': '2(x2)'}


@pytest.fixture
def place(monkeypatch, tmp_path):
    """place(PS, **environment) as a task of a step on nodes a1 and a2 whose names resolve, if `known`."""
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text('#!/bin/sh\ncase $2 in\nhostname*) echo a1; echo a2;;\n'
                        'node) echo "NodeName=$3 NodeAddr=10.0.0.${3#a} Port=1";;\nesac\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    for name in list(os.environ):
        if name.startswith('SLURM_'):
            monkeypatch.delenv(name)
    module = load('ch07_acceleration/extras/slurm_cluster.py')

    def run(parameter_servers, known=False, **environment):
        for name, value in dict(STEP, **environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(module, 'resolves', lambda host: known)
        return module.find_place(parameter_servers)
    run.error = module.UserError
    return run


def test_the_place_by_our_count(place):
    # Job 76 has the second of 75 slots of 64 ports.
    assert place(1) == ('worker', 1, {'ps': ['10.0.0.1:10064'], 'worker': [
        '10.0.0.1:10065', '10.0.0.2:10066', '10.0.0.2:10067']}, 'Slurm')
    assert place(1, SLURM_PROCID='0')[:2] == ('ps', 0)
    job, index, cluster, _ = place(2, SLURM_STEP_TASKS_PER_NODE='3,1', SLURM_RESTART_COUNT='1')
    assert (job, index) == ('worker', 0)
    port = 10064 + 32
    assert cluster == {'ps': ['10.0.0.1:%d' % port, '10.0.0.1:%d' % (port + 1)],
                       'worker': ['10.0.0.1:%d' % (port + 2), '10.0.0.2:%d' % (port + 3)]}


def test_the_place_by_tensorflows_resolver(place):
    """It gives each node the same ports, which two nodes on one machine cannot have."""
    assert place(1, known=True) == ('worker', 1, {'ps': ['a1:10064'], 'worker': [
        'a1:10065', 'a2:10064', 'a2:10065']}, "Slurm, by TensorFlow's resolver")
    # It knows no nodes with unequal numbers of tasks.
    assert place(1, known=True, SLURM_STEP_TASKS_PER_NODE='3,1')[3] == 'Slurm'


def test_wrong_steps(place):
    with pytest.raises(place.error, match='Slurm started 4 task.*--slurm_ps 4.* take more --ntasks'):
        place(4)
    with pytest.raises(place.error, match='--distribution=cyclic: take block'):
        place(1, SLURM_DISTRIBUTION='cyclic')


def test_flags_then_tf_config_then_slurm(place, monkeypatch, run_script, capsys):
    """The first that is there names the place, and is named."""
    program = load('ch07_acceleration/dist_mnist_async.py')
    tasks = []
    monkeypatch.setattr(program.dist_robust, 'run', lambda task, *args, **rest: tasks.append(task))
    place(1)
    monkeypatch.setenv('TF_CONFIG', '{"cluster": {"ps": ["b:1"], "worker": ["b:2", "b:3"]}, '
                                    '"task": {"type": "worker", "index": 1}}')
    monkeypatch.setattr(program.dist_cluster, 'evaluate', lambda *args: None)
    program.main(['--job_name', 'ps', '--ps_hosts', 'c:1', '--worker_hosts', 'c:2'])
    program.main([])
    monkeypatch.delenv('TF_CONFIG')
    program.main(['--slurm_ps', '2', '--task_index', '1'])
    assert [task[:2] for task in tasks] == [('ps', 0), ('worker', 1), ('worker', 0)]
    assert re.findall('^This is (.*); ps: (.*?)[:;]', capsys.readouterr().out, re.MULTILINE) == [
        ('ps 0, by its flags', 'c'), ('worker 1, by TF_CONFIG', 'b'), ('worker 0, by Slurm', '10.0.0.1')]
    other = load('ch07_acceleration/extras/train_and_evaluate.py')
    monkeypatch.setattr(other, 'by_hand', lambda task, mnist: tasks.append(task))
    other.main(['--by_hand'])
    assert tasks[-1][:2] == ('worker', 1)


# Trainings

def assert_trained(job, steps):
    assert job.end() == ('COMPLETED', '0'), job.text()
    assert 'After %d training step(s), test accuracy' % steps in job.text() and job.accuracy() > 0.7
    assert 'Traceback' not in job.text()


@pytest.mark.slow
def test_trains_and_ends(submit):
    job = submit('dist_mnist_in_graph.py', '--training_steps', '1000', *SMALL, sbatch=['--ntasks=4'], PS='2')
    assert_trained(job, 1000)
    assert job.text().count(', by Slurm; ps: 127.0.0.1:') == 4
    assert len(re.findall('^ps [01] ends: all workers are done$', job.text(), re.MULTILINE)) == 2


@pytest.mark.slow
def test_a_job_array_searches_for_a_learning_rate(submit, cluster, tmp_path):
    """One of its elements, on one node, where TensorFlow's own resolver finds the tasks."""
    with open(os.path.join(CHAPTER, 'slurm', 'search.sh')) as file:
        assert re.search(r'--array=0-3\n[^$]*\nrates=\(0.05 0.2 0.8 3.2\)\n', file.read())
    os.symlink(CHAPTER, str(tmp_path / 'ch07_acceleration'))
    out = tmp_path / 'rate1.out'
    job = submit(None, '--training_steps', '100', *SMALL[:4], script=os.path.join(CHAPTER, 'slurm', 'search.sh'),
                 sbatch=['--array=1', '--partition=one', '--nodes=1', '--output', str(out)])
    cluster.wait_for(lambda: not cluster.run('squeue', '-h', '-j', job.number), 200)
    text = out.read_text(encoding='utf-8')
    assert 'learning rate 0.2\n' in text and 'test accuracy = ' in text
    assert text.count("by Slurm, by TensorFlow's resolver; ps: localhost:") == 3
    assert os.listdir(os.environ['TF_TUTORIAL_RUNS'] + '/ch07_acceleration/learning_rates') == ['0.2']

# What dies

@pytest.mark.slow
def test_a_killed_worker_that_is_not_needed(submit):
    """The others go on, and the chief's status is the job's."""
    job = submit('dist_mnist_async.py', '--training_steps', '5000', *SMALL)
    job.wait_for('^After .* of them by worker 1')
    job.kill(2)
    assert job.end() == ('COMPLETED', '0'), job.text()
    assert re.search(r'^After 500\d training step\(s\), test accuracy = 0.[789]', job.text(), re.MULTILINE)
    assert 'ps 0 ends' not in job.text(), 'ended with the job'

@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_worker_and_a_killed_server_of_a_synchronous_training(submit):
    """All end after --wait_secs, and so does the job; submitted again, it resumes from the last checkpoint."""
    job = submit('dist_mnist_sync.py', *ENDLESS, '--wait_secs', WAIT)
    job.wait_for_checkpoint()
    job.kill(2)
    assert job.end() == ('FAILED', '1')
    assert 'error: worker 1 did not answer for %s s' % WAIT in job.text()
    again = submit('dist_mnist_sync.py', *ENDLESS, '--wait_secs', WAIT)
    assert int(again.wait_for(RESUMED).group(1)) >= 50
    again.wait_for('^After ')
    again.kill(0)
    assert again.end() == ('FAILED', '1') and 'error: ps 0 did not answer for %s s' % WAIT in again.text()


@pytest.mark.slow
def test_a_killed_chief(submit):
    """The job ends with its status; with RETRIES it is queued again, and resumes from the last checkpoint."""
    job = submit('dist_mnist_async.py', *ENDLESS, RETRIES='1')
    job.wait_for_checkpoint()
    job.kill(1)
    job.start_again()
    assert int(job.wait_for(RESUMED).group(1)) >= 50
    # No second time.
    job.kill(1)
    assert job.end() == ('FAILED', '137') and job.field('Restarts') == '1'


def parent(process):
    """The process that started this one; None if it has ended."""
    try:
        with open('/proc/%d/status' % process) as file:
            status = file.read()
    except OSError:
        return None
    if re.search(r'^State:\s*Z', status, re.MULTILINE):
        return None
    return int(re.search(r'^PPid:\s*(\d+)', status, re.MULTILINE).group(1))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_killed_slurmd(submit, cluster):
    """Its node is down after SlurmdTimeout; Slurm queues the job again by itself, and it goes on elsewhere or later."""
    job = submit('dist_mnist_async.py', *ENDLESS, '--wait_secs', WAIT)
    job.wait_for_checkpoint()
    before = job.wait_for('ps: (.*);', 3).group(1)
    stepd = parent(parent(job.tasks()[2]))
    slurmd = cluster.daemons.pop('slurmd n2')
    slurmd.kill()
    slurmd.wait()
    try:
        job.wait_until_queued_again()
        assert 'State=DOWN' in cluster.run('scontrol', 'show', 'node', '-o', 'n2')
        # With the daemon alone gone, the task on n2 still ran; it ends as its parameter server has.
        cluster.wait_for(lambda: not job.tasks())
        # A slurmd that finds this process of the last run refuses the next one: "Job credential revoked".
        cluster.wait_for(lambda: parent(stepd) is None)
    finally:
        cluster.start('slurmd', '-D', '-N', 'n2')
    cluster.wait_for(lambda: 'State=IDLE' in cluster.run('scontrol', 'show', 'node', '-o', 'n2'))
    job.start_again()
    assert int(job.wait_for(RESUMED).group(1)) >= 50
    assert job.wait_for('ps: (.*);', 5).group(1) != before, 'other ports'


@pytest.mark.slow
def test_scancel_and_the_time_limit(submit, cluster):
    job = submit('dist_mnist_sync.py', *ENDLESS)
    job.wait_for_checkpoint()
    cluster.run('scancel', job.number)
    assert job.end()[0] == 'CANCELLED', job.text()
    again = submit('dist_mnist_sync.py', *ENDLESS)
    assert int(again.wait_for(RESUMED).group(1)) >= 50
    again.wait_for('^After .* of worker 1')
    # A stopped worker stalls the training, and leaves the processors to other tests until the time is over.
    os.kill(again.tasks()[2], signal.SIGSTOP)
    cluster.run('scontrol', 'update', 'JobId=' + again.number, 'TimeLimit=1')
    assert again.end()[0] == 'TIMEOUT' and 'DUE TO TIME LIMIT' in again.text()

# The recorded runs

def ten_runs(name):
    text = read('results', 'clusters', 'slurm-%s.log' % name)
    ended = len(re.findall(r'^Run \d+ of 10: the job ended with status 0$', text, re.MULTILINE))
    accuracies = re.findall(r'test accuracy = ([\d.]+)$', text, re.MULTILINE)
    return ended, len(accuracies), min(map(float, accuracies))


@pytest.mark.parametrize('name', ['async', 'sync', 'sync-2of3', 'in_graph'])
def test_ten_of_ten_recorded_runs_end_well(name):
    """As launch.py's runs on the real data; and the page has the lowest accuracy."""
    ended, evaluated, lowest = ten_runs(name)
    assert ended == evaluated == 10 and lowest >= 0.96
    with open(os.path.join(CHAPTER, 'slurm', 'README.md'), encoding='utf-8') as file:
        assert re.search(r'slurm-%s\.log\) \| .* \| 10 of 10 \| %.4f \|' % (name, lowest), file.read())
