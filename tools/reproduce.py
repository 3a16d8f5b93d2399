"""Run everything of RESULTS.md again, at the printed settings on the real data, and write RESULTS.md of it.

    python tools/reproduce.py --list          # what it runs, and about how long each takes on two cores
    python tools/reproduce.py --on tf2        # what runs on TensorFlow 2.x, about five hours on two cores
    python tools/reproduce.py --on 1.15       # the rest, seven
    python tools/reproduce.py --only mnist_fc # runs whose name has this text

New logs, pictures and RESULTS.md go to runs/reproduce; the committed ones stay. In that RESULTS.md, what was
not run again is from the committed logs: each log is named with its date. Stop it and start it again as you
like: a run that has its log is left out, and most trainings resume from their last checkpoint. To run one again,
delete its log, and the checkpoints beside it. On 2.x two trainings run at once, and nothing is a measure of speed.
Without 1.15: `.venv-tf2/bin/python tf1.py tools/reproduce.py --on tf2`.

The runs under Slurm are left out where there is no sbatch.

Maintainers: --folder results makes the committed logs that are missing, and the project's RESULTS.md.
"""
from companion import cli

import argparse
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import report

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(cli.ROOT, 'results')
PYTHON_2 = os.path.join(cli.ROOT, '.venv-tf2', 'bin', 'python')
# Seconds, where no committed log of an undisturbed run has them; on 2.x with another run beside.
SECONDS = {'lenet-train': 2600, 'ptb_train-killed': 730, 'tf2-lenet-rate-0.01': 1950, 'tf2-lenet-rate-0.02': 1950,
           'tf2-lenet-rate-0.05': 1950, 'tf2-lenet-scan': 2250,
           'tf2-contrib_learn_cnn': 1000, 'tf2-slim_cnn': 1500, 'tf2-ptb_word_lm': 1000, 'tf2-mnist_train': 170,
           'tf2-first-accuracies': 300, 'tf2-tflearn_cnn-seed1': 1200, 'tf2-tflearn_cnn-seed2': 1200,
           'tf2-keras_cnn-seed1': 600, 'tf2-keras_cnn-seed2': 600}
PICTURES = ('input_speed', 'dist_speed')

# A training that is killed once in its second epoch, and started again.
KILLED = ('rm -rf "$TF_TUTORIAL_RUNS/ch05_rnn_ptb/model"; python ch05_rnn_ptb/extras/ptb_train.py --seed 1 & '
          'until grep -q "ckpt-2...[^0-9]" "$TF_TUTORIAL_RUNS/ch05_rnn_ptb/model/checkpoint" 2>/dev/null; do '
          'kill -0 $! || exit 1; sleep 0.2; done; kill -9 $!; '
          'echo "# kill -9"; python ch05_rnn_ptb/extras/ptb_train.py --seed 1')

# Three ways to write an asynchronous training, in turn.
WAYS = ('for i in 1 2 3; do for way in "train_and_evaluate.py -- --by_hand" "dist_mnist_async.py -- --textbook" '
        '"train_and_evaluate.py --"; do echo "== $way"; python ch07_acceleration/launch.py $way --training_steps 4000 '
        '--save_steps 1000 --model_save_path "$(mktemp -d)" || exit 1; done; done')

# TensorFlow 2.x as it is, and with other settings.
SETTINGS = (
    ('2.x', ''), ('2.x, no oneDNN', 'env TF_ENABLE_ONEDNN_OPTS=0 '),
    ('2.x, XLA', "env TF_XLA_FLAGS='--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit' "),
    ('2.x, one thread', 'env TF_NUM_INTRAOP_THREADS=1 '),
    ('2.x, one operation at once', 'env TF_NUM_INTEROP_THREADS=1 '))

