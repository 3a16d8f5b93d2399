"""What lets the tasks of a cluster end, and survive each other's deaths: sessions, limits, the end.

Not in the article. A library: dist_mnist_async.py, dist_mnist_sync.py, dist_mnist_in_graph.py and the two
tasks use it. Their listings are textbook code; `run` calls the same functions with the counterparts here
in place of tf.train.MonitoredTrainingSession and tf.train.SyncReplicasOptimizer.

TensorFlow's own means wait forever: for a task that does not come, for one that has died, and at the end in
server.join(). Here every wait has a limit, `--wait_secs`, and says what it waits for.
"""
from companion import checkpoint, cli

import functools
import json
import os
import signal
import socket
import sys
import threading
import time

import tensorflow as tf

from ch07_acceleration.dist_cluster import name_of


def run(task, train, servers, folder, steps, settings, spare=None):
    """Run one task of a training, and return when it is done.

    Args:
        task: a dist_cluster.Task.
        train: the part of a worker, a function of `server` and `MonitoredTrainingSession`.
        servers: pairs of job and index of the tasks that only serve.
        folder: of the checkpoints.
        steps: of the training, and settings: its flags, for checkpoint.compare_settings.
        spare: None if a worker does without the other workers, or else how many of them it does without.
    """
    server = start_server(task)
    if (task.job, task.index) in servers:
        serve(task, server, [index for index in range(len(task.cluster['worker']))
                             if ('worker', index) not in servers])
        return
    end_watch, end_watch_of_workers = watch(task, 'ps'), lambda: None
    if spare is not None:
        end_watch_of_workers = watch(task, 'worker', spare)
    check_cluster(task, server, servers)
    train(server=server, MonitoredTrainingSession=functools.partial(
        MonitoredTrainingSession,
        on_resume=lambda step: checkpoint.compare_settings(folder, settings, step, 'steps', step >= steps),
        # From the last step on, another worker may well have ended.
        at_end=end_watch_of_workers))
    say_done(task, server, servers)
    end_watch()


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


def check_port(task):
    """Raise UserError if the task's port is in use: TensorFlow's own error stands below a page from gRPC."""
    address = task.cluster[task.job][task.index]
    port = int(address.rpartition(':')[2])
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('', port))
        except OSError as error:
            raise cli.UserError('%s %d cannot listen on port %d (%s): end the program that does, or name '
                                'another port in every task' % (task.job, task.index, port, error.strerror))


def start_server(task):
    """Start the task's server. It listens on every interface of the machine, whatever host the cluster names.

    Raises:
        cli.UserError: the port is in use.
    """
    check_port(task)
    end_on_signals()
    return tf.train.Server(tf.train.ClusterSpec(task.cluster), job_name=task.job, task_index=task.index)


class Watch:
    """Tracks which tasks of a job accept connections. One that ended or died refuses them."""

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
                print('error: %s did not answer for %g s; start it again, then this task, which goes on '
                      'from what was saved' % (', '.join('%s %d' % (job, index) for index in gone),
                                               task.wait_secs), file=sys.stderr, flush=True)
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

    TensorFlow compares nothing: with other lists, variables lie elsewhere or a session waits forever.

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
    """Tell the tasks that serve that this task no longer needs them."""
    for job, index in others:
        with tf.Graph().as_default(), tf.device(name_of(job, index)):
            enqueue = done_queue().enqueue(task.index)
            with tf.Session(server.target, config=only(name_of(job, index))) as sess:
                sess.run(enqueue)


def end_together(task):
    """Let the two tasks of a job end when both have come to server.join(), which never returns by itself.

    Checks the port, makes Ctrl-C work in TensorFlow's C++, and gives up when the other task is away for
    wait_secs.

    Returns:
        A function to call with the server just before server.join(). Its thread ends the process.
    """
    check_port(task)
    end_on_signals()
    end_watch = watch(task, task.job)
    other = 1 - task.index

    def end(server):
        status = 0
        try:
            say_done(task, server, [(task.job, other)])
            end_watch()
            wait_for_done(task, server, task.job, [other])
        except (cli.UserError, tf.errors.OpError) as error:
            print('error: %s' % error, file=sys.stderr, flush=True)
            status = 1
        sys.stdout.flush()
        os._exit(status)
    return lambda server: threading.Thread(target=end, args=[server], daemon=True).start()


# The session of a training

