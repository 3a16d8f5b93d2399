"""Where a training step's time goes, by type of operation: articles 3, 4 and 5 at their printed sizes.

    python tools/record.py profile python tools/profile_step.py
    python tf1.py tools/record.py tf2-profile python tf1.py tools/profile_step.py

Runs the programs' own trainings on random data, as benchmark.py does, and traces every tenth step. A type's
time is the sum over its operations, mean over the traced steps; as operations run side by side on the cores,
the sum over all types may be more than the step takes. Takes half a minute; nothing else should run.
"""
from companion import cli

import collections
import contextlib
import io
import re
import statistics
import time

import tensorflow as tf

import benchmark
import benchmark_tf

TYPES = 12              # lines for each network; the rest is summed up
EVERY = 10              # traced steps are this far apart, as tracing slows a step down
PRODUCTS = ('MatMul', 'Conv2D')     # what benchmark.flop counts


class Session(tf.Session):
    """Times every step, and traces some."""

    def __init__(self):
        super().__init__()
        self.steps, self.traces = [], []

    def run(self, fetches, feed_dict=None):
        if not feed_dict:
            return super().run(fetches)
        trace = len(self.steps) % EVERY == EVERY - 1
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE) if trace else None
        metadata = tf.RunMetadata() if trace else None
        start = time.perf_counter()
        result = super().run(fetches, feed_dict, options, metadata)
        if trace:
            self.traces.append(metadata.step_stats)
        self.steps.append(None if trace else 1000 * (time.perf_counter() - start))
        return result


def types_of(graph, traces):
    """{type of operation: [milliseconds a step, operations a step]}, mean over the traces.

    A product's type has the shape of its result, as small ones are slow: a hundred of them, or one large?
    """
    operations = {op.name: op for op in graph.get_operations()}
    found = collections.defaultdict(lambda: [0, 0])
    for trace in traces:
        for device in trace.dev_stats:
            for node in device.node_stats:
                # The label has what really ran, as "name = Type(inputs)": a fused operation has an old name.
                label = re.search(r' = (\w+)\(', node.timeline_label)
                op = operations.get(node.node_name)
                kind = label.group(1) if label else op.type if op else 'other'
                if op and any(word in kind for word in PRODUCTS):
                    kind += ' -> ' + ' x '.join(str(size) for size in op.outputs[0].shape.as_list())
                found[kind][0] += (node.op_end_rel_micros - node.op_start_rel_micros) / 1000 / len(traces)
                found[kind][1] += 1 / len(traces)
    return dict(found)


def profile(train, args):
    """Train for args.seconds; return milliseconds a step and `types_of` the traced steps."""
    made = []

    def session():
        made.append(Session())
        return made[-1]

    clock = benchmark.Clock(args.seconds, benchmark.WARMUP)
    tf_session, tf.Session = tf.Session, session
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(benchmark.Enough):
            train(clock.tick, args.seed)
    finally:
        tf.Session = tf_session
    steps = made[-1].steps[benchmark.WARMUP:]
    return (statistics.median(step for step in steps if step is not None),
            types_of(made[-1].graph, made[-1].traces[1:] or made[-1].traces))


def main():
    args = benchmark.parse(__doc__)
    print('TensorFlow %s' % tf.__version__)
    for name, train in benchmark_tf.TRAININGS.items():
        step, types = profile(train, args)
        total = sum(ms for ms, _ in types.values())
        products = sum(ms for kind, (ms, _) in types.items() if any(word in kind for word in PRODUCTS))
        print('%s: %.2f ms a step; %.2f ms in operations, %.2f of them (%.0f %%) in products and convolutions' % (
            name, step, total, products, 100 * products / total))
        ordered = sorted(types.items(), key=lambda item: -item[1][0])
        rest = ordered[TYPES:]
        for kind, (ms, count) in ordered[:TYPES] + [
                ('the other %d types' % len(rest), [sum(column) for column in zip(*(found for _, found in rest))])]:
            print('  %-52s %7.2f ms  %5.1f %%  %6.0f operations' % (kind, ms, 100 * ms / total, count))


if __name__ == '__main__':
    cli.run(main)
