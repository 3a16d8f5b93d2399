"""Run a program of the articles, as it is, on TensorFlow 2.x.

    .venv-tf2/bin/python tf1.py ch03_training_tricks/mnist_train.py --training_steps 2000
    .venv-tf2/bin/python tf1.py -m pytest tests/test_ch03.py

The programs are for TensorFlow 1.15 on Python 3.7, and that stays the reference. Where that Python or its
packages are not to be had, this launcher runs the same files on TensorFlow 2.15 or newer, tested with 2.15.1
and 2.21.0 on CPython 3.11, and 2.21.0 on 3.13; `make venv-tf2` installs what requirements/tf2.lock pins. On
TensorFlow 1.15 it changes nothing, and only runs the program.

What a program imports, and what it gets here:

    tensorflow              tensorflow.compat.v1, with graphs, sessions and variables as in 1.x
    tf.contrib.layers, slim, framework      tf-slim, which is what became of them
    tf.contrib.legacy_seq2seq               sequence_loss_by_example, below
    tf.contrib.learn        Estimator, RunConfig and ModeKeys, below: fit and predict on arrays; datasets for MNIST
    tensorflow.examples.tutorials.mnist     input_data, below: the same batches for the same seed
    tf.nn.rnn_cell, tf.layers, tf.keras, keras      tf-keras, which is Keras 2
    tflearn                 TFLearn 0.5, with the names that TensorFlow and Pillow have moved since
    numpy                   NumPy 2, printing numbers as NumPy 1 does

What readers meet in the programs of the author's book, and not in the articles:

    tf.contrib.rnn                                  tf.nn.rnn_cell, static_rnn and static_bidirectional_rnn
    tf.contrib.tensorboard.plugins.projector        TensorBoard's
    tf.contrib.slim.python.slim.nets                tf-slim's networks
    tensorflow.python.framework.graph_util          has convert_variables_to_constants again
    tf.estimator            not available: TensorFlow 2.15 was the last with it; use 1.15. Of ours, only
                            ch07_acceleration/extras/train_and_evaluate.py needs it, without --by_hand
    ndarray.tostring        not available: NumPy 2.3 dropped it, and its types cannot be patched; use tobytes

All else in tf.contrib is missing. UNABLE and LIMITS, below, say for which programs that matters, and what
else is otherwise. Numbers drawn with an operation's own seed= are those of 1.15;
tf.set_random_seed, and so --seed, repeats a run on either version, but draws other numbers on each.
Checkpoints of either version can be read by the other.

Processes that a program starts get the same: the launcher puts the folder companion/tf2 on their PYTHONPATH,
and Python runs sitecustomize.py there.
"""
import collections
import contextlib
import gzip
import importlib
import importlib.util
import os
import re
import runpy
import sys
import tempfile
import types
import warnings

ROOT = os.path.dirname(os.path.abspath(__file__))
OLDEST = (2, 15)

# The programs that cannot run on TensorFlow 2.x.
UNABLE = {
    'ch06_high_level_apis/predefined_models.py':
        'it is about the predefined models of tf.contrib.learn, which nothing has replaced',
}

# What is otherwise there, by program. All others do the same, or the same but for random numbers.
LIMITS = {
    'ch01_intro/extras/check_environment.py':
        'checks what TensorFlow 1.15 needs; on another Python it says so, and its status is 1',
    'ch04_cnn/conv_pool.py':
        'where oneDNN is on, as by default on processors with AVX-512 VNNI, avg_pool along the depth gives an empty '
        'array in place of an error; TF_ENABLE_ONEDNN_OPTS=0 turns it off',
    'ch06_high_level_apis/keras_cnn.py':
        "prints no line 'Epoch 1/20' before an epoch, and 'acc:' in place of 'accuracy:'",
    'ch07_acceleration/extras/train_and_evaluate.py':
        'only with --by_hand: TensorFlow 2.16 and later have no tf.estimator',
    'ch07_acceleration/device_manual.py':
        'without a GPU its third part says that XLA_CPU is not there, not that it has no code: 2.x lists no '
        'such device; and no list of devices comes before the placements',
    'ch07_acceleration/device_placement.py':
        'no list of devices comes before the placements',
}


# The imports

