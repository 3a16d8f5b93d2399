"""Read the Penn Treebank (PTB) as identifiers, and its first batch.

Article 5 循环神经网络简介, section 自然语言建模, the two programs for ptb_raw_data and ptb_iterator.

    python ch05_rnn_ptb/reader_demo.py

Shows the length of the training data, its first 100 identifiers, and the first batch of 4 rows of 5
words with the words to predict. Takes two seconds. Expect 929589 and every identifier as printed.
"""
from companion import cli

from ch05_rnn_ptb import reader


def main(argv=None):
    args = cli.Parser(__doc__, data='ptb', seed=False).parse(argv)

    train_data, valid_data, test_data, _ = reader.ptb_raw_data(args.data_dir)
    print(len(train_data))
    print(train_data[:100])

    # 4 rows, cut after 5 words.
    result = reader.ptb_iterator(train_data, 4, 5)
    x, y = next(result)
    print("X:", x)
    print("y:", y)


if __name__ == '__main__':
    cli.run(main)
