"""The sources of the site in one language: pages, chapters and their links, from the repository's files."""
import base64
import json
import os
import re
import shutil

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = {name[:4]: name for name in sorted(os.listdir(ROOT)) if re.match(r'ch0\d_', name)}
# The pages that are made from one file each; a file that is not there yet has no page.
PAGES = {'errata': 'ERRATA.md', 'results': 'RESULTS.md', 'questions': 'QUESTIONS.md', 'maintaining': 'MAINTAINING.md',
         'systems': 'results/systems.md',
         'kubernetes': 'ch07_acceleration/kubernetes/README.md', 'slurm': 'ch07_acceleration/slurm/README.md'}
PAGES = {page: file for page, file in PAGES.items() if os.path.exists(os.path.join(ROOT, file))}
PAGE_OF = {file: page for page, file in PAGES.items()}
PAGE_OF.update({'results/coverage.csv': 'coverage', 'README.md': 'index'})
for _page, _folder in FOLDERS.items():
    PAGE_OF.update(dict.fromkeys([_folder, _folder + '/README.md', '%s/%s.ipynb' % (_folder, _page)], _page))
# Fenced and inline code, which is left alone; then a link: what is before its end `](`, and where it leads to.
LINK = re.compile(r'(?ms)^( *)```.*?^\1```|`[^`\n]*`|(!?\[[^\[\]`]*)?\]\(([^)\s]+)\)')


def read(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as file:
        return file.read()


def slug(heading):
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r'[^\w\- ]', '', heading.lower()).strip().replace(' ', '-')


def anchors(text):
    return [slug(heading) for heading in re.findall('(?m)^#+ (.*)', text)]