class Finder:
    """Finds and loads the modules that are mapped, at their first import; all others are Python's."""

    def __init__(self, makers):
        self.makers = dict(makers)          # from a module's name to the function that makes it

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name in self.makers else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        del sys.modules[name]
        # Not in the way: a maker may import what really has the name.
        maker = self.makers.pop(name)
        try:
            sys.modules[name] = maker()
        except BaseException:
            self.makers[name] = maker       # the next import says the reason too
            raise


def module(name, **names):
    """Make a module of these names and put it where `import` looks first."""
    made = types.ModuleType(name)
    vars(made).update(names)
    sys.modules[name] = made
    return made


def move(place, **names):
    """Give a module the names that it has had, as far as it lost them."""
    for name, value in names.items():
        if not hasattr(place, name):
            setattr(place, name, value)


@contextlib.contextmanager
def silence():
    """Drop what C++ code says on stderr while TensorFlow is loaded, before its log level counts."""
    from companion import cli
    if cli.verbose() or not sys.stderr:
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def make_tensorflow():
    from companion import cli
    if not cli.verbose():
        os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
        # What these libraries would rather have, which they say with Python's warnings.
        for text in ('.* will be removed in a future version', 'You are saving your model as an HDF5 file',
                     'Conversion of an array with ndim > 0 to a scalar'):
            warnings.filterwarnings('ignore', text)
    # Before the import: Keras 3 has no cells for tf.nn, and no tf.layers.
    os.environ['TF_USE_LEGACY_KERAS'] = '1'
    with silence():
        import tensorflow
        cli.quiet()             # in a notebook, the import has made it talkative
        v1 = tensorflow.compat.v1
        v1.disable_v2_behavior()
    import numpy
    if numpy.lib.NumpyVersion(numpy.__version__) >= '2.0.0':
        numpy.set_printoptions(legacy='1.25')           # 0.5, not np.float32(0.5)

    from tensorflow.python import pywrap_tensorflow
    from tensorflow.python.client import session
    from tensorflow.python.framework import graph_util, indexed_slices, ops, tensor
    from tensorflow.python.training import py_checkpoint_reader
    from tensorflow.python.util import _pywrap_util_port, nest
    move(ops, Tensor=tensor.Tensor, IndexedSlices=indexed_slices.IndexedSlices)
    move(nest, is_sequence=nest.is_nested)
    move(graph_util, convert_variables_to_constants=v1.graph_util.convert_variables_to_constants)
    move(pywrap_tensorflow, IsMklEnabled=_pywrap_util_port.IsMklEnabled)

    # An error begins with what is wrong, not with "Graph execution error:" and a stack.
    session.error_interpolation = types.SimpleNamespace(
        interpolate_graph=lambda message, graph: re.sub(r'{{node (.*?)}}', r'node \1', message))

    # A damaged checkpoint is an error of TensorFlow's, also where the file ends too soon.
    reader = py_checkpoint_reader.CheckpointReader

    def get_tensor(self, name, get_tensor=reader.get_tensor):
        try:
            return get_tensor(self, name)
        except IndexError as error:
            raise v1.errors.OutOfRangeError(None, None, str(error))
    reader.get_tensor = get_tensor

    made = module('tensorflow', __doc__=v1.__doc__, __file__=tensorflow.__file__, compat=tensorflow.compat,
                  __path__=tensorflow.__path__, __spec__=tensorflow.__spec__)

    def more(name):
        if name == 'estimator' and not hasattr(v1, name):
            raise AttributeError('TensorFlow 2.16 and later have no tf.estimator: use TensorFlow 1.15')
        return importlib.import_module('tensorflow.contrib') if name == 'contrib' else getattr(v1, name)
    made.__getattr__, made.__dir__ = more, lambda: dir(v1) + ['contrib']

    input_data = module('tensorflow.examples.tutorials.mnist.input_data', read_data_sets=read_data_sets)
    mnist = module('tensorflow.examples.tutorials.mnist', input_data=input_data)
    tutorials = module('tensorflow.examples.tutorials', mnist=mnist)
    made.examples = module('tensorflow.examples', tutorials=tutorials)
    return made


