"""results/coverage.csv, the list of all that the articles print: each entry has a file, a value and a test.

Its columns: `ours` is our value, in words where it is no number; `source` is where it stands, a log of
results/logs, RESULTS.md or the test; and where it does not stand there as it reads in `ours`, `proof` is what does,
its parts separated by ' ; '. 'Only in a full run' is what a program prints on the real data, with the printed
settings, and not on the sample or in a short run.
"""
import ast
import csv
import glob
import os
import re

import pytest
from conftest import ROOT

COLUMNS = ['article', 'section', 'kind', 'item', 'printed', 'file', 'ours', 'source', 'proof', 'test', 'erratum']
KINDS = {'listing', 'snippet', 'output', 'table', 'formula', 'count', 'figure', 'number', 'note'}
NUMBER = r'\d+(?:[.,:]\d+)*'
# What would show that a value was copied from a test as it stands there. A bracket may be what a program prints.
CODE = r"==|\*\*|\[|[{']|%[a-z]|\bnp\.|\bfor \w+ in\b|\b(?:len|max|min|set|list|range|round)\(|^\([^()]*,[^()]*\)$"
# The articles' numbered figures and tables.
FIGURES = {1: 6, 2: 5, 3: 2, 4: 7, 5: 6, 6: 0, 7: 2}
TABLES = {1: 1, 2: 0, 3: 2, 4: 0, 5: 0, 6: 0, 7: 0}


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


def stands_in(value, text):
    """Whether the text has it; a number as a whole, and not as a part of a longer one."""
    if re.fullmatch(r'-?[\d.]+', value):
        return re.search(r'(?<![\d.])%s(?!\d|\.\d)' % re.escape(value), text) is not None
    return value in text


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
            for value in (row['proof'] or row['ours']).split(' ; '):
                if not stands_in(value, text):
                    wrong.append((row['item'], '%r is not in %s' % (value, source)))
        elif row['printed'] and row['kind'] != 'note' or row['source'] or row['proof']:
            wrong.append((row['item'], 'no value of ours'))
    assert not wrong


def test_our_values_are_for_a_reader():
    for row in ROWS:
        for value in row['ours'].split(' ; '):
            found = re.findall(CODE, value)
            assert not found or set(found) == {'['} and '[' in row['printed'], (row['item'], value)
        assert len(row['ours']) < 130, row['item']
    for code in ('[14] * 14', 'len(lines) == 2', "(('--pin',), 1)", '0.99 ** 2', 'np.log(10)', '(1, 10, 512)',
                 '{False: 8}', "'N_GPU': 4", 'x for x in y', 'GPU_%d', 'list(range(10))'):
        assert re.search(CODE, code), code


@pytest.mark.parametrize('article', range(1, 8))
def test_each_figure_and_table_is_found_in_english_and_in_chinese(article):
    items = [row['item'] for row in ROWS if int(row['article']) == article]
    for word, character, numbers in ('figure', '图', FIGURES[article]), ('table', '表', TABLES[article]):
        found = {number for item in items for number in re.findall(word + r' (\d+)', item)}
        assert found == {str(number) for number in range(1, numbers + 1)}
        for item in items:
            for number in re.findall(word + r' (\d+)', item):
                assert '%s %s (%s %s)' % (word, number, character, number) in item


def test_the_searches_of_the_readme_find_something():
    lines = read('results', 'coverage.csv').splitlines()
    patterns = [pattern for name in ('README.md', 'README.zh-CN.md')
                for pattern in re.findall(r"grep '([^']+)' results/coverage.csv", read(name))]
    assert len(patterns) >= 2
    for pattern in patterns + ['perplexity is 10', '^2,.*图 5', '表 1', '复杂度', '高层封装', 'MapReduce']:
        assert any(re.search(pattern, line) for line in lines), pattern


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
