"""The site as a reader's browser shows it, from file://, without a network.

Runs in .venv-site, which has no TensorFlow:

    .venv-site/bin/python -m pytest --noconftest tests/test_site.py

SITE=build/site tests the site that is already built there; without SITE the tests build one first.
"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

try:
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
pytestmark = [
    pytest.mark.slow, pytest.mark.timeout(1800),
    pytest.mark.skipif(not sync_playwright, reason='runs in .venv-site, which `make site` sets up'),
    pytest.mark.skipif(not CHROMIUM, reason='needs chromium: sudo apt install chromium')]

PHONE = {'width': 390, 'height': 844}
# What the reader has in front of him, and the program or snippet that it leads to.
PRINTED = [
    ('21.7', 'ch01_intro/ilsvrc_errors.py'), ('0.9475', 'ch02_mnist_basics/mnist_fc.py'),
    ('表 1 梯度', 'ch03_training_tricks/gradient_descent.py'), ('183.443', 'ch05_rnn_ptb/ptb_word_lm.py'),
    ('929589', 'ch05_rnn_ptb/reader_demo.py'), ('图 6 batch', 'ch05_rnn_ptb/batching.py'),
    ('0.9433', 'ch06_high_level_apis/keras_cnn.py'), ('71.90', 'ch07_acceleration/multi_gpu_mnist.py'),
]


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    if os.environ.get('SITE'):
        return Path(os.environ['SITE']).resolve()
    folder = tmp_path_factory.mktemp('site') / 'site'
    done = subprocess.run([sys.executable, str(ROOT / 'tools' / 'site' / 'build.py'), str(folder)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert done.returncode == 0, done.stdout
    return folder


@pytest.fixture(scope='module')
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[
            '--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND'])        # no host is to be found
        yield browser
        browser.close()


class Faults(list):
    """What a page complains of, and all that it asks for outside."""

    def watch(self, page):
        page.on('console', lambda message: message.type in ('error', 'warning') and self.append(
            '%s: %s' % (page.url, message.text)))
        page.on('pageerror', lambda error: self.append('%s: %s' % (page.url, error)))
        page.on('requestfailed', lambda request: self.append('%s: no %s' % (page.url, request.url)))
        page.on('request', lambda request: request.url.startswith(('file:', 'data:')) or self.append(
            '%s asks for %s' % (page.url, request.url)))


@pytest.fixture
def page(browser):
    context = browser.new_context()
    page = context.new_page()
    faults = Faults()
    faults.watch(page)
    yield page
    context.close()
    assert faults == []


@pytest.fixture(scope='module')
def visited(site, browser):
    """Each page of the site, as a phone shows it: its links, anchors, and what is wrong with it."""
    context = browser.new_context(viewport=PHONE, locale='zh-CN')
    page, faults, pages = context.new_page(), Faults(), {}
    faults.watch(page)
    for path in sorted(site.glob('*/**/*.html')):
        page.goto(path.as_uri())
        pages[path.relative_to(site).as_posix()] = page.evaluate('''() => ({
            links: Array.from(document.querySelectorAll('a[href]'), a => a.href),
            ids: Array.from(document.querySelectorAll('[id]'), e => e.id),
            images: Array.from(document.images, i => [i.alt, i.naturalWidth]),
            formulas: document.querySelectorAll('math').length,
            raw: Array.from(document.querySelectorAll('math'), m => m.textContent).filter(t => /[\\\\&]/.test(t)),
            width: document.documentElement.scrollWidth})''')
    context.close()
    return pages, faults


def test_no_page_complains_or_asks_for_anything_outside(visited):
    pages, faults = visited
    assert len(pages) > 200
    assert faults == []


def test_both_languages_have_the_same_pages(visited):
    pages, _ = visited
    english, chinese = ({name[3:] for name in pages if name.startswith(language + '/')} for language in ('en', 'zh'))
    assert english == chinese
    assert {'index.html', 'setup.html', 'errata.html', 'results.html', 'coverage.html', 'search.html'} | {
        'ch0%d.html' % chapter for chapter in range(1, 8)} <= english


def test_each_link_and_anchor_resolves(site, visited):
    pages, _ = visited
    root = unquote(site.as_uri()) + '/'
    ids = {name: set(page['ids']) for name, page in pages.items()}
    broken = set()
    for name, page in pages.items():
        for link in set(page['links']):
            link, _, anchor = unquote(link).partition('#')
            if not link.startswith('file:'):
                continue
            target = link.partition('?')[0].replace(root, '')
            if target not in pages and not (site / target).is_file():
                broken.add('%s: no %s' % (name, target))
            elif anchor and target in pages and anchor not in ids[target]:
                broken.add('%s: no #%s in %s' % (name, anchor, target))
    assert sorted(broken) == []


def test_anchors_are_not_doubled(visited):
    for name, page in visited[0].items():
        assert len(page['ids']) == len(set(page['ids'])), (name, [
            anchor for anchor in set(page['ids']) if page['ids'].count(anchor) > 1])


def test_pictures_are_there_and_described(visited):
    for name, page in visited[0].items():
        for alt, width in page['images']:
            assert width > 0 and alt, name
            assert not name.startswith('zh/ch') or re.search('[\u4e00-\u9fff]', alt), (name, alt)


def test_formulas_are_whole(visited):
    pages, _ = visited
    assert all(page['raw'] == [] for page in pages.values())
    for chapter in 2, 3, 4, 5:
        assert pages['zh/ch0%d.html' % chapter]['formulas'] >= 5, chapter


def test_nothing_scrolls_sideways_on_a_phone(visited):
    assert {name: page['width'] for name, page in visited[0].items() if page['width'] > PHONE['width']} == {}


@pytest.mark.parametrize('locale, language', [('zh-CN', 'zh'), ('en-GB', 'en'), ('de-DE', 'en')])
def test_the_first_page_leads_to_the_browsers_language(site, browser, locale, language):
    context = browser.new_context(locale=locale)
    page = context.new_page()
    page.goto((site / 'index.html').as_uri())
    page.wait_for_url('**/%s/index.html' % language)
    assert page.locator('html').get_attribute('lang')[:2] == language
    context.close()


@pytest.mark.parametrize('start, end', [
    ('zh/ch05.html#自然语言建模', 'en/ch05.html#自然语言建模'), ('en/errata.html#5.3', 'zh/errata.html#5.3'),
    ('en/code/tf1.py.html#L-9', 'zh/code/tf1.py.html#L-9'), ('zh/search.html?q=图6', 'en/search.html?q=图6')])
def test_the_language_switch_stays_on_the_page(site, page, start, end):
    page.goto(site.as_uri() + '/' + start)
    page.click('#language')
    page.wait_for_load_state()
    assert unquote(page.url) == unquote(site.as_uri()) + '/' + end


def search(page, site, language, words):
    """Type the words on the home page; returns the results' titles and links."""
    page.goto(site.as_uri() + '/%s/index.html' % language)
    page.fill('.sidebar-search', words)
    page.press('.sidebar-search', 'Enter')
    page.wait_for_url('**/search.html?*')
    return [(link.inner_text(), unquote(link.get_attribute('href'))) for link in page.locator('#results a').all()]