def make_contrib():
    import tensorflow as tf
    import tf_slim
    from tf_keras.src import legacy_tf_layers
    sys.modules.setdefault('tf_keras.legacy_tf_layers', legacy_tf_layers)
    move(tf_slim, python=module('tensorflow.contrib.slim.python', __path__=[], slim=sys.modules.setdefault(
        'tensorflow.contrib.slim.python.slim', tf_slim)))
    move(tf.nn.rnn_cell, static_rnn=tf.nn.static_rnn, static_bidirectional_rnn=tf.nn.static_bidirectional_rnn)
    return module(
        'tensorflow.contrib', __path__=[],
        layers=sys.modules.setdefault('tensorflow.contrib.layers', tf_slim),
        slim=sys.modules.setdefault('tensorflow.contrib.slim', tf_slim),
        framework=sys.modules.setdefault('tensorflow.contrib.framework', tf_slim),
        legacy_seq2seq=module('tensorflow.contrib.legacy_seq2seq',
                              sequence_loss_by_example=sequence_loss_by_example),
        rnn=sys.modules.setdefault('tensorflow.contrib.rnn', tf.nn.rnn_cell),
        learn=module('tensorflow.contrib.learn', Estimator=Estimator, ModeKeys=ModeKeys, RunConfig=RunConfig,
                     datasets=types.SimpleNamespace(load_dataset=load_dataset)))


def make_tensorboard():
    from tensorboard.plugins import projector
    return module('tensorflow.contrib.tensorboard', __path__=[], plugins=module(
        'tensorflow.contrib.tensorboard.plugins', __path__=[], projector=sys.modules.setdefault(
            'tensorflow.contrib.tensorboard.plugins.projector', projector)))


def make_keras():
    import tensorflow  # chooses Keras 2
    import tf_keras
    # The others need eager execution.
    vars(tf_keras.optimizers).update((name, value) for name, value in vars(tf_keras.optimizers.legacy).items()
                                     if isinstance(value, type))
    return tf_keras


def make_tflearn():
    import PIL.Image
    import tensorflow
    from tensorflow.python.ops import rnn
    move(PIL.Image, ANTIALIAS=PIL.Image.LANCZOS)
    move(rnn, rnn_cell_impl=tensorflow.nn.rnn_cell)
    import tflearn
    return tflearn


MAKERS = {'tensorflow': make_tensorflow, 'tensorflow.contrib': make_contrib,
          'tensorflow.contrib.tensorboard': make_tensorboard, 'keras': make_keras, 'tflearn': make_tflearn,
          # Python would load these two afresh, with the optimizers that need eager execution.
          'keras.optimizers': lambda: importlib.import_module('keras').optimizers,
          'tensorflow.keras': lambda: importlib.import_module('tf_keras.api._v1.keras')}


# tensorflow.examples.tutorials.mnist.input_data