# Ten jobs of a program, one after the other, on a cluster of Slurm's with two nodes.
SLURM = ('rm -rf "$TF_TUTORIAL_RUNS"/run*; for i in {1..10}; do sbatch --wait --ntasks=%d '
         '--output="$TF_TUTORIAL_RUNS/run$i.out" ch07_acceleration/slurm/train.sh '
         'ch07_acceleration/dist_mnist_%s.py%s --model_save_path "$TF_TUTORIAL_RUNS/run$i"; '
         'echo "Run $i of 10: the job ended with status $?"; cat "$TF_TUTORIAL_RUNS/run$i.out"; done')
SLURM_RUNS = ('async', 3, ''), ('sync', 3, ''), ('in_graph', 3, ''), ('sync-2of3', 4, ' --replicas 2')


# Programs that print the same in each run, with --seed 1 where they draw random numbers: results/outputs.
OUTPUTS = (
    'ch01_intro/ilsvrc_errors.py', 'ch01_intro/perceptron.py --seed 1', 'ch01_intro/spam_filter.py --seed 1',
    'ch02_mnist_basics/vector_sum.py', 'ch02_mnist_basics/forward_by_hand.py',
    'ch02_mnist_basics/forward_variables.py', 'ch02_mnist_basics/forward_placeholder.py',
    'ch02_mnist_basics/backpropagation.py', 'ch02_mnist_basics/mnist_digit.py',
    'ch03_training_tricks/gradient_descent.py', 'ch03_training_tricks/exponential_decay.py',
    'ch03_training_tricks/overfitting.py', 'ch03_training_tricks/regularization.py',
    'ch03_training_tricks/moving_average.py', 'ch04_cnn/parameter_counts.py',
    'ch04_cnn/filter_walk.py --seed 1',
    'ch04_cnn/conv_pool.py --seed 1', 'ch05_rnn_ptb/rnn_step.py', 'ch05_rnn_ptb/lstm_loop.py --seed 1',
    'ch05_rnn_ptb/perplexity.py --seed 1', 'ch05_rnn_ptb/reader_demo.py', 'ch05_rnn_ptb/batching.py',
    'ch05_rnn_ptb/extras/shared_layers.py', 'ch06_high_level_apis/conv_layer.py --seed 1',
    'ch06_high_level_apis/predefined_models.py --seed 1', 'ch07_acceleration/device_placement.py',
    'ch07_acceleration/device_manual.py', 'ch07_acceleration/hello_cluster.py')


