"""results/coverage.csv, the list of what the articles print: each row leads to program, value and test."""
import csv
import glob
import os
import re

import pytest

from conftest import ROOT, read

COLUMNS = ['article', 'section', 'kind', 'item', 'printed', 'file', 'ours', 'test', 'erratum']
KINDS = {'listing', 'snippet', 'output', 'table', 'formula', 'count', 'figure', 'number', 'note'}
NUMBER = r'(?<![\w.])\d+(?:[.,]\d+)*'
# The articles' numbered figures and tables.
FIGURES = {1: 6, 2: 5, 3: 2, 4: 7, 5: 6, 6: 0, 7: 2}
TABLES = {1: 1, 2: 0, 3: 2, 4: 0, 5: 0, 6: 0, 7: 0}


with open(os.path.join(ROOT, 'results', 'coverage.csv'), encoding='utf-8', newline='') as coverage:
    ROWS = list(csv.DictReader(coverage))
LOGS = [read(path) for path in glob.glob(os.path.join(ROOT, 'results', '*', '*.log'))]
TESTS = {'%s::%s' % (os.path.basename(path), name) for path in glob.glob(os.path.join(ROOT, 'tests', 'test_*.py'))
         for name in re.findall(r'^def (test_\w+)', read(path), re.MULTILINE)}


def sources(path):
    """What shows the values of a program: the logs of its runs, RESULTS.md, and its own code."""
    logs = [log for log in LOGS if os.path.basename(path) in log.split('\n', 1)[0]]
    return logs + [read('RESULTS.md'), read(path)]


def test_columns_and_order():
    assert list(ROWS[0]) == COLUMNS
    for row in ROWS:
        assert row['kind'] in KINDS and row['section'] and row['item'] and None not in row.values(), row
    articles = [int(row['article']) for row in ROWS]
    assert articles == sorted(articles) and set(articles) == set(range(1, 8))
    keys = [(row['article'], row['section'], row['kind'], row['item']) for row in ROWS]
    assert len(set(keys)) == len(keys), 'no row twice'


@pytest.mark.parametrize('article', range(1, 8))
def test_each_row_leads_to_a_program_and_a_test(article):
    wrong = []
    for row in ROWS:
        if int(row['article']) != article or row['kind'] == 'note' and not row['file']:
            continue
        path, _, symbol = row['file'].partition(':')
        if not os.path.isfile(os.path.join(ROOT, path)):
            wrong.append('%s: there is no file %r' % (row['item'], path))
        elif symbol and symbol not in read(path):
            wrong.append('%s: %s has no %r' % (row['item'], path, symbol))
        if row['test'] not in TESTS:
            wrong.append('%s: there is no test %s' % (row['item'], row['test']))
    assert not wrong, '\n'.join(['rows of results/coverage.csv to mend:'] + wrong)


@pytest.mark.parametrize('article', range(1, 8))
def test_each_value_of_ours_is_what_the_programs_give(article):
    wrong = []
    for row in ROWS:
        if int(row['article']) == article and row['ours'] and row['file']:
            texts = sources(row['file'].partition(':')[0])
            for number in re.findall(NUMBER, row['ours']):
                if not any(re.search(r'(?<![\d.])%s(?!\d|\.\d)' % re.escape(number), text) for text in texts):
                    wrong.append('%s: %s is in no log of %s, in RESULTS.md or in its code' % (
                        row['item'], number, row['file']))
    assert not wrong, '\n'.join(['rows of results/coverage.csv to mend:'] + wrong)


@pytest.mark.parametrize('article', range(1, 8))
def test_each_figure_and_table_is_found_in_english_and_in_chinese(article):
    items = [row['item'] for row in ROWS if int(row['article']) == article]
    for word, character, numbers in ('figure', '图', FIGURES[article]), ('table', '表', TABLES[article]):
        found = {number for item in items for number in re.findall(word + r' (\d+)', item)}
        assert found == {str(number) for number in range(1, numbers + 1)}
        for item in items:
            for number in re.findall(word + r' (\d+)', item):
                assert '%s %s (%s %s)' % (word, number, character, number) in item


def test_each_program_and_each_erratum_has_a_row():
    files = {row['file'].partition(':')[0] for row in ROWS}
    programs = {os.path.relpath(path, ROOT) for pattern in ('*.py', 'extras/*.py')
                for path in glob.glob(os.path.join(ROOT, 'ch0*', pattern))}
    assert programs <= files, (
        'results/coverage.csv needs a row (of kind note, if the article does not print it) for %s' % (
            ', '.join(sorted(programs - files))))
    errata = set(re.findall(r'^#### <a id="(\d+\.\d+)">', read('ERRATA.md'), re.MULTILINE))
    cited = {number for row in ROWS for number in row['erratum'].split()}
    assert cited <= errata, 'results/coverage.csv names errata that do not exist: %s' % (
        ', '.join(sorted(cited - errata)))
    missing = {number for number in errata - cited if not number.startswith('0.')}
    assert not missing, 'no row of results/coverage.csv names the errata %s' % sorted(missing)
