"""The printed forms that ERRATA.md calls wrong are wrong, and the tests that it names exist."""
import re

import pytest
import tensorflow as tf

from conftest import load, read
from test_coverage import TESTS

KINDS = ['Misprints', 'Our copy of the article', 'Aged software', 'Choices of ours', 'Checked, and right']


@pytest.mark.parametrize('printed', [
    'print result',
    'with tf.Session() as sess\n    sess.run(y)',
    'train_step =\n    tf.train.AdamOptimizer(learning_rate).minimize(cross_entropy)',
    'class tf.train.AdamOptimizer',
])
def test_the_printed_form_does_not_compile(printed):
    with pytest.raises(SyntaxError):
        compile(printed, 'print', 'exec')


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


@pytest.mark.parametrize('name', ['ERRATA.md', 'ERRATA.zh-CN.md'])
def test_the_index_by_section_is_that_of_the_coverage(name):
    index = load('tools/errata_index.py').index(name)
    text = read(name)
    assert '\n\n%s\n## ' % index in text, 'run python tools/errata_index.py'
    assert {number for number in re.findall(r'(?m)^#### <a id="([\d.]+)">', text) if number[0] != '0'} <= set(
        re.findall(r'\(#([\d.]+)\)', index))


def test_each_block_has_its_parts_and_tests_that_exist():
    text = read('ERRATA.md')
    defined = TESTS | {name.partition('::')[0] for name in TESTS}
    seen, wrong = set(), []
    for article in re.split('^## ', text, flags=re.MULTILINE)[1:]:
        chapter = re.match(r'Article (\d)', article)
        for kind in re.split('^### ', article, flags=re.MULTILINE)[1:]:
            assert kind.split('\n')[0] in KINDS
            for block in re.split('^#### ', kind, flags=re.MULTILINE)[1:]:
                number = re.match(r'<a id="([\d.]+)"></a>([\d.]+)', block)
                assert number and number.group(1) == number.group(2) not in seen, block
                seen.add(number.group(1))
                parts = re.findall(r'^- (\w+):', block, re.MULTILINE)
                if parts not in (['printed', word, 'ours', 'test'] for word in ('right', 'note')):
                    wrong.append('%s has the parts %s' % (number.group(1), parts))
                test = block.split('- test:')[-1]
                names = [name if '.py' in name else 'test_ch0%s.py::%s' % (chapter.group(1), name)
                         for name in re.findall(r'`(test_[\w.:]+)`', test)]
                wrong += ['%s names %s, which is no test' % (number.group(1), name)
                          for name in names if name not in defined]
                if not names and not test.strip().startswith('none'):
                    wrong.append('%s has no test' % number.group(1))
    assert not wrong, '\n'.join(wrong)
    assert len(seen) > 200
