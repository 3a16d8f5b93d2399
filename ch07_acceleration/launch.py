"""Run a distributed program of this chapter on this machine, with one command: all its tasks, and their end.

Article 7 TensorFlow 计算加速, sections 分布式 TensorFlow and 使用 Caicloud TaaS 平台运行分布式 TensorFlow: a hundred
machines mean a hundred log-ins, and nothing starts a dead program again. On one machine this launcher does
both.

    python ch07_acceleration/launch.py dist_mnist_async.py --ps 1 --workers 2
    python ch07_acceleration/launch.py dist_mnist_sync.py --workers 3 -- --training_steps 500 --replicas 2
    python ch07_acceleration/launch.py two_tasks_first.py two_tasks_second.py -- --pin

It picks free ports, shows what each task prints, in colours on a terminal, and writes it to a log for each
task. It ends when all tasks have ended. When one fails and --restarts is used up, when the time limit is
over, or when the launcher itself is interrupted or killed, every task is ended: nothing stays behind.

tf.train.Server listens on every network interface, lets in everyone, and lets them read and write files. So
by default all runs in a network namespace of its own, which only its own processes reach; where the system
has none (Linux has, some containers forbid it), a notice says so.

Takes as long as the program, and two seconds.
"""
from companion import cli

import argparse
import ctypes
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import portpicker

# Defaults of the settings.
PS = 1
WORKERS = 2
TIMEOUT = 600.0
RESTARTS = 0
GRACE_SECS = 10.0
REPEAT = 1
LOGS = "runs/ch07_acceleration/launch/"

COLOURS = [36, 33, 35, 32, 34, 31]


# The network namespace

def enter_namespace(argv):
    """Run this program again in a new network namespace, and never return; or return why that cannot be."""
    if not shutil.which('unshare'):
        return 'there is no program unshare'
    unshare = ['unshare', '--user', '--map-root-user', '--net']
    probe = subprocess.run(unshare + ['true'], stderr=subprocess.PIPE, universal_newlines=True)
    if probe.returncode:
        return probe.stderr.strip() or 'unshare failed'
    sys.stdout.flush()
    # exec keeps the process id, so that a signal to the launcher still reaches it.
    os.execvp('unshare', unshare + [sys.executable, os.path.abspath(__file__), '--inside'] + argv)


def notice(reason):
    """Say on stderr that the tasks are open to the network."""
    print('''
*** NOTICE: no network namespace (%s).
*** Each task listens on EVERY network interface of this machine, with no password: who reaches the port
*** can run operations, and read and write files as you. Go on only on a network that you trust.
''' % reason, file=sys.stderr, flush=True)


