"""Article 6: Slim, tf.contrib.learn, TFLearn and Keras, side by side."""
from companion import cli

import functools
import glob
import inspect
import os
import re
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from conftest import ROOT, load

CHAPTER = 'ch06_high_level_apis/'
# The trainings: script, flags of a short one, of a longer one, and what the second says when it resumes.
TRAININGS = {
    'slim_cnn': (['--training_steps', '60'], ['--training_steps', '90'], 'Resuming after 60 training step(s)'),
    'contrib_learn_cnn': (['--training_steps', '60', '--save_steps', '25'], ['--training_steps', '90'],
                          'Resuming after 60 training step(s)'),
    'tflearn_cnn': (['--n_epoch', '1'], ['--n_epoch', '2'], 'Resuming after 1 epoch(s)'),
    'keras_cnn': (['--epochs', '1'], ['--epochs', '2'], 'Resuming after epoch 1'),
}
# What the article prints, with other digits, in a log, which has no bar. Keras 2.3 has `accuracy` for Keras 2.0's `acc`.
LINES = {
    'tflearn_cnn': [
        r'Run id: \w{6}', r'Log directory: \S+', 'Training samples: 6235', 'Validation samples: 1500',
        r'Training Step: 98 +\| total loss: .*[\d.]+.* \| time: [\d.]+s',
        r'.*\| SGD \| epoch: 001 \| loss: [\d.]+ - acc: [\d.]+ \| val_loss: [\d.]+ - val_acc: [\d.]+ '
        r'-- iter: 6235/6235'],
    'keras_cnn': [
        'Train on 11235 samples, validate on 1500 samples', 'Epoch 1/1',
        r' - \d+s - loss: [\d.]+ - accuracy: [\d.]+ - val_loss: [\d.]+ - val_accuracy: [\d.]+',
        r'Test loss: [\d.]+', r'Test accuracy: [\d.]+'],
}
# The constants of the three programs, most of them plain numbers in the print; and what the logs say at the
# printed epochs: the article's loss and accuracy of training, then those of the test data.
CONSTANTS = {
    'slim_cnn': {'BATCH_SIZE': 100, 'TRAINING_STEPS': 20000, 'LEARNING_RATE': 0.01, 'KEEP_PROB': 0.5},
    'contrib_learn_cnn': {'BATCH_SIZE': 100, 'TRAINING_STEPS': 20000, 'LEARNING_RATE': 0.01, 'KEEP_PROB': 0.5},
    'tflearn_cnn': {'BATCH_SIZE': 64, 'N_EPOCH': 20, 'LEARNING_RATE': 0.01, 'KEEP_PROB': 0.5},
    'keras_cnn': {'batch_size': 128, 'num_classes': 10, 'epochs': 20, 'img_rows': 28, 'img_cols': 28},
}
TFLEARN_EPOCH = {1: (0.25554, 0.9267, 0.24617, 0.9267), 2: (0.28228, 0.9207)}
KERAS_EPOCH = {1: (1.3127, 0.5943, 0.3409, 0.9046), 2: (0.3827, 0.8840, 0.2006, 0.9433), 3: (0.2752, 0.9163)}


def accuracy(output):
    return float(re.search(r'^(?:Test a|A)ccuracy: ([\d.]+)$', output, re.IGNORECASE | re.MULTILINE).group(1))


def test_conv_layer_is_the_same_in_one_line(run_script):
    output = run_script(CHAPTER + 'conv_layer.py', '--seed', 1)
    assert re.findall(r'^(\S+) +\((.*)\)$', output, re.MULTILINE) == [
        ('native/weight', '3, 3, 3, 32'), ('native/bias', '32,'),
        ('Conv/weights', '3, 3, 3, 32'), ('Conv/biases', '32,')]
    own, same = (float(value) for value in re.findall(r'Largest difference, .*: (.*)', output))
    assert own > 0.1 and same == 0
    parameters = inspect.signature(tf.contrib.slim.conv2d).parameters
    required = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    assert len(required) == 3 and required == ['inputs', 'num_outputs', 'kernel_size']
    # What the article says may be left out.
    assert {'stride', 'padding', 'activation_fn', 'scope'} <= set(parameters)


