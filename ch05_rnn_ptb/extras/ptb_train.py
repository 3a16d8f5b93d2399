"""Train the language model of ptb_word_lm.py, save it as training goes on, and resume after a stop.

Article 5 循环神经网络简介, section 自然语言建模; the article's program saves nothing.

    python ch05_rnn_ptb/extras/ptb_train.py
    python ch05_rnn_ptb/extras/ptb_train.py --num_epoch 6              # go on from there, four epochs more
    python ch05_rnn_ptb/extras/ptb_train.py --sample --hidden_size 32  # seconds

Settings, training and printed lines are ptb_word_lm.py's; evaluation is the faster one of fast_eval.py.
Every SAVE_STEPS batches a checkpoint saves the network, the position in the epoch, the costs so far and
the LSTM's state, all in one file, 持久化 (saving a checkpoint): a training that was killed goes on with
the next batch as if it had never stopped, apart from the random numbers of dropout. ptb_generate.py and
fast_eval.py use the checkpoints. Perplexities go to TensorBoard too (`make tensorboard`): files in the
folder of the checkpoints. Takes about six minutes on two cores. To train again from the start, delete that
folder.
"""
from companion import checkpoint, cli

import itertools
import os

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from ch05_rnn_ptb import ptb_word_lm, reader
from ch05_rnn_ptb.extras import fast_eval, saved_model

SAVE_STEPS = 100                    # batches between two checkpoints
MODEL_NAME = 'model.ckpt'           # file name of a checkpoint, before -STEP


class Place(object):
    """How far the training is, as variables that are saved with the network's.

    Attributes:
        epoch: epochs done, 轮.
        step, total_costs: batches done in the current epoch, and the sum of their costs.
        global_step: batches done in all epochs.
        state: like model.initial_state, the LSTM's state after the last batch.
    """

    def __init__(self, model):
        def variable(name, value):
            return tf.get_variable(name, initializer=value, trainable=False)
        with tf.variable_scope('place'):
            self.epoch = variable('epoch', 0)
            self.step = variable('step', 0)
            self.total_costs = variable('total_costs', tf.constant(0.0, tf.float64))
            self.global_step = variable('global_step', 0)
            self.state = tuple(
                tf.nn.rnn_cell.LSTMStateTuple(variable('c%d' % i, layer.c), variable('h%d' % i, layer.h))
                for i, layer in enumerate(model.initial_state))

    def set(self, session, state, **values):
        """Set the variables that are named, and the state."""
        for name, value in values.items():
            getattr(self, name).load(value, session)
        for variables, value in zip(self.state, state):
            variables.c.load(value.c, session)
            variables.h.load(value.h, session)


class Curves(object):
    """Perplexities for TensorBoard, 可视化 (visualization), by batches done in all epochs."""

    def __init__(self, folder, global_step):
        self.writer = tf.summary.FileWriter(folder)
        # TensorBoard drops what a killed training wrote after its last checkpoint: it is trained again.
        self.writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), global_step)

    def add(self, data, perplexity, global_step):
        """Add a point to the curve of `data`: 'training', 'validation' or 'test'."""
        value = tf.Summary.Value(tag='perplexity/' + data, simple_value=perplexity)
        self.writer.add_summary(tf.Summary(value=[value]), global_step)
        self.writer.flush()


def train_epoch(session, model, data, place, save, curves):
    """Train for the rest of an epoch, from `place` on; print and save on the way.

    Args:
        save: called without arguments when a checkpoint is due, but not at the end of the epoch: there
            `train` saves, after the validation.
    Returns:
        The number of batches done in all epochs.
    Raises:
        cli.UserError: the perplexity is no longer finite. The last checkpoint may hold NaN already.
    """
    first, total_costs, global_step, state = session.run(
        [place.step, place.total_costs, place.global_step, place.state])
    size = reader.epoch_size(len(data), model.batch_size, model.num_steps)
    batches = ptb_word_lm.progress(
        reader.ptb_iterator(data, model.batch_size, model.num_steps), model, data)
    for step, (x, y) in itertools.islice(enumerate(batches), int(first), None):
        cost, state, _ = session.run(
            [model.cost, model.final_state, model.train_op],
            {model.input_data: x, model.targets: y, model.initial_state: state})
        total_costs += cost
        done = step + 1
        mean_cost = total_costs / (done * model.num_steps)
        ptb_word_lm.check_perplexity(mean_cost, step, saved_model.MODEL_SAVE_PATH)
        if step % 100 == 0:
            tqdm.write("After %d steps, perplexity is %.3f" % (step, np.exp(mean_cost)))
            curves.add('training', np.exp(mean_cost), global_step + step - first)
        if done % SAVE_STEPS == 0 and done < size:
            place.set(session, state, step=done, total_costs=total_costs,
                      global_step=global_step + done - first)
            save()
    return global_step + size - first


