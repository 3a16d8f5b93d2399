"""Run a distributed program of this chapter on this machine with one command, and end all its tasks (任务).

Article 7 TensorFlow 计算加速, sections 分布式 TensorFlow and 使用 Caicloud TaaS 平台运行分布式
TensorFlow: a hundred machines mean a hundred log-ins, and no dead program is started again. On one machine,
this launcher starts all tasks, and starts them again with --restarts.

    python ch07_acceleration/launch.py dist_mnist_async.py --ps 1 --workers 2
    python ch07_acceleration/launch.py dist_mnist_sync.py --workers 3 -- --training_steps 500 --replicas 2
    python ch07_acceleration/launch.py two_tasks_first.py two_tasks_second.py -- --pin

It picks free ports, shows what each task prints, in colours on a terminal, and writes it to one log per
task. Flags of the program come after --. When a task fails and --restarts is used up, the others go on as
far as they can, and the exit status is 1. When no worker is left, the launcher ends the parameter servers
that still run. When the time limit is over, or when the launcher itself is interrupted or killed, it ends
every task: nothing stays behind.

tf.train.Server listens on every network interface, lets everyone in, and lets them read and write files. So
by default all tasks run in a network namespace of their own, which no other program can reach. This needs
Linux, and some containers forbid it; a notice then says so.

Takes as long as the program, and two seconds.
"""
from companion import cli

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import portpicker

from ch07_acceleration.extras import network_namespace

# Defaults of the settings.
PS = 1
WORKERS = 2
TIMEOUT = 600.0
RESTARTS = 0
# Seconds that servers have to end by themselves after their last client has ended.
GRACE_SECS = 10.0
REPEAT = 1
LOGS = "runs/ch07_acceleration/launch/"

TWO_TASKS = ['two_tasks_first.py', 'two_tasks_second.py']
COLOURS = [36, 33, 35, 32, 34, 31]


def notice(reason):
    """Say on stderr that the tasks are open to the network."""
    print('''
*** NOTICE: no network namespace (%s).
*** Each task listens on EVERY network interface of this machine, with no password: whoever reaches the port
*** can run operations, and read and write files as you. Go on only on a network that you trust.
''' % reason, file=sys.stderr, flush=True)


# The tasks

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
            preexec_fn=lambda: network_namespace.die_with(parent))
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
                # The launcher has said it already, and each task says it again.
                if not line.startswith('Note: this is the embedded sample'):
                    self.say(line)

    def signal(self, number):
        try:
            os.killpg(self.popen.pid, number)
        except ProcessLookupError:
            pass


PRINTING = threading.Lock()


def stop(processes):
    """End the processes that still run: SIGTERM, and SIGKILL after two seconds."""
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


