"""Plant small faults in the programs, one at a time, and see whether the tests notice.

    python3 tools/plant_faults.py                   # 130 faults, drawn with seed 1: an hour on two cores
    python3 tools/plant_faults.py --only ch03       # those in files whose path has this text

With TF_TUTORIAL_DATA=DIR the tests on the real data count too.

A fault changes a number, a sign, a comparison, a truth value or a name, or drops a statement, in a copy of
the project. Pictures' looks, help texts and messages are left alone. Each is tried against the tests of its
own chapter, first those of `make test`, and if they pass, those that only `make test-all` runs. All of these
tests must pass without a fault first; with one, they may take three times as long, and a minute. Writes
results/faults.csv. Its column `note` is for people: which faults are equivalent, so that no test can notice
them; it is kept when the table is made again. Needs Python 3.8 or newer; the tests run in .venv,
those of tf1.py in .venv-tf2.
"""
import argparse
import ast
import concurrent.futures
import csv
import glob
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(ROOT, 'results', 'faults.csv')
COLUMNS = ['file', 'line', 'before', 'after', 'caught by', 'note']

OPERATORS = {ast.Add: ('+', '-'), ast.Sub: ('-', '+'), ast.Mult: ('*', '/'), ast.Div: ('/', '*'),
             ast.FloorDiv: ('//', '*'), ast.Pow: ('**', '*'), ast.Lt: ('<', '>='), ast.LtE: ('<=', '>'),
             ast.Gt: ('>', '<='), ast.GtE: ('>=', '<'), ast.Eq: ('==', '!='), ast.NotEq: ('!=', '=='),
             ast.And: ('and', 'or'), ast.Or: ('or', 'and')}
# Lines that are about looks, words or waiting.
LOOKS = re.compile(r'axes|axis_|figure|figsize|fontsize|color|colour|label=|title|linewidth|alpha=|'
                   r'add_argument|add_constants|help=|metavar|\braise\b|UserError|\.error\(|sleep|timeout|'
                   r'TIMEOUT|SECS|stderr')
# Which tests a file has; by default those of its chapter.
TESTS = {'companion': ['test_companion.py', 'test_scripts.py', 'test_results.py', 'test_ch02.py', 'test_ch03.py'],
         'data': ['test_data.py', 'test_download.py'], 'tf1.py': ['test_tf1.py']}


def faults(path):
    """Return the faults that can be planted in a file: (line number, start, end, text in its place) each."""
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        text = file.read()
    lines, found = text.split('\n'), []
    starts = [0]
    for line in text.encode().split(b'\n'):
        starts.append(starts[-1] + len(line) + 1)

    def place(node):
        return (starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset)

    def add(node, start, end, after):
        if not LOOKS.search(lines[node.lineno - 1]):
            found.append((node.lineno, start, end, after))

    tree = ast.parse(text)
    docstrings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in docstrings:
            start, end = place(node)
            if isinstance(node.value, bool):
                add(node, start, end, str(not node.value))
            elif isinstance(node.value, (int, float)):
                add(node, start, end, repr(node.value + 1 if isinstance(node.value, int) else
                                           2 * node.value or 0.1))
            elif isinstance(node.value, str) and re.fullmatch(r'[A-Za-z][\w/-]+', node.value):
                add(node, start, end, repr(node.value + 'x'))
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            swap(node, node.left, node.right, node.op, text, place, add)
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
            swap(node, node.left, node.comparators[0], node.ops[0], text, place, add)
        elif isinstance(node, ast.BoolOp):
            swap(node, node.values[0], node.values[1], node.op, text, place, add)
        elif isinstance(node, ast.AugAssign) or (
                isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)):
            add(node, *place(node), 'pass')
    return found


def swap(node, left, right, operator, text, place, add):
    """Add the fault that has another operator between `left` and `right`."""
    before, after = OPERATORS[type(operator)]
    start, end = place(left)[1], place(right)[0]
    between = text.encode()[start:end].decode()
    if isinstance(node, ast.BinOp) and isinstance(left, ast.Constant) and isinstance(left.value, str):
        return                                   # the % of a format
    if between.count(before) == 1:
        add(node, start, end, between.replace(before, after))


def draw(paths, count, seed):
    """Draw faults, the same for the same seed and code: from each file in turn until there are enough."""
    pools = []
    for path in paths:
        pool = faults(path)
        random.Random('%s %d' % (path, seed)).shuffle(pool)
        pools.append((path, pool))
    random.Random(seed).shuffle(pools)
    drawn = []
    while len(drawn) < count and any(pool for _, pool in pools):
        for path, pool in pools:
            if pool and len(drawn) < count:
                drawn.append((path,) + pool.pop())
    return sorted(drawn)