class Edition:
    """The sources of one language, in a folder.

    Args:
        language: 'en' or 'zh'.
        text: what the site itself says, from texts.json.
        rows: those of results/coverage.csv.
    """

    def __init__(self, language, folder, text, rows):
        self.language, self.folder, self.text, self.rows = language, folder, text, rows
        self.code = set()               # files that pages link to: each gets a page
        self.titles = {}                # of the chapters
        self.sections = set()           # the articles' sections that have a heading, with their chapter
        # README: what is home, and from its set-up on a page of its own.
        readme = re.sub(r'(?m)^(<details>|</details>|<summary>.*)$', '', self.source('README.md'))
        at = readme.index('\n## %s\n' % text['set-up'])
        english = read('README.md')
        self.set_up_anchors = anchors(readme[at:]) + anchors(english[english.index('\n## Set-up\n'):])
        self.write('setup', self.links('# %s\n\n%s' % (text['set-up title'], readme[at:]), '', 'setup'))
        self.write('index', self.links(readme[:at], '', 'index') + text['toctree'].format(pages='\n'.join(
            page for page in PAGES if page not in ('errata', 'results', 'kubernetes', 'slurm'))))
        for page, path in PAGES.items():
            self.write(page, self.links(self.source(path), os.path.dirname(path), page))
        for page in FOLDERS:
            self.chapter(page, FOLDERS[page])

    def source(self, path):
        """The text of a page in this language; the English one, which says so, where there is no other."""
        own = path if self.language == 'en' else path.replace('.md', '.zh-CN.md').replace('.ipynb', '.zh-CN.ipynb')
        if os.path.exists(os.path.join(ROOT, own)):
            return read(own)
        only = '\n\n' + self.text['english only']
        return re.sub(r'(?m)^# .*', lambda match: match.group() + only, read(path), count=1)

    def write(self, page, text):
        path = os.path.join(self.folder, page if '.' in page else page + '.md')
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def copy(self, path, name):
        os.makedirs(os.path.dirname(os.path.join(self.folder, name)), exist_ok=True)
        shutil.copy(os.path.join(ROOT, path), os.path.join(self.folder, name))

    def target(self, link, folder, page):
        """Where a link of a file in `folder`, on a page of the site, leads to."""
        path, sharp, anchor = link.partition('#')
        if re.match(r'\w+:', link) or not path and page not in ('index', 'setup'):
            return link
        path = os.path.normpath(os.path.join(folder, path or 'README.md')).replace('.zh-CN.', '.')
        here = '../' * page.count('/')
        if path in PAGE_OF:
            there = 'setup' if path == 'README.md' and anchor in self.set_up_anchors else PAGE_OF[path]
            if path.endswith('.ipynb'):
                sharp, anchor = '#', anchor or 'notebook'
            elif self.language == 'zh' and path.endswith('.md') and anchor in anchors(read(path)):
                # An English anchor: that of the same section in Chinese, or the English page where there is none.
                own = anchors(self.source(path))
                if len(own) == len(anchors(read(path))):
                    anchor = own[anchors(read(path)).index(anchor)]
                elif anchor not in own:
                    here += '../en/'
            return here + there + '.html' + sharp + anchor
        if os.path.isdir(os.path.join(ROOT, path)):
            return here + 'code/index.html#' + slug(path)
        if not os.path.isfile(os.path.join(ROOT, path)):
            raise ValueError('page %s: the link %s leads nowhere' % (page, link))
        if path.endswith('.png'):
            self.copy(path, 'extra/' + path)
            return here + path
        self.code.add(path)
        return '%scode/%s.html%s' % (here, path, sharp + anchor)

    def links(self, text, folder, page):
        """The Markdown text of a file in `folder` with links that lead to pages of the site."""
        def change(match):
            words, link = match.group(2) or '', match.group(3)
            if not link:
                return match.group()
            if words.startswith('!'):
                path = os.path.normpath(os.path.join(folder, link))
                self.copy(path, path)
                return '%s](%s)' % (words, path)
            target = self.target(link, folder, page)
            other = {'[中文': 'zh', '[English': 'en'}.get(words, self.language)
            return '%s](%s)' % (words, target if other == self.language else '../%s/%s' % (other, target))
        # The errata's anchors are their headings'; another goes before its heading.
        text = re.sub(r'(?m)^(#+ )<a id="[\d.]+"></a>', r'\1', text)
        return LINK.sub(change, re.sub(r'(?m)^(#+ )(<a id="[^"]*"></a>)', r'\2\n\n\1', text))

    def chapter(self, page, folder):
        """A chapter: the head of its README, its notebook, the rest of its README."""
        head, _, rest = self.source(folder + '/README.md').partition('\n## ')
        self.titles[page] = re.search('(?m)^# (.*)', head).group(1)
        cells = json.loads(self.source('%s/%s.ipynb' % (folder, page)))['cells']
        sections = [row['section'] for row in self.rows if row['article'] == page[3]]
        staged = [head]
        for number, cell in enumerate(cells):
            source = ''.join(cell['source'])
            if cell['cell_type'] == 'markdown':
                if number == 0:
                    source = re.sub('^# .*', '## ' + self.text['notebook'], source)
                staged.append(re.sub('(?m)^##+ .*', lambda match: match.group() + self.under(
                    page, match.group(), sections), source))
                continue
            program = cell['metadata'].get('companion', {}).get('file')
            if program:
                staged.append('<p class="from"><a href="%s">%s</a></p>' % (self.target(program, '', page), program))
            staged.append(dict(cell, metadata={}, outputs=[
                self.output(output, 'figures/%s-%d-%d.png' % (page, number, i))
                for i, output in enumerate(cell['outputs'])]))
        staged += ['## ' + rest] * bool(rest) + ['```{toctree}\n:hidden:\nkubernetes\nslurm\n```'] * (page == 'ch07')
        cells = [{'cell_type': 'markdown', 'metadata': {}, 'source': self.links(cell, folder, page)}
                 if isinstance(cell, str) else cell for cell in staged]
        self.write(page + '.ipynb', json.dumps({'cells': cells, 'nbformat': 4, 'nbformat_minor': 4, 'metadata': {
            'kernelspec': {'name': 'python3', 'display_name': '', 'language': 'python'},
            'language_info': {'name': 'python', 'pygments_lexer': 'python'}}}))

    def output(self, output, name):
        """A cell's output; a figure becomes a file, with the half of its description that is in this language."""
        data = output.get('data', {})
        if 'image/png' not in data:
            return output
        os.makedirs(os.path.join(self.folder, 'figures'), exist_ok=True)
        with open(os.path.join(self.folder, name), 'wb') as file:
            file.write(base64.b64decode(''.join(data['image/png'])))
        english, _, chinese = ''.join(data['text/plain']).partition('; ')
        alt = chinese if self.language == 'zh' and chinese else english
        return {'output_type': 'display_data', 'metadata': {}, 'data': {'text/markdown': '![%s](%s)' % (alt, name)}}

    def under(self, page, heading, sections):
        """What stands under the heading of a section of the article: its errata, and the way to all that it prints."""
        title = max((title for title in sections if title in heading), key=len, default=None)
        if not title:
            return ''
        self.sections.add((page, title))
        rows = [row for row in self.rows if (row['article'], row['section']) == (page[3], title)]
        sections[:] = [section for section in sections if section != title]
        errata = sorted({number for row in rows for number in row['erratum'].split()}, key=lambda n: int(n[2:]))
        parts = [self.text['printed here'] % (len(rows), 'coverage.html#%s-%s' % (page, slug(title)))]
        if errata:
            parts.append(self.text['errata here'] + ' '.join('[%s](errata.html#%s)' % (n, n) for n in errata))
        return '\n\n```{container} under\n%s\n```\n' % ' · '.join(parts)
