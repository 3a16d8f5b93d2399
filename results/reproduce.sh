#!/bin/sh
# Make every log of results/logs that is not there, and RESULTS.md of them. Delete a log to make it anew.
# On two cores: articles 2 and 3 a quarter of an hour, article 4 an hour, article 5 an hour and a half, article 6 two hours. Stop it and
# start it again as you like: trainings that save resume.
set -e
cd "$(dirname "$0")/.."
PYTHON=$PWD/.venv/bin/python
PATH=$PWD/.venv/bin:$PATH

record() {      # record NAME COMMAND...
    name=$1; shift
    [ -e "results/logs/$name.log" ] || "$PYTHON" results/record.py "$name" "$@"
}

for seed in 1 2 3; do
    # A folder for each seed, or the second training would resume the first one.
    export TF_TUTORIAL_RUNS="$PWD/runs/seed$seed"
    record mnist_fc-seed$seed python ch02_mnist_basics/mnist_fc.py --seed $seed
    # Beside the training, so that every checkpoint is evaluated.
    record mnist_eval-seed$seed python ch03_training_tricks/mnist_eval.py \
        --eval_interval_secs 1 --until_step 30000 &
    record mnist_train-seed$seed python ch03_training_tricks/mnist_train.py --seed $seed
    wait
    record mnist_eval_once-seed$seed python ch03_training_tricks/mnist_eval.py --once
    record ptb_word_lm-seed$seed python ch05_rnn_ptb/ptb_word_lm.py --seed $seed
done
export TF_TUTORIAL_RUNS=$PWD/runs/seed1
record lenet-train-seed1 python ch04_cnn/mnist_train.py --seed 1
record lenet-eval-seed1 python ch04_cnn/mnist_eval.py --once

# A training that is killed once in its second epoch; the others use its model.
record ptb_train-killed sh -c 'python ch05_rnn_ptb/ptb_train.py --seed 1 & until grep -q "ckpt-2...[^0-9]" \
    $TF_TUTORIAL_RUNS/ch05_rnn_ptb/model/checkpoint 2>/dev/null; do sleep 0.2; done; kill -9 $!; \
    echo "# kill -9"; python ch05_rnn_ptb/ptb_train.py --seed 1'
record ptb_generate-seed1 python ch05_rnn_ptb/ptb_generate.py --seed 1 --seed_words 'the company' \
    --temperature 0.7
record fast_eval python ch05_rnn_ptb/fast_eval.py
record shared_layers-seed1 python ch05_rnn_ptb/shared_layers.py --train --seed 1

# Article 6, two hours; the table only evaluates what is trained by then, and wants an idle machine for its times.
for interface in contrib_learn tflearn keras slim; do
    record ${interface}_cnn-seed1 python ch06_high_level_apis/${interface}_cnn.py --seed 1
done
record compare_interfaces python ch06_high_level_apis/compare_interfaces.py --epoch --full --seed 1
record pretrained_networks python ch06_high_level_apis/pretrained_networks.py

# Article 7, a quarter of an hour.
for seed in 1 2 3 4 5; do
    export TF_TUTORIAL_RUNS="$PWD/runs/seed$seed"
    record multi_gpu_mnist-seed$seed python ch07_acceleration/multi_gpu_mnist.py --seed $seed
done
export TF_TUTORIAL_RUNS="$PWD/runs/tfdata"
record multi_gpu_mnist_tfdata-seed1 python ch07_acceleration/multi_gpu_mnist_tfdata.py --seed 1
record input_speed python ch07_acceleration/input_speed.py
record dist_speed python ch07_acceleration/dist_speed.py
for picture in input_speed dist_speed; do
    cp "$TF_TUTORIAL_RUNS/ch07_acceleration/$picture.png" results/ch07_$picture.png || true
done
# launch.py gives each of its runs a new folder in TMPDIR.
export TMPDIR="$TF_TUTORIAL_RUNS"
for program in async sync in_graph; do
    record launch-$program python ch07_acceleration/launch.py dist_mnist_$program.py --repeat 10
done
record launch-sync-2of3 python ch07_acceleration/launch.py dist_mnist_sync.py --repeat 10 --workers 3 -- --replicas 2
"$PYTHON" results/report.py
