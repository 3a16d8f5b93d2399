"""Downloads, against servers on this machine that fail in each way a mirror can."""
import errno
import hashlib
import http.server
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time

import pytest

import data
from conftest import contents
from data import download

NAMES = ['one.gz', 'two.gz']
RIGHT = {'one.gz': b'\x1f\x8b' + os.urandom(70000), 'two.gz': b'second' * 1000}
MEMBERS = {'./simple-examples/data/' + name: content for name, content in RIGHT.items()}


class Mirrors(http.server.BaseHTTPRequestHandler):
    """/<behaviour>/<file>: a mirror that behaves so."""

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        behaviour = self.path.strip('/').split('/')[0]
        if behaviour.isdigit():
            self.send_error(int(behaviour))
        elif behaviour != 'stalls' or self.server.stop.wait(20):
            self.send_response(200)
            self.end_headers()

    def do_GET(self):
        self.server.requests.append(self.path)
        behaviour, name = self.path.strip('/').split('/')
        if name.endswith('.tgz'):
            body = archive(behaviour)
        else:
            body = RIGHT[name]
        if behaviour.isdigit():
            self.send_error(int(behaviour))
            return
        if behaviour == 'stalls':
            self.server.stop.wait(20)
            return
        if behaviour == 'other':
            body = body[:-1] + b'?'
        self.send_response(200)
        if behaviour == 'encoded':
            self.send_header('Content-Encoding', 'gzip')
        if behaviour != 'unmeasured':
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if behaviour in ('short', 'unmeasured'):
            body = body[:len(body) // 2]
        if behaviour == 'trickles':
            for byte in body:
                if self.server.stop.wait(0.05):
                    return
                self.wfile.write(bytes([byte]))
        elif behaviour == 'pauses':
            self.wfile.write(body[:1000])
            self.server.stop.wait(20)
        else:
            self.wfile.write(body)


def archive(behaviour):
    """An archive as Mikolov's, or a faulty one."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w:gz') as tar:
        for name, content in {} if behaviour == 'lacking' else MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    content = file.getvalue()
    if behaviour == 'noarchive':
        return b'<html>moved</html>'
    if behaviour == 'torn':
        return content[:len(content) // 2]
    if behaviour == 'flipped':
        return content[:30000] + bytes([content[30000] ^ 255]) + content[30001:]
    return content


@pytest.fixture
def server(monkeypatch):
    """A running server; `server.url(behaviour)` is a mirror."""
    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *args):      # the client has gone: as expected
            pass

    monkeypatch.setenv('no_proxy', '127.0.0.1')
    with Server(('127.0.0.1', 0), Mirrors) as running:
        running.requests = []
        running.stop = threading.Event()
        running.url = lambda behaviour, file='{}': 'http://127.0.0.1:%d/%s/%s' % (running.server_port, behaviour, file)
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.stop.set()
        running.shutdown()


@pytest.fixture(autouse=True)
def small_files(monkeypatch, tmp_path):
    """Two small files in place of MNIST's, and a cache folder of the test's own."""
    monkeypatch.setitem(data.FILES, 'mnist', {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in RIGHT.items()})
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    monkeypatch.setenv('no_proxy', '*')


@pytest.fixture
def in_order(monkeypatch):
    """The mirrors are tried in their order, whichever answers first."""
    monkeypatch.setattr(download, 'fastest', lambda mirrors, name: None)


def mirrors(monkeypatch, *urls):
    monkeypatch.setitem(data.MIRRORS, 'mnist', list(urls))


def test_every_published_mirror_is_https():
    urls = [url for name in data.MIRRORS for url in data.MIRRORS[name]]
    assert all(len(data.MIRRORS[name]) >= 3 for name in data.FILES)
    assert all(url.startswith('https://') for url in urls)
    assert all('{}' in url or url.endswith('.tgz') for url in urls)


def test_downloads_into_the_cache_once(server, monkeypatch, tmp_path, capfd):
    mirrors(monkeypatch, server.url('good'))
    folder = data.folder('mnist')
    assert folder == str(tmp_path / 'xdg' / 'tensorflow-companion' / 'mnist')
    assert contents(folder) == RIGHT
    assert os.stat(os.path.join(folder, 'one.gz')).st_mode & 0o777 == 0o644
    out, err = capfd.readouterr()
    assert out == ''
    assert err.splitlines() == ['Downloading %s from 127.0.0.1:%d into %s'
                                % (name, server.server_port, folder) for name in NAMES]
    assert data.folder('mnist') == folder
    assert server.requests == ['/good/one.gz', '/good/two.gz']


@pytest.mark.parametrize('behaviour, fault', [
    ('404', '404 Not Found'),
    ('short', 'transfer cut short'),
    ('unmeasured', 'sent other bytes (the sha256 differs)'),
    ('other', 'sent other bytes (the sha256 differs)'),
    pytest.param('stalls', 'no answer for 1 s', marks=pytest.mark.slow),
    ('pauses', 'no answer for 1 s'),
    pytest.param('trickles', 'not complete after 2 s', marks=pytest.mark.slow),
])
def test_a_bad_mirror_is_named_and_the_next_serves(in_order, server, monkeypatch, tmp_path, behaviour, fault):
    # So short only where the mirror takes that long.
    if behaviour in ('stalls', 'pauses'):
        monkeypatch.setattr(download, 'TIMEOUT', 1)
    if behaviour == 'trickles':
        monkeypatch.setattr(download, 'DEADLINE', 2)
    mirrors(monkeypatch, server.url(behaviour))
    start = time.time()
    with pytest.raises(data.Unavailable) as raised:
        data.folder('mnist', str(tmp_path))
    assert time.time() - start < 10
    assert '%s: %s\n' % (server.url(behaviour, 'one.gz'), fault) in str(raised.value)
    assert contents(tmp_path / 'mnist') == {}

    mirrors(monkeypatch, server.url(behaviour), server.url('good'))
    assert contents(data.folder('mnist', str(tmp_path))) == RIGHT
    # The second file starts with the mirror that served the first.
    assert server.requests[-3:] == ['/%s/one.gz' % behaviour, '/good/one.gz', '/good/two.gz']


def test_the_mirror_that_answers_first_is_tried_first(server, monkeypatch, tmp_path, capfd):
    mirrors(monkeypatch, server.url('stalls'), 'http://127.0.0.1:9/{}', server.url('404'), server.url('good'))
    assert contents(data.folder('mnist', str(tmp_path))) == RIGHT
    assert server.requests == ['/good/one.gz', '/good/two.gz']
    # Each of them is asked for a short while; where none answers, they are tried in their order.
    probe = download.PROBE
    monkeypatch.setattr(download, 'PROBE', 0.5)
    urls = [server.url('stalls'), server.url('404')]
    assert download.fastest(urls, 'one.gz') is None
    assert download.fastest(urls[:1], 'one.gz') is None
    monkeypatch.setattr(download, 'PROBE', probe)
    assert download.fastest(urls + [server.url('short')], 'one.gz') == server.url('short')


def test_a_gz_file_declared_as_encoded_is_kept_as_it_is(server, monkeypatch, tmp_path):
    mirrors(monkeypatch, server.url('encoded'))
    assert contents(data.folder('mnist', str(tmp_path))) == RIGHT


def test_nobody_answers(monkeypatch, tmp_path, capfd):
    mirrors(monkeypatch, 'http://127.0.0.1:9/a/{}', 'http://no-such-host.invalid/{}')
    with pytest.raises(data.Unavailable) as raised:
        data.folder('mnist')
    folder = tmp_path / 'xdg' / 'tensorflow-companion' / 'mnist'
    assert raised.value.status == 3
    assert str(raised.value).splitlines() == [
        'cannot download one.gz; tried',
        '  http://127.0.0.1:9/a/one.gz: no connection',
        '  http://no-such-host.invalid/one.gz: no connection',
        'Put one.gz, two.gz into %s by hand, or use --sample to run on the embedded sample' % folder]
    assert contents(folder) == {}
    assert 'Traceback' not in capfd.readouterr().err


def test_what_came_before_the_fault_is_kept(server, monkeypatch, tmp_path):
    mirrors(monkeypatch, server.url('good', 'one.gz'))          # sends one.gz for two.gz
    with pytest.raises(data.Unavailable, match='cannot download two.gz; .*\n.*\nPut two.gz into'):
        data.folder('mnist', str(tmp_path))
    assert contents(tmp_path / 'mnist') == {'one.gz': RIGHT['one.gz']}


def test_missing_file_joins_its_siblings(server, monkeypatch, tmp_path):
    mirrors(monkeypatch, server.url('good'))
    (tmp_path / 'one.gz').write_bytes(RIGHT['one.gz'])
    assert data.folder('mnist', str(tmp_path)) == str(tmp_path)
    assert contents(tmp_path) == RIGHT
    assert server.requests == ['/good/two.gz']


def test_damaged_file_in_the_cache_stays_until_there_is_a_right_one(server, monkeypatch, capfd):
    mirrors(monkeypatch, server.url('good'))
    folder = data.folder('mnist')
    with open(os.path.join(folder, 'one.gz'), 'wb') as file:
        file.write(b'half')
    mirrors(monkeypatch, server.url('other'))
    with pytest.raises(data.Unavailable):
        data.folder('mnist')
    assert contents(folder) == {'one.gz': b'half', 'two.gz': RIGHT['two.gz']}
    mirrors(monkeypatch, server.url('good'))
    capfd.readouterr()
    assert data.folder('mnist') == folder and contents(folder) == RIGHT
    assert capfd.readouterr().err.startswith(os.path.join(folder, 'one.gz') + ' is ')
    assert server.requests[-1] == '/good/one.gz'


def test_archive_is_downloaded_once_for_all_its_files(in_order, server, monkeypatch, tmp_path):
    mirrors(monkeypatch, server.url('404'), server.url('good', 'simple-examples.tgz'))
    assert contents(data.folder('mnist', str(tmp_path))) == RIGHT
    assert server.requests == ['/404/one.gz', '/good/simple-examples.tgz']


@pytest.mark.parametrize('behaviour, fault', [
    ('404', '404 Not Found'), ('noarchive', 'damaged archive'), ('torn', 'damaged archive'),
    ('flipped', 'sent other bytes'), ('lacking', 'not in the archive'), ('short', 'transfer cut short')])
def test_faulty_archive(server, monkeypatch, tmp_path, behaviour, fault):
    mirrors(monkeypatch, server.url(behaviour, 'simple-examples.tgz'))
    with pytest.raises(data.Unavailable, match=r'simple-examples\.tgz: ' + fault):
        data.folder('mnist', str(tmp_path))
    assert contents(tmp_path / 'mnist') == {}


# A program of its own, with the small files and mirrors of the tests.
PROGRAM = '''
import runpy
import data
from data import download
data.FILES = {'mnist': %r}
data.MIRRORS = {'mnist': %r}
%s
runpy.run_module('data', run_name='__main__')
'''


def start(urls, *argv, **options):
    """Start `python -m data` with other mirrors in a process of its own."""
    code = PROGRAM % (data.FILES['mnist'], list(urls), options.pop('extra', ''))
    return subprocess.Popen([sys.executable, '-c', code] + list(argv), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, universal_newlines=True, **options)


@pytest.mark.slow
def test_two_programs_at_once(server, tmp_path):
    programs = [start([server.url('good')], 'fetch', '--data_dir', str(tmp_path)) for _ in range(3)]
    for program in programs:
        out, err = program.communicate(timeout=30)
        assert (program.returncode, out) == (0, 'mnist: %s\n' % (tmp_path / 'mnist')), err
    assert contents(tmp_path / 'mnist') == RIGHT
    assert len(server.requests) >= 2


def test_fetch_without_network_has_status_3_and_no_traceback(server, tmp_path):
    program = start([server.url('404')], 'fetch', 'mnist', '--data_dir', str(tmp_path))
    out, err = program.communicate(timeout=30)
    assert (program.returncode, out) == (3, '')
    assert 'python -m data: error: cannot download one.gz; tried\n' in err
    assert 'Traceback' not in err and 'SHA256' not in err


@pytest.mark.slow
def test_interrupted_download_leaves_nothing(server, tmp_path):
    program = start([server.url('pauses')], 'fetch', '--data_dir', str(tmp_path))
    while not server.requests:
        time.sleep(0.02)
    time.sleep(0.2)
    assert os.listdir(str(tmp_path / 'mnist')) != []    # the scratch folder
    program.send_signal(2)
    assert program.communicate(timeout=30)[1].endswith('interrupted\n')
    assert program.returncode == 130
    assert os.listdir(str(tmp_path / 'mnist')) == []


@pytest.mark.parametrize('file, limit', [
    ('{}', 30000), pytest.param('simple-examples.tgz', 200000, marks=pytest.mark.slow)])
def test_full_disk(file, limit, server, monkeypatch, tmp_path):
    """A limit on the size of files stands for the full disk: write fails as it does there.

    The archive itself fits; its content does not.
    """
    monkeypatch.setitem(MEMBERS, './simple-examples/data/one.gz', bytes(500000))
    code = 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (%d, %d))' % (limit, limit)
    program = start([server.url('good', file)], 'fetch', '--data_dir', str(tmp_path), extra=code)
    err = program.communicate(timeout=30)[1]
    assert program.returncode == 1
    assert err.splitlines()[1:] == [
        'python -m data: error: cannot write one.gz into %s: %s; make room there, or choose another folder with '
        '--data_dir' % (tmp_path / 'mnist', os.strerror(errno.EFBIG))]
    assert contents(tmp_path / 'mnist') == {}
    assert len(server.requests) == 1                    # no other mirror can mend that


def test_folder_that_cannot_be_made(server, monkeypatch):
    mirrors(monkeypatch, server.url('good'))
    with pytest.raises(data.DataError) as raised:
        data.folder('mnist', '/proc')
    assert str(raised.value).startswith('cannot write one.gz into /proc/mnist: ')
    assert '--data_dir' in str(raised.value)
    assert raised.value.status == 1
    assert server.requests == []


def test_read_only_folder_with_a_missing_file(server, monkeypatch, read_only):
    mirrors(monkeypatch, server.url('good'))
    folder = read_only({'one.gz': RIGHT['one.gz']})
    with pytest.raises(data.DataError) as raised:
        data.folder('mnist', folder)
    assert str(raised.value) == ('cannot write two.gz into %s: Permission denied; make room there, or choose '
                                 'another folder with --data_dir' % folder)
    assert contents(folder) == {'one.gz': RIGHT['one.gz']}


def test_read_only_folder_with_all_files(server, monkeypatch, read_only):
    mirrors(monkeypatch, server.url('good'))
    folder = read_only(RIGHT)
    assert data.folder('mnist', folder) == folder
    assert server.requests == []


@pytest.fixture
def read_only():
    """Make a folder that holds some files and cannot be written, not even when root runs the tests."""
    import tempfile
    folder = tempfile.mkdtemp(prefix='read-only-', dir='/tmp')

    def make(files):
        for name, content in files.items():
            with open(os.path.join(folder, name), 'wb') as file:
                file.write(content)
            os.chmod(os.path.join(folder, name), 0o444)
        os.chmod(folder, 0o555)
        if user == 0:
            os.seteuid(65534)
        return folder

    user = os.geteuid()
    yield make
    os.seteuid(user)
    os.chmod(folder, 0o755)
    shutil.rmtree(folder)