def test_constants_are_as_printed():
    for name, constants in CONSTANTS.items():
        module = load(CHAPTER + name + '.py')
        assert {key: getattr(module, key) for key in constants} == constants, name
    # Keras's own rate, which the print leaves as it is, is that of the other programs.
    module = load(CHAPTER + 'keras_cnn.py')
    with tf.Graph().as_default():
        rate = module.keras.backend.eval(module.build_model((28, 28, 1)).optimizer.lr)
    assert rate == pytest.approx(0.01)


@pytest.mark.parametrize('name', sorted(TRAININGS))
def test_training_learns_resumes_and_names_a_damaged_checkpoint(name, run_script, tmp_path):
    first, second, resuming = TRAININGS[name]
    script, folder = CHAPTER + name + '.py', ['--model_save_path', tmp_path / 'model']
    start = run_script(script, '--seed', 1, *first, *folder)
    for line in LINES.get(name, []):
        assert re.search('^%s$' % line, start.replace('\r', '\n'), re.MULTILINE), line
    assert 'Resuming' not in start
    assert accuracy(start) > 0.25, 'more than guessing, 0.1'
    more = run_script(script, '--seed', 1, *second, *folder)
    assert resuming in more
    assert accuracy(more) > accuracy(start)
    # Once the training is finished, it is only evaluated.
    assert accuracy(run_script(script, *second, *folder)) == accuracy(more)

    path = (glob.glob(str(tmp_path / 'model' / 'model-*.h5')) or [
        tf.train.latest_checkpoint(str(tmp_path / 'model')) + '.data-00000-of-00001'])[0]
    with open(path, 'r+b') as file:
        file.truncate(os.path.getsize(path) // 2)
    with pytest.raises(cli.UserError, match='cannot resume from %s.*--model_save_path' % re.escape(
            path.split('.data')[0])):
        run_script(script, *second, *folder)


@pytest.mark.parametrize('name', ['slim_cnn', 'contrib_learn_cnn'])
def test_a_seed_repeats_the_training(name, run_script, tmp_path):
    def loss(folder):
        run_script(CHAPTER + name + '.py', '--seed', 5, '--training_steps', 2, '--model_save_path', tmp_path / folder)
        reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(tmp_path / folder)))
        return [reader.get_tensor(key) for key in sorted(reader.get_variable_to_shape_map())]
    for one, other in zip(loss('one'), loss('other')):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_progress_is_the_librarys_and_nothing_else_is_on_stderr(shell):
    for name, line in (('slim_cnn', r'INFO:tensorflow:global step 100: loss = [\d.]+ \([\d.]+ sec/step\)'),
                       ('contrib_learn_cnn', r'INFO:tensorflow:(loss = [\d.]+, step = .*|Saving checkpoints for .*)')):
        result = shell(CHAPTER + name + '.py', '--batch_size', 10, '--training_steps', 101)
        assert result.returncode == 0
        lines = [text for text in result.stderr.splitlines() if not text.startswith('Note: this is the embedded')]
        assert lines and all(re.match(line + '$', text) for text in lines), result.stderr


@pytest.mark.parametrize('name', sorted(TRAININGS))
def test_a_loss_that_is_no_number_stops_the_training(name, run_script, monkeypatch, tmp_path):
    module = load(CHAPTER + name + '.py')
    flags = ['--learning_rate', 1e30]
    if name == 'keras_cnn':
        # Its rate is the library's own default, and so no flag.
        sgd = module.keras.optimizers.SGD
        monkeypatch.setattr(sgd, '__init__', functools.partialmethod(sgd.__init__, learning_rate=1e30))
        flags = []
    with pytest.raises(cli.UserError, match=r'the loss is .*lower (--learning_rate \(now 1e\+30\)|the learning rate)'):
        run_script(CHAPTER + name + '.py', *flags)
    for path in glob.glob(str(tmp_path / 'runs' / '**' / 'model.ckpt-*.index'), recursive=True):
        reader = tf.train.load_checkpoint(path[:-len('.index')])
        for key in reader.get_variable_to_shape_map():
            assert np.isfinite(reader.get_tensor(key)).all(), 'a saved %s' % key
    assert not glob.glob(str(tmp_path / 'runs' / '**' / '*.h5'), recursive=True)


