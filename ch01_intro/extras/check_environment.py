# -*- coding: utf-8 -*-
"""Check what the programs need, and say for each fault what to do. Run this first when something is wrong.

Article 1 深度学习及 TensorFlow 简介, which introduces TensorFlow; no section of its own.

    python ch01_intro/extras/check_environment.py

Prints one line per check, [OK] or [FAIL] with the remedy: Python, processor, the packages of setup.py, the
devices that TensorFlow sees, data, folders. Takes ten seconds on two cores. The status is 0 if all checks
pass, 1 if not. Runs on any Python, and needs no package, so that it works where nothing else does.
"""
from __future__ import print_function

import argparse
import ast
import json
import multiprocessing
import os
import platform
import re
import subprocess
import sys
import tempfile

REMEDIES = {'install': '`make venv`, then .venv/bin/python in place of python',
            'first': 'fix the lines above first'}

# Where a package's module has another name.
MODULES = {'scikit-learn': 'sklearn', 'tensorflow-gpu': 'tensorflow', 'protobuf': 'google.protobuf'}
EXTRAS = ['ch06']
# These run in separate processes: an import may crash, and must not end this program.
PROGRAMS = {'find': '''
import json, sys
try:
    from importlib.util import find_spec
except ImportError:                     # Python 2
    from pkgutil import find_loader as find_spec
print(json.dumps([name for name in sys.argv[1:] if not find_spec(name)]))
''', 'import': '''
import importlib, json, sys
module = importlib.import_module(sys.argv[1])
installed = None
try:
    from importlib.metadata import version as version_of        # Python 3.8
except ImportError:
    def version_of(name):
        import pkg_resources
        return pkg_resources.get_distribution(name).version
try:
    installed = version_of(sys.argv[2])
except Exception:
    pass
print(json.dumps([getattr(module, '__version__', installed), installed, getattr(module, '__file__', None)]))
''', 'devices': '''
import json
import tensorflow as tf
from tensorflow.python.client import device_lib
devices = [(d.device_type, d.name, d.physical_device_desc) for d in device_lib.list_local_devices()]
with tf.Session() as sess:
    total = sess.run(tf.constant([1.0, 2.0]) + tf.constant([2.0, 3.0])).tolist()
print(json.dumps([devices, total, tf.test.is_built_with_cuda()]))
'''}


def root():
    """The project's folder."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Fault(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, text, remedy):
        super(Fault, self).__init__(text)
        self.text, self.remedy = text, remedy


def start(code, *arguments):
    """Start a Python with `code`, in a folder where no module lies by chance."""
    return subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-c', code] + list(arguments), cwd=os.path.abspath(os.sep),
        env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL='3'), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True)


def result(process):
    """What the code printed last, decoded from JSON. Raises RuntimeError with its last line of error."""
    out, error = process.communicate()
    if process.returncode < 0:
        raise RuntimeError('crashed with signal %d' % -process.returncode)
    if process.returncode:
        raise RuntimeError((error.strip() or 'no message').splitlines()[-1].strip())
    return json.loads(out.splitlines()[-1])


def check_python():
    text = 'Python %s, %d bit, %s' % (platform.python_version(), 64 if sys.maxsize > 2 ** 32 else 32,
                                      platform.machine())
    if sys.version_info[:2] != (3, 7) or sys.maxsize <= 2 ** 32:
        raise Fault(text + ': TensorFlow 1.15 needs Python 3.7 with 64 bit', REMEDIES['install'])
    if platform.machine() not in ('x86_64', 'AMD64'):
        raise Fault(text + ': TensorFlow 1.15 is built for x86-64 only',
                    'an x86-64 machine, or an emulated one (docker run --platform linux/amd64)')
    return text + ', ' + sys.executable


def check_processor():
    """Read the processor's flags: TensorFlow 1.15 ends with 'Illegal instruction' where AVX is lacking."""
    try:
        if sys.platform == 'darwin':
            flags = subprocess.check_output(['sysctl', '-n', 'machdep.cpu.features'], universal_newlines=True)
        else:
            with open('/proc/cpuinfo') as lines:
                flags = ' '.join(line for line in lines if line.startswith('flags'))
    except (OSError, subprocess.CalledProcessError):
        return 'processor: cannot be asked for AVX on this system; importing TensorFlow will show it'
    if 'avx' not in re.split(r'[\s.]+', flags.lower()) and 'avx1' not in flags.lower():
        raise Fault('processor: no AVX, and TensorFlow 1.15 needs it',
                    'another machine, or in a virtual machine the processor type `host`')
    return 'processor: has AVX, %d cores' % multiprocessing.cpu_count()