def plan():
    """What is run, in order: pairs of a folder for checkpoints and {log: command} of what runs at once."""
    steps = []

    def add(folder, name, command):
        steps.append((folder, {name: ['python'] + command.split() if isinstance(command, str) else command}))

    for program in OUTPUTS:
        chapter, name = program.split()[0].split('/')[0], os.path.basename(program.split()[0])
        add('outputs', 'outputs/%s-%s' % (chapter[:4], name[:-len('.py')]), program)
    for seed in 1, 2, 3:
        # A folder for each seed, or the second training would resume the first one.
        folder = 'seed%d' % seed
        add(folder, 'mnist_fc-seed%d' % seed, 'ch02_mnist_basics/mnist_fc.py --seed %d' % seed)
        # The evaluation beside the training, so that it sees every checkpoint.
        evaluate = 'python ch03_training_tricks/mnist_eval.py --eval_interval_secs 1 --until_step 30000'
        train = 'python ch03_training_tricks/mnist_train.py --seed %d' % seed
        steps.append((folder, {'mnist_eval-seed%d' % seed: evaluate.split(),
                               'mnist_train-seed%d' % seed: train.split()}))
        add(folder, 'mnist_eval_once-seed%d' % seed, 'ch03_training_tricks/mnist_eval.py --once')
        add(folder, 'ptb_word_lm-seed%d' % seed, 'ch05_rnn_ptb/ptb_word_lm.py --seed %d' % seed)
    add('seed1', 'lenet-train-seed1', 'ch04_cnn/mnist_train.py --seed 1')
    add('seed1', 'lenet-eval-seed1', 'ch04_cnn/mnist_eval.py --once')
    # What follows uses the model of this one.
    add('seed1', 'ptb_train-killed', ['sh', '-c', KILLED])
    add('seed1', 'ptb_generate-seed1', ['python', 'ch05_rnn_ptb/extras/ptb_generate.py', '--seed', '1',
                                        '--seed_words', 'the company', '--temperature', '0.7'])
    add('seed1', 'fast_eval', 'ch05_rnn_ptb/extras/fast_eval.py')
    add('seed1', 'shared_layers-seed1', 'ch05_rnn_ptb/extras/shared_layers.py --train --seed 1')
    for interface in 'contrib_learn', 'tflearn', 'keras', 'slim':
        add('seed1', '%s_cnn-seed1' % interface, 'ch06_high_level_apis/%s_cnn.py --seed 1' % interface)
    # Of the print, Keras's first two epochs; seed 1 goes on to its 20.
    for seed in 2, 3, 4:
        add('seed%d' % seed, 'keras_cnn-2epochs-seed%d' % seed,
            'ch06_high_level_apis/keras_cnn.py --epochs 2 --seed %d' % seed)
    # For the times of seed 1 the machine should do nothing else.
    for seed in 1, 2, 3:
        add('seed%d' % seed, 'compare_interfaces-seed%d' % seed,
            'ch06_high_level_apis/extras/compare_interfaces.py --epoch --seed %d' % seed)
    add('seed1', 'pretrained_networks', 'ch06_high_level_apis/pretrained_networks.py')
    for seed in report.TOWERS_SEEDS:
        add('seed%d' % seed, 'multi_gpu_mnist-seed%d' % seed,
            'ch07_acceleration/multi_gpu_mnist.py --seed %d' % seed)
    add('towers', 'towers-first-losses', 'tools/first_losses.py')
    for seed in 1, 2, 3:
        add('tfdata%d' % seed, 'multi_gpu_mnist_tfdata-seed%d' % seed,
            'ch07_acceleration/extras/multi_gpu_mnist_tfdata.py --seed %d' % seed)
    for name in PICTURES:
        add('speed', name, 'ch07_acceleration/extras/%s.py' % name)
    for name, more in (('async', ''), ('sync', ''), ('in_graph', ''),
                       ('sync-2of3', ' --workers 3 -- --replicas 2')):
        add('launch', 'launch-' + name, 'ch07_acceleration/launch.py dist_mnist_%s.py --repeat 10%s' % (
            name.split('-')[0], more))
    add('clusters', 'clusters/dist_cost', 'ch07_acceleration/extras/dist_cost.py')
    add('clusters', 'clusters/ways', ['bash', '-c', WAYS])
    for name, tasks, more in SLURM_RUNS if shutil.which('sbatch') else ():
        add('slurm-' + name, 'clusters/slurm-' + name, ['bash', '-c', SLURM % (tasks, name.split('-')[0], more)])
    # These need a machine that does nothing else, and all but the first .venv-tf2.
    add('speed', 'profile', 'tools/profile_step.py')
    add('speed', 'tf2-profile', 'tf1.py tools/profile_step.py')
    add('speed', 'wall_times', 'tools/wall_times.py')
    add('speed', 'benchmark-settings', ['python', 'tools/benchmark.py', '--rounds', '3'] + [
        part for name, setting in SETTINGS for part in ('--python', name + '=' + setting + '.venv-tf2/bin/python')])
    # Two environments more, see the file.
    add('speed', 'benchmark', 'tools/benchmark.py')
    add('speed', 'setup_time', ['tools/setup_time.sh', '3'])
    # On TensorFlow 2.x, as `make venv-tf2` sets it up. The longest come first, as two folders are done at once.
    rates = 'ch04_cnn/extras/learning_rates.py '
    for rate, seeds in ('0.05', (1, 2, 3)), ('0.01', (1, 2, 3)), ('0.02', (1, 2, 3)):
        for seed in seeds:
            add('tf2-rate-%s-seed%d' % (rate, seed), 'tf2-lenet-rate-%s-seed%d' % (rate, seed),
                'tf1.py %s--rates %s --seeds %d' % (rates, rate, seed))
    add('tf2-scan-seed1', 'tf2-lenet-scan-seed1', 'tf1.py %s--training_steps 5001' % rates)
    for seed in 1, 2, 3, 4, 5:
        for name, command in (
                ('ptb_word_lm', 'ch05_rnn_ptb/ptb_word_lm.py'),
                ('contrib_learn_cnn', 'ch06_high_level_apis/contrib_learn_cnn.py'),
                ('slim_cnn', 'ch06_high_level_apis/slim_cnn.py'),
                # The print has their first epochs; two seeds go on to the 20.
                ('tflearn_cnn', 'ch06_high_level_apis/tflearn_cnn.py' + ' --n_epoch 1' * (seed > 2)),
                ('keras_cnn', 'ch06_high_level_apis/keras_cnn.py' + ' --epochs 2' * (seed > 2)),
                ('mnist_train', 'ch03_training_tricks/mnist_train.py'),
                ('mnist_eval_once', 'ch03_training_tricks/mnist_eval.py --once'),
                ('mnist_fc', 'ch02_mnist_basics/mnist_fc.py')):
            if seed <= {'keras_cnn': 5, 'slim_cnn': 2}.get(name, 3):
                seeds = '' if '--once' in command else ' --seed %d' % seed
                add('tf2-seed%d' % seed, 'tf2-%s-seed%d' % (name, seed), 'tf1.py %s%s' % (command, seeds))
    add('tf2-first', 'tf2-first-accuracies', 'tf1.py tools/first_accuracies.py')
    return steps