@pytest.mark.parametrize('name', sorted(TRAININGS))
def test_a_batch_larger_than_the_data_and_a_folder_that_is_a_file(name, run_script, tmp_path):
    with pytest.raises(cli.UserError, match='--batch_size 99999 is more than'):
        run_script(CHAPTER + name + '.py', '--batch_size', 99999)
    (tmp_path / 'file').write_text('not a folder')
    with pytest.raises(cli.UserError, match='--model_save_path'):
        run_script(CHAPTER + name + '.py', '--model_save_path', tmp_path / 'file')


def variables(build):
    with tf.Graph().as_default():
        build()
        return [variable.shape.as_list() for variable in tf.trainable_variables()]


def test_three_of_the_networks_are_one():
    images = np.zeros([5, 28, 28, 1], np.float32)
    lenet = [[5, 5, 1, 32], [32], [5, 5, 32, 64], [64], [3136, 500], [500], [500, 10], [10]]
    slim = load(CHAPTER + 'slim_cnn.py')
    assert variables(lambda: slim.lenet(images, True)) == lenet
    learn = load(CHAPTER + 'contrib_learn_cnn.py')

    def conv_model():
        tf.train.create_global_step()
        learn.conv_model(images.reshape([5, 784]), np.arange(5), tf.contrib.learn.ModeKeys.TRAIN)
    assert variables(conv_model) == lenet
    tflearn = load(CHAPTER + 'tflearn_cnn.py')
    assert variables(tflearn.build_network) == lenet
    # The article's Keras network pads nothing: 4 x 4 x 64 nodes are left.
    keras = load(CHAPTER + 'keras_cnn.py')
    with tf.Graph().as_default():
        weights = keras.build_model((28, 28, 1)).trainable_weights
    assert [variable.shape.as_list() for variable in weights] == lenet[:4] + [[1024, 500]] + lenet[5:]


def test_dropout_is_where_the_article_has_it():
    slim = load(CHAPTER + 'slim_cnn.py')
    learn = load(CHAPTER + 'contrib_learn_cnn.py')
    tflearn = load(CHAPTER + 'tflearn_cnn.py')
    keras = load(CHAPTER + 'keras_cnn.py')

    def inputs_of_dropout(build):
        with tf.Graph().as_default() as graph:
            build()
            return [op.inputs[0].shape.as_list()[1:] for op in graph.get_operations()
                    if re.search(r'dropout(_\d+)?/mul$', op.name)]
    images = np.zeros([5, 28, 28, 1], np.float32)
    assert inputs_of_dropout(lambda: slim.lenet(images, True)) == [[500]]
    assert inputs_of_dropout(lambda: slim.lenet(images, False)) == []

    def conv_model(mode):
        tf.train.create_global_step()
        learn.conv_model(images, np.arange(5), mode)
    modes = tf.contrib.learn.ModeKeys
    assert inputs_of_dropout(lambda: conv_model(modes.TRAIN)) == [[500]]
    assert inputs_of_dropout(lambda: conv_model(modes.EVAL)) == []
    assert inputs_of_dropout(tflearn.build_network) == [[500]]
    assert inputs_of_dropout(lambda: keras.build_model((28, 28, 1))) == [[4, 4, 64]]


def test_the_printed_model_function_cannot_predict_without_labels():
    with tf.Graph().as_default(), pytest.raises(ValueError, match='None values not supported'):
        tf.one_hot(tf.cast(None, tf.int32), 10, 1, 0)
    module = load(CHAPTER + 'contrib_learn_cnn.py')
    with tf.Graph().as_default():
        labels, loss, step = module.conv_model(np.zeros([3, 784], np.float32), None, tf.contrib.learn.ModeKeys.INFER)
        assert labels.shape == [3] and loss is None and step is None


