"""The pages in two languages: the same rows, links, commands and numbers; and the flags, on the Chinese pages alone."""
import ast
import glob
import os
import re

import pytest

from conftest import ROOT, read

PAGES = sorted(os.path.relpath(path, ROOT) for pattern in ('*.md', 'results/*.md', 'ch0*/*.md', 'ch0*/*/*.md')
               for path in glob.glob(os.path.join(ROOT, pattern)) if not path.endswith('.zh-CN.md'))
# The chapters, and what they have of clusters.
FOLDERS = sorted({os.path.dirname(page) for page in PAGES} - {'', 'results'})

# The one section that the Chinese pages have alone, as --help is English, and the links to it.
FLAGS = r'(?s)\n## 命令行参数\n.*?(?=\n## |\Z)|\[命令行参数\]\(#命令行参数\)'


def chinese(path):
    return path[:-len('.md')] + '.zh-CN.md'


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
    one, two = read(page), re.sub(FLAGS, '', read(chinese(page)))
    assert [len(row) for row in rows(one)] == [len(row) for row in rows(two)]
    other = {os.path.basename(page)}
    assert links(one) - other == links(two) - other
    assert commands(one) == commands(two)
    for mine, theirs in zip(rows(one), rows(two)):
        assert links(' '.join(mine)) == links(' '.join(theirs)), mine
        assert numbers(' '.join(mine)) == numbers(' '.join(theirs)), mine


@pytest.mark.parametrize('folder', [folder for folder in FOLDERS if re.match(r'ch0\d_\w+$', folder)])
def test_the_chinese_pages_have_each_flag_with_its_default(folder):
    told, programs = set(), []
    for *first, names, defaults, _ in rows(''.join(re.findall(FLAGS, read(folder + '/README.zh-CN.md')))):
        programs = re.findall('`(.*?)`', first[0]) if first else programs       # an empty cell: those of the row above
        flags = zip(re.findall('`--(.*?)`', names), defaults.replace('`', '').split('、'))
        told |= {(program, *flag) for flag in flags for program in programs + ['']}
    sources = {name: read(os.path.join(folder, name)) for name in os.listdir(os.path.join(ROOT, folder))
               if name.endswith('.py')}
    everything = ''.join(sources.values())
    for name, source in sources.items():
        name = name if '__main__' in source else ''     # a library's flags are those of the programs that use it
        for constant, value in re.findall(r"""(?m)^(\w+) = ([\d.]+|'.*?'|".*?"|False)\s*(?:#.*)?$""", source):
            if re.search(r"""\b%s=['"]|'--%s'""" % (constant, constant.lower()), everything):
                assert (name, constant.lower(), str(ast.literal_eval(value)) or '—') in told
        for flag in re.findall(r"add_argument\('--(\w+)'", source):
            assert flag == 'inside' or flag in {flag for program, flag, _ in told if program == name}


@pytest.mark.parametrize('folder, program, chosen', [
    ('ch01_intro', 'spam_filter', [0, 2, 7, 8]), ('ch06_high_level_apis', 'predefined_models', [2, 3, 0, 4, 1])])
def test_the_chapters_have_the_recorded_numbers(folder, program, chosen):
    found = re.findall(r'(?:P:|accuracy) ([\d.]+)\n', read('results', 'outputs', '%s-%s.log' % (folder[:4], program)))
    for page in 'README.md', 'README.zh-CN.md':
        row, = re.findall(r'.*\[%s\.py\].*' % program, read(folder, page))
        assert re.findall(r'\b0\.\d\d\b', row) == ['%.2f' % float(found[i]) for i in chosen]


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
    label = {'right': '应为', 'note': '说明'}
    words = re.findall('^- (right|note): ', one, re.MULTILINE)
    assert parts == [['印的', label[word], '代码', '测试'] for word in words]
