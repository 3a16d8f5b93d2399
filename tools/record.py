"""Run a command and record what it prints, with machine, versions, date and time taken.

    python tools/record.py mnist_fc-seed1 python ch02_mnist_basics/mnist_fc.py --seed 1

--logs DIR in front names another folder than results/logs. The log, NAME.log, takes its place when the
command has ended with status 0; until then it is NAME.log.part. When a stopped
program is started again and says that it resumes, its lines are appended to that file; otherwise the file is
started again. RESULTS.md is made from these logs by tools/report.py.
"""
import datetime
import fcntl
import os
import platform
import re
import shlex
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, 'results', 'logs')
RESUMES = re.compile('Resuming after |Already trained for ')
# What a training may print before it says so.
BEFORE = re.compile(r'Wrote \d+ records|\d+ (training|test) records|(No|\d+) GPU|.* is damaged: going on from ')
# What a user may have set, and results or their speed depend on.
SETTINGS = 'TF_ENABLE_ONEDNN_OPTS', 'TF_XLA_FLAGS', 'CUDA_VISIBLE_DEVICES'
PACKAGES = ('tensorflow-gpu', 'tensorflow', 'numpy', 'keras', 'tf-keras', 'tf-slim', 'tflearn')


def processor():
    """The processor's name and number of cores, as the operating system gives them."""
    name = platform.processor() or platform.machine()
    if os.path.exists('/proc/cpuinfo'):
        with open('/proc/cpuinfo') as lines:
            name = next((line.split(':')[1].strip() for line in lines if line.startswith('model name')), name)
    return '%s, %d cores' % (name, os.cpu_count())


def versions():
    """Python's version and those of the installed packages that the figures depend on."""
    listed = subprocess.check_output([sys.executable, '-m', 'pip', '--disable-pip-version-check', 'list',
                                      '--format=freeze'], universal_newlines=True, stderr=subprocess.DEVNULL)
    installed = dict(line.lower().replace('_', '-').split('==') for line in listed.split() if '==' in line)
    found = ['Python %s' % platform.python_version()]
    found += ['%s %s' % (name, installed[name]) for name in PACKAGES if name in installed]
    return ', '.join(found)


def main():
    logs, argv = LOGS, sys.argv[1:]
    if argv[:1] == ['--logs']:
        logs, argv = argv[1], argv[2:]
    if len(argv) < 2:
        sys.exit('usage: python tools/record.py [--logs DIR] NAME COMMAND [ARGUMENT ...]')
    if os.environ.get('TF_TUTORIAL_DATA') == 'sample':
        sys.exit('record.py: error: TF_TUTORIAL_DATA=sample, and what is recorded is to be of the real data')
    name, command = argv[0], argv[1:]
    os.makedirs(logs, exist_ok=True)
    path = os.path.join(logs, name + '.log')
    settings = ''.join('; %s=%s' % (name, os.environ[name]) for name in SETTINGS if name in os.environ)
    header = '# command: %s\n# date: %s\n# machine: %s%s\n# versions: %s\n' % (
        ' '.join(map(shlex.quote, command)), datetime.date.today().isoformat(), processor(), settings, versions())
    if command[0] == 'python':
        command[0] = sys.executable
    signals = [number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
               if signal.getsignal(number) is not signal.SIG_IGN]      # nohup

    def stop(*_):
        # At Ctrl-C reproduce.py sends a second signal: it must not cut short what ends the command.
        for number in signals:
            signal.signal(number, lambda *_: None)
        sys.exit('record.py: stopped; see %s.part' % path)

    for number in signals:
        signal.signal(number, stop)
    start = time.time()
    with open(path + '.part', 'a+', buffering=1, encoding='utf-8') as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit('record.py: error: another run is writing %s.part: wait for it, or end it' % path)
        begun, first, before = log.tell() > 0, True, ''
        if not begun:
            log.write(header)
        # A session of its own, so that all processes of a shell's command end with it.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, universal_newlines=True, start_new_session=True,
                                   env=dict(os.environ, PYTHONUNBUFFERED='1'))
        try:
            for line in process.stdout:
                sys.stdout.write(line)
                # Neither colours nor folders of this machine are part of a result.
                line = re.sub('\x1b\\[[0-9;]*[A-Za-z]|\r', '', line)
                if re.match(r'(\[[\w ]+\] )?Extracting ', line):
                    continue
                if first and BEFORE.match(line):
                    before += line
                    continue
                if first and RESUMES.match(line):
                    if not begun:
                        log.truncate(0)         # else it would count as begun the next time
                        sys.exit('record.py: error: no log has the first part of this training: delete its checkpoints')
                    log.write('# resumed: %s\n' % datetime.date.today().isoformat())
                elif first and begun:
                    log.truncate(0)
                    log.write(header)
                first, line, before = False, before + line, ''
                line = line.replace(os.environ.get('TF_TUTORIAL_RUNS') or 'runs', 'runs')
                log.write(line.replace(ROOT + os.sep, ''))
            log.write(before)               # nothing else was printed
            status = process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
        log.write('# seconds: %.0f\n' % (time.time() - start))
        if status:
            sys.exit('record.py: error: the command ended with status %d; see %s.part' % (status, path))
        os.replace(path + '.part', path)


if __name__ == '__main__':
    main()
