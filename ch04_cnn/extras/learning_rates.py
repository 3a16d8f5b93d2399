"""Train article 4's network at several learning rates: which one fits the print, and which reaches 99.4 %?

Not in the article, which prints no learning rate for this network. Article 4 卷积神经网络, section LeNet-5 模型.

    .venv-tf2/bin/python tf1.py ch04_cnn/extras/learning_rates.py               # the whole scan on TensorFlow 2
    .venv-tf2/bin/python tf1.py ch04_cnn/extras/learning_rates.py --rates 0.05 --seeds 1 2 3

Runs mnist_train.py once for each 学习率 (learning rate) and seed, evaluates each checkpoint beside it, and keeps
the loss in its two parts: the L2 正则化 (regularization) term and the 交叉熵 (cross entropy) of the validation
data. `misfit` says how far a rate's losses are from the printed ones; it was written before the first training had
ended. Takes 12 to 22 minutes for each rate and seed on TensorFlow 2, three quarters of an hour on 1.15; stopped and
started again, it resumes. Expect, at a rate of 0.05, an L2 term that falls from 0.62 to 0.5, a cross entropy of
0.03 and a test accuracy of 0.993: most of the loss is the L2 term, so that 0.5 and 99.3 % belong together.
"""
from companion import checkpoint, cli, figures, printed

import csv
import os
import re
import signal
import subprocess
import sys
import time

import matplotlib.figure
import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

from ch04_cnn import mnist_eval, mnist_train

RATES = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3]
SEEDS = [1]
COLUMNS = ['step', 'l2_loss', 'cross_entropy', 'validation', 'test']
# What readers of the author's code saw, by step: caicloud/tensorflow-tutorial, issue 53.
REPORTED_LOSS = {5000: 0.6, 20000: 0.6, 60000: 0.58, 80000: 0.57}


class Evaluator:
    """Evaluates checkpoints with their moving averages, as mnist_eval.py does."""

    def __init__(self, mnist):
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.x, y, self.saver = mnist_eval.network()
            self.y_ = tf.placeholder(tf.float32, [None, 10], name='y-input')
            labels = tf.argmax(self.y_, 1)
            self.cross_entropy = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(logits=y, labels=labels))
            self.accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(y, 1), labels), tf.float32))
            self.l2_loss = mnist_train.REGULARAZTION_RATE * tf.add_n([
                tf.nn.l2_loss(self.graph.get_tensor_by_name(name + '/weight:0'))
                for name in ('layer5-fc1', 'layer6-fc2')])
        shape = [-1] + self.x.get_shape().as_list()[1:]
        self.validation, self.test = (
            {self.x: data_set.images.reshape(shape), self.y_: data_set.labels}
            for data_set in (mnist.validation, mnist.test))

    def row(self, path):
        """The values of COLUMNS for the checkpoint."""
        with tf.Session(graph=self.graph) as sess:
            self.saver.restore(sess, path)
            return [int(path.split('-')[-1]), sess.run(self.l2_loss),
                    mnist_eval.in_batches(sess, self.cross_entropy, self.validation),
                    mnist_eval.in_batches(sess, self.accuracy, self.validation),
                    mnist_eval.in_batches(sess, self.accuracy, self.test)]


def read(path):
    """The rows of a curve's file as a dict from the step to a dict of the other columns; {} without the file."""
    if not os.path.exists(path):
        return {}
    with open(path, newline='') as file:
        return {int(row['step']): {name: float(row[name]) for name in COLUMNS[1:]} for row in csv.DictReader(file)}


def read_losses(folder):
    """What the trainer in this folder has printed: a dict from the step to the loss on the training batch."""
    with open(os.path.join(folder, 'train.log')) as file:
        return {int(step): float(loss) for step, loss in re.findall(
            r'After (\d+) training step\(s\), loss on training batch is (\S+)\.\n', file.read())}


def train(rate, seed, folder, args, evaluator):
    """Train with mnist_train.py in a process of its own, and return its curve, kept in the folder's curve.csv.

    Raises:
        cli.UserError: the training failed; it has said why.
    """
    path = os.path.join(folder, 'curve.csv')
    curve = read(path)
    if max(curve, default=0) >= mnist_train.TRAINING_STEPS:
        return curve
    os.makedirs(folder, exist_ok=True)
    command = [sys.executable, os.path.join(cli.ROOT, 'tf1.py'), os.path.join('ch04_cnn', 'mnist_train.py'),
               '--learning_rate_base', str(rate), '--seed', str(seed),
               '--training_steps', str(mnist_train.TRAINING_STEPS),
               '--model_save_path', folder] + (['--sample'] if args.sample else ['--data_dir', args.data_dir])
    # SIGTERM ends the trainer, too. The handler raises nothing: the trainer could be left running.
    signals = []
    former = signal.signal(signal.SIGTERM, lambda number, frame: signals.append(number))
    with open(os.path.join(folder, 'train.log'), 'a') as log:
        trainer = subprocess.Popen(command, cwd=cli.ROOT, stdout=log)
    try:
        while True:
            if signals:
                sys.exit(128 + signal.SIGTERM)
            status = trainer.poll()     # before the look at the folder: the last checkpoint is not to be missed
            state = checkpoint.newest(folder)
            for ckpt in state.all_model_checkpoint_paths if state else []:
                if int(ckpt.split('-')[-1]) not in curve:
                    row = evaluator.row(ckpt)
                    with open(path, 'a', newline='') as file:
                        writer = csv.writer(file)
                        if not curve:
                            writer.writerow(COLUMNS)
                        writer.writerow(row[:1] + ['%.6g' % value for value in row[1:]])
                    curve = read(path)
            if status:
                raise cli.UserError('mnist_train.py --learning_rate_base %g --seed %d ended with status %d' % (
                    rate, seed, status))
            if status == 0:
                return curve
            time.sleep(1)
    finally:
        if trainer.poll() is None:
            trainer.terminate()
            trainer.wait()
        signal.signal(signal.SIGTERM, former)