def read_idx(path):
    """Read a file of the MNIST format: uint8 [examples, ...]."""
    import numpy as np
    with gzip.open(path) as file:
        content = file.read()
    dimensions = content[3]
    shape = np.frombuffer(content, '>i4', dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


class DataSet:
    """Pictures and labels in batches, drawn as 1.15 draws them: by NumPy's global random numbers."""

    def __init__(self, images, labels):
        self.images, self.labels = images, labels
        self.num_examples, self.epochs_completed, self.index = len(images), 0, 0

    def shuffle(self):
        import numpy as np
        order = np.arange(self.num_examples)
        np.random.shuffle(order)
        self.images, self.labels = self.images[order], self.labels[order]

    def next_batch(self, batch_size, fake_data=False, shuffle=True):
        import numpy as np
        refuse(fake_data)
        start = self.index
        if start == 0 and self.epochs_completed == 0 and shuffle:
            self.shuffle()
        if start + batch_size <= self.num_examples:
            self.index = start + batch_size
            return self.images[start:self.index], self.labels[start:self.index]
        # The rest of this epoch, and the beginning of the next.
        rest = self.images[start:], self.labels[start:]
        self.epochs_completed += 1
        if shuffle:
            self.shuffle()
        self.index = start + batch_size - self.num_examples
        return (np.concatenate([rest[0], self.images[:self.index]]),
                np.concatenate([rest[1], self.labels[:self.index]]))


Datasets = collections.namedtuple('Datasets', 'train validation test')


def refuse(fake_data):
    if fake_data:
        raise ValueError('fake_data=True needs TensorFlow 1.15')


def read_data_sets(train_dir, fake_data=False, one_hot=False, dtype='float32', reshape=True, validation_size=5000,
                   seed=None, source_url=None):
    """Read the four files of MNIST in `train_dir`. Unlike 1.15's, downloads nothing: cli has done so."""
    import numpy as np
    import tensorflow as tf
    from tensorflow.python.framework import random_seed
    refuse(fake_data)

    def read(part):
        paths = [os.path.join(train_dir, '%s-%s-ubyte.gz' % (part, kind))
                 for kind in ('images-idx3', 'labels-idx1')]
        for path in paths:
            if not os.path.exists(path):
                raise FileNotFoundError('%s is missing: `python -m data fetch mnist` in %s downloads the files, and '
                                        'prints the folder to name here' % (path, ROOT))
            print('Extracting', path)
        images, labels = map(read_idx, paths)
        return images[..., np.newaxis], np.eye(10)[labels] if one_hot else labels

    def data_set(images, labels):
        seed1, seed2 = random_seed.get_seed(seed)       # both None without any seed: then each run differs
        np.random.seed(seed1 if seed is None else seed2)
        if reshape:
            images = images.reshape(len(images), images.shape[1] * images.shape[2])
        if tf.as_dtype(dtype) == tf.float32:
            images = np.multiply(images.astype(np.float32), 1.0 / 255.0)
        return DataSet(images, labels)

    images, labels = read('train')
    test = read('t10k')
    if not 0 <= validation_size <= len(images):
        raise ValueError('Validation size should be between 0 and %d. Received: %d.' % (
            len(images), validation_size))
    return Datasets(data_set(images[validation_size:], labels[validation_size:]),
                    data_set(images[:validation_size], labels[:validation_size]), data_set(*test))


# tf.contrib.legacy_seq2seq

def sequence_loss_by_example(logits, targets, weights):
    """The weighted cross entropy of a batch of sequences, mean over the time: float32 [batch].

    Args:
        logits, targets, weights: lists over the time of [batch, classes], int [batch] and float [batch].
    """
    import tensorflow as tf
    losses = [weight * tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target, logits=logit)
              for logit, target, weight in zip(logits, targets, weights)]
    return tf.add_n(losses) / (tf.add_n(weights) + 1e-12)


# tf.contrib.learn

ModeKeys = types.SimpleNamespace(TRAIN='train', EVAL='eval', INFER='infer')
RunConfig = collections.namedtuple('RunConfig', 'tf_random_seed save_checkpoints_steps', defaults=(None, None))


def load_dataset(name):
    if name != 'mnist':
        raise ValueError('of the data sets, only mnist is there on TensorFlow 2.x, not %s' % name)
    return read_data_sets('MNIST-data')         # where 1.15 has it


