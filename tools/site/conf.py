"""Sphinx's settings for both languages of the site; build.py calls it."""
import json
import os
import re
import sys

from docutils import nodes
from latex2mathml.converter import convert

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from stage import slug  # noqa: E402

extensions = ['myst_nb']
nb_execution_mode = 'off'
nb_render_markdown_format = 'myst'
myst_enable_extensions = ['dollarmath']
myst_all_links_external = True          # stage.py has found where they lead to
html_theme = 'furo'
html_theme_options = {'announcement': 'templates/page.html', 'top_of_page_buttons': []}
templates_path = ['templates']
html_static_path = ['static']
html_css_files = ['site.css']
html_js_files = ['site.js']
html_additional_pages = {'search': 'search.html'}
html_math_renderer = 'mathml'
html_copy_source = html_show_sourcelink = html_show_copyright = html_use_index = False
pygments_style, pygments_dark_style = 'a11y-high-contrast-light', 'a11y-high-contrast-dark'


def read_site(app, config):
    with open(os.path.join(app.srcdir, 'site.json'), encoding='utf-8') as file:
        config.site = app.site = json.load(file)
    extra = os.path.join(app.srcdir, 'extra')       # pictures that are linked, not shown
    config.html_extra_path = [extra] * os.path.exists(extra)
    config.html_title = app.site['text']['title']
    config.html_context.update(text=app.site['text'], other_language={'en': 'zh', 'zh': 'en'}[app.site['language']])


def anchors(app, doctree):
    """A section's anchor: the article's title, an erratum's number, or the heading as GitHub would write it."""
    page, seen = app.env.docname, set()
    for section in doctree.findall(nodes.section):
        heading = section[0].astext()
        titles = [title for title in app.site['titles'].get(page, []) if title in heading]
        number = re.match(r'\d+\.\d+(?= )', heading)
        if page == 'errata' and number:
            anchor = number.group()
        elif heading == app.site['text']['notebook']:
            anchor = 'notebook'
        else:
            anchor = slug(heading)
        names = [slug(title) for title in sorted(titles, key=len)[-1:]] + [anchor]
        section['ids'] = [name for name in dict.fromkeys(names) if name not in seen] or [
            '%s-%d' % (anchor, len(seen))]
        seen.update(section['ids'])


def join_lines(app, doctree):
    """Chinese has no spaces: where a line of the source ends between Chinese characters there is none either."""
    for text in list(doctree.findall(nodes.Text)):
        if text == '\n' and not isinstance(text.parent, nodes.FixedTextElement):
            # By identity: the ends of all lines are equal.
            place = next(i for i, node in enumerate(text.parent.children) if node is text)
            before, after = text.parent[:place], text.parent[place + 1:]
            around = ''.join([node.astext()[-1:] for node in before[-1:]] + [node.astext()[:1] for node in after[:1]])
            if re.search('^[\u3000-\u9fff\uff00-\uffef]{2}$|[\u3001-\u303f\uff00-\uffef]', around):
                del text.parent[place]


def search_data(app, error):
    """What search.js looks through: the sections of all pages, the printed things, the programs."""
    if error:
        return
    entries = []
    for page in app.env.found_docs:
        if page.startswith('code/') or page == 'coverage':
            continue
        doctree = app.env.get_doctree(page)
        for section in doctree.findall(nodes.section):
            text = ' '.join(child.astext() for child in section.children[1:] if not isinstance(
                child, (nodes.section, nodes.raw, nodes.comment)))
            above, node = [], section.parent
            while node is not doctree:
                above, node = [node[0].astext()] + above, node.parent
            kind = 'chapter' if page.startswith('ch0') else page if page in ('errata', 'results') else 'page'
            entries.append({'kind': kind, 'title': section[0].astext(), 'text': ' '.join(text.split()),
                            'where': ' · '.join(above[kind in ('errata', 'results'):]),
                            'url': page + '.html' + ('#' + section['ids'][0] if above else '')})
    kinds = list(app.site['text']['search kinds'])
    entries.sort(key=lambda entry: (kinds.index(entry['kind']), entry['url'].partition('#')[0]))
    with open(os.path.join(app.outdir, 'searchdata.js'), 'w', encoding='utf-8') as file:
        file.write('const SEARCH = %s;\n' % json.dumps(entries + app.site['entries'], ensure_ascii=False))


def translate(app, error):
    """What Furo says in English only."""
    for folder, _, names in os.walk(app.outdir):
        for name in names:
            path = os.path.join(folder, name)
            if not error and name.endswith('.html') and app.site['text']['furo']:
                with open(path, encoding='utf-8') as file:
                    text = file.read()
                for english, own in app.site['text']['furo'].items():
                    text = text.replace(english, own)
                with open(path, 'w', encoding='utf-8') as file:
                    file.write(text)


def formula(display):
    def visit(self, node):
        # The same, under the name that the converter knows.
        mathml = convert(node.astext().replace('{aligned}', '{align*}'), display=display)
        self.body.append(mathml if display == 'inline' else '<div class="formula" tabindex="0">%s</div>' % mathml)
        raise nodes.SkipNode
    return visit, None


def no_index(app):
    app.builder.search = False          # Sphinx's own search knows whole words only


def setup(app):
    app.add_html_math_renderer('mathml', formula('inline'), formula('block'))
    app.connect('config-inited', read_site)
    app.connect('builder-inited', no_index)
    app.connect('doctree-read', anchors, priority=100)
    app.connect('doctree-read', join_lines, priority=100)
    app.connect('build-finished', search_data)
    app.connect('build-finished', translate)