def MonitoredTrainingSession(master, is_chief, checkpoint_dir, scaffold, hooks, save_checkpoint_steps,
                             config=None, stop_grace_period_secs=2, on_resume=lambda step: None,
                             at_end=lambda: None):
    """As tf.train.MonitoredTrainingSession, which after a death costs steps and time.

    Its chief, when started again, restores the checkpoint over parameter servers that hold newer values,
    and its workers sleep 30 s when they come before the chief.

    Args:
        on_resume: called by the chief with the step from which it starts, 0 for a new training.
        at_end: called after the last step.
    """
    creator = SessionCreator(master, is_chief, config, scaffold.saver, checkpoint_dir, on_resume)
    for hook in hooks:
        if isinstance(hook, SyncHook):
            hook.creator = creator
    hooks = list(hooks) + [AtEnd(at_end)]
    if is_chief:
        hooks.append(tf.train.CheckpointSaverHook(
            checkpoint_dir, save_steps=save_checkpoint_steps, saver=scaffold.saver))
    return tf.train.MonitoredSession(creator, hooks, stop_grace_period_secs=stop_grace_period_secs)


class SessionCreator:
    """A SessionCreator for tf.train.MonitoredSession, which asks for a new session after a task was lost.

    Args:
        master: the target of the server.
        chief: whether this task initializes or restores the variables; the others wait until that is done.
        config: a tf.ConfigProto.
        saver: the tf.train.Saver of the checkpoints.
        folder: where they are.
        on_resume: called by the chief with the step from which it starts.
    """

    def __init__(self, master, chief, config, saver, folder, on_resume):
        self.master, self.chief, self.config, self.on_resume = master, chief, config, on_resume
        self.saver, self.folder = saver, folder
        self.step = tf.train.get_global_step()
        with tf.device(name_of('ps', 0)):
            # Not in the checkpoint: it tells whether the chief has finished with these servers' variables.
            ready = tf.get_variable('ready', (), tf.bool, tf.zeros_initializer(), trainable=False,
                                    collections=[])
            self.unready, self.ready = ready.initializer, tf.assign(ready, True)
            self.missing = tf.report_uninitialized_variables(tf.global_variables() + [ready])
            self.is_ready = ready
            self.init = tf.global_variables_initializer()
            self.local_init = tf.local_variables_initializer()
        # Whether the last session went on with a training that had begun before.
        self.resumed = False

    def create_session(self):
        sess = tf.Session(self.master, config=self.config)
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
            step = int(sess.run(self.step))
            if self.resumed:
                print('Resuming after %d training step(s) from %s' % (step, self.folder))
            self.on_resume(step)
            sess.run(self.ready)
        sess.run(self.local_init)
        return sess


class AtEnd(tf.compat.v1.train.SessionRunHook):
    """Call a function after the last step."""

    def __init__(self, function):
        self.function = function

    def end(self, session):
        self.function()


# The synchronous optimizer

class SyncReplicasOptimizer(tf.compat.v1.train.SyncReplicasOptimizer):
    """As tf.train.SyncReplicasOptimizer, and its chief can end at once, and can be started again."""

    def __init__(self, opt, replicas_to_aggregate, total_num_replicas):
        super().__init__(opt, replicas_to_aggregate, total_num_replicas)
        self.workers = total_num_replicas

    def get_chief_queue_runner(self):
        """At the end the chief's thread still waits for gradients: cancelled, it is to end, not to fail."""
        runner = super().get_chief_queue_runner()
        return tf.compat.v1.train.QueueRunner(
            runner.queue, runner.enqueue_ops,
            queue_closed_exception_types=(tf.errors.OutOfRangeError, tf.errors.CancelledError))

    def make_session_run_hook(self, is_chief, num_tokens=-1):
        return SyncHook(super().make_session_run_hook(is_chief, num_tokens), self, is_chief)


class SyncHook(tf.compat.v1.train.SessionRunHook):
    """After a restart of the chief, give each other worker a token: it may wait for one that was lost.

    Otherwise that worker waits forever for the token, and the chief for its gradient. Surplus tokens
    vanish with the first gradients that come too late.
    """

    def __init__(self, hook, opt, is_chief):
        self.hook, self.opt, self.is_chief = hook, opt, is_chief
        self.creator = None                      # the SessionCreator

    def begin(self):
        self.hook.begin()
        self.tokens = tf.no_op()
        # Not with a number of 0, which means another operation.
        if self.is_chief and self.opt.workers > 1:
            self.tokens = self.opt.get_init_tokens_op(self.opt.workers - 1)

    def after_create_session(self, session, coord):
        self.hook.after_create_session(session, coord)
        if self.creator and self.creator.resumed:
            session.run(self.tokens)