def l2_factor(rate, start, end):
    """What decay alone does to the L2 term between two steps: each step takes rate * REGULARAZTION_RATE off w."""
    rates = rate * mnist_train.LEARNING_RATE_DECAY ** (np.arange(start, end) / (55000 // mnist_train.BATCH_SIZE))
    return float(np.exp(-2 * mnist_train.REGULARAZTION_RATE * rates.sum()))


def misfit(rate, curve, losses):
    """How far a rate's loss is from the printed and the reported ones: root mean square of log(ours / theirs).

    All of them are losses of training batches, with dropout, as ours are here. The five printed ones from step 1001
    on are compared with ours at the same steps, the four reported ones with our mean of the steps around; beyond the
    training's end `l2_factor` carries the L2 term on. Written before the first training had ended.

    Args:
        losses: the trainer's printed losses, a dict from the step.
    """
    logs = [np.log(losses[step] / loss) for step, loss in printed.LENET_LOSS.items() if 1 < step <= max(losses)]
    end = max(curve)
    for step, loss in REPORTED_LOSS.items():
        around = [losses[other] for other in losses if abs(other - min(step, end)) <= 2500]
        beyond = curve[end]['l2_loss'] * (l2_factor(rate, end, step) - 1) if step > end else 0
        logs.append(np.log((np.mean(around) + beyond) / loss))
    return float(np.sqrt(np.mean(np.square(logs))))


def draw(curves):
    """The loss in its two parts, and the test accuracy, by step: one line for each rate, of its first seed."""
    figure = matplotlib.figure.Figure(figsize=(12, 4))
    panels = figure.subplots(1, 3)
    titles = ('L2 loss', 'cross entropy, validation data', 'test accuracy')
    for axes, name, title in zip(panels, ('l2_loss', 'cross_entropy', 'test'), titles):
        shown = set()
        for (rate, _), curve in curves.items():
            if rate not in shown and len(curve) > 1:
                shown.add(rate)
                steps = sorted(curve)[1:]
                axes.plot(steps, [curve[step][name] for step in steps], label='%g' % rate)
        axes.set_title(title)
        axes.set_xlabel('step')
    panels[0].plot(*zip(*list(printed.LENET_LOSS.items())[1:]), 'k.', label='printed loss')
    panels[1].set_yscale('log')
    panels[1].yaxis.set_major_formatter('{x:g}')
    panels[1].yaxis.set_minor_formatter('{x:g}')
    panels[2].axhline(printed.LENET_ACCURACY, color='k', linestyle=':', label='article: ~99.4 %')
    for axes in (panels[0], panels[2]):
        axes.legend(title='learning rate', fontsize=8)
    figure.tight_layout()
    return figure


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist', seed=False)
    parser.add_argument('--rates', type=cli.non_negative_float, nargs='+', default=RATES, metavar='RATE',
                        help='learning rates (default: %(default)s)')
    parser.add_argument('--seeds', type=cli.positive_int, nargs='+', default=SEEDS, metavar='N',
                        help='random seeds (default: %(default)s)')
    parser.add_argument('--folder', default='runs/ch04_cnn/learning_rates', metavar='DIR',
                        help='where curves and checkpoints are kept (default: %(default)s)')
    parser.add_argument('--picture', default='runs/ch04_cnn/learning_rates.png', metavar='FILE',
                        help='the PNG file of the curves (default: %(default)s)')
    parser.add_constants(vars(mnist_train), TRAINING_STEPS='training steps')
    args = parser.parse(argv)
    cli.set_constants(vars(mnist_train), args)

    figures.check(args.picture)
    mnist = input_data.read_data_sets(args.data_dir, one_hot=True)
    evaluator = Evaluator(mnist)
    curves, misfits, validation = {}, {}, {}
    for seed in args.seeds:
        for rate in args.rates:
            folder = os.path.join(args.folder, 'rate-%g-seed%d' % (rate, seed))
            curve = curves[rate, seed] = train(rate, seed, folder, args, evaluator)
            for step in sorted(curve):
                print('rate %g, seed %d, step %5d: L2 loss %.4f, cross entropy %.4f, validation accuracy %.4f, '
                      'test accuracy %.4f' % (rate, seed, step, *(curve[step][name] for name in COLUMNS[1:])))
            misfits.setdefault(rate, []).append(misfit(rate, curve, read_losses(folder)))
            validation.setdefault(rate, []).append(curve[max(curve)]['validation'])
            print('rate %g, seed %d: misfit %.3f' % (rate, seed, misfits[rate][-1]))
    if len(args.rates) > 1:
        print('fits the printed and the reported losses best: %g; best validation accuracy: %g' % (
            min(misfits, key=lambda rate: np.mean(misfits[rate])),
            max(validation, key=lambda rate: np.mean(validation[rate]))))
    figures.save(draw(curves), args.picture)


if __name__ == '__main__':
    cli.run(main)
