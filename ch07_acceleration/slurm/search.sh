#!/bin/bash
# Search for a learning rate: a job for each, as many at once as the cluster has room for. From the project's folder:
#
#     sbatch ch07_acceleration/slurm/search.sh
#     grep 'validation accuracy' slurm-*.out
#
# Each job is train.sh with the rate's own folder of checkpoints; more flags are dist_mnist_async.py's.
#
#SBATCH --job-name=learning-rates --array=0-3
#SBATCH --nodes=2 --ntasks=3 --time=10
#SBATCH --requeue --open-mode=append

rates=(0.05 0.2 0.8 3.2)
rate=${rates[$SLURM_ARRAY_TASK_ID]}
echo "learning rate $rate"
exec bash ch07_acceleration/slurm/train.sh ch07_acceleration/dist_mnist_async.py --learning_rate_base $rate \
    --model_save_path ${TF_TUTORIAL_RUNS:-runs}/ch07_acceleration/learning_rates/$rate "$@"