def tests_of(path):
    """Return the runs of tests that a file has, those of `make test` and those that only `make test-all` has.

    A run is the files of tests, the marks that they need to have, and a part of their names.
    """
    chapter, name = path.split('/')[0], os.path.splitext(os.path.basename(path))[0]
    if chapter == 'ch07_acceleration':           # its tests take longest: only those of the program's half
        half = 'devices' if re.match('device|mnist_to|multi_gpu|input_speed', name) else 'distributed'
        tests = 'test_ch07_%s.py' % ('slurm' if 'slurm' in name else half),
    else:
        tests = tuple(sorted(TESTS.get(chapter) or [os.path.basename(test) for test in glob.glob(
            os.path.join(ROOT, 'tests', 'test_%s*.py' % chapter[:4]))]))
    return ([(tests, 'not slow', ''), (('test_scripts.py',), 'not slow', name),
             (('test_languages.py',), 'not slow', 'each_flag')],
            [(tests, 'slow', '')] + [(('test_outputs.py',), 'slow', chapter[:4])] * (chapter[:2] == 'ch'))


def copy(scratch):
    """Copy the project into a folder of `scratch`, and return it."""
    folder = os.path.join(scratch, 'project')
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns('.git', '.venv*', 'runs', '*.ipynb'))
    return folder


def run(folder, limit, tests, marks, part):
    """Run tests in a copy of the project; True if they pass, False if they fail or take longer than `limit` s."""
    python = [os.path.join(ROOT, '.venv', 'bin', 'python')]
    if tests[0] == 'test_tf1.py':
        python = [os.path.join(ROOT, '.venv-tf2', 'bin', 'python'), 'tf1.py']
    command = python + ['-m', 'pytest', '-x', '-q', '-p', 'no:cacheprovider', '-m', marks, '-k', part] + [
        os.path.join('tests', test) for test in tests]
    environment = dict(os.environ, PYTHONPATH=folder, TF_TUTORIAL_RUNS=os.path.join(folder, 'runs'))
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(limit) in (0, 5)             # 5: no test has these marks
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return False


def without_a_fault(tests):
    """Make a run of tests on the unharmed copy; return how long it may take with a fault, in seconds."""
    start = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        if not run(copy(scratch), None, *tests):
            raise SystemExit('plant_faults.py: error: without a fault these tests fail: %s' % (tests,))
    print('%4d s without a fault: %s' % (time.time() - start, tests), flush=True)
    return 60 + 3 * (time.time() - start)


def try_fault(fault, limits):
    """Plant one fault in a copy of the project and run its tests; return its row of the table."""
    path, line, start, end, after = fault
    with tempfile.TemporaryDirectory() as scratch:
        folder = copy(scratch)
        with open(os.path.join(folder, path), 'rb') as file:
            code = file.read()
        with open(os.path.join(folder, path), 'wb') as file:
            file.write(code[:start] + after.encode() + code[end:])
        quick, slow = tests_of(path)
        caught = ''
        for command, runs in ('make test', quick), ('make test-all', slow):
            if not caught and not all(run(folder, limits[tests], *tests) for tests in runs):
                caught = command
    before = ' '.join(code[start:end].decode().split())
    row = dict(zip(COLUMNS, [path, line, before[:70], ' '.join(after.split()), caught, '']))
    print('%-14s %s:%d  %s -> %s' % (caught or 'NOT CAUGHT', path, line, row['before'], row['after']),
          flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--count', type=int, default=130, help='faults to plant (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=1, help='which are drawn (default: %(default)s)')
    parser.add_argument('--only', default='', metavar='TEXT', help='only in files whose path has this text')
    parser.add_argument('--jobs', type=int, default=2, help='how many at once (default: %(default)s)')
    args = parser.parse_args()
    patterns = ('ch0*/*.py', 'ch0*/extras/*.py', 'companion/*.py', 'data/*.py', 'tf1.py')
    paths = sorted(os.path.relpath(path, ROOT) for pattern in patterns
                   for path in glob.glob(os.path.join(ROOT, pattern)) if not path.endswith('drawings.py'))
    chosen = [fault for fault in draw(paths, args.count, args.seed) if args.only in fault[0]]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = sorted({tests for fault in chosen for of_command in tests_of(fault[0]) for tests in of_command})
        limits = dict(zip(runs, pool.map(without_a_fault, runs)))
        rows = list(pool.map(lambda fault: try_fault(fault, limits), chosen))
    notes = {}
    if os.path.exists(TABLE):
        with open(TABLE, encoding='utf-8', newline='') as file:
            old = list(csv.DictReader(file))
        notes = {(row['file'], row['before'], row['after']): row['note'] for row in old}
        rows += [row for row in old if args.only and args.only not in row['file']]
    for row in rows:
        row['note'] = notes.get((row['file'], row['before'], row['after']), row['note'])
    with open(TABLE, 'w', encoding='utf-8', newline='') as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator='\n')
        table.writeheader()
        table.writerows(sorted(rows, key=lambda row: (row['file'], int(row['line']), row['before'])))
    real = [row for row in rows if not row['note'].startswith('equivalent')]
    quick = sum(row['caught by'] == 'make test' for row in real)
    every = sum(row['caught by'] != '' for row in real)
    print('%d faults, %d of them equivalent. Of the others make test catches %d (%.0f %%), make test-all %d '
          '(%.0f %%)' % (len(rows), len(rows) - len(real), quick, 100 * quick / len(real), every,
                         100 * every / len(real)))


if __name__ == '__main__':
    sys.exit(main())
