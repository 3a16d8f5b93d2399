"""Resume a training from its folder of checkpoints. Shared by the chapters' training scripts."""
import os
import tempfile

import tensorflow as tf

import cli


def resume(saver, session, folder):
    """Restore the newest checkpoint in `folder`, if there is one.

    The saver also takes over the list of older checkpoints, so that it goes on deleting the oldest
    as if the training had never stopped.

    Returns:
        True if a checkpoint was restored.
    Raises:
        cli.UserError: the folder cannot be written, or its checkpoint is damaged or another network's.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise cli.UserError('no checkpoint can be saved in %s (%s): choose another --model_save_path' % (
            folder, error.strerror))
    try:
        state = tf.train.get_checkpoint_state(folder)
    except ValueError:                           # not even text
        state = None
    if not state or not state.model_checkpoint_path:
        if os.path.exists(os.path.join(folder, 'checkpoint')):
            raise cli.UserError('%s is damaged: delete the folder to train anew, or choose another '
                                '--model_save_path' % os.path.join(folder, 'checkpoint'))
        return False
    path = state.model_checkpoint_path
    try:
        saver.restore(session, path)
    except (tf.errors.OpError, ValueError) as error:
        raise cli.UserError(
            'cannot resume from %s: it is damaged, incomplete or of another network (%s); delete the '
            'folder to train anew, or choose another --model_save_path' % (path, type(error).__name__))
    saver.recover_last_checkpoints(state.all_model_checkpoint_paths)
    return True
