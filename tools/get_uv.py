"""Put the program uv into a folder, and print its path. For any Python from 3.6 on, without pip or venv.

    python3 tools/get_uv.py FOLDER

Its wheel comes from PyPI, or from the index that PIP_INDEX_URL or pip's settings name; the sha256 is here.
"""
import configparser
import hashlib
import html
import io
import os
import platform
import re
import sys
import urllib.parse
import urllib.request
import zipfile

VERSION = '0.13.9'
WHEELS = {
    ('Linux', 'x86_64'): (
        'manylinux_2_17_x86_64.manylinux2014_x86_64',
        'd7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19'),
    ('Linux', 'aarch64'): (
        'manylinux_2_28_aarch64', 'ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375'),
    ('Darwin', 'x86_64'): (
        'macosx_10_12_x86_64', 'c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5'),
    ('Darwin', 'arm64'): (
        'macosx_11_0_arm64', '66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63'),
}


def index():
    """The package index: PIP_INDEX_URL, or index-url of pip's settings, or PyPI."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(os.path.expanduser(path) for path in (
        '/etc/pip.conf', '~/Library/Application Support/pip/pip.conf', '~/.pip/pip.conf',
        '~/.config/pip/pip.conf'))
    return (os.environ.get('PIP_INDEX_URL') or
            settings.get('global', 'index-url', fallback='https://pypi.org/simple')).rstrip('/')


def wheel():
    """The bytes of the wheel for this machine."""
    tag, sha256 = WHEELS[platform.system(), platform.machine()]
    name = 'uv-%s-py3-none-%s.whl' % (VERSION, tag)
    page = index() + '/uv/'
    with urllib.request.urlopen(page, timeout=30) as answer:
        links = re.findall(r'href="([^"]+)"', answer.read().decode())
    link = next((link for link in links if name in urllib.parse.unquote(link)), None)
    if link is None:
        sys.exit('get_uv.py: error: %s has no %s' % (page, name))
    with urllib.request.urlopen(urllib.parse.urljoin(page, html.unescape(link)), timeout=30) as answer:
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.exit('get_uv.py: error: the sha256 of %s from %s differs' % (name, page))
    return content


def main():
    path = os.path.join(sys.argv[1], 'uv')
    try:
        content = wheel()
    except KeyError:
        sys.exit('get_uv.py: error: no uv for %s on %s' % (platform.machine(), platform.system()))
    except OSError as error:
        sys.exit('get_uv.py: error: cannot get uv from %s: %s' % (index(), error))
    with zipfile.ZipFile(io.BytesIO(content)) as archive, open(path, 'wb') as file:
        file.write(archive.read('uv-%s.data/scripts/uv' % VERSION))
    os.chmod(path, 0o755)
    print(path)


if __name__ == '__main__':
    main()
