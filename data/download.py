"""Download verified files over HTTPS, trying one mirror after the other."""
import contextlib
import os
import queue
import shutil
import socket
import sys
import tarfile
import tempfile
import threading
import zlib

import pooch
import requests

from data import DataError, Unavailable

TIMEOUT = 20        # seconds without an answer, or without a byte, after which a mirror is given up
PROBE = 5           # seconds for the first answer of all mirrors, asked at once
DEADLINE = 900      # seconds for one whole file, against a mirror that sends a byte now and then


def fetch(folder, hashes, mirrors):
    """Download files into a folder, each of them whole and verified or not at all.

    Everything happens in a scratch folder beside the files, which is removed whatever happens; a
    file is then renamed into its place, so that two programs may well fetch at the same time.

    Args:
        folder: where the files shall be; made if need be.
        hashes: a dict from file name to sha256.
        mirrors: URLs in which {} stands for the file's name; a .tgz is an archive that holds it.
    Raises:
        Unavailable: no mirror provides one of the files.
        DataError: the folder cannot be written, or the disk is full.
    """
    pooch.get_logger().setLevel('ERROR')
    mirrors = list(mirrors)
    missing = list(hashes)
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix='.download-', dir=folder) as scratch:
            first = fastest(mirrors, missing[0])
            mirrors.sort(key=lambda mirror: mirror != first)
            while missing:
                used = fetch_file(missing[0], hashes[missing[0]], folder, mirrors, scratch, missing)
                # The next file begins with the mirror that has just served.
                mirrors.sort(key=lambda mirror: mirror != used)
                missing.pop(0)
    except OSError as error:
        raise DataError('cannot write %s into %s: %s; make room there, or choose another folder with '
                        '--data_dir' % (missing[0], folder, error.strerror or error))


def fastest(mirrors, name):
    """Return the mirror that is the first to answer that it has a file, or None."""
    answers = queue.Queue()

    def ask(mirror):
        try:
            answer = requests.head(mirror.format(name), timeout=PROBE, allow_redirects=True)
            answers.put(mirror if answer.ok else None)
        except (requests.RequestException, ValueError):
            answers.put(None)

    if len(mirrors) < 2:
        return None
    for mirror in mirrors:
        threading.Thread(target=ask, args=(mirror,), daemon=True).start()
    with contextlib.suppress(queue.Empty):
        for _ in mirrors:
            answer = answers.get(timeout=PROBE)
            if answer:
                return answer
    return None


def fetch_file(name, sha256, folder, mirrors, scratch, missing):
    """Download one file into `folder` from the first mirror that provides it, and return the mirror."""
    faults = []
    for mirror in mirrors:
        url = mirror.format(name)
        print('Downloading %s from %s into %s' % (name, url.split('/')[2], folder), file=sys.stderr)
        downloader = from_archive(name, scratch) if url.endswith('.tgz') else download
        try:
            # pooch compares the sha256, and removes what differs.
            path = pooch.retrieve(url, sha256, name, scratch, downloader=downloader)
        except (requests.RequestException, ValueError) as error:
            faults.append('  %s: %s' % (url, describe(error)))
            continue
        os.chmod(path, 0o644)           # temporary files are their owner's alone
        os.replace(path, os.path.join(folder, name))
        return mirror
    raise Unavailable('cannot download %s; tried\n%s\nPut %s into %s by hand, or use --sample to run '
                      'on the embedded sample' % (name, '\n'.join(faults), ', '.join(missing), folder))


def download(url, output_file, _pooch=None):
    """Download `url` to the path `output_file`. A downloader as pooch.retrieve takes them."""
    responses, late = [], []

    def answered(response, *args, **kwargs):
        # Some servers declare a .gz file an encoded form of its content: keep it as it is.
        response.raw.headers.pop('Content-Encoding', None)
        responses.append(response)

    def cut():
        late.append(True)
        with contextlib.suppress(OSError, ValueError, AttributeError):      # it ends by itself just now
            with socket.socket(fileno=os.dup(responses[-1].raw.fileno())) as connection:
                connection.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(DEADLINE, cut)
    watch.daemon = True
    watch.start()
    try:
        pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=2 ** 16, timeout=TIMEOUT,
                             headers={'Accept-Encoding': 'identity'}, hooks={'response': answered}
                             )(url, output_file, None)
    except requests.RequestException:
        if not late:
            raise
    finally:
        watch.cancel()
    if late:
        raise requests.Timeout('not complete after %g s' % DEADLINE)


def from_archive(name, scratch):
    """Return a downloader that takes the file `name` out of an archive, which it downloads once."""
    def downloader(url, output_file, _pooch=None):
        archive = os.path.join(scratch, 'archive')
        if not os.path.exists(archive):
            download(url, archive + '.part')
            os.rename(archive + '.part', archive)
        try:
            with tarfile.open(archive) as tar:
                member = next(member for member in tar if member.name.endswith('/data/' + name))
                with tar.extractfile(member) as source, open(output_file, 'wb') as target:
                    shutil.copyfileobj(source, target)
        except StopIteration:
            raise ValueError('not in the archive')
        except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
            if getattr(error, 'errno', None):       # the disk's fault; gzip's own errors have no number
                raise
            raise ValueError('damaged archive')
    return downloader


def describe(error):
    """Say in a few words what was wrong with a mirror."""
    if isinstance(error, requests.HTTPError):
        return '%d %s' % (error.response.status_code, error.response.reason)
    text = str(error)
    if 'hash' in text:
        return 'sent other bytes (the sha256 differs)'
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return 'transfer cut short'
    if 'timed out' in text:
        return 'no answer for %g s' % TIMEOUT
    if isinstance(error, requests.exceptions.SSLError):
        return 'its certificate is not accepted'
    if isinstance(error, requests.ConnectionError):
        return 'no connection'
    return text
