"""Time the trainings of articles 3, 4 and 5, written for PyTorch; for benchmark.py.

    python tools/benchmark_torch.py --seconds 3

The same networks, losses and updates as the TensorFlow programs have, fed with the same data. Prints in JSON
versions and median milliseconds a step, or how far losses and weights are from those of benchmark_tf.py.
"""
import functools
import json
import os
import platform

import benchmark
import numpy as np
import torch
from torch import nn
from torch.nn import functional

# As printed in the articles.
LEARNING_RATE_DECAY = 0.99
REGULARAZTION_RATE = 0.0001
MOVING_AVERAGE_DECAY = 0.99
KEEP_PROB = 0.5
MAX_GRAD_NORM = 5.0


class MLP(nn.Module):
    """Article 3's network; also its settings."""

    learning_rate_base = 0.8
    input_shape = [784]

    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(784, 500)
        self.layer2 = nn.Linear(500, 10)
        self.regularized = [self.layer1.weight, self.layer2.weight]

    def forward(self, x):
        return self.layer2(functional.relu(self.layer1(x)))


class LeNet(nn.Module):
    """Article 4's network. PyTorch's name for the shape of pictures is [batch, channels, height, width]."""

    learning_rate_base = 0.01
    input_shape = [1, 28, 28]

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5, padding='same')
        self.conv2 = nn.Conv2d(32, 64, 5, padding='same')
        self.fc1 = nn.Linear(7 * 7 * 64, 512)
        self.fc2 = nn.Linear(512, 10)
        self.dropout = nn.Dropout(0.5)
        self.regularized = [self.fc1.weight, self.fc2.weight]
        # Channels last in memory, as TensorFlow has them: a seventh faster here.
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = self.dropout(functional.relu(self.fc1(x.flatten(1))))
        return self.fc2(x)


class LanguageModel(nn.Module):
    """Article 5's network."""

    def __init__(self):
        super().__init__()
        hidden, vocabulary = benchmark.HIDDEN_SIZE, benchmark.VOCAB_SIZE
        # Not a parameter, as only the rows of a batch's words get a gradient.
        self.register_buffer('embedding', torch.empty(vocabulary, hidden))
        self.lstm = nn.LSTM(hidden, hidden, num_layers=2, dropout=1 - KEEP_PROB)
        self.output = nn.Linear(hidden, vocabulary)
        self.dropout = nn.Dropout(1 - KEEP_PROB)
        for weights in [self.embedding] + list(self.parameters()):
            nn.init.uniform_(weights, -0.05, 0.05)
        # TensorFlow's cell has one bias, and adds 1 to the forget gate; the second bias here is that 1.
        for bias in self.lstm.bias_hh_l0, self.lstm.bias_hh_l1:
            bias.requires_grad_(False)
            bias.copy_(torch.tensor([0., 1., 0., 0.]).repeat_interleave(hidden))

    def forward(self, vectors, state):
        """From vectors [steps, batch, hidden] and a state: logits [steps * batch, vocabulary] and a state."""
        output, state = self.lstm(self.dropout(vectors), state)
        return self.output(self.dropout(output).flatten(0, 1)), state


def truncated_normal(network):
    """Give a network first weights as articles 3 and 4 choose them; the seed draws others than TensorFlow."""
    for name, weights in network.named_parameters():
        if name.endswith('weight'):
            nn.init.trunc_normal_(weights, std=0.1, a=-0.2, b=0.2)
        else:
            nn.init.constant_(weights, 0.1 if name.startswith('fc') else 0.0)