def test_printed_counts():
    # TFLearn: 860 steps are an epoch of 55,000 pictures in batches of 64, the library's default.
    assert load(CHAPTER + 'tflearn_cnn.py').BATCH_SIZE == 64
    assert -(-55000 // 64) == 860 and (1054 - 860) * 64 == 12416
    # Keras: 35,072 pictures are whole batches of 128.
    assert load(CHAPTER + 'keras_cnn.py').batch_size == 128 and 35072 % 128 == 0 and 35072 / 128 == 274
    # An accuracy on 10,000 pictures has four digits; the printed format has six.
    assert '{0:f}'.format(0.9901) == '0.990100'


def log(name):
    with open(os.path.join(ROOT, 'results', 'logs', name + '.log')) as file:
        return file.read()


def test_recorded_epochs_are_near_the_print():
    """One training of ours beside one of the article's: within a tenth of a loss, 0.02 of an accuracy.

    TFLearn's loss and accuracy of training are means over the last few batches, not over the epoch, and so
    within 0.1 and 0.05.
    """
    tflearn = {int(epoch): [float(value) for value in values] for epoch, *values in re.findall(
        r'epoch: (\d+) \| loss: ([\d.]+) - acc: ([\d.]+) \| val_loss: ([\d.]+) - val_acc: ([\d.]+)',
        log('tflearn_cnn-seed1'))}
    loss, acc, val_loss, val_acc = TFLEARN_EPOCH[1]
    assert tflearn[1][0] == pytest.approx(loss, abs=0.1) and tflearn[1][1] == pytest.approx(acc, abs=0.05)
    assert tflearn[1][2] == pytest.approx(val_loss, abs=0.1) and tflearn[1][3] == pytest.approx(val_acc, abs=0.02)
    # The line of epoch 2 is of its 194th step; ours are of the steps 860 and 1720.
    for ours, printed in zip(zip(tflearn[1], tflearn[2]), TFLEARN_EPOCH[2]):
        assert min(ours) - 0.05 < printed < max(ours) + 0.05
    assert 'Training samples: 55000\nValidation samples: 10000\n' in log('tflearn_cnn-seed1')

    text = log('keras_cnn-seed1')
    assert 'Train on 60000 samples, validate on 10000 samples\nEpoch 1/20\n' in text
    keras = dict(enumerate(([float(value) for value in values] for values in re.findall(
        r'loss: ([\d.]+) - accuracy: ([\d.]+) - val_loss: ([\d.]+) - val_accuracy: ([\d.]+)', text)), 1))
    assert len(keras) == 20
    for epoch, printed in KERAS_EPOCH.items():
        for i, value in enumerate(printed):
            band = {'rel': 0.1} if i in (0, 2) else {'abs': 0.02}
            assert keras[epoch][i] == pytest.approx(value, **band), (epoch, i)


@pytest.mark.real_data
def test_keras_has_60000_pictures_and_the_others_55000(real_data, monkeypatch):
    module = load(CHAPTER + 'keras_cnn.py')
    seen = []
    module.train = seen.append          # in place of training
    module.main(['--data_dir', real_data])
    images = seen[0].train.images
    assert images.shape == (60000, 28, 28, 1) and images.dtype == np.uint8 and images.max() == 255
    assert seen[0].test.num_examples == 10000
    for name in 'tflearn_cnn', 'slim_cnn':
        module = load(CHAPTER + name + '.py')
        module.train = seen.append
        module.evaluate = lambda mnist: 0
        module.main(['--data_dir', real_data])
        assert seen[-1].train.images.shape == (55000, 784) and seen[-1].test.num_examples == 10000
    module = load(CHAPTER + 'contrib_learn_cnn.py')

    class Estimator:
        def __init__(self, **kwargs):
            pass

        def fit(self, images, labels, **kwargs):
            seen.append((images, labels))

        def predict(self, images, **kwargs):
            return np.zeros(len(images))
    monkeypatch.setattr(module.learn, 'Estimator', Estimator)
    module.main(['--data_dir', real_data])
    images, labels = seen[-1]
    # Pixels from 0 to 1, and labels as they are, not one-hot.
    assert images.shape == (55000, 784) and images.max() == 1 and labels.shape == (55000,)


def test_table_of_the_interfaces(run_script):
    output = run_script(CHAPTER + 'compare_interfaces.py', '--steps', 8, '--repeats', 1)
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in output.splitlines()[2:7]]
    assert [(row[0], row[3]) for row in rows] == [
        ('native', '1663370'), ('Slim', '1625606'), ('tf.contrib.learn', '1625606'), ('TFLearn', '1625606'),
        ('Keras', '569606')]
    assert all(0 < int(row[2]) < int(row[1]) and float(row[4]) > 0 for row in rows)
    assert rows[0][5] == '1.00'
    # What does not depend on the machine is as in the recorded table.
    with open(os.path.join(ROOT, 'results', 'logs', 'compare_interfaces.log'), encoding='utf-8') as file:
        recorded = [line for line in file.read().splitlines() if line.startswith('| ')][2:]
    for row, line in zip(rows, recorded):
        assert line.startswith('| %s |' % ' | '.join(row[:4])), 'record compare_interfaces again'
    # Each of the four says the network in fewer lines than native TensorFlow, Slim in less than half.
    lines = [int(row[2]) for row in rows]
    assert max(lines[1:]) < lines[0] and lines[1] < lines[0] / 2


