"""Read the Penn Treebank (PTB) as word identifiers (单词 ID), and its first batch.

Article 5 循环神经网络简介, section 自然语言建模, the two programs for ptb_raw_data and ptb_iterator.

    python ch05_rnn_ptb/reader_demo.py

Shows the length of the training data, its first 100 identifiers, and the first batch of 4 rows of 5
words with the words to predict. Takes four seconds. Expect 929589 and every identifier as printed.
"""
from companion import cli

from ch05_rnn_ptb import reader

DATA_PATH = ''          # the folder of the text files; main sets it


def raw_data_program():
    train_data, valid_data, test_data, _ = reader.ptb_raw_data(DATA_PATH)
    print(len(train_data))
    print(train_data[:100])


def iterator_program():
    train_data, valid_data, test_data, _ = reader.ptb_raw_data(DATA_PATH)

    # 4 rows, 截断 (truncated) after 5 words.
    result = reader.ptb_iterator(train_data, 4, 5)

    # y holds 正确答案 (the right answers): the word after each word of x.
    x, y = next(result)
    print("X:", x)
    print("y:", y)


# What the article does not have: flags, and verified data.

def main(argv=None):
    parser = cli.Parser(__doc__, data='ptb', seed=False)
    parser.add_constants(globals(), DATA_PATH='folder with text files of your own, named as those of PTB')
    if parser.parse_known_args(argv)[0].data_path:
        parser.data = None
    args = parser.parse(argv)
    args.data_path = args.data_path or args.data_dir
    cli.set_constants(globals(), args)
    raw_data_program()
    iterator_program()


if __name__ == '__main__':
    cli.run(main)
