"""Build the site in build/site, in English and in Chinese: `make site` calls it, in .venv-site.

    .venv-site/bin/python tools/site/build.py [FOLDER]

The repository's own files are the sources: its Markdown pages, the notebooks with their stored outputs, and
results/coverage.csv. For each language stage.py and tables.py put them into a temporary folder, with links that lead to
pages of the site, and Sphinx, with conf.py, makes HTML of them that works from file:// and asks nobody for anything.
"""
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import tables
from stage import FOLDERS, ROOT, Edition, read

HERE = os.path.dirname(os.path.abspath(__file__))
LANGUAGES = {'en': 'en', 'zh': 'zh_CN'}       # and Sphinx's names for them


def stage(folder):
    """Put the sources of each language into a folder in `folder`."""
    with open(os.path.join(ROOT, 'results', 'coverage.csv'), encoding='utf-8', newline='') as file:
        rows = [dict(row, id='row-%d' % line) for line, row in enumerate(csv.DictReader(file), 2)]
    titles = {'ch0' + row['article']: [] for row in rows}
    for row in rows:
        titles['ch0' + row['article']].append(row['section'])
    texts, editions, entries = json.loads(read('tools/site/texts.json')), [], {}
    for language in LANGUAGES:
        edition = Edition(language, os.path.join(folder, language), texts[language], rows)
        editions.append(edition)
        with open(os.path.join(edition.folder, 'errata.md'), encoding='utf-8') as file:
            text = file.read()
        edition.write('errata', tables.index_links(edition, tables.tests(edition, text)))
        page, entries[language] = tables.coverage(edition)
        edition.write('coverage', page)
    # Both languages have a page for each file that is linked in one of them, and for these, of linked folders.
    files = {'companion/cli.py', 'data/__init__.py'}.union(*[edition.code for edition in editions])
    for edition in editions:
        edition.code = files
        edition.write('site.json', json.dumps({
            'language': edition.language, 'text': edition.text, 'titles': titles,
            'entries': entries[edition.language] + tables.programs(edition)}))


def main():
    site = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, 'build', 'site'))
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        builds = []
        stage(folder)
        for language in LANGUAGES:
            source = os.path.join(folder, language)
            builds.append(subprocess.Popen([
                sys.executable, '-m', 'sphinx', '-q', '-W', '--keep-going', '-c', HERE, '-d', source + '.doctrees',
                '-D', 'language=' + LANGUAGES[language],
                source, os.path.join(folder, 'site', language)]))
        if any([build.wait() for build in builds]):
            sys.exit('build.py: error: a page of the site is not right; the lines above name it')
        shutil.rmtree(os.path.join(folder, 'site', 'jupyter_execute'), ignore_errors=True)    # what MyST-NB leaves
        shutil.copy(os.path.join(HERE, 'index.html'), os.path.join(folder, 'site'))
        shutil.rmtree(site, ignore_errors=True)
        shutil.move(os.path.join(folder, 'site'), site)
    size = sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(site) for name in names)
    print('%s: %d chapters in two languages, %.0f MB, %.0f s' % (
        os.path.relpath(os.path.join(site, 'index.html')), len(FOLDERS), size / 1e6, time.time() - start))


if __name__ == '__main__':
    main()
