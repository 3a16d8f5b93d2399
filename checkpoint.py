"""Resume a training from its folder of checkpoints. Shared by the chapters' training scripts."""
import os
import tempfile

import tensorflow as tf

import cli


def prepare(folder):
    """Make the folder if it is not there. Raises cli.UserError if it cannot be written."""
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise cli.UserError('no checkpoint can be saved in %s (%s): choose another --model_save_path' % (
            folder, error.strerror))


def newest(folder):
    """Return the tf.train.CheckpointState of a folder, made if it is not there; None without a checkpoint.

    Raises:
        cli.UserError: the folder cannot be written, or its file `checkpoint` is damaged.
    """
    prepare(folder)
    try:
        state = tf.train.get_checkpoint_state(folder)
    except ValueError:                           # not even text
        state = None
    if not state or not state.model_checkpoint_path:
        if os.path.exists(os.path.join(folder, 'checkpoint')):
            raise cli.UserError('%s is damaged: delete the folder to train anew, or choose another '
                                '--model_save_path' % os.path.join(folder, 'checkpoint'))
        return None
    return state


def unusable(path, error):
    """Return the cli.UserError to raise when a checkpoint cannot be restored because of `error`."""
    return cli.UserError(
        'cannot resume from %s: it is damaged, incomplete or of another network (%s); delete the '
        'folder to train anew, or choose another --model_save_path' % (path, type(error).__name__))


def resume(saver, session, folder):
    """Restore the newest checkpoint in `folder`, if there is one.

    The saver also takes over the list of older checkpoints, so that it goes on deleting the oldest
    as if the training had never stopped.

    Where it is damaged, the next older one serves, with a line that says so.

    Returns:
        True if a checkpoint was restored.
    Raises:
        cli.UserError: the folder cannot be written, or no checkpoint is whole and of this network.
    """
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
        cli.UserError: the folder cannot be written, or its checkpoint is damaged.
    """
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
