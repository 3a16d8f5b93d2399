"""Learn to tell spam from other mail: Mitchell's task T, experience E and performance P, as a curve.

Article 1 深度学习及 TensorFlow 简介, section 什么是机器学习？

    python ch01_intro/spam_filter.py

The task T is to classify a mail as spam or not, the experience E are mails with the right answers (训练数据,
training data), and the performance P is the 正确率 (accuracy) on mails that the program has not seen. Trains
logistic regression in TensorFlow on more and more generated mails. Plots P over E, for the features that the
article names, and for the time of sending alone. Takes half a minute. Expect P to rise from about 0.65 with 4
mails to about 0.85 with 1024, to stay near 0.5 with the time of sending however many mails there are, and a
positive weight for the number of recipients.
"""
from companion import cli, figures

import matplotlib.figure
import numpy as np
import tensorflow as tf

# The article gives no data and no numbers here; all of these are ours. 特征 (features):
FEATURES = ['known sender', 'title length', 'recipients', 'hour of sending']
EXPERIENCE = [4, 8, 16, 32, 64, 128, 256, 1024]
LEARNING_RATE = 0.5
TRAINING_STEPS = 200
# The curve is the mean over this many random sets of training mails.
REPEATS = 10
TEST_MAILS = 5000


def make_mails(count, random):
    """Generate mails, half of them spam on average.

    Args:
        count: the number of mails.
        random: a numpy.random.RandomState.
    Returns:
        Two float64 arrays: features [count, 4], in the order of FEATURES, each roughly between -2 and 2;
        labels [count, 1], 1.0 for spam.
    """
    spam = random.randint(2, size=count)
    known_sender = random.rand(count) < np.where(spam, 0.2, 0.7)
    title_length = random.normal(np.where(spam, 45, 30), 15)
    # A few mails have very many recipients; a linear model fits their logarithm better.
    recipients = 1 + random.poisson(np.where(spam, 12, 3) * random.gamma(1.5, size=count))
    hour = random.uniform(0, 24, size=count)
    features = np.column_stack([2.0 * known_sender - 1, (title_length - 37.5) / 15,
                                np.log(recipients) - 1.5, (hour - 12) / 7])
    return features, spam.reshape(count, 1).astype(float)


def learning_curve(columns, seed):
    """Train 逻辑回归 (logistic regression) on more and more mails.

    Args:
        columns: the indices of the features that the program may use.
        seed: seed of the mails; None for different ones in each run.
    Returns:
        P for each number of EXPERIENCE, a mean over REPEATS; and the weights from the most mails.
    """
    random = np.random.RandomState(seed)
    test_features, test_spam = make_mails(TEST_MAILS, random)

    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None, len(columns)], name='x-input')
        y_ = tf.placeholder(tf.float32, [None, 1], name='y-input')
        # A weight is how strongly a feature speaks for spam; at 0 the program knows nothing.
        weights = tf.Variable(tf.zeros([len(columns), 1]))
        bias = tf.Variable(tf.zeros([1]))
        y = tf.matmul(x, weights) + bias
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y_, logits=y))
        train_step = tf.train.GradientDescentOptimizer(LEARNING_RATE).minimize(loss)
        # The logit is above 0 where the probability of spam is above 1/2.
        right = tf.equal(tf.greater(y, 0.0), tf.greater(y_, 0.5))
        performance = tf.reduce_mean(tf.cast(right, tf.float32))

        curve = []
        for experience in EXPERIENCE:
            scores = []
            for _ in range(REPEATS):
                features, spam = make_mails(experience, random)
                sess.run(tf.global_variables_initializer())
                for _ in range(TRAINING_STEPS):
                    sess.run(train_step, feed_dict={x: features[:, columns], y_: spam})
                test_loss, score = sess.run([loss, performance], feed_dict={
                    x: test_features[:, columns], y_: test_spam})
                cli.check_loss(test_loss, TRAINING_STEPS, LEARNING_RATE)
                scores.append(score)
            curve.append(np.mean(scores))
        return curve, sess.run(weights)[:, 0]


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument('--picture', default='runs/ch01_intro/spam_filter.png', metavar='FILE',
                        help='the PNG file to save (default: %(default)s)')
    parser.add_constants(
        globals(),
        LEARNING_RATE='learning rate',
        TRAINING_STEPS='training steps, each on all mails',
        REPEATS='random sets of training mails to average over',
        TEST_MAILS='mails to measure P on')
    args = parser.parse(argv)
    cli.set_constants(globals(), args)
    figures.check(args.picture)

    figure = matplotlib.figure.Figure(figsize=(7, 4.5))
    axes = figure.subplots()
    hour = FEATURES.index('hour of sending')
    for name, columns in ('all features', list(range(len(FEATURES)))), ('hour of sending alone', [hour]):
        curve, weights = learning_curve(columns, args.seed)
        print('T: spam or not, from %s' % name)
        for experience, performance in zip(EXPERIENCE, curve):
            print('  E: %4d mails  P: %.3f' % (experience, performance))
        print('  weights: %s' % ', '.join('%s %+.2f' % (FEATURES[column], weight)
                                          for column, weight in zip(columns, weights)))
        axes.plot(EXPERIENCE, curve, 'o-', label=name)
    axes.set_xscale('log')
    axes.set_xticks(EXPERIENCE)
    axes.set_xticklabels([str(experience) for experience in EXPERIENCE])
    axes.minorticks_off()
    axes.set_ylim(0.4, 1)
    axes.set_xlabel('E: mails to learn from')
    axes.set_ylabel('P: right answers on other mails')
    axes.legend()
    figures.save(figure, args.picture)


if __name__ == '__main__':
    cli.run(main)