def check_project():
    try:
        missing = result(start(PROGRAMS['find'], 'companion', 'data'))
    except RuntimeError as error:
        missing = ['its modules (%s)' % error]
    if missing:
        raise Fault('the project is not installed: Python does not find %s' % ', '.join(missing),
                    '%s; or, with the packages there, %s -m pip install --no-deps -e %s' % (
                        REMEDIES['install'], sys.executable, root()))
    return 'the project is installed'


def requirements():
    """Read setup.py: a list of package name, version condition, and the extra that it is for or ''."""
    with open(os.path.join(root(), 'setup.py'), 'rb') as file:
        tree = ast.parse(file.read())
    values, found = {}, []
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', None) in ('INSTALL', 'EXTRAS'):
            values[node.targets[0].id] = ast.literal_eval(node.value)
    for extra in [''] + EXTRAS:
        for line in values['EXTRAS'][extra] if extra else values['INSTALL']:
            requirement, _, marker = line.partition(';')
            # A marker such as sys_platform != "darwin" is a Python expression, and setup.py is ours.
            if not marker or eval(marker, {'sys_platform': sys.platform}):
                name, condition = re.match(r'([\w.-]+)\s*(.*)', requirement.strip()).groups()
                found.append((name, condition, extra))
    return found


def numbers(version):
    return tuple(int(number) for number in re.findall(r'\d+', version))


def fits(version, condition):
    """Whether a version such as '1.15.5' meets a condition such as '>=1.15,<2' or '==1.15.*'."""
    have = numbers(version)
    for part in condition.replace(' ', '').split(',') if condition else []:
        operator, wanted = re.match(r'(==|>=|<)(.+)', part).groups()
        wanted = numbers(wanted)
        if not {'==': have[:len(wanted)] == wanted, '>=': have >= wanted, '<': have < wanted}[operator]:
            return False
    return True


def check_package(name, condition, extra, process):
    remedy = REMEDIES['install']
    if sys.version_info[:2] == (3, 7):
        remedy = '%s -m pip install "%s%s"; or %s' % (
            sys.executable, name, condition.replace(' ', ''), REMEDIES['install'])
    title = name + (' (for chapter 6 only)' if extra else '')
    try:
        version, installed, file = result(process)
    except RuntimeError as error:
        if 'signal 4' in str(error):
            remedy = 'a processor with AVX: this one lacks instructions that the package uses'
        raise Fault('%s: cannot be imported (%s)' % (title, error), remedy)
    if not fits(version or '0', condition):
        if installed and installed != version and fits(installed, condition):
            remedy = 'remove %s, or its folder from PYTHONPATH: it hides the installed %s' % (file, installed)
        raise Fault('%s %s: must be %s' % (title, version or 'of unknown version', condition), remedy)
    return '%s %s' % (title, version or '')


def check_devices(process):
    """What TensorFlow can compute on. The programs need no GPU."""
    try:
        devices, total, cuda = result(process)
    except RuntimeError as error:
        raise Fault('devices: TensorFlow cannot be asked (%s)' % error, REMEDIES['first'])
    if total != [3.0, 5.0]:
        raise Fault('devices: TensorFlow says that [1, 2] + [2, 3] = %s' % total, REMEDIES['install'])
    gpus = [(name, text) for kind, name, text in devices if kind == 'GPU']
    for name, text in gpus:
        capability = re.search(r'compute capability: (\d+)\.(\d+)', text)
        if capability and int(capability.group(1)) >= 8:
            raise Fault('devices: %s (%s) is newer than the CUDA 10.0 of TensorFlow 1.15, which hangs or '
                        'computes nonsense there' % (name, text),
                        'CUDA_VISIBLE_DEVICES=-1 in the environment; all programs run on the CPU')
    text = 'devices: TensorFlow computes on %s' % ', '.join(
        name for kind, name, _ in devices if kind in ('CPU', 'GPU'))
    if not gpus:
        text += '; no GPU, and none is needed'
        try:
            present = subprocess.check_output(['nvidia-smi', '-L'], universal_newlines=True)
            present = present.split(' (UUID')[0].strip()
        except (OSError, subprocess.CalledProcessError):
            present = ''
        if present and cuda:
            text += ' (%s is not used: TensorFlow 1.15 wants CUDA 10.0 with cuDNN 7, and a GPU of compute ' \
                    'capability 7.5 at most)' % present
    return text