class Estimator:
    """Trains what `model_fn` describes on arrays, saves it, and predicts with it.

    Args:
        model_fn: a function of features, labels (None in prediction, unless it has trained) and one of ModeKeys; it
            returns predictions, loss and training step.
        model_dir: folder of the checkpoints, by default a temporary one; a training goes on from the newest.
        config: a RunConfig.
    """

    def __init__(self, model_fn, model_dir=None, config=None):
        self.model_fn, self.config, self.labels = model_fn, config or RunConfig(), None
        self.model_dir = model_dir or tempfile.mkdtemp()

    def build(self, x, y, mode):
        """Build the network in the default graph: placeholders, and what model_fn returns."""
        import tensorflow as tf
        tf.set_random_seed(self.config.tf_random_seed)
        tf.train.create_global_step()
        features, labels = (None if array is None else tf.placeholder(array.dtype, (None,) + array.shape[1:])
                            for array in (x, y))
        return features, labels, self.model_fn(features, labels, mode)

    def fit(self, x, y, *, batch_size=None, steps=None, max_steps=None, monitors=()):
        """Train.

        Args:
            x, y: arrays of the examples and their labels.
            batch_size: examples in a batch, by default all.
            steps, max_steps: one of the two: steps to train now, or in all, those of former calls included.
            monitors: SessionRunHooks.
        """
        import tensorflow as tf
        path = tf.train.latest_checkpoint(self.model_dir)
        if path and max_steps and tf.train.load_checkpoint(path).get_tensor('global_step') >= max_steps:
            return self
        data, self.labels = DataSet(x, y), y
        with tf.Graph().as_default():
            features, labels, (_, loss, train_op) = self.build(x, y, ModeKeys.TRAIN)
            hooks = [tf.train.NanTensorHook(loss), tf.train.StopAtStepHook(steps, max_steps),
                     tf.train.LoggingTensorHook(collections.OrderedDict(
                         [('loss', loss), ('step', tf.train.get_global_step())]), every_n_iter=100)]
            with tf.train.MonitoredTrainingSession(
                    checkpoint_dir=self.model_dir, hooks=hooks + list(monitors),
                    save_checkpoint_secs=None if self.config.save_checkpoints_steps else 600,
                    save_checkpoint_steps=self.config.save_checkpoints_steps,
                    save_summaries_steps=None, save_summaries_secs=None, log_step_count_steps=None) as sess:
                while not sess.should_stop():
                    sess.run(train_op, dict(zip((features, labels), data.next_batch(batch_size or len(x)))))
        return self

    def predict(self, x, batch_size=None):
        """Generate the prediction for each of the examples `x`, by the newest checkpoint."""
        import tensorflow as tf
        with tf.Graph().as_default(), tf.Session() as sess:
            # Once trained, as in 1.15, with a placeholder for labels: the article's model function asks for them.
            features, _, (predictions, _, _) = self.build(x, self.labels, ModeKeys.INFER)
            tf.train.Saver().restore(sess, tf.train.latest_checkpoint(self.model_dir))
            batch_size = batch_size or len(x)
            for start in range(0, len(x), batch_size):
                yield from sess.run(predictions, {features: x[start:start + batch_size]})


# The launcher

def install():
    """Map the imports in this process, and in those that it starts. On Python 3.7 and older, do nothing."""
    if sys.version_info < (3, 8) or any(isinstance(finder, Finder) for finder in sys.meta_path):
        return
    if ROOT not in sys.path:
        sys.path.append(ROOT)
    sys.meta_path.insert(0, Finder(MAKERS))
    here, path = os.path.join(ROOT, 'companion', 'tf2'), os.environ.get('PYTHONPATH')
    if here not in (path or '').split(os.pathsep):
        os.environ['PYTHONPATH'] = os.pathsep.join([here] + ([path] if path else []))


def fault():
    """Say in one line why this Python cannot run the programs, or return None."""
    if sys.version_info < (3, 8):
        return None
    import importlib.metadata
    remedy = '`make venv-tf2`, then `.venv-tf2/bin/python tf1.py ...`'
    for name in 'tensorflow', 'tensorflow-cpu':
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(name)
            break
    else:
        return 'no TensorFlow in %s: %s' % (sys.executable, remedy)
    if tuple(int(number) for number in version.split('.')[:2]) < OLDEST:
        return 'TensorFlow %s is older than %d.%d: %s' % ((version,) + OLDEST + (remedy,))
    return None


def error(text, status):
    print('tf1.py: error: ' + text, file=sys.stderr)
    return status


def main():
    argv = sys.argv[1:]
    is_module = argv[:1] == ['-m']
    if argv in (['-h'], ['--help']):
        print(__doc__)
        return 0
    if not argv or argv == ['-m']:
        return error('no program (see --help)', 2)
    if not is_module and not os.path.isfile(argv[0]):
        return error('there is no program %s' % argv[0], 2)
    if fault():
        return error(fault(), 1)
    name = argv[1].replace('.', '/') + '.py' if is_module else \
        os.path.relpath(os.path.abspath(argv[0]), ROOT).replace(os.sep, '/')
    if sys.version_info >= (3, 8) and name in UNABLE:
        return error('%s needs TensorFlow 1.15: %s' % (name, UNABLE[name]), 1)
    # As `python` itself would have it.
    sys.path[0] = os.getcwd() if is_module else os.path.dirname(os.path.abspath(argv[0]))
    install()
    if is_module:
        sys.argv = argv[1:]
        runpy.run_module(argv[1], run_name='__main__', alter_sys=True)
    else:
        sys.argv = argv
        runpy.run_path(argv[0], run_name='__main__')


if __name__ == '__main__':
    sys.exit(main())
