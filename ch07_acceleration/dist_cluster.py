"""What the distributed programs share: the task's place in the cluster, its session, its end, its network.

Article 7 TensorFlow 计算加速, section 分布式 TensorFlow. A library: dist_mnist_async.py, dist_mnist_sync.py and
dist_mnist_in_graph.py say what is theirs, and call this for the rest.

tf.train.Server and tf.Session alone wait for ever: for a task that does not come, for one that has died,
and at the end in server.join(). Here every wait has a limit, `--wait_secs`, and says what it waits for.
"""
from companion import checkpoint, cli

import collections
import json
import os
import signal
import socket
import sys
import threading
import time

import tensorflow as tf

from ch03_training_tricks.mnist_inference import inference

# The article's cluster.
PS_HOSTS = "tf-ps0:2222,tf-ps1:2222"
WORKER_HOSTS = "tf-worker0:2222,tf-worker1:2222,tf-worker2:2222"
# Seconds until a task that does not answer counts as gone for good.
WAIT_SECS = 60.0

# A task: its job and index, and the cluster as a dict from job to list of 'host:port'.
Task = collections.namedtuple('Task', 'job index cluster wait_secs')


def name_of(job, index):
    return '/job:%s/task:%d' % (job, index)


# Which task of which cluster is this?

def add_flags(parser):
    """Add the flags that place a task in its cluster."""
    parser.add_argument('--job_name', choices=['ps', 'worker'],
                        help='job of this task; without it, TF_CONFIG says which task this is')
    parser.add_argument('--task_index', type=int, default=0, metavar='N',
                        help='index of this task in its job, from 0 (default: %(default)s)')
    parser.add_constants(
        globals(),
        PS_HOSTS='host:port of each parameter server, with commas',
        WORKER_HOSTS='host:port of each worker, with commas; the first is the chief',
        WAIT_SECS='seconds to wait for a task that does not answer')


def addresses(parser, text, flag):
    """Split 'host:port,host:port', or end with an error that names the flag."""
    # The article's 'localhost: 2223' has a blank.
    hosts = text.replace(' ', '').split(',')
    for host in hosts:
        name, _, port = host.rpartition(':')
        if not name or not port.isdigit() or not 0 < int(port) < 65536:
            parser.error('%s: %r is not host:port' % (flag, host))
    if len(set(hosts)) < len(hosts):
        parser.error('%s: the same host:port twice in %s' % (flag, text))
    return hosts


def find_task(parser, args):
    """Return the Task that the flags name, or else TF_CONFIG, as Kubernetes sets it.

    TF_CONFIG is {"cluster": {"ps": [...], "worker": [...]}, "task": {"type": "worker", "index": 0}}.
    """
    job, index = args.job_name, args.task_index
    hosts, source = {'ps': args.ps_hosts, 'worker': args.worker_hosts}, '--%s_hosts'
    if job is None:
        if not os.environ.get('TF_CONFIG'):
            parser.error('which task is this? Give --job_name and --task_index, or TF_CONFIG; '
                         '`python ch07_acceleration/launch.py %s` starts a whole cluster here' % parser.prog)
        try:
            config = json.loads(os.environ['TF_CONFIG'])
            job, index = config['task']['type'], int(config['task']['index'])
            hosts = {name: ','.join(tasks) for name, tasks in config['cluster'].items()}
            source = 'TF_CONFIG, %s'
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            parser.error('TF_CONFIG is not of the form {"cluster": ..., "task": {"type": ..., "index": ...}} '
                         '(%s: %s)' % (type(error).__name__, error))
        if set(hosts) != {'ps', 'worker'} or job not in hosts:
            parser.error('TF_CONFIG: task %r of jobs %s; these programs know ps and worker, and worker 0 '
                         'is the chief' % (job, ', '.join(sorted(hosts))))
    cluster = {name: addresses(parser, text, source % name) for name, text in hosts.items()}
    addresses(parser, ','.join(cluster['ps'] + cluster['worker']), 'the cluster')
    if not 0 <= index < len(cluster[job]):
        parser.error('--task_index %d: the cluster has %s 0 to %d' % (index, job, len(cluster[job]) - 1))
    return Task(job, index, cluster, args.wait_secs)


# The server, and the watch on the others