def check_data(name, data_dir):
    title = 'data: %s' % {'mnist': 'MNIST', 'ptb': 'Penn Treebank'}[name]
    if data_dir == 'sample':
        return title + ': the embedded sample, as --data_dir or TF_TUTORIAL_DATA says'
    try:
        import data
        path, faults = data.locate(name, data_dir)
    except Exception as error:
        raise Fault('%s: cannot be checked (%s)' % (title, error), REMEDIES['first'])
    faults = ['%s %s' % (file, fault) for file, fault in sorted(faults.items()) if fault]
    if faults:
        remedy = '%s`python -m data fetch %s%s`; or run the programs with --sample' % (
            'delete what is damaged, then ' if data_dir else '', name,
            ' --data_dir %s' % data_dir if data_dir else '')
        raise Fault('%s in %s: %s' % (title, path, ', '.join(faults)), remedy)
    return '%s in %s, complete and intact' % (title, path)


def check_folder(title, path, variable, needed_bytes=10 ** 9):
    """Write a file in `path`, or in the part of it that exists, and see if all chapters' outputs fit."""
    place = path
    while not os.path.exists(place):
        place = os.path.dirname(place)
    try:
        with tempfile.NamedTemporaryFile(dir=place) as file:
            file.write(b'x' * 4096)
            file.flush()
    except OSError as error:
        raise Fault('%s: %s cannot be written (%s)' % (title, path, error.strerror),
                    'set %s to a folder that can be written' % variable)
    if hasattr(os, 'statvfs'):
        free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        if free < needed_bytes:
            raise Fault('%s: %s has %.1f GB left, all chapters together fill %.1f' % (
                title, path, free / 1e9, needed_bytes / 1e9),
                'free some space, or set %s to a folder elsewhere' % variable)
        return '%s: %s can be written, %.0f GB left' % (title, path, free / 1e9)
    return '%s: %s can be written' % (title, path)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.error = lambda message: parser.exit(2, '%s: error: %s (see --help)\n' % (parser.prog, message))
    parser.add_argument('--data_dir', metavar='DIR', default=os.environ.get('TF_TUTORIAL_DATA'),
                        help='folder of the data files (default: TF_TUTORIAL_DATA, or the cache folder)')
    args = parser.parse_args(argv)
    if not os.path.exists(os.path.join(root(), 'setup.py')):
        print('[FAIL] %s is not the project: setup.py is missing. Remedy: run the file that is in the '
              "project's folder, ch01_intro/extras/check_environment.py" % root())
        return 1
    if root() not in sys.path:
        sys.path.insert(0, root())

    runs = os.path.abspath(os.environ.get('TF_TUTORIAL_RUNS') or os.path.join(root(), 'runs'))
    checks = [(check_python,), (check_processor,), (check_project,)]
    # All start at once, as each takes seconds.
    for name, condition, extra in requirements():
        process = start(PROGRAMS['import'], MODULES.get(name, name), name)
        checks.append((check_package, name, condition, extra, process))
    checks += [
        (check_devices, start(PROGRAMS['devices'])),
        (check_data, 'mnist', args.data_dir),
        (check_data, 'ptb', args.data_dir),
        (check_folder, 'outputs', runs, 'TF_TUTORIAL_RUNS'),
    ]

    failed = 0
    for check in checks:
        try:
            print('[OK]   %s' % check[0](*check[1:]))
        except Fault as fault:
            failed += 1
            print('[FAIL] %s. Remedy: %s' % (fault.text, fault.remedy))
        sys.stdout.flush()
    print('All %d checks passed' % len(checks) if not failed else
          '%d of %d checks failed' % (failed, len(checks)))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
