"""results/coverage.csv, the list of all that the articles print: each entry has a file, a value and a test."""
import ast
import csv
import glob
import os
import re

import pytest

from conftest import ROOT

COLUMNS = ['article', 'section', 'kind', 'item', 'printed', 'file', 'ours', 'source', 'test', 'erratum']
KINDS = {'listing', 'snippet', 'output', 'table', 'formula', 'count', 'figure', 'number', 'note'}
NUMBER = r'\d+(?:[.,:]\d+)*'


def read(*path):
    with open(os.path.join(ROOT, *path), encoding='utf-8') as file:
        return file.read()


def rows():
    with open(os.path.join(ROOT, 'results', 'coverage.csv'), encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


ROWS = rows()


def test_columns_and_order():
    assert list(ROWS[0]) == COLUMNS
    for row in ROWS:
        assert row['kind'] in KINDS and row['section'] and row['item'] and None not in row.values(), row
    articles = [int(row['article']) for row in ROWS]
    assert articles == sorted(articles) and set(articles) == set(range(1, 8))
    keys = [(row['article'], row['section'], row['kind'], row['item']) for row in ROWS]
    assert len(set(keys)) == len(keys), 'no entry twice'


def functions_of(name):
    """{function: its source} of a test file, and '' for what is outside of its functions."""
    text = read('tests', name)
    body, lines, parts = ast.parse(text).body, text.splitlines(), {'': ''}
    # Python 3.7 knows where a statement begins, not where it ends.
    starts = [min([node.lineno] + [other.lineno for other in getattr(node, 'decorator_list', [])]) for node in body]
    for node, start, end in zip(body, starts, starts[1:] + [len(lines) + 1]):
        name = node.name if isinstance(node, ast.FunctionDef) else ''
        parts[name] = parts.get(name, '') + '\n'.join(lines[start - 1:end - 1]) + '\n'
    return parts


TESTS = {os.path.basename(path): functions_of(os.path.basename(path))
         for path in glob.glob(os.path.join(ROOT, 'tests', 'test_*.py'))}


@pytest.mark.parametrize('article', range(1, 8))
def test_each_entry_has_a_file_a_test_and_a_value_that_holds(article):
    wrong = []
    for row in ROWS:
        if int(row['article']) != article:
            continue
        path, _, name = row['file'].partition(':')
        test_file, _, test = row['test'].partition('::')
        if row['kind'] != 'note' or path:
            if not path or not os.path.exists(os.path.join(ROOT, path)):
                wrong.append((row['item'], 'no file %r' % path))
            elif name and name not in read(path):
                wrong.append((row['item'], 'no %r in %s' % (name, path)))
            if test not in TESTS.get(test_file, {}) or not test.startswith('test_'):
                wrong.append((row['item'], 'no test %r' % row['test']))
                continue
        if row['ours']:
            source = row['source']
            if source == 'test':
                text = TESTS[test_file][test] + TESTS[test_file]['']
            elif source == 'RESULTS.md':
                text = read(source)
            elif os.path.exists(os.path.join(ROOT, 'results', 'logs', source + '.log')):
                text = read('results', 'logs', source + '.log')
            else:
                wrong.append((row['item'], 'no source %r' % source))
                continue
            for value in row['ours'].split(' ; '):
                if value not in text:
                    wrong.append((row['item'], '%r is not in %s' % (value, source)))
        elif row['printed'] and row['kind'] != 'note':
            wrong.append((row['item'], 'no value of ours'))
    assert not wrong


def test_each_script_and_each_erratum_is_in_the_list():
    files = {row['file'].partition(':')[0] for row in ROWS}
    scripts = {os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, 'ch0*', '*.py'))}
    assert scripts - files == set()
    errata = set(re.findall(r'^\| (\d+\.\d+) \|', read('ERRATA.md'), re.MULTILINE))
    cited = {number for row in ROWS for number in row['erratum'].split()}
    assert cited - errata == set()
    assert {number for number in errata - cited if not number.startswith('0.')} == set()


@pytest.mark.parametrize('article', range(1, 8))
def test_the_tables_of_the_chapters_agree_with_the_list(article):
    folder = os.path.basename(glob.glob(os.path.join(ROOT, 'ch0%d_*' % article))[0])
    table = [line for line in read(folder, 'README.md').splitlines() if line.startswith('| ')]
    table = [[cell.strip() for cell in line.strip('|').split(' | ')] for line in table]
    start = next(i for i, row in enumerate(table) if row[:2] == ['section', 'script'])
    wrong = []
    for section, script, printed, ours in [row for row in table[start + 2:] if len(row) == 4]:
        paths = {'%s/%s' % (folder, name) for name in re.findall(r'\]\(([\w/.]+)\)', script)}
        entries = [row for row in ROWS if row['file'].partition(':')[0] in paths]
        if paths and not entries:
            wrong.append((script, 'is in no entry'))
        known = set(re.findall(NUMBER, ' '.join(
            '%s %s' % (row['printed'], row['item']) for row in entries or ROWS if int(row['article']) == article)))
        missing = set(re.findall(NUMBER, printed)) - known
        if missing:
            wrong.append((script, 'prints %s' % sorted(missing)))
    assert not wrong