def end_on_signals():
    """End at SIGINT and SIGTERM at once, also in TensorFlow's C++, where Python's handler cannot run."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    # The C part of Python's handler writes the signal's number here, in whatever thread.
    signal.set_wakeup_fd(writer.fileno())
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, lambda number, frame: None)

    def wait():
        number, = reader.recv(1)
        sys.stdout.flush()
        print('interrupted' if number == signal.SIGINT else 'terminated', file=sys.stderr, flush=True)
        os._exit(128 + number)
    thread = threading.Thread(target=wait, daemon=True)
    thread.writer = writer                       # open as long as the thread
    thread.start()


def start_server(task):
    """Start the task's server. It listens on every interface of the machine, whatever host the cluster names.

    Raises:
        cli.UserError: the port is in use.
    """
    address = task.cluster[task.job][task.index]
    port = int(address.rpartition(':')[2])
    # TensorFlow's own error is "Could not start gRPC server", below a page from gRPC.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('', port))
        except OSError as error:
            raise cli.UserError('%s %d cannot listen on port %d (%s): end the program that does, or name '
                                'another port in every task' % (task.job, task.index, port, error.strerror))
    end_on_signals()
    return tf.train.Server(tf.train.ClusterSpec(task.cluster), job_name=task.job, task_index=task.index)


class Watch:
    """Who of a job answers? A task that ended or died refuses connections; TensorFlow would wait for it."""

    def __init__(self, task, job):
        self.others = {index: address for index, address in enumerate(task.cluster[job])
                       if (job, index) != (task.job, task.index)}
        self.job, self.wait_secs = job, task.wait_secs
        self.since, self.told = {}, set()

    def look(self):
        """Try each task, say who went and who came, return the indices of those away for over wait_secs."""
        for index, address in self.others.items():
            host, _, port = address.rpartition(':')
            name = '%s %d (%s)' % (self.job, index, address)
            try:
                socket.create_connection((host, int(port)), timeout=2).close()
            except OSError:
                away = time.time() - self.since.setdefault(index, time.time())
                if away > min(3, self.wait_secs / 2) and index not in self.told:
                    self.told.add(index)
                    print('%s does not answer; waiting %g s for it' % (name, self.wait_secs),
                          file=sys.stderr, flush=True)
            else:
                self.since.pop(index, None)
                if index in self.told:
                    self.told.remove(index)
                    print('%s answers' % name, file=sys.stderr, flush=True)
        return [index for index, start in self.since.items() if time.time() - start > self.wait_secs]


def watch(task, job, spare=0):
    """End this process with an error when more than `spare` tasks of a job stay away.

    A thread does it, because the program may by then hang in a call of TensorFlow that has no time limit.

    Returns:
        A function that ends the watch.
    """
    ended = threading.Event()
    watched = Watch(task, job)

    def look():
        while not ended.wait(0.5):
            gone = watched.look()
            if len(gone) > spare and not ended.is_set():
                sys.stdout.flush()
                print('error: %s did not answer for %g s; start it again, then this task, which goes on from '
                      'what was saved' % (', '.join('%s %d' % (job, index) for index in gone), task.wait_secs),
                      file=sys.stderr, flush=True)
                os._exit(1)
    threading.Thread(target=look, daemon=True).start()
    return ended.set


# The end: server.join() never returns, so each task that serves waits to be told that its clients are done

def done_queue():
    return tf.FIFOQueue(100, tf.int32, shapes=[], shared_name='done')


def only(*tasks):
    """A configuration of sessions that wait for these tasks alone, not for the whole cluster."""
    return tf.ConfigProto(device_filters=list(tasks))


def wait_for_done(task, server, job, clients):
    """Let other tasks run what they want here, until all of them have said that they are done.

    Args:
        job: the job of the clients.
        clients: their indices.
    Raises:
        cli.UserError: all those that are still to say so have been away for wait_secs.
    """
    here = name_of(task.job, task.index)
    watched, left = Watch(task, job), set(clients)
    with tf.Graph().as_default(), tf.device(here):
        queue = done_queue()
        size, dequeue = queue.size(), queue.dequeue()
        with tf.Session(server.target, config=only(here)) as sess:
            # Not one blocking dequeue: it would notice nothing else.
            while left:
                for _ in range(sess.run(size)):
                    left.discard(sess.run(dequeue))
                gone = watched.look()
                if left and left <= set(gone):
                    raise cli.UserError('%s did not answer for %g s and had not finished' % (
                        ', '.join('%s %d' % (job, index) for index in sorted(left)), task.wait_secs))
                time.sleep(0.3)
    # A client that closes its session after the end of a server may hang.
    time.sleep(1)


def serve(task, server, clients):
    """Be a server, as a parameter server is, until the workers `clients` have said that they are done."""
    with tf.Graph().as_default(), tf.device(name_of(task.job, task.index)):
        cluster = tf.get_variable('cluster_of_%s_%d' % (task.job, task.index), (), tf.string,
                                  tf.constant_initializer(json.dumps(task.cluster, sort_keys=True)))
        with tf.Session(server.target, config=only(name_of(task.job, task.index))) as sess:
            sess.run(cluster.initializer)
    print('%s %d serves' % (task.job, task.index))
    wait_for_done(task, server, 'worker', clients)
    print('%s %d ends: all workers are done' % (task.job, task.index))


def check_cluster(task, server, others):
    """Make sure that the tasks that serve know the same cluster; it starts when they have started.

    TensorFlow compares nothing: with other lists, variables lie elsewhere or a session waits for ever.

    Args:
        others: pairs of job and index.
    """
    mine = json.dumps(task.cluster, sort_keys=True)
    for job, index in others:
        with tf.Graph().as_default(), tf.device(name_of(job, index)):
            cluster = tf.get_variable('cluster_of_%s_%d' % (job, index), (), tf.string)
            known = tf.is_variable_initialized(cluster)
            with tf.Session(server.target, config=only(name_of(job, index))) as sess:
                while not sess.run(known):
                    time.sleep(0.2)
                theirs = sess.run(cluster).decode()
        if theirs != mine:
            raise cli.UserError('%s %d was started with another cluster than %s %d: %s there, %s here' % (
                job, index, task.job, task.index, theirs, mine))


def say_done(task, server, others):
    """Tell the tasks that serve that this worker needs them no more."""
    for job, index in others:
        with tf.Graph().as_default(), tf.device(name_of(job, index)):
            enqueue = done_queue().enqueue(task.index)
            with tf.Session(server.target, config=only(name_of(job, index))) as sess:
                sess.run(enqueue)


# The session of a training

class SessionCreator:
    """A tf.train.SessionCreator for tf.train.MonitoredSession, which asks for a new one after a task was lost.

    tf.train.MonitoredTrainingSession does the same in another way, which costs steps and time: its chief,
    when started again, restores the checkpoint over parameter servers that hold newer values, and its
    workers sleep 30 s when they come before the chief.

    Must be made where the training's device function holds, with the graph complete.

    Args:
        chief: whether this task initialises or restores the variables; the others wait until that is done.
        config: a tf.ConfigProto, see `only`.
        saver: the tf.train.Saver of the checkpoints.
        folder: where they are.
        fresh: the text to print when no checkpoint is there.
    """

    def __init__(self, server, chief, config, saver, folder):
        self.server, self.chief, self.config, self.saver, self.folder = server, chief, config, saver, folder
        self.step = tf.train.get_global_step()
        # Not in the checkpoint: it tells whether the chief has finished with these servers' variables.
        ready = tf.get_variable('ready', (), tf.bool, tf.zeros_initializer(), trainable=False, collections=[])
        self.unready, self.ready = ready.initializer, tf.assign(ready, True)
        self.missing = tf.report_uninitialized_variables(tf.global_variables() + [ready])
        self.is_ready = ready
        self.init = tf.global_variables_initializer()
        self.local_init = tf.local_variables_initializer()
        # Whether the last session went on with a training that had begun before.
        self.resumed = False

    def create_session(self):
        sess = tf.Session(self.server.target, config=self.config)
        if not self.chief:
            while sess.run(self.missing).size or not sess.run(self.is_ready):
                time.sleep(0.3)
        elif sess.run(self.missing).size == 0 and sess.run(self.is_ready):
            self.resumed = True
            print('The parameter servers still hold step %d: going on from there' % sess.run(self.step))
        else:
            sess.run(self.unready)
            sess.run(self.init)
            self.resumed = checkpoint.resume(self.saver, sess, self.folder)
            if self.resumed:
                print('Resuming after %d training step(s) from %s' % (sess.run(self.step), self.folder))
            sess.run(self.ready)
        sess.run(self.local_init)
        return sess


def run_raw(sess, fetches):
    """Run `fetches` without the hooks of a MonitoredSession."""
    return sess.run_step_fn(lambda step_context: step_context.session.run(fetches))


# The network

def get_loss(x, y_, regularizer, scope=None):
    """Cross entropy and L2 loss of article 3's network.

    Args:
        x: float32 [batch, 784].
        y_: int [batch], the digits.
        scope: name scope whose L2 losses count; None for all.
    """
    y = inference(x, regularizer)
    cross_entropy = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=y, labels=y_))
    return cross_entropy + tf.add_n(tf.get_collection('losses', scope) or [0.0])


def evaluate(mnist, folder):
    """Print the accuracy of the newest checkpoint in `folder`, computed in this process alone."""
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None, 784])
        y_ = tf.placeholder(tf.int64, [None])
        correct = tf.equal(tf.argmax(inference(x, None), 1), y_)
        accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
        path = tf.train.latest_checkpoint(folder)
        tf.train.Saver().restore(sess, path)
        for name, part in ('validation', mnist.validation), ('test', mnist.test):
            print('After %s training step(s), %s accuracy = %g' % (
                path.rpartition('-')[2], name, sess.run(accuracy, {x: part.images, y_: part.labels})))
