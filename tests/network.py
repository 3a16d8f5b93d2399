"""Article 3's network in NumPy, and images in place of MNIST's."""
import numpy as np


class Images:
    """Random images in place of MNIST's, and the batches that were drawn; each is known by the step that it is for."""

    def __init__(self, num_examples, one_hot=False, seed=0, wait=lambda: None):
        self.num_examples, self.one_hot, self.seed, self.wait = num_examples, one_hot, seed, wait
        self.batches, self.train = [], self

    def next_batch(self, size):
        self.wait()
        random = np.random.RandomState(1000 * self.seed + len(self.batches))
        images, labels = random.rand(size, 784).astype(np.float32), random.randint(10, size=size)
        self.batches.append((images, np.eye(10)[labels] if self.one_hot else labels))
        return self.batches[-1]


LAYERS = ['layer1/weights', 'layer1/biases', 'layer2/weights', 'layer2/biases']


def forward(values, images, suffix=''):
    """Logits, and the hidden layer."""
    w1, b1, w2, b2 = (values[name + suffix].astype(float) for name in LAYERS)
    hidden = np.maximum(images @ w1 + b1, 0)
    return hidden @ w2 + b2, hidden


def descend(values, batches, rates):
    """Train it, with an L2 loss of 0.01, at the rates of the steps: each step's loss, and the variables at the end."""
    losses = []
    for (images, labels), rate in zip(batches, rates):
        logits, hidden = forward(values, images)
        w1, w2, rows = values['layer1/weights'], values['layer2/weights'], np.arange(len(labels))
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        odds /= odds.sum(axis=1, keepdims=True)
        losses.append(-np.log(odds[rows, labels]).mean() + 0.01 * ((w1 ** 2).sum() + (w2 ** 2).sum()) / 2)
        odds[rows, labels] -= 1
        top = odds / len(labels)
        bottom = top @ w2.T * (hidden > 0)
        slopes = images.T @ bottom + 0.01 * w1, bottom.sum(axis=0), hidden.T @ top + 0.01 * w2, top.sum(axis=0)
        values = {name: values[name] - rate * slope for name, slope in zip(LAYERS, slopes)}
    return losses, values
