"""Make a virtual environment with this Python, as its lock says. `tools/environment.sh` calls it.

    python tools/environment.py .venv               make it, or bring it up to date
    python tools/environment.py --ready .venv       status 0 if it is

Shows one line a step; what pip says is in the environment's set-up.log. The file `ready` comes last: an
environment without it was interrupted, one that was moved holds another folder in it; both are made again.
"""
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCK = '.venv-lock'         # held by whoever makes an environment, and by a pip that outlives it

# For each environment its lock, how much is downloaded, and what to type when it is ready.
ENVIRONMENTS = {
    '.venv': ('requirements/tf1.lock', '0.6 GB', 'source .venv/bin/activate'),
    '.venv-tf2': ('requirements/tf2.lock', '0.8 GB', '.venv-tf2/bin/python tf1.py PROGRAM'),
    '.venv-tensorboard': ('requirements/tensorboard.lock', '40 MB', 'make tensorboard'),
    '.venv-lint': ('requirements/lint.lock', '11 MB', 'make lint'),
    '.venv-site': ('requirements/site.lock', '70 MB', 'make site'),
}
# These come first: a Python may bring a pip too old for the others' wheels; gast and tflearn have no wheel.
BUILD = re.compile('(pip|setuptools|wheel|packaging)==')


def stamp(name):
    """What `ready` says of a whole environment: its folder, its Python's version, its requirements' sum."""
    files = [ENVIRONMENTS[name][0]] + ['setup.py'] * (name == '.venv')
    digest = hashlib.sha256()
    for file in files:
        with open(file, 'rb') as content:
            digest.update(content.read())
    return os.getcwdb() + b'\n3.%d\n%s\n' % (sys.version_info[1], digest.hexdigest().encode())


def written(name):
    """What `ready` says, as bytes: a folder's name is of no locale. b'' if there is none."""
    try:
        with open(os.path.join(name, 'ready'), 'rb') as file:
            return file.read()
    except OSError:
        return b''


def runs(python, minor):
    """Whether a Python runs, and is of this minor version."""
    code = 'import sys; sys.exit(sys.version_info[1] != %d)' % minor
    try:
        return subprocess.call([python, '-c', code], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def lock():
    """Wait until nobody else makes an environment here. The lock ends with this process and with its pip."""
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode()
        say('Process %s sets up an environment here; waiting for it' % holder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def say(line, end='\n'):
    print(line, end=end, file=sys.stderr, flush=True)


class Installer:
    """Runs the steps of a set-up, and keeps what they say."""

    def __init__(self, name, descriptor):
        self.name, self.descriptor = name, descriptor
        self.path = os.path.join(name, 'set-up.log')
        self.log = open(self.path, 'wb')
        self.start = time.time()

    def run(self, *command, total=0):
        """Run a command; on a terminal, show how many of `total` packages it has come to."""
        self.log.write(('$ %s\n' % ' '.join(command)).encode('utf-8', 'surrogateescape'))
        self.log.flush()
        hidden = ('PYTHONPATH', 'PYTHONHOME', 'PIP_USER', 'PIP_TARGET', 'PIP_PREFIX', '__PYVENV_LAUNCHER__')
        environ = {key: value for key, value in os.environ.items() if key not in hidden}
        environ.update(PIP_USER='0', PIP_NO_INPUT='1', PIP_PROGRESS_BAR='off',
                       PIP_DISABLE_PIP_VERSION_CHECK='1')
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                 env=environ, pass_fds=[self.descriptor])
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, b'%d' % child.pid, 0)
        try:
            while True:
                try:
                    status = child.wait(0.5)
                    break
                except subprocess.TimeoutExpired:
                    if sys.stderr.isatty():
                        self.show(total)
        except BaseException:               # Ctrl-C, or the signal of `kill`
            child.terminate()
            child.wait()
            raise
        if sys.stderr.isatty():
            say('\r\033[K', end='')
        if status:
            self.fail(status)

    def show(self, total):
        """The package that pip is about, on one line that is written over."""
        with open(self.path, errors='replace') as file:
            text = file.read()
        found = re.findall(r'^Collecting (\S+?)(?:==| |$)', text, re.MULTILINE)
        if 'Installing collected packages' in text.rpartition('\n$ ')[2]:
            now = 'unpacking'
        else:
            now = '%d of %d: %s' % (len(found), max(total, len(found)), found[-1]) if total and found else ''
        say('\r\033[K  %d s  %s' % (time.time() - self.start, now[:60]), end='')

    def fail(self, status):
        """End with pip's own error, and where the rest stands."""
        self.log.flush()
        with open(self.path, errors='replace') as file:
            text = file.read().rpartition('\n$ ')[2]
        errors = re.findall(r'^(?:ERROR: |error: |\w*Error: )(.+)', text, re.MULTILINE)
        error = (errors or text.strip().splitlines())[-1].strip()
        remedy = ''
        if re.search('No space left', text):
            remedy = '; free some space'
        elif re.search('NewConnectionError|ConnectTimeout|timed out|Connection reset|versions: none', text):
            remedy = '; is there a network? PIP_INDEX_URL=URL takes another package index'
        sys.exit('error: %s could not be set up: %s%s. All that was said is in %s' % (
            self.name, error, remedy, os.path.join(os.getcwd(), self.path)))


def set_up(name):
    requirements, size, hint = ENVIRONMENTS[name]
    descriptor = lock()
    python = os.path.join(name, 'bin', 'python')
    before = written(name)
    if before == stamp(name) and runs(python, sys.version_info[1]):
        return                              # made by whom we have waited for
    whole = before.split(b'\n')[0] == os.getcwdb() and runs(python, sys.version_info[1])
    if os.path.exists(os.path.join(name, 'ready')):
        os.remove(os.path.join(name, 'ready'))
    if whole:
        say('Bringing %s up to date' % name)
    else:
        if os.path.exists(name):
            say('%s is incomplete, was moved, or has lost its Python: it is made again' % name)
            shutil.rmtree(name)
        os.mkdir(name)
        say('Making %s with %s' % (name, sys.executable))
    installer = Installer(name, descriptor)
    if not whole:
        installer.run(sys.executable, '-m', 'venv', name)
    with open(requirements) as file:
        pins = re.findall(r'^[a-z].*\n(?: .*\n)*', file.read(), re.MULTILINE)
    say('Installing %s (%d packages, %s to download the first time)' % (requirements, len(pins), size))
    pip = [python, '-m', 'pip', 'install', '--require-hashes']
    build = [pin for pin in pins if BUILD.match(pin)]
    if build:
        with open(os.path.join(name, 'build.lock'), 'w') as file:
            file.writelines(build)
        installer.run(*pip, '-r', os.path.join(name, 'build.lock'))
    installer.run(*pip, '--no-build-isolation', '-r', requirements, total=len(pins))
    if name == '.venv':
        installer.run(python, '-m', 'pip', 'install', '--no-deps', '--no-build-isolation', '-e', '.')
    with open(os.path.join(name, 'ready'), 'wb') as file:
        file.write(stamp(name))
    say('Ready after %d s: %s' % (time.time() - installer.start, hint))


def main(arguments):
    os.chdir(ROOT)
    name = arguments[-1]
    if arguments[0] == '--ready':
        return int(written(name) != stamp(name))
    signal.signal(signal.SIGTERM, lambda *args: sys.exit('stopped'))
    try:
        set_up(name)
    except KeyboardInterrupt:
        say('interrupted')
        return 130
    except OSError as error:
        sys.exit('error: %s could not be set up: %s' % (name, error))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
