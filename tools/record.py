"""Run a command and record what it prints, with machine, versions, date and time taken.

    python tools/record.py mnist_fc-seed1 python ch02_mnist_basics/mnist_fc.py --seed 1

--logs DIR in front names another folder than results/logs. The log, NAME.log, takes its place when the
command has ended with status 0; until then it is NAME.log.part. RESULTS.md is made from these logs by
tools/report.py.
"""
import datetime
import os
import platform
import re
import shlex
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, 'results', 'logs')
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
    name, command = argv[0], argv[1:]
    os.makedirs(logs, exist_ok=True)
    path = os.path.join(logs, name + '.log')
    start = time.time()
    with open(path + '.part', 'w', buffering=1, encoding='utf-8') as log:
        log.write('# command: %s\n# date: %s\n# machine: %s\n# versions: %s\n' % (
            ' '.join(map(shlex.quote, command)), datetime.date.today().isoformat(), processor(), versions()))
        if command[0] == 'python':
            command[0] = sys.executable
        process = subprocess.Popen(command, stdout=subprocess.PIPE, universal_newlines=True)
        for line in process.stdout:
            sys.stdout.write(line)
            # Neither colours nor folders of this machine are part of a result.
            line = re.sub('\x1b\\[[0-9;]*[A-Za-z]|\r', '', line)
            if not re.match(r'(\[[\w ]+\] )?Extracting ', line):
                line = line.replace(os.environ.get('TF_TUTORIAL_RUNS') or 'runs', 'runs')
                log.write(line.replace(ROOT + os.sep, ''))
        status = process.wait()
        log.write('# seconds: %.0f\n' % (time.time() - start))
    if status:
        sys.exit('record.py: error: the command ended with status %d; see %s.part' % (status, path))
    os.replace(path + '.part', path)


if __name__ == '__main__':
    main()
