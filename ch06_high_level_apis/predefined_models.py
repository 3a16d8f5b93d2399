"""The predefined models of tf.contrib.learn, on MNIST: a model is a line, and its training another.

Article 6 TensorFlow 高层封装, section tf.contrib.learn.

    python ch06_high_level_apis/predefined_models.py

Shows the five models that the article names, each made in one line from the columns of the input. Two are
classifiers. Two are regressors: a regressor treats the digit as a number; we round its prediction. The
fifth, LogisticRegressor, needs a model function, unlike the others, and is for two classes, so it tells even
digits from odd ones. The accuracy is scikit-learn's, on the test data. Nothing is kept. Takes half a minute
on two cores. Expect accuracies near 0.92 and 0.95 from LinearClassifier and DNNClassifier, 0.26 and 0.47
from LinearRegressor and DNNRegressor, and 0.89 for LogisticRegressor's easier question.
"""
from companion import cli

import os
import tempfile

import numpy as np
import tensorflow as tf
from sklearn import metrics
from tensorflow.examples.tutorials.mnist import input_data

cli.quiet()     # the first use of tf.contrib prints a banner

layers = tf.contrib.layers
learn = tf.contrib.learn

# Ours: the article gives neither a program nor numbers here.
LAYER1_NODE = 500
BATCH_SIZE = 100
TRAINING_STEPS = 1000
LEARNING_RATE = 0.1     # of LogisticRegressor; the others have the library's defaults


def logistic_model(input, target, mode):
    """Describe 逻辑回归 (logistic regression) for LogisticRegressor.

    Args:
        input: images, float32 [batch, 784].
        target: 1 or 0, [batch]; or None, as in prediction.
        mode: one of tf.contrib.learn.ModeKeys.
    Returns:
        The probability of 1, float32 [batch], the loss, and the training step; the last two are None without
        a target.
    """
    logits = tf.squeeze(layers.fully_connected(input, 1, activation_fn=None), axis=1)
    if target is None:
        return tf.sigmoid(logits), None, None
    loss = tf.losses.sigmoid_cross_entropy(target, logits)
    train_op = layers.optimize_loss(
        loss, tf.contrib.framework.get_global_step(), optimizer='SGD', learning_rate=LEARNING_RATE)
    return tf.sigmoid(logits), loss, train_op


def models(columns, folder, seed):
    """Make the five models: 预定义的 Estimator (predefined Estimators).

    Args:
        columns: the feature columns of the input, of tf.contrib.layers.
        folder: where each model may save its checkpoints.
        seed: random seed, or None.
    Returns:
        A list of pairs: the question for the model, 'digit' or 'even', and the model, untrained.
    """
    def config(name):
        return learn.RunConfig(tf_random_seed=seed, model_dir=os.path.join(folder, name))

    return [
        ('digit', learn.LinearRegressor(columns, config=config('LinearRegressor'))),
        ('even', learn.LogisticRegressor(logistic_model, config=config('LogisticRegressor'))),
        ('digit', learn.LinearClassifier(columns, n_classes=10, config=config('LinearClassifier'))),
        ('digit', learn.DNNClassifier([LAYER1_NODE], columns, n_classes=10, config=config('DNNClassifier'))),
        ('digit', learn.DNNRegressor([LAYER1_NODE], columns, config=config('DNNRegressor')))]


def main(argv=None):
    parser = cli.Parser(__doc__, data='mnist')
    parser.add_constants(
        globals(),
        LAYER1_NODE='nodes of the hidden layer of the DNN models',
        BATCH_SIZE='images in a batch',
        TRAINING_STEPS='training steps of each model',
        LEARNING_RATE='learning rate of LogisticRegressor')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)

    mnist = input_data.read_data_sets(args.data_dir, seed=args.seed)
    cli.check_batch_size(BATCH_SIZE, mnist.train.num_examples)
    # One column of 784 numbers.
    columns = learn.infer_real_valued_columns_from_input(mnist.train.images)

    with tempfile.TemporaryDirectory() as folder:
        for question, model in models(columns, folder, args.seed):
            target, right = [labels.astype(int) if question == 'digit' else (labels % 2 == 0).astype(int)
                             for labels in (mnist.train.labels, mnist.test.labels)]
            try:
                model.fit(mnist.train.images, target, batch_size=BATCH_SIZE, steps=TRAINING_STEPS)
            except tf.train.NanLossDuringTrainingError:
                raise cli.UserError('the loss is NaN: lower --learning_rate (now %g)' % LEARNING_RATE)
            # A classifier predicts labels; the others predict numbers or probabilities, which are rounded.
            answers = list(model.predict(mnist.test.images, batch_size=BATCH_SIZE))
            score = metrics.accuracy_score(right, np.clip(np.rint(answers), 0, 9).astype(int))
            print('%-17s  %-5s  accuracy %.4f' % (os.path.basename(model.model_dir), question, score))


if __name__ == '__main__':
    cli.run(main)