def train(args):
    """Train until NUM_EPOCH epochs are done, from the newest checkpoint if there is one.

    Args:
        args: the parsed flags.
    Raises:
        cli.UserError: the data do not fit the settings, or the checkpoint does not.
    """
    train_data, valid_data, test_data, vocabulary_size = reader.ptb_raw_data(args.data_path)
    ptb_word_lm.check_data(train_data, valid_data, test_data, vocabulary_size)
    vocabulary = reader.build_vocabulary(os.path.join(args.data_path, 'ptb.train.txt'))
    folder = saved_model.MODEL_SAVE_PATH
    checkpoint.prepare(folder)
    if checkpoint.newest(folder) and saved_model.read_vocabulary(folder) != vocabulary:
        raise cli.UserError('the checkpoints in %s were trained on another text: delete the folder, '
                            'or choose another --model_save_path' % folder)

    initializer = tf.random_uniform_initializer(-0.05, 0.05)
    with tf.variable_scope("language_model", reuse=None, initializer=initializer):
        train_model = ptb_word_lm.PTBModel(
            True, ptb_word_lm.TRAIN_BATCH_SIZE, ptb_word_lm.TRAIN_NUM_STEP)
    with tf.variable_scope("language_model", reuse=True, initializer=initializer):
        step_model = ptb_word_lm.PTBModel(False, 1, 1)
        fast_model = ptb_word_lm.PTBModel(False, 1, fast_eval.FAST_NUM_STEP)
    place = Place(train_model)
    # With the printed settings a checkpoint has 19 MB; the newest two are kept. The folder can be moved.
    saver = tf.train.Saver(max_to_keep=2, save_relative_paths=True)

    with tf.Session() as session:
        tf.global_variables_initializer().run()
        if checkpoint.resume(saver, session, folder):
            print("Resuming after %d epochs and %d steps" % tuple(session.run([place.epoch, place.step])))
        saved_model.save_vocabulary(folder, vocabulary)
        first, step, global_step = session.run([place.epoch, place.step, place.global_step])
        checkpoint.compare_settings(folder, args, first or step, 'epochs', first >= ptb_word_lm.NUM_EPOCH)
        curves = Curves(folder, global_step)

        def save():
            saver.save(session, os.path.join(folder, MODEL_NAME), global_step=place.global_step,
                       write_meta_graph=False)

        for i in range(first, ptb_word_lm.NUM_EPOCH):
            print("In iteration: %d" % (i + 1))
            global_step = train_epoch(session, train_model, train_data, place, save, curves)

            valid_perplexity = fast_eval.evaluate(session, fast_model, step_model, valid_data)
            print("Epoch: %d Validation Perplexity: %.3f" % (i + 1, valid_perplexity))
            curves.add('validation', valid_perplexity, global_step)

            # The next epoch begins with a state of zeros, as in run_epoch.
            place.set(session, session.run(train_model.initial_state),
                      epoch=i + 1, step=0, total_costs=0.0, global_step=global_step)
            save()

        test_perplexity = fast_eval.evaluate(session, fast_model, step_model, test_data)
        print("Test Perplexity: %.3f" % test_perplexity)
        curves.add('test', test_perplexity, global_step)
        curves.writer.close()


def main(argv=None):
    parser = cli.Parser(__doc__, data='ptb')
    ptb_word_lm.add_constants(parser)
    saved_model.add_flags(parser)
    parser.add_constants(
        globals(),
        SAVE_STEPS='batches between two checkpoints')
    parser.add_constants(globals(), cli.file_name, MODEL_NAME='file name of a checkpoint, before -STEP')
    args = ptb_word_lm.parse(parser, argv)
    cli.set_constants(vars(saved_model), args)
    cli.set_constants(globals(), args)

    with tf.Graph().as_default():
        tf.set_random_seed(args.seed)
        train(args)


if __name__ == '__main__':
    cli.run(main)