def log_of(folder, name):
    """The path of a log; those of OUTPUTS have a folder of their own."""
    return os.path.join(folder, *('logs/' * ('/' not in name) + name + '.log').split('/'))


def seconds(name):
    """How long a run took, by the shortest of its seeds in the committed logs."""
    base = re.sub(r'-seed\d$', '', name)
    if name in SECONDS or base in SECONDS:
        return SECONDS.get(name) or SECONDS[base]
    took = [float(header['seconds']) for header in
            (report.read(other)[1] for other in report.names() if re.sub(r'-seed\d$', '', other) == base)
            if 'seconds' in header and 'resumed' not in header]
    return min(took) if took else 10 if name.startswith('outputs/') else 300


def version(name):
    """The TensorFlow that a run is for; what times both is done with the rest, one after the other."""
    return 'tf2' if name.startswith('tf2-') and name != 'tf2-profile' else '1.15'


def check(names):
    """Raise cli.UserError if one of the runs lacks what it needs, before hours have passed."""
    on_2 = [name for name in names if name.startswith('tf2-') or name in ('wall_times', 'benchmark-settings')]
    if on_2 and not os.path.exists(PYTHON_2):
        raise cli.UserError('%s needs .venv-tf2: `make venv-tf2`' % on_2[0])
    on_1 = [name for name in names if version(name) == '1.15']
    if on_1 and sys.version_info >= (3, 8):
        raise cli.UserError('%s needs TensorFlow 1.15: start this with .venv/bin/python, or add --on tf2' % on_1[0])


def hours(amount):
    if amount < 60:
        return '%d s' % amount
    if amount < 3600:
        return '%d min' % round(amount / 60)
    return '%d h %02d min' % divmod(round(amount / 60), 60)


