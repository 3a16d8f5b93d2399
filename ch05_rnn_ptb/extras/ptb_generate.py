"""Generate sentences from the language model that ptb_train.py saved.

Article 5 循环神经网络简介, section 自然语言建模; the article trains the model and stops there.

    python ch05_rnn_ptb/extras/ptb_train.py                    # first, six minutes
    python ch05_rnn_ptb/extras/ptb_generate.py --seed_words 'the company' --temperature 0.7

Shows how a 语言模型 (language model) is run: the word drawn is the next step's input. At a temperature
below 1 likely words become likelier, at 0 the likeliest is always taken, and above 1 rare words come more
often. <unk>, which stands for all rare words, is not drawn unless --allow_unk is given. Takes five
seconds. Expect sentences that make sense for a few words. N stands for a number, as in the data.
"""
from companion import cli

import os
import sys

import numpy as np
import tensorflow as tf

from ch05_rnn_ptb import ptb_word_lm, reader
from ch05_rnn_ptb.extras import saved_model

TEMPERATURE = 1.0
NUM_SENTENCES = 5
MAX_WORDS = 40              # a longer sentence is cut off, and ends in ...


def seed_ids(text, vocabulary):
    """Return the identifiers of a text's words. Unknown words become <unk>; a note names them.

    Raises:
        cli.UserError: there is such a word, and the model does not know <unk> either.
    """
    # PTB is in lower case.
    words = [word if word in vocabulary else word.lower() for word in text.split()]
    unknown = [word for word in words if word not in vocabulary]
    if unknown:
        if reader.UNK not in vocabulary:
            raise cli.UserError('--seed_words: the model does not know %s' % ', '.join(unknown))
        print('Note: the model does not know %s; taken as %s' % (', '.join(unknown), reader.UNK),
              file=sys.stderr)
    return [vocabulary.get(word, vocabulary.get(reader.UNK)) for word in words]


def draw(logits, allowed, random):
    """Draw an identifier at TEMPERATURE.

    Args:
        logits: float [VOCAB_SIZE].
        allowed: bool [VOCAB_SIZE], the words that may be drawn.
        random: a numpy RandomState.
    """
    logits = np.where(allowed, logits.astype(np.float64), -np.inf)
    # The largest becomes 0, so that no exponential overflows.
    logits -= logits.max()
    if TEMPERATURE == 0:
        return int(logits.argmax())
    with np.errstate(over='ignore'):
        p = np.exp(logits / TEMPERATURE)
    return random.choice(len(p), p=p / p.sum())


def sentence(session, model, seeds, vocabulary, allow_unk, random):
    """Generate one sentence.

    Args:
        model: a PTBModel for evaluation, with batch 1 and one step.
        seeds: identifiers of the words that it starts with.
    Returns:
        A list of identifiers that starts with `seeds`, and whether the model ended it.
    """
    allowed = np.arange(ptb_word_lm.VOCAB_SIZE) < len(vocabulary)
    if reader.UNK in vocabulary and not allow_unk:
        allowed[vocabulary[reader.UNK]] = False
    eos = vocabulary[reader.EOS]
    ids = [eos] + seeds             # a sentence starts where another ended
    state = session.run(model.initial_state)
    for i in range(len(seeds) + MAX_WORDS):
        logits, state = session.run(
            [model.logits, model.final_state],
            {model.input_data: [[ids[i]]], model.initial_state: state})
        if i + 1 < len(ids):
            continue                # a given word only sets the state
        allowed[eos] = len(ids) > 1                 # no sentence without a word
        word = draw(logits[0], allowed, random)
        if word == eos:
            return ids[1:], True
        ids.append(word)
    return ids[1:], False


def main(argv=None):
    parser = cli.Parser(__doc__)
    saved_model.add_flags(parser)
    parser.add_constants(
        globals(),
        TEMPERATURE='0: the likeliest word; 1: the probabilities of the model',
        NUM_SENTENCES='sentences to generate',
        MAX_WORDS='words after which a sentence is cut')
    parser.add_argument('--seed_words', default='', metavar='WORDS',
                        help='the words that each sentence starts with')
    parser.add_argument('--allow_unk', action='store_true', help='let <unk> be drawn')
    parser.add_argument('--sample', action='store_true', help='use the model trained with --sample',
                        default=os.environ.get('TF_TUTORIAL_DATA') == 'sample')
    args = parser.parse(argv)
    cli.set_constants(vars(saved_model), args)
    cli.set_constants(globals(), args)

    folder = saved_model.MODEL_SAVE_PATH
    saved_model.use_sizes(folder)
    vocabulary = saved_model.read_vocabulary(folder)
    words = sorted(vocabulary, key=vocabulary.get)
    seeds = seed_ids(args.seed_words, vocabulary)

    random = np.random.RandomState(args.seed)
    with tf.Graph().as_default():
        with tf.variable_scope("language_model"):
            model = ptb_word_lm.PTBModel(False, 1, 1)
        with tf.Session() as session:
            saved_model.restore(session, folder)
            for _ in range(NUM_SENTENCES):
                ids, ended = sentence(session, model, seeds, vocabulary, args.allow_unk, random)
                print(' '.join(words[i] for i in ids) + ('' if ended else ' ...'))


if __name__ == '__main__':
    cli.run(main)
