"""The pages in two languages: the same rows, links, commands and numbers."""
import glob
import os
import re

import pytest

from conftest import ROOT

PAGES = sorted(os.path.relpath(path, ROOT) for pattern in ('*.md', 'ch0*/*.md', 'ch0*/*/*.md')
               for path in glob.glob(os.path.join(ROOT, pattern)) if not path.endswith('.zh-CN.md'))
# The chapters, and what they have of clusters.
FOLDERS = sorted({os.path.dirname(page) for page in PAGES} - {''})


def chinese(path):
    return path[:-len('.md')] + '.zh-CN.md'


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def rows(text):
    """Each row of a table as its cells."""
    return [re.split(r'(?<!\\) \| ', line.strip('| ')) for line in text.splitlines() if line.startswith('| ')]


def links(text):
    """Where the page leads to, but for the other language and for the language of what is linked."""
    found = [link.replace('.zh-CN.', '.').partition('#') for link in re.findall(r'\]\(([^)\s]+)\)', text)]
    return {name + ('#' + anchor if re.match(r'\d', anchor) else '') for name, _, anchor in found}


def commands(text):
    """The indented commands, without comments and without words of Chinese."""
    found = [re.sub(r'\s+#.*', '', line).strip() for line in text.splitlines() if line.startswith('    ')]
    return [line for line in found if not re.search('[\u4e00-\u9fff]', line)]


def numbers(text):
    """The numbers of three digits and more, and the decimal ones."""
    return set(re.findall(r'\d+\.\d+|\d{3,}', re.sub(r'\]\([^)]*\)|\[\d+\.\d+\]|(?<=\d),(?=\d{3})', '', text)))


@pytest.mark.parametrize('folder', FOLDERS)
def test_each_folder_has_a_chinese_page(folder):
    assert os.path.exists(os.path.join(ROOT, folder, 'README.zh-CN.md'))


@pytest.mark.parametrize('page', [page for page in PAGES if os.path.exists(os.path.join(ROOT, chinese(page)))
                                  and page != 'README.md'])
def test_both_languages_say_the_same(page):
    one, two = read(page), read(chinese(page))
    assert [len(row) for row in rows(one)] == [len(row) for row in rows(two)]
    other = {os.path.basename(page)}
    assert links(one) - other == links(two) - other
    assert commands(one) == commands(two)
    for mine, theirs in zip(rows(one), rows(two)):
        assert links(' '.join(mine)) == links(' '.join(theirs)), mine
        assert numbers(' '.join(mine)) == numbers(' '.join(theirs)), mine


def blocks(text):
    """What each heading of the errata and the block below it have in any language. Chinese counts in 万 and 亿."""
    for block in re.split('^(?=##+ )', text, flags=re.MULTILINE)[1:]:
        heading, _, body = block.partition('\n')
        yield (re.findall(r'^#+|<a id="[\d.]+">|`[^`]+`', heading), re.findall('「.*?」', block),
               re.findall(r'`(test_[\w.:]+)`', body), links(body),
               numbers(re.sub(r'[\d.]+ ([mb]illion|万|亿)', '', body)),
               len(re.findall(r'\*kept\*|\*照印\*', body)), len(re.findall('^- ', body, re.MULTILINE)))


def test_the_errata_have_the_same_blocks():
    one, two = read('ERRATA.md'), read('ERRATA.zh-CN.md')
    for mine, theirs in zip(blocks(one), blocks(two)):
        assert mine == theirs
    assert len(list(blocks(one))) == len(list(blocks(two)))
    parts = [re.findall('^- (..)：', block, re.MULTILINE) for block in two.split('\n#### ')[1:]]
    assert all(part == ['印的', '应为', '代码', '测试'] for part in parts)