def loopback_up():
    """Switch on the new namespace's only interface: what `ip link set lo up` does."""
    import fcntl
    SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack('16sh14x', b'lo', 0)
        flags, = struct.unpack_from('h', fcntl.ioctl(control, SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', flags | IFF_UP))


# The tasks

def die_with_parent(parent):
    """In a new process, before its program: let Linux kill it when the launcher dies, even by kill -9."""
    os.setsid()                                  # Ctrl-C in the terminal is the launcher's alone
    if sys.platform.startswith('linux'):
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


class Process:
    """A task as a process: its command, its log, and the thread that shows what it prints."""

    def __init__(self, name, command, log, colour, on_line):
        self.name, self.command, self.log, self.on_line = name, command, log, on_line
        self.prefix = '\033[%dm[%s]\033[0m ' % (colour, name) if sys.stdout.isatty() else '[%s] ' % name
        self.starts = 0
        open(log, 'w').close()
        self.start()

    def start(self):
        parent = os.getpid()
        self.starts += 1
        self.popen = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=lambda: die_with_parent(parent))
        self.say('process %d' % self.popen.pid)
        self.reader = threading.Thread(target=self.read, args=(self.popen.stdout,), daemon=True)
        self.reader.start()

    def say(self, line):
        with PRINTING:
            print(self.prefix + line, flush=True)

    def read(self, pipe):
        with open(self.log, 'a', encoding='utf-8') as log:
            for line in pipe:
                line = line.decode('utf-8', 'replace').rstrip('\n')
                log.write(line + '\n')
                log.flush()
                self.on_line(line)
                self.say(line)

    def signal(self, number):
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            pass


PRINTING = threading.Lock()


def stop(processes):
    """End what still runs: ask, and after two seconds force."""
    running = [process for process in processes if process.popen.poll() is None]
    for process in running:
        process.signal(signal.SIGTERM)
    limit = time.time() + 2
    for process in running:
        try:
            process.popen.wait(max(0, limit - time.time()))
        except subprocess.TimeoutExpired:
            process.signal(signal.SIGKILL)
            process.popen.wait()


def status_text(code):
    return 'status %d' % code if code >= 0 else 'signal %d (%s)' % (-code, signal.Signals(-code).name)


def run_tasks(tasks, logs):
    """Run the tasks until all have ended well, or one has failed for good, or the time is over.

    Args:
        tasks: pairs of name and command.
        logs: folder of the logs.
    Returns:
        Seconds from the first 'Trained N step(s)' line to the last task's end, or None without such a line.
    Raises:
        cli.UserError: a task failed, or the time was over. All tasks have ended then, too.
    """
    trained = []

    def on_line(line):
        if re.match(r'Trained \d+ step', line):
            trained.append(time.time())

    limit, processes, failed = time.time() + TIMEOUT, [], None
    try:
        for i, (name, command) in enumerate(tasks):
            log = os.path.join(logs, name.replace(' ', '-') + '.log')
            processes.append(Process(name, command, log, COLOURS[i % len(COLOURS)], on_line))
        running = list(processes)
        while running:
            for process in list(running):
                code = process.popen.poll()
                if code is None:
                    continue
                process.reader.join(5)
                if code and process.starts <= RESTARTS and not failed:
                    process.say('ended with %s: starting it again (%d of %d)' % (
                        status_text(code), process.starts, RESTARTS))
                    process.start()
                    continue
                process.say('ended with %s' % status_text(code))
                running.remove(process)
                if code and not failed:
                    failed = '%s ended with %s' % (process.name, status_text(code))
                    # The others may notice by themselves, and say what they think of it.
                    limit = min(limit, time.time() + GRACE_SECS)
            if running and time.time() > limit:
                late = ', '.join(process.name for process in running)
                failed = '%s; stopped after %g s: %s' % (failed, GRACE_SECS, late) if failed else \
                    'time limit, --timeout %g: stopped %s' % (TIMEOUT, late)
                break
            time.sleep(0.05)
    finally:
        stop(processes)
    if failed:
        raise cli.UserError('%s; logs in %s' % (failed, logs))
    return time.time() - trained[-1] if trained else None


def place(program):
    return os.path.join(cli.ROOT, 'ch07_acceleration', program)


def commands(programs, flags):
    """The tasks of a run, each with ports that are free now: pairs of name and command."""
    def address():
        return 'localhost:%d' % portpicker.pick_unused_port()

    def command(program, *more):
        return [sys.executable, '-u', place(program)] + list(more) + flags

    if not programs[0].startswith('dist_mnist'):
        hosts = ['--task0', address(), '--task1', address()] if programs[0].startswith('two_tasks') else []
        return [(os.path.splitext(program)[0], command(program, *hosts)) for program in programs]
    ps, workers = [address() for _ in range(PS)], [address() for _ in range(WORKERS)]
    hosts = ['--ps_hosts', ','.join(ps), '--worker_hosts', ','.join(workers)]
    return [('%s %d' % (job, index),
             command(programs[0], '--job_name', job, '--task_index', str(index), *hosts))
            for job, count in (('ps', PS), ('worker', WORKERS)) for index in range(count)]


def count_or_zero(text):
    """`text` as an int of 0 or more."""
    return 0 if text == '0' else cli.positive_int(text)


def main(argv=None):
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_argument('programs', nargs='*', metavar='PROGRAM',
                        help='dist_mnist_async.py, dist_mnist_sync.py, dist_mnist_in_graph.py, '
                             'hello_cluster.py, or both of the two tasks; its own flags come last, after --')
    parser.add_argument('--restarts', type=count_or_zero, default=RESTARTS, metavar='N',
                        help='how often a task that fails is started again (default: %(default)s)')
    parser.add_argument('--no_namespace', action='store_true',
                        help='stay in the network of the machine, where everyone reaches the tasks')
    parser.add_argument('--inside', action='store_true', help=argparse.SUPPRESS)
    parser.add_constants(
        globals(),
        PS='parameter servers',
        WORKERS='workers',
        TIMEOUT='seconds until all is stopped',
        GRACE_SECS='seconds that the others have to end when one has failed',
        REPEAT='number of runs, one after the other, each in a new folder of checkpoints',
        LOGS='folder of the logs, one for each task')
    if '--' in argv:
        argv, flags = argv[:argv.index('--')], argv[argv.index('--') + 1:]
    else:
        flags = []
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    globals()['RESTARTS'] = args.restarts
    if not args.programs:
        parser.error('no program: see the examples')
    for program in args.programs:
        if not re.match(r'(dist_mnist|two_tasks|hello_cluster)\w*\.py$', program) or \
                not os.path.exists(place(program)):
            parser.error('%s is no distributed program of ch07_acceleration' % program)

    if args.programs[0].startswith('two_tasks') and len(args.programs) != 2:
        parser.error('the two tasks wait for each other: name both')

    # The data are here by now; in the namespace there is no network to download them.
    data = (['--sample'] if args.sample else ['--data_dir', args.data_dir]) + \
        (['--seed', str(args.seed)] if args.seed is not None else [])
    if args.inside:
        loopback_up()
    else:
        own = sum((['--' + name, str(getattr(args, name))] for name in (
            'ps', 'workers', 'timeout', 'restarts', 'grace_secs', 'repeat', 'logs')), [])
        reason = '--no_namespace' if args.no_namespace else \
            enter_namespace(args.programs + own + data + ['--'] + flags)
        notice(reason)

    def end(number, frame):
        raise SystemExit(128 + number)
    for number in signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, end)

    if args.programs[0].startswith('dist_mnist'):
        flags = data + flags
    logs = os.path.join(LOGS, os.path.splitext(args.programs[0])[0])
    try:
        os.makedirs(logs, exist_ok=True)
    except OSError as error:
        raise cli.UserError('cannot make %s (%s): choose another --logs' % (logs, error.strerror))
    for run in range(REPEAT):
        start = time.time()
        with tempfile.TemporaryDirectory() as fresh:
            if REPEAT > 1:
                os.environ['TF_TUTORIAL_RUNS'] = fresh
            after = run_tasks(commands(args.programs, flags), logs)
        print('Run %d of %d: every task ended with status 0 after %.1f s%s' % (
            run + 1, REPEAT, time.time() - start,
            ', %.1f s after the last step' % after if after is not None else ''))


if __name__ == '__main__':
    cli.run(main)