def run(step, folder, running, stop):
    """Run one step's commands at once, each through record.py.

    Args:
        running: the list to which their processes are appended.
        stop: a list that has something in it when all is to end.
    Raises:
        cli.UserError: one of them failed.
    """
    runs, commands = step
    runs = os.path.join(folder if folder != RESULTS else os.path.join(cli.ROOT, 'runs', 'results'), runs)
    if len(commands) > 1:
        # The evaluation must see every checkpoint, so both start from step 0.
        shutil.rmtree(os.path.join(runs, list(commands.values())[0][1].split('/')[0]), ignore_errors=True)
    os.makedirs(runs, exist_ok=True)
    python = PYTHON_2 if list(commands)[0].startswith('tf2-') else sys.executable
    # launch.py gives each of its runs a new folder in TMPDIR; `python` in a shell's command is this one too.
    environment = dict(os.environ, TF_TUTORIAL_RUNS=runs, TMPDIR=runs,
                       PATH=os.path.dirname(python) + os.pathsep + os.environ['PATH'])
    processes = {name: subprocess.Popen(
        [python, os.path.join(HERE, 'record.py'), '--logs', os.path.dirname(log_of(folder, name)),
         os.path.basename(name)] + command,
        cwd=cli.ROOT, env=environment) for name, command in commands.items()}
    running.extend(processes.values())
    if stop:                        # since the last look
        for process in processes.values():
            process.terminate()
    try:
        # The training is the last; when it fails, the evaluation beside it would wait forever.
        for name, process in reversed(list(processes.items())):
            if process.wait():
                raise cli.UserError('%s failed: see its output above, then start this again' % name)
    finally:
        for process in processes.values():
            if process.poll() is None:
                process.terminate()
                process.wait()
    for name in set(commands) & set(PICTURES):
        shutil.copyfile(os.path.join(runs, 'ch07_acceleration', name + '.png'),
                        os.path.join(folder, 'ch07_%s.png' % name))


def run_all(steps, at_once, folder, only_list):
    """Run the steps in order, those of so many folders at once; or only say which they are."""
    estimates = [max(seconds(name) for name in commands) for _, commands in steps]
    folders = {}
    for i, (step, estimate) in enumerate(zip(steps, estimates)):
        what = '[%d of %d] %s, about %s' % (i + 1, len(steps), ' and '.join(step[1]), hours(estimate))
        if only_list:
            print('%s; %s to go' % (what, hours(sum(estimates[i:]) / at_once)))
        else:
            folders.setdefault(step[0] if at_once > 1 else '', []).append((step, what))
    stop, running = [], []

    def run_folder(of_folder):
        for step, what in of_folder:
            if stop:
                return
            print(what + '\n', end='', flush=True)      # in one write, as two folders are at work
            start = time.time()
            try:
                run(step, folder, running, stop)
            except BaseException:
                stop.append(step)
                raise
            print('%s: took %s\n' % (what.split(',')[0], hours(time.time() - start)), end='', flush=True)

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        results = [pool.submit(run_folder, of_folder) for of_folder in folders.values()]
        try:
            for result in results:
                result.result()
        except KeyboardInterrupt:
            stop.append(None)
            for process in running:
                process.terminate()
            raise
        finally:
            stop.append(None)       # Ctrl-C, or a failure: nothing more is begun


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--on', choices=['1.15', 'tf2'], help='only what runs on this TensorFlow')
    parser.add_argument('--list', action='store_true', help='show what would be run, and run nothing')
    parser.add_argument('--only', metavar='TEXT', default='', help='only runs whose name has this text')
    parser.add_argument('--folder', metavar='DIR', default=os.path.join(cli.ROOT, 'runs', 'reproduce'),
                        help='where logs, pictures and RESULTS.md go (default: runs/reproduce)')
    args = parser.parse_args(argv)
    folder = os.path.abspath(args.folder)

    asked = [step for step in plan() if any(args.only in name and args.on in (None, version(name)) for name in step[1])]
    if not asked:
        parser.error('argument --only: no such run%s, see --list' % (' on ' + args.on if args.on else ''))
    steps = [step for step in asked if not all(os.path.exists(log_of(folder, name)) for name in step[1])]
    if not args.list:
        check([name for _, commands in steps for name in commands])
    for number in () if args.list else (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:      # nohup
            signal.signal(number, signal.default_int_handler)
    for of, at_once in ('1.15', 1), ('tf2', 2):
        run_all([step for step in steps if version(list(step[1])[0]) == of], at_once, folder, args.list)
    if args.list:
        return
    report.write(folder)


if __name__ == '__main__':
    cli.run(main)
