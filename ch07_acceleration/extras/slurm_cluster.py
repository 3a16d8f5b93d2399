"""The place of a task (任务) in a cluster (集群) that Slurm has started with srun: job, index, addresses.

Not in the article. A library: dist_cluster.py uses it where neither flags nor TF_CONFIG name a place, and
slurm/train.sh starts such tasks. The first tasks of the step are parameter servers (参数服务器), the others
workers (计算服务器).

TensorFlow's own tf.distribute.cluster_resolver.SlurmClusterResolver does this where every node has the same
number of tasks, and a name that resolves. Elsewhere we count the tasks, and ask Slurm for the nodes'
addresses.
"""
from companion.errors import UserError

import os
import re
import socket
import subprocess

import tensorflow as tf


def scontrol(*words):
    try:
        return subprocess.check_output(('scontrol', 'show') + words, universal_newlines=True).strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError('`scontrol show %s` failed (%s): a Slurm task needs it, or --job_name' % (
            ' '.join(words), error))


def tasks_per_node():
    """The number of tasks on each node of this step: Slurm writes [2, 2, 1] as '2(x2),1'."""
    found = re.findall(r'(\d+)(?:\(x(\d+)\))?', os.environ['SLURM_STEP_TASKS_PER_NODE'])
    return [int(count) for count, nodes in found for _ in range(int(nodes or 1))]


def resolves(host):
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False


def first_port():
    """A port for the first task: other jobs on a node have others, unless their numbers are a multiple of 75 apart.

    The last run of this job, if it is queued again, had others too, if it has no more than 32 tasks.
    """
    restarts = int(os.environ.get('SLURM_RESTART_COUNT', 0))
    return 10000 + int(os.environ['SLURM_JOB_ID']) % 75 * 64 + restarts % 2 * 32


def find_place(parameter_servers):
    """Return job, index, the cluster as a dict from job to list of 'host:port', and who says so.

    Args:
        parameter_servers: how many of the tasks.
    """
    rank, tasks = int(os.environ['SLURM_PROCID']), int(os.environ['SLURM_NTASKS'])
    if tasks <= parameter_servers:
        raise UserError('Slurm started %d task(s) here, --slurm_ps %d of them parameter servers: no worker is '
                        'left; take more --ntasks' % (tasks, parameter_servers))
    if os.environ.get('SLURM_DISTRIBUTION', 'block').split(':')[0].split(',')[0] not in ('block', 'unknown'):
        raise UserError('tasks are dealt out by --distribution=%s: take block' % os.environ['SLURM_DISTRIBUTION'])
    nodes, counts = scontrol('hostnames', os.environ['SLURM_STEP_NODELIST']).split(), tasks_per_node()

    if len(set(counts)) == 1 and all(map(resolves, nodes)):
        # Without GPUs to deal out, it wants to be told of as many as there are tasks, and not to set them.
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            {'ps': parameter_servers, 'worker': tasks - parameter_servers}, port_base=first_port(),
            tasks_per_node=counts[0], gpus_per_node=counts[0], gpus_per_task=1, auto_set_gpu=False)
        cluster = resolver.cluster_spec().as_dict()
        return resolver.get_task_info() + (cluster, "Slurm, by TensorFlow's resolver")

    # A port for each task, not for each task of a node: several nodes may be one machine, as in the tests.
    hosts = [re.search(r'NodeAddr=(\S+)', scontrol('node', node)).group(1) for node in nodes]
    hosts = [host for host, count in zip(hosts, counts) for _ in range(count)]
    addresses = ['%s:%d' % (host, first_port() + i) for i, host in enumerate(hosts)]
    cluster = {'ps': addresses[:parameter_servers], 'worker': addresses[parameter_servers:]}
    if rank < parameter_servers:
        return 'ps', rank, cluster, 'Slurm'
    return 'worker', rank - parameter_servers, cluster, 'Slurm'
