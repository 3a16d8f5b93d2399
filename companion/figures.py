"""Pictures: saved whole or not at all, never over a file of someone else's; and a font for Chinese labels."""
from companion.errors import UserError

import errno
import os
import tempfile

SOFTWARE = 'tensorflow-companion'       # in the file, so that it is known again


def ours(path):
    """Whether the PNG file was made by `save`."""
    from PIL import Image
    try:
        with Image.open(path) as picture:
            return picture.info.get('Software') == SOFTWARE
    except OSError:                              # no picture at all
        return False


def check(path, flag='--picture'):
    """Make sure that a picture can be saved there, before the work that it is of.

    Args:
        flag: the one that gave the path, for the error.
    Raises:
        UserError: the folder cannot be written, or a file is there that is not one of our pictures.
    """
    folder = os.path.dirname(os.path.abspath(path))
    try:
        if not path or os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, 'a file name is needed')
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise UserError('cannot save the picture %r (%s): choose another %s' % (path, error.strerror, flag))
    if os.path.exists(path) and not ours(path):
        raise UserError('%s is there already, and is not a picture that these programs made: move it, or '
                        'choose another %s' % (path, flag))


def save(figure, path):
    """Save a matplotlib Figure as PNG, whole or not at all, and print where. Raises UserError as `check`."""
    check(path)
    handle, part = tempfile.mkstemp(suffix='.png', dir=os.path.dirname(os.path.abspath(path)))
    os.close(handle)
    try:
        figure.savefig(part, dpi=120, metadata={'Software': SOFTWARE})
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
    print('Saved %s' % path)


def chinese_font(labels):
    """Return the FontProperties of an installed font that has every character of the labels, or None and say so."""
    from matplotlib import font_manager, ft2font
    wanted = set(map(ord, ''.join(labels))) - {ord('\n')}
    for font in font_manager.fontManager.ttflist:       # Last Resort draws each character as a box
        if 'LastResort' not in font.name.replace(' ', '') and os.path.exists(font.fname) and \
                wanted <= set(ft2font.FT2Font(font.fname).get_charmap()):
            return font_manager.FontProperties(fname=font.fname)
    print('No installed font has the Chinese characters (Noto Sans CJK has): the labels are in English')