def train_pictures(network, tick, seed):
    """Train article 3's or 4's network, until `tick` raises Enough."""
    data = benchmark.Pictures(tick, seed)
    optimizer = torch.optim.SGD(network.parameters(), network.learning_rate_base)
    averages = [weights.detach().clone() for weights in network.parameters()]
    step = 0
    while True:
        xs, ys = data.next_batch(benchmark.BATCH_SIZE)
        x = torch.from_numpy(xs).to(averages[0].dtype).reshape([-1] + network.input_shape)
        y_ = torch.from_numpy(ys)

        loss = functional.cross_entropy(network(x), y_.argmax(1))
        loss = loss + REGULARAZTION_RATE * sum(weights.square().sum() / 2 for weights in network.regularized)
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]['lr'] = network.learning_rate_base * LEARNING_RATE_DECAY ** (
            step / (data.num_examples // benchmark.BATCH_SIZE))
        optimizer.step()

        decay = min(MOVING_AVERAGE_DECAY, (1 + step) / (10 + step))
        with torch.no_grad():
            for average, weights in zip(averages, network.parameters()):
                average.lerp_(weights, 1 - decay)
        network.loss = loss.item()
        step += 1


def train_words(network, tick, seed, max_grad_norm=MAX_GRAD_NORM):
    """Train article 5's network, until `tick` raises Enough."""
    rows, steps = benchmark.TRAIN_BATCH_SIZE, benchmark.TRAIN_NUM_STEP
    text = torch.from_numpy(benchmark.words(seed)).reshape(rows, -1)
    parameters = [weights for weights in network.parameters() if weights.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1.0)
    while True:
        state = 2 * (torch.zeros(2, rows, benchmark.HIDDEN_SIZE, dtype=network.embedding.dtype),)
        for start in range(0, text.shape[1] - steps, steps):
            tick()
            # Time first, as nn.LSTM likes it.
            x = text[:, start:start + steps].t()
            targets = text[:, start + 1:start + steps + 1].t()

            # The gradient of the embedding is of the rows looked up, a word's rows apart, as in TensorFlow.
            vectors = functional.embedding(x, network.embedding).requires_grad_()
            logits, state = network(vectors, state)
            state = tuple(part.detach() for part in state)
            cost = functional.cross_entropy(logits, targets.flatten().long(), reduction='sum') / rows
            optimizer.zero_grad()
            cost.backward()

            norm = nn.utils.clip_grad_norm_(parameters + [vectors], max_grad_norm)
            optimizer.step()
            network.embedding.index_add_(0, x.flatten(), vectors.grad.flatten(0, 1), alpha=-1.0)
            network.loss = cost.item() / steps
            assert torch.isfinite(norm)


def mlp(tick, seed):
    torch.manual_seed(seed)
    network = MLP()
    truncated_normal(network)
    train_pictures(network, tick, seed)


def lenet(tick, seed):
    torch.manual_seed(seed)
    network = LeNet()
    truncated_normal(network)
    train_pictures(network, tick, seed)


def ptb(tick, seed):
    torch.manual_seed(seed)
    train_words(LanguageModel(), tick, seed)


def sgemm(size, tick, seed):
    """Multiply two random matrices, until `tick` raises Enough."""
    torch.manual_seed(seed)
    a, b = torch.rand(size, size), torch.rand(size, size)
    while True:
        tick()
        torch.mm(a, b)


TRAININGS = {benchmark.MLP: mlp, benchmark.LENET: lenet, benchmark.PTB: ptb}


# Comparing

def gates(tensor):
    """The four gates of an LSTM in PyTorch's order, from TensorFlow's: input, new value, forget, output."""
    i, j, f, o = torch.chunk(tensor, 4, dim=-1)
    return torch.cat([i, f, j, o], dim=-1)


def convert(name, theirs):
    """TensorFlow's weights, {variable: tensor}, as the parameters that they are in the network here."""
    if name == benchmark.MLP:
        return {'layer1.weight': theirs['layer1/weights'].t(), 'layer1.bias': theirs['layer1/biases'],
                'layer2.weight': theirs['layer2/weights'].t(), 'layer2.bias': theirs['layer2/biases']}
    if name == benchmark.LENET:
        ours = {}
        for scope, layer in ('layer1-conv1', 'conv1'), ('layer3-conv2', 'conv2'), ('layer5-fc1', 'fc1'), (
                'layer6-fc2', 'fc2'):
            weights = theirs[scope + '/weight']
            if layer == 'fc1':          # its inputs: height, width, channels there, channels first here
                weights = weights.reshape(7, 7, 64, 512).permute(2, 0, 1, 3).reshape(-1, 512)
            ours[layer + '.weight'] = weights.permute(3, 2, 0, 1) if weights.dim() == 4 else weights.t()
            ours[layer + '.bias'] = theirs[scope + '/bias']
        return ours
    ours = {'embedding': theirs['language_model/embedding'],
            'output.weight': theirs['language_model/weight'].t(),
            'output.bias': theirs['language_model/bias']}
    for layer in 0, 1:
        cell = 'language_model/RNN/multi_rnn_cell/cell_%d/basic_lstm_cell/' % layer
        kernel = gates(theirs[cell + 'kernel'])
        ours['lstm.weight_ih_l%d' % layer] = kernel[:benchmark.HIDDEN_SIZE].t()
        ours['lstm.weight_hh_l%d' % layer] = kernel[benchmark.HIDDEN_SIZE:].t()
        ours['lstm.bias_ih_l%d' % layer] = gates(theirs[cell + 'bias'])
    return ours


def weights_of(network):
    """What a network trains, {name: tensor}."""
    found = {name: weights.detach() for name, weights in network.named_parameters() if weights.requires_grad}
    found.update(network.named_buffers())
    return found


def compare(path, seed):
    """Train from the weights that benchmark_tf.py saved.

    In float64, as float32 decides one or the other of LeNet's millions of ReLUs and maxima by its rounding,
    which alone changes a gradient by 0.05 %. Left out are dropout, and the moving averages, which TensorFlow
    updates before or after the weights, as it comes.

    Returns:
        {name: (first loss there, first loss here, largest difference of a weight after CHECK_STEPS steps, as
        a share of the largest change of its variable there)}.
    """
    saved = {key: torch.from_numpy(np.asarray(value)) for key, value in np.load(path).items()}
    found = {}
    clipped = functools.partial(train_words, max_grad_norm=benchmark.CHECK_GRAD_NORM)
    for name, kind, train in ((benchmark.MLP, MLP, train_pictures), (benchmark.LENET, LeNet, train_pictures),
                              (benchmark.PTB, LanguageModel, clipped)):
        before, after = (
            convert(name, {key[len(prefix):]: saved[key] for key in saved if key.startswith(prefix)})
            for prefix in ('%s/before/' % name, '%s/after/' % name))
        network = kind().double()
        assert set(before) == set(weights_of(network))
        with torch.no_grad():
            for key, weights in weights_of(network).items():
                weights.copy_(before[key])
        network.eval()                              # no dropout
        losses = []

        def tick():
            losses.append(getattr(network, 'loss', None))
            if len(losses) > benchmark.CHECK_STEPS:
                raise benchmark.Enough

        try:
            train(network, tick, seed)
        except benchmark.Enough:
            pass
        difference = max(float((weights - after[key]).abs().max() / (after[key] - before[key]).abs().max())
                         for key, weights in weights_of(network).items())
        found[name] = float(saved[name + '/loss']), losses[1], difference
    return found


def main():
    args = benchmark.parse(__doc__)
    torch.set_num_threads(os.cpu_count())
    if args.weights:
        print(json.dumps(compare(args.weights, args.seed)))
        return
    times = benchmark.measure(TRAININGS, sgemm, args)
    print(json.dumps({'times': times, 'versions': 'PyTorch %s, NumPy %s, Python %s' % (
        torch.__version__, np.__version__, platform.python_version())}))


if __name__ == '__main__':
    main()
