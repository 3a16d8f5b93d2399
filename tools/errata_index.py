"""Write the errata's index by section into ERRATA.md and ERRATA.zh-CN.md, from results/coverage.csv.

    python tools/errata_index.py

A section's errata are in the order in which coverage.csv names them, which is about the article's. To be run when a
row gets another erratum; tests/test_errata.py checks that both files have the index.
"""
from companion import cli

import csv
import os

# For each file: the index's heading, that of its columns, the word for several sections, and the heading after it.
FILES = {
    'ERRATA.md': ('By section of the articles', 'article and section | errata', 'several', 'In every article'),
    'ERRATA.zh-CN.md': ('按文章的小节查找', '文章和小节 | 勘误', '多处', '各篇共有'),
}


def index(name):
    """The index of one of the files, from its heading on."""
    heading, columns, several, _ = FILES[name]
    with open(os.path.join(cli.ROOT, 'results', 'coverage.csv'), encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    sections = {}
    for row in rows:
        for number in row['erratum'].split():
            numbers = sections.setdefault((row['article'], row['section'].replace('several', several)), [])
            if number not in numbers:
                numbers.append(number)
    lines = ['| %s %s | %s |' % (article, section, ' '.join('[%s](#%s)' % (number, number) for number in numbers))
             for (article, section), numbers in sections.items()]
    return '\n'.join(['## ' + heading, '', '| %s |' % columns, '| --- | --- |'] + lines) + '\n'


def main():
    for name, (heading, _, _, after) in FILES.items():
        path = os.path.join(cli.ROOT, name)
        with open(path, encoding='utf-8') as file:
            text = file.read()
        head, rest = text.split('\n## %s\n' % after, 1)
        head = head.split('\n## %s\n' % heading)[0].rstrip('\n')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('%s\n\n%s\n## %s\n%s' % (head, index(name), after, rest))
        print('Wrote the index of %s' % path)


if __name__ == '__main__':
    main()