@contextlib.contextmanager
def noted_signals():
    """Give a list of the numbers of the signals that came to end the launcher.

    The handler raises nothing: an exception while a task is being started can leave it running, or hang the launcher.
    """
    signals = []
    # What nohup has told the launcher to ignore stays ignored.
    former = {number: signal.signal(number, lambda number, frame: signals.append(number))
              for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
              if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield signals
    finally:
        for number in former:
            signal.signal(number, former[number])


def run_tasks(tasks, clients, enough, logs, signals=()):
    """Run the tasks until all have ended, or the time is over.

    Args:
        tasks: pairs of name and command.
        clients: names of the tasks for which the others are there.
        enough: any, if the others are needed as long as any client runs, or all.
        logs: folder of the logs.
        signals: a list; when there is something in it, all tasks are ended.
    Returns:
        Seconds from the last 'Trained N step(s)' line to the last task's end, or None without such a
        line; and which tasks the launcher ended, or an empty text.
    Raises:
        cli.UserError: a task failed, or the time was over. All tasks have ended then, too.
        KeyboardInterrupt, SystemExit: the launcher was interrupted or ended, and has ended all tasks.
    """
    trained = []

    def on_line(line):
        if re.match(r'Trained \d+ step', line):
            trained.append(time.time())

    limit, processes, lost, stopped = time.time() + TIMEOUT, [], [], ''
    alone_since = None                           # when the last client ended
    try:
        for i, (name, command) in enumerate(tasks):
            log = os.path.join(logs, name.replace(' ', '-') + '.log')
            processes.append(Process(name, command, log, COLOURS[i % len(COLOURS)], on_line))
        running = list(processes)
        while running:
            if signals:
                break
            for process in list(running):
                code = process.popen.poll()
                if code is None:
                    continue
                process.reader.join(5)
                left = [other.name in clients for other in running]
                if code and process.starts <= RESTARTS and any(left):
                    process.say('ended with %s: starting it again (%d of %d)' % (
                        status_text(code), process.starts, RESTARTS))
                    process.start()
                    continue
                process.say('ended with %s' % status_text(code))
                running.remove(process)
                if code:
                    lost.append('%s ended with %s' % (process.name, status_text(code)))
                    if any(left):
                        process.say('is not started again (--restarts %d): the others go on as far as they '
                                    'can' % RESTARTS)
            names = [process.name for process in running]
            if not alone_since and not enough(name in names for name in clients):
                alone_since = time.time()
            late = ', '.join(names)
            if running and alone_since and time.time() > alone_since + GRACE_SECS:
                for process in running:
                    process.say('still runs, but no client is left: ended by the launcher')
                stopped = '; stopped after %g s: %s' % (GRACE_SECS, late)
                break
            if running and time.time() > limit:
                lost.append('time limit, --timeout %g: stopped %s' % (TIMEOUT, late))
                break
            time.sleep(0.05)
    finally:
        stop(processes)
    if signals:
        raise KeyboardInterrupt if signals[0] == signal.SIGINT else SystemExit(128 + signals[0])
    if lost:
        raise cli.UserError('%s%s; logs in %s' % (', '.join(lost), stopped, logs))
    return time.time() - trained[-1] if trained else None, stopped


def place(program):
    folder = 'extras' if program == 'train_and_evaluate.py' else ''
    return os.path.join(cli.ROOT, 'ch07_acceleration', folder, program)


def is_training(program):
    """Whether a program is for parameter servers and workers."""
    return program.startswith(('dist_mnist', 'train_and_evaluate'))


def find(program):
    """Return the file name of a program of this chapter, given by name or path; None for anything else."""
    name = os.path.basename(program)
    known = re.match(r'(dist_mnist|train_and_evaluate|two_tasks|hello_cluster)\w*\.py$', name) and \
        os.path.exists(place(name))
    if known and (name == program or os.path.realpath(program) == os.path.realpath(place(name))):
        return name
    return None


def commands(programs, flags):
    """The tasks of a run, each with ports that are free now.

    Returns:
        Pairs of name and command; the names of the tasks for which the others are there; and whether the
        others are needed as long as any of them runs, or all.
    """
    def address():
        return 'localhost:%d' % portpicker.pick_unused_port()

    def command(program, *more):
        return [sys.executable, '-u', place(program)] + list(more) + flags

    if not is_training(programs[0]):
        hosts = ['--task0', address(), '--task1', address()] if programs[0].startswith('two_tasks') else []
        names = [os.path.splitext(program)[0] for program in programs]
        return [(name, command(program, *hosts)) for name, program in zip(names, programs)], names, all
    ps, workers = [address() for _ in range(PS)], [address() for _ in range(WORKERS)]
    hosts = ['--ps_hosts', ','.join(ps), '--worker_hosts', ','.join(workers)]
    tasks = [('%s %d' % (job, index),
              command(programs[0], '--job_name', job, '--task_index', str(index), *hosts))
             for job, count in (('ps', PS), ('worker', WORKERS)) for index in range(count)]
    # In-graph, worker 0 alone computes, and the other workers serve it.
    return tasks, ['worker %d' % i for i in range(1 if 'in_graph' in programs[0] else WORKERS)], any


def count_or_zero(text):
    """`text` as an int of 0 or more."""
    return 0 if text == '0' else cli.positive_int(text)


class Parser(cli.Parser):
    """A Parser that knows where the flags of the program belong."""

    def error(self, message):
        if message.startswith('unrecognized arguments'):
            message += '; flags of the program come after --: launch.py PROGRAM.py -- --training_steps 100'
        super().error(message)


def parse(argv):
    """Read the launcher's own flags, and prepare the data, which no task could download in the namespace.

    Returns:
        args, and the flags for the programs.
    """
    flags = []
    if '--' in argv:
        argv, flags = argv[:argv.index('--')], argv[argv.index('--') + 1:]
    # Started again in the namespace, it has the data's flags among those of the programs; some have no data.
    inside = '--inside' in argv
    no_data = any(find(word) and not is_training(find(word)) for word in argv)
    parser = Parser(__doc__, data=None if inside or no_data else 'mnist', seed=not inside)
    parser.add_argument('programs', nargs='*', metavar='PROGRAM',
                        help='dist_mnist_async.py, dist_mnist_sync.py, dist_mnist_in_graph.py, '
                             'train_and_evaluate.py, hello_cluster.py, or both of the two tasks; its own '
                             'flags come last, after --')
    parser.add_argument('--no_namespace', action='store_true',
                        help='stay in the network of the machine, where others can reach the tasks')
    parser.add_argument('--inside', action='store_true', help=argparse.SUPPRESS)
    parser.add_constants(globals(), count_or_zero, RESTARTS='how often a task that fails is started again')
    parser.add_constants(
        globals(),
        PS='parameter servers',
        WORKERS='workers',
        TIMEOUT='seconds until every task is stopped',
        GRACE_SECS='seconds that servers have to end by themselves after their last client has ended',
        REPEAT='number of runs, one after the other, each in a new folder of checkpoints',
        LOGS='folder of the logs, one for each task')
    args = parser.parse(argv)
    if not args.programs:
        parser.error('no program: see the examples')
    for program in args.programs:
        if not find(program):
            parser.error('%s is not a distributed program of ch07_acceleration' % program)
    args.programs = [find(program) for program in args.programs]
    if sorted(args.programs) != TWO_TASKS:
        if set(args.programs) & set(TWO_TASKS):
            parser.error('the two tasks wait for each other: name both, and nothing else')
        if len(args.programs) > 1:
            parser.error('%s: one program at a time, or both of the two tasks' % ' '.join(args.programs))
    if not inside and is_training(args.programs[0]):
        flags = (['--sample'] if args.sample else ['--data_dir', args.data_dir]) + \
            (['--seed', str(args.seed)] if args.seed is not None else []) + flags
    return args, flags


def main(argv=None):
    args, flags = parse(sys.argv[1:] if argv is None else list(argv))
    cli.set_constants(globals(), args)
    if args.inside:
        network_namespace.loopback_up()
    else:
        own = sum((['--' + name, str(getattr(args, name))] for name in (
            'ps', 'workers', 'timeout', 'restarts', 'grace_secs', 'repeat', 'logs')), [])
        notice('--no_namespace' if args.no_namespace else network_namespace.enter(
            __file__, ['--inside'] + args.programs + own + ['--'] + flags))

    logs = os.path.join(LOGS, os.path.splitext(args.programs[0])[0])
    try:
        os.makedirs(logs, exist_ok=True)
    except OSError as error:
        raise cli.UserError('cannot make %s (%s): choose another --logs' % (logs, error.strerror))
    with noted_signals() as signals:
        for run in range(REPEAT):
            start = time.time()
            with tempfile.TemporaryDirectory() as fresh:
                if REPEAT > 1:
                    os.environ['TF_TUTORIAL_RUNS'] = fresh
                after, stopped = run_tasks(*commands(args.programs, flags), logs, signals)
            print('Run %d of %d: every %s ended with status 0 after %.1f s%s' % (
                run + 1, REPEAT, 'worker' if stopped else 'task', time.time() - start,
                ', %.1f s after the last step' % after if after is not None else ''))


if __name__ == '__main__':
    cli.run(main)
