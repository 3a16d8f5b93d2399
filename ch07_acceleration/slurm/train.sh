#!/bin/bash
# Train on a Slurm cluster. From the project's folder, with the environment active, and both on every node:
#
#     sbatch ch07_acceleration/slurm/train.sh ch07_acceleration/dist_mnist_async.py
#     sbatch --ntasks=4 ch07_acceleration/slurm/train.sh ch07_acceleration/dist_mnist_sync.py --replicas 2
#     PS=2 RETRIES=1 sbatch ch07_acceleration/slurm/train.sh ch07_acceleration/dist_mnist_in_graph.py
#
# PS of the tasks are parameter servers, the others workers. Its output is slurm-NUMBER.out. The same command
# again resumes from the last checkpoint; with RETRIES=1, a job that fails does so once by itself.
#
#SBATCH --job-name=dist-mnist
#SBATCH --nodes=2
#SBATCH --ntasks=3
#SBATCH --time=10
#SBATCH --requeue --open-mode=append
# Where nodes have GPUs, `sbatch --gres=gpu:1` reserves one on each node, and shows it to the tasks there.

export PS=${PS:-1} STATUS=$PWD/slurm-$SLURM_JOB_ID.status
rm -f "$STATUS"

# The first worker is the chief. It leaves its status, as srun itself waits for everyone.
srun --distribution=block --kill-on-bad-exit=0 --wait=0 bash -c '
    python -u "$@" --slurm_ps $PS
    status=$?; [ $SLURM_PROCID != $PS ] || echo $status >"$STATUS"; exit $status' train "$@" &
step=$!
while kill -0 $step 2>/dev/null && ! [ -s "$STATUS" ]; do sleep 0.5; done

if [ -s "$STATUS" ]; then status=$(cat "$STATUS"); else wait $step; status=$?; fi
rm -f "$STATUS"

# The end of this script is the job's, and ends every task that is left. After a success they have ten seconds.
for i in {1..20}; do [ $status = 0 ] && kill -0 $step 2>/dev/null && sleep 0.5; done
if [ $status != 0 ] && [ ${SLURM_RESTART_COUNT:-0} -lt ${RETRIES:-0} ]; then
    scontrol requeue $SLURM_JOB_ID
fi
exit $status