@pytest.mark.parametrize('language', ['en', 'zh'])
@pytest.mark.parametrize('words, link', [
    ('滑动平均', 'ch03.html#滑动平均模型'), ('图 6', 'coverage.html#'), ('图6', 'coverage.html#'),
    ('183.443', 'coverage.html#'), ('perplexity', 'coverage.html#'),
    ('ptb_iterator', 'code/ch05_rnn_ptb/reader.py.html#L-')])
def test_search(site, page, language, words, link):
    found = search(page, site, language, words)
    assert any(target.startswith(link) for _, target in found), found
    page.fill('#query', 'no such words anywhere')
    assert page.locator('#results a').count() == 0 and page.locator('#count').inner_text()


@pytest.mark.parametrize('words, program', PRINTED)
def test_what_is_printed_is_two_clicks_away(site, page, words, program):
    """From the search: the row of the printed thing, and from there the line of the program."""
    found = search(page, site, 'zh', words)
    rows = [target for _, target in found[:8] if target.startswith('coverage.html#')]
    for row in rows:
        page.goto(site.as_uri() + '/zh/' + row)
        link = page.locator('[id="%s"] a[href^="code/%s"]' % (row.partition('#')[2], quote(program)))
        if link.count():
            link.first.click()
            page.wait_for_url('**/code/%s.html*' % program)
            assert page.locator('h1').inner_text().startswith(program)
            return
    pytest.fail('%r leads to %s' % (words, found[:8]))


def test_a_section_of_an_article_is_found_by_its_title(site, page):
    page.goto(site.as_uri() + '/en/ch05.html#长短时记忆网络lstm结构')
    page.locator(':target').wait_for()
    page.goto(site.as_uri() + '/zh/ch05.html')
    page.locator('.under a', has_text='5.3').first.click()
    page.wait_for_url('**/errata.html#5.*')
    page.locator(':target').wait_for()


def test_from_the_chinese_home_page_to_the_perplexity_its_code_and_its_erratum(site, page):
    page.goto(site.as_uri() + '/zh/index.html')
    page.locator('article a[href="ch05.html"]').first.click()
    page.wait_for_url('**/ch05.html')
    assert '183.443' in page.locator('article').inner_text()
    page.locator('article a[href^="code/ch05_rnn_ptb/ptb_word_lm.py"]').first.click()
    page.wait_for_url('**/code/**')
    assert page.locator('html').get_attribute('lang') == 'zh-CN'
    page.go_back()
    page.locator('article a[href^="errata.html#5."]').first.click()
    page.locator(':target').wait_for()
    assert page.locator('html').get_attribute('lang') == 'zh-CN'


def test_the_filter_of_printed_things(site, page):
    page.goto(site.as_uri() + '/zh/coverage.html')
    rows = page.locator('table.coverage tbody tr:visible')
    assert rows.count() > 300
    page.fill('#filter', '图6 batch')
    assert 1 <= rows.count() <= 5 and '图 6' in rows.first.inner_text()
    page.fill('#filter', '')
    assert rows.count() > 300


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('name', ['index', 'ch03', 'search'])
def test_accessibility(site, browser, scheme, name):
    context = browser.new_context(color_scheme=scheme, viewport={'width': 1400, 'height': 900})
    page = context.new_page()
    page.goto(site.as_uri() + '/zh/%s.html' % name)
    faults = [(fault['id'], fault['nodes'][0]['html'][:200], len(fault['nodes'])) for fault in Axe().run(
        page).response['violations'] if fault['impact'] in ('serious', 'critical')]
    context.close()
    assert faults == []
