"""The printed forms that ERRATA.md calls wrong are wrong, and the tests that it names exist."""
import os
import re

import pytest
import tensorflow as tf
from conftest import ROOT, load


@pytest.mark.parametrize('printed', [
    'print result',
    'with tf.Session() as sess\n    sess.run(y)',
    'train_step =\n    tf.train.AdamOptimizer(learning_rate).minimize(cross_entropy)',
    'class tf.train.AdamOptimizer',
    'learning_step =\n    tf.train.GradientDescentOptimizer(learning_rate)',
    'tf.contrib.layers.l2_regularizer(lambda)(w)',
    'loss = tf.reduce_mean(tf.square(y_ - y)) +\n    regularizer(w)',
    "global_step = ckpt.model_checkpoint_path\n    .split('/')[-1].split('-')[-1]",
    "    with tf.variable_scope('layer2'):\nweights = get_weight_variable(",
    "while True:\n    if ckpt:\n        pass\n    else:\n        return",
    '# the # \n\u5316\u3002',
])
def test_the_printed_form_does_not_compile(printed):
    with pytest.raises(SyntaxError):
        compile(printed, 'print', 'exec')


def test_the_printed_power_is_no_power():
    with pytest.raises(TypeError):
        0.99 ^ (1000 / 550)
    assert 0.99 ** (550 / 550) == 0.99


def test_article_2_trains_without_regularisation_or_averages(run_script, monkeypatch):
    graphs = []
    session = tf.Session
    monkeypatch.setattr(tf, 'Session', lambda: graphs.append(tf.get_default_graph()) or session())
    run_script('ch02_mnist_basics/mnist_fc.py', '--training_steps', 1)
    with graphs[0].as_default():
        assert not tf.losses.get_regularization_losses()
        assert not tf.get_collection(tf.GraphKeys.MOVING_AVERAGE_VARIABLES)
        names = [op.type for op in graphs[0].get_operations()]
    assert 'L2Loss' not in names and 'SoftmaxCrossEntropyWithLogits' in names


def test_decay_steps_are_whole_as_in_python_2(monkeypatch):
    module = load('ch03_training_tricks/mnist_train.py')
    seen = []
    decay = tf.train.exponential_decay
    monkeypatch.setattr(tf.train, 'exponential_decay', lambda *args: seen.append(args[2]) or decay(*args))
    module.main(['--training_steps', '1', '--batch_size', '64'])
    assert seen == [6235 // 64]


def test_the_tests_that_errata_name_exist():
    text = open(os.path.join(ROOT, 'ERRATA.md'), encoding='utf-8').read()
    defined = set()
    for name in os.listdir(os.path.join(ROOT, 'tests')):
        if name.endswith('.py'):
            tests = re.findall(r'^def (test_\w+)', open(os.path.join(ROOT, 'tests', name)).read(), re.MULTILINE)
            defined.update([name] + ['%s::%s' % (name, test) for test in tests])
    for article in re.split('^## ', text, flags=re.MULTILINE)[1:]:
        number = re.match(r'Article (\d)', article)
        for name in re.findall(r'`(test_[\w.:]+)`', article):
            # A name without a file is of the article's own.
            if not name.startswith('test_errata') and '.py' not in name:
                name = 'test_ch0%s.py::%s' % (number.group(1), name)
            assert name in defined, '%s of ERRATA.md is no test' % name
