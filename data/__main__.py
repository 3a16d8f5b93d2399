"""Look after the data sets: list, fetch and verify their files, make the embedded sample.

Examples:
    python -m data list
    python -m data fetch mnist
    python -m data verify --data_dir ~/data
    python -m data sample --to /tmp/sample
"""
import argparse
import os
import sys

import data
from data import sample


def main(argv=None):
    parser = argparse.ArgumentParser(prog='python -m data', description=__doc__, allow_abbrev=False,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', metavar='command')
    commands.required = True
    for command, text in (('list', 'show files, sha256, sizes, where they are, and the mirrors'),
                          ('fetch', 'download the files that are missing'),
                          ('verify', 'check every file; exit status 1 unless all are right')):
        sub = commands.add_parser(command, help=text, description=text)
        sub.add_argument('name', nargs='?', choices=['mnist', 'ptb', 'all'], default='all',
                         help='the data set (default: all)')
        sub.add_argument('--data_dir', metavar='DIR', default=os.environ.get('TF_TUTORIAL_DATA'),
                         help="folder of the data files, or 'sample' (default: TF_TUTORIAL_DATA, or a "
                              'cache folder)')
    sub = commands.add_parser('sample', help='make the embedded sample and print its folder')
    sub.add_argument('--to', metavar='DIR', help='where to make it (default: the cache folder)')
    args = parser.parse_args(argv)

    if args.command == 'sample':
        print(sample.make(args.to))
        return 0
    names = list(data.FILES) if args.name == 'all' else [args.name]
    if args.command == 'fetch':
        for name in names:
            print('%s: %s' % (name, data.folder(name, args.data_dir)))
        return 0
    return show(names, args.data_dir, mirrors=args.command == 'list')


def show(names, data_dir, mirrors):
    """Print the state of each file, and where it comes from; return 1 if one is not right."""
    wrong = 0
    for name in names:
        if data_dir == 'sample':
            folder = os.path.join(data.cache(), 'sample')
            found = sample.faults(folder)
            faults = {file: found.get(os.path.join(name, file), found.get(sample.SUMS, data.MISSING))
                      for file in data.FILES[name]}
            folder = os.path.join(folder, name)
        else:
            folder, faults = data.locate(name, data_dir)
        print('%s in %s' % (name, folder))
        for file, fault in faults.items():
            wrong += fault is not None
            state = 'OK' if fault is None else 'MISSING' if fault == data.MISSING else 'DAMAGED'
            print('  %-8s %s%s' % (state, file, ' (%s)' % fault if state == 'DAMAGED' else ''))
            if mirrors and data_dir != 'sample':
                print('           %d bytes, sha256 %s' % data.FILES[name][file])
        if mirrors and data_dir != 'sample':
            print('  from ' + '\n       '.join(mirror.format('') for mirror in data.MIRRORS[name]))
    return 0 if mirrors else int(wrong > 0)


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(130)
    except data.DataError as error:
        print('python -m data: error: %s' % error, file=sys.stderr)
        sys.exit(error.status)
