"""Resume a training from its folder of checkpoints."""
from companion.errors import UserError

import json
import os
import tempfile

import tensorflow as tf

SETTINGS = 'settings.json'
# Flags that say where and how long, not what is trained.
NO_SETTINGS = {'data_dir', 'sample', 'training_steps', 'num_epoch', 'n_epoch', 'epochs'}
LOCKS = {}              # folder: its open lock file


def prepare(folder):
    """Make the folder if it is not there, and keep other trainings out of it until this process ends.

    Raises:
        UserError: it cannot be written, or another training is writing there.
    """
    folder = os.path.abspath(folder)
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
        if folder not in LOCKS:
            LOCKS[folder] = open(os.path.join(folder, '.lock'), 'w')
    except OSError as error:
        runs = os.environ.get('TF_TUTORIAL_RUNS')
        inside = runs and os.path.commonpath([os.path.abspath(runs), folder]) == os.path.abspath(runs)
        raise UserError('no checkpoint can be saved in %s (%s): %s' % (
            folder, error.strerror, 'set TF_TUTORIAL_RUNS to a folder that can be written' if inside else
            'choose another --model_save_path'))
    try:
        import fcntl
    except ImportError:                          # Windows
        return
    try:
        fcntl.flock(LOCKS[folder], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        LOCKS.pop(folder).close()
        raise UserError('another training is writing to %s: wait for it, or choose another '
                        '--model_save_path' % folder)
    except OSError:                              # a file system without locks
        pass


def newest(folder):
    """Return the tf.train.CheckpointState of a folder, or None without a checkpoint.

    Raises:
        UserError: its file `checkpoint` is damaged.
    """
    try:
        state = tf.train.get_checkpoint_state(folder)
    except ValueError:                           # not even text
        state = None
    if not state or not state.model_checkpoint_path:
        if os.path.exists(os.path.join(folder, 'checkpoint')):
            raise UserError('%s is damaged: delete the folder to train again from the start, or choose '
                            'another --model_save_path' % os.path.join(folder, 'checkpoint'))
        return None
    return state


def unusable(path, error):
    """Return the UserError to raise when a checkpoint cannot be restored because of `error`."""
    return UserError(
        'cannot read the checkpoint %s: it is damaged, incomplete, being replaced, or of another network '
        '(%s); delete the folder to train again, or choose another --model_save_path' % (
            path, type(error).__name__))


def restore(saver, session, folder, trainer):
    """Restore the newest checkpoint of a folder, for a program that evaluates it.

    Args:
        trainer: the program to run first, for the error.
    Returns:
        The training step, from the end of the file's name.
    Raises:
        UserError: there is no checkpoint, or it is not of this network.
    """
    state = newest(folder)
    if not state:
        raise UserError('no checkpoint in %s: run %s first, or choose another --model_save_path' % (
            folder, trainer))
    try:
        saver.restore(session, state.model_checkpoint_path)
    except (tf.errors.OpError, ValueError) as error:
        raise unusable(state.model_checkpoint_path, error)
    return int(state.model_checkpoint_path.split('-')[-1])


def resume(saver, session, folder):
    """Restore the newest intact checkpoint in `folder`, if there is one.

    The saver also takes over the list of older checkpoints, so that it goes on deleting the oldest
    as if the training had never stopped. A line says so when the newest is damaged and an older one serves.

    Returns:
        True if a checkpoint was restored.
    Raises:
        UserError: the folder cannot be written, another training writes there, or no checkpoint is intact
            and of this network.
    """
    prepare(folder)
    state = newest(folder)
    if not state:
        return False
    paths = list(state.all_model_checkpoint_paths)
    for i in reversed(range(len(paths))):
        try:
            saver.restore(session, paths[i])
            break
        except (tf.errors.OpError, ValueError) as error:
            fault = error
    else:
        raise unusable(state.model_checkpoint_path, fault)
    if paths[i] != state.model_checkpoint_path:
        print('%s is damaged: going on from the older %s' % (
            state.model_checkpoint_path, os.path.basename(paths[i])))
    saver.recover_last_checkpoints(paths[:i + 1])
    return True


def verify(folder):
    """Read the newest checkpoint in `folder`, for libraries that restore by themselves.

    Returns:
        Its path without suffix, and its step as far as it saved 'global_step'; None, 0 without one.
    Raises:
        UserError: the folder cannot be written, another training writes there, or its checkpoint is damaged.
    """
    prepare(folder)
    state = newest(folder)
    if not state:
        return None, 0
    path, step = state.model_checkpoint_path, 0
    try:
        reader = tf.train.load_checkpoint(path)
        for name in reader.get_variable_to_shape_map():
            value = reader.get_tensor(name)
            step = int(value) if name.lower() == 'global_step' else step
    except (tf.errors.OpError, ValueError) as error:
        raise unusable(path, error)
    return path, step


def compare_settings(folder, args, done, unit, finished):
    """Say which flags differ from those that the checkpoints were trained with, and note the new ones.

    A training that finds itself finished does not use them, and must not seem to.

    Args:
        folder: of the checkpoints; the flags are in its file settings.json.
        args: what Parser.parse returns.
        done: how many `unit`, 'steps' or 'epochs', the checkpoint has; 0 for a new training.
        finished: whether nothing is left to train.
    """
    path = os.path.join(folder, SETTINGS)
    # Folders and files have been made absolute.
    new = {name: value for name, value in vars(args).items()
           if name not in NO_SETTINGS and not (isinstance(value, str) and os.sep in value)}
    old = new
    if done:
        try:
            with open(path) as file:
                old = json.load(file)
        except (OSError, ValueError):            # of an older version, or damaged
            pass
    changed = ['--%s %s (it was %s)' % (name, value, old[name]) for name, value in new.items()
               if name in old and old[name] != value and value is not None]
    if finished:
        print('Already trained for %d %s%s. To train again, delete %s or choose another '
              '--model_save_path.' % (
                  done, unit, '; not used: ' + ', '.join(changed) if changed else '', folder))
        return
    if changed:
        print('From here on with %s' % ', '.join(changed))
    with open(path + '.part', 'w') as file:
        json.dump(new, file, indent=1, sort_keys=True)
    os.replace(path + '.part', path)
