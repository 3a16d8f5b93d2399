"""The pages of the site that are tables: what the articles print, the errata by section, the programs."""
import html
import os
import re

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from stage import read, slug


def grouped(rows, *keys):
    """The rows with the same values of the keys, in order: (values, rows)."""
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups.items()


def line_of(path, text):
    """The anchor of the line of a file where a text stands first."""
    at = read(path).find(text)
    return '#L-%d' % (read(path).count('\n', 0, at) + 1) if text and at >= 0 else ''


def index_links(edition, text):
    """The text of the errata, where each section in its index leads to its place in the chapter."""
    def change(match):
        article, section = match.groups()
        page = 'ch0%s' % article
        anchor = '#' + slug(section) if (page, section) in edition.sections else ''
        return '| [%s %s](%s.html%s) |' % (article, section, page, anchor)
    return re.sub(r'(?m)^\| (\d) (.+?) \|', change, text)


def tests(edition, text):
    """The text of the errata, where each test leads to its line."""
    def change(match):
        file, _, test = match.group(1).partition('::')
        edition.code.add('tests/' + file)
        return '[%s](code/tests/%s.html%s)' % (match.group(), file, line_of('tests/' + file, test and 'def %s(' % test))
    return re.sub(r'`(test_\w+\.py(::\w+)?)`', change, text)


def coverage(edition):
    """All that the articles print, by article and section; returns the page, and its rows for the search."""
    text, entries = edition.text, []
    page = ['# %s\n\n%s\n\n<p><input id="filter" type="search" placeholder="%s" aria-label="%s"></p>\n' % (
        text['coverage'], text['coverage intro'], text['filter'], text['filter'])]
    for (article,), rows in grouped(edition.rows, 'article'):
        page.append('## [%s](ch0%s.html)\n' % (edition.titles['ch0' + article], article))
        for (section,), rows in grouped(rows, 'section'):
            anchor = 'ch0%s-%s' % (article, slug(section))
            page.append('<div class="group" id="%s"><h3>%s</h3><div class="table-wrapper">'
                        '<table class="docutils coverage"><thead><tr>%s</tr></thead><tbody>' % (
                            anchor, html.escape(section), ''.join('<th>%s</th>' % name for name in text['columns'])))
            for row in rows:
                page.append(coverage_row(edition, row))
                values = [text['kinds'][row['kind']], row['printed'], row['ours'], row['file'], row['erratum']]
                entries.append({'kind': 'coverage', 'title': row['item'], 'url': 'coverage.html#' + row['id'],
                                'where': '%s %s' % (text['article'] % article, section),
                                'text': ' · '.join(value for value in values if value)})
            page.append('</tbody></table></div></div>\n')
    return '\n'.join(page), entries


def coverage_row(edition, row):
    """One row: what, printed, ours, and links to code, test and errata."""
    path, _, symbol = row['file'].partition(':')
    links = []
    if path:
        edition.code.add(path)
        links.append(('code/%s.html%s' % (path, line_of(path, symbol)), os.path.basename(path)))
    file, _, test = row['test'].partition('::')
    if file:
        edition.code.add('tests/' + file)
        line = line_of('tests/' + file, 'def %s(' % test)
        links.append(('code/tests/%s.html%s' % (file, line), edition.text['test']))
    links += [('errata.html#' + number, edition.text['erratum'] + ' ' + number) for number in row['erratum'].split()]
    item = html.escape(row['item'])
    chinese = re.findall(r'\(([^()]*[\u4e00-\u9fff][^()]*)\)', row['item'])
    if edition.language == 'zh':
        english = re.sub(r' *\([^()]*[\u4e00-\u9fff][^()]*\)', '', row['item'])
        item = '<b>%s</b> <span lang="en">%s</span>' % (html.escape('，'.join(chinese)), html.escape(english))
    return '<tr id="%s"><td><small>%s</small> %s</td><td>%s</td><td>%s</td><td>%s</td></tr>' % (
        row['id'], edition.text['kinds'][row['kind']], item, html.escape(row['printed']), html.escape(row['ours']),
        '<br>'.join('<a href="%s">%s</a>' % (html.escape(link), name) for link, name in links))


def programs(edition):
    """A page for each file that is linked, its lines numbered, and the list of them; returns them for the search."""
    entries = []
    formatter = HtmlFormatter(linenos='inline', lineanchors='L', anchorlinenos=True)
    for path in sorted(edition.code):
        text = read(path)
        try:
            lexer = get_lexer_for_filename(path)
        except ClassNotFound:
            lexer = TextLexer()
        edition.write('code/%s.inc' % path, highlight(text, lexer, formatter))
        edition.write('code/%s.md' % path, '---\norphan: true\n---\n# %s\n\n```{raw} html\n:file: %s.inc\n```\n' % (
            path, os.path.basename(path)))
        if path.endswith('.py') and not path.startswith('tests/'):
            entries.append({'kind': 'code', 'title': path, 'url': 'code/%s.html' % path, 'where': '', 'text': text})
    lines = ['# ' + edition.text['code'], '']
    for folder in sorted({os.path.dirname(path) for path in edition.code}):
        lines += ['', '## ' + (folder or '/'), '']
        lines += ['- [%s](%s.html)' % (os.path.basename(path), path) for path in sorted(edition.code)
                  if os.path.dirname(path) == folder]
    edition.write('code/index', '\n'.join(lines) + '\n')
    return entries