def test_code_lines():
    module = load(CHAPTER + 'compare_interfaces.py')
    source = '"""Doc\nstring."""\n\n# comment\nx = ("a"\n     "b")  # two\n\n\ndef f():\n    "doc"\n    return """a\nb"""\n'
    assert module.code_lines(source) == 5


def test_accuracy_is_that_of_the_test_data(tmp_path):
    module = load(CHAPTER + 'compare_interfaces.py')
    for name in 'native', 'Slim':
        value = module.accuracy_of(name, ['--training_steps', '2'], ['--sample'], str(tmp_path))
        assert 0 < value < 0.6
    with pytest.raises(cli.UserError, match='slim_cnn.py ended with status 2'):
        module.accuracy_of('Slim', ['--no_such_flag'], ['--sample'], str(tmp_path))


def predefined(output):
    return {name: (question, float(score)) for name, question, score in re.findall(
        r'^(\w+) +(digit|even) +accuracy (0\.\d{4})$', output, re.MULTILINE)}


def test_predefined_models(run_script):
    found = predefined(run_script(CHAPTER + 'predefined_models.py', '--seed', 1, '--training_steps', 60))
    assert [(name, question) for name, (question, _) in found.items()] == [
        ('LinearRegressor', 'digit'), ('LogisticRegressor', 'even'), ('LinearClassifier', 'digit'),
        ('DNNClassifier', 'digit'), ('DNNRegressor', 'digit')]
    # Guessing is 0.1, and 0.5 where the question is whether a digit is even. The sample's digits, not MNIST's.
    scores = {name: score for name, (_, score) in found.items()}
    assert min(scores['LinearClassifier'], scores['DNNClassifier']) > 0.8 and scores['LogisticRegressor'] > 0.75
    assert all(0.1 < scores[name] < 0.5 for name in ('LinearRegressor', 'DNNRegressor'))


def test_predefined_models_stop_at_wrong_settings(run_script, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    script = CHAPTER + 'predefined_models.py'
    with pytest.raises(cli.UserError, match='--batch_size 99999 is more than'):
        run_script(script, '--batch_size', 99999)
    with pytest.raises(cli.UserError, match=r'the loss is .*lower --learning_rate \(now 1e\+38\)'):
        run_script(script, '--training_steps', 3, '--learning_rate', 1e38)
    assert os.listdir(str(tmp_path)) == [], 'nothing is kept'


@pytest.mark.real_data
def test_predefined_models_on_mnist(run_script, real_data):
    found = predefined(run_script(CHAPTER + 'predefined_models.py', '--data_dir', real_data, '--seed', 1))
    scores = {name: score for name, (_, score) in found.items()}
    # A linear classifier of pixels is known to come to 0.92.
    assert 0.91 < scores['LinearClassifier'] < 0.93 < scores['DNNClassifier'] < 0.975
    assert 0.86 < scores['LogisticRegressor'] < 0.91
    # As quantities: a straight line gets one digit of four, a hidden layer more.
    assert 0.2 < scores['LinearRegressor'] < 0.3 < scores['DNNRegressor'] < 0.6


def test_logistic_regressor_wants_a_model():
    learn = tf.contrib.learn
    with pytest.raises(TypeError, match='model_fn'):
        learn.LogisticRegressor()
    columns = [tf.contrib.layers.real_valued_column('x')]
    # The other four that the article names.
    predefined = [learn.LinearRegressor(columns), learn.LinearClassifier(columns),
                  learn.DNNClassifier([3], columns), learn.DNNRegressor([3], columns)]
    assert len(predefined) == 4 and all(isinstance(model, learn.BaseEstimator) for model in predefined)
    # fit and evaluate, as the article says, and no train.
    assert all(hasattr(model, 'fit') and hasattr(model, 'evaluate') and not hasattr(model, 'train')
               for model in predefined)
