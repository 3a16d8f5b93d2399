"""Resume a training from its folder of checkpoints. Shared by the chapters' training scripts."""
import os

import tensorflow as tf

import cli


def resume(saver, session, folder):
    """Restore the newest checkpoint in `folder`, if there is one.

    The saver also takes over the list of older checkpoints, so that it goes on deleting the oldest
    as if the training had never stopped.

    Returns:
        True if a checkpoint was restored.
    Raises:
        cli.UserError: the checkpoint is damaged, or was made by another network.
    """
    os.makedirs(folder, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise cli.UserError('%s is read-only: checkpoints cannot be saved there; '
                            'choose another --model_save_path' % folder)
    state = tf.train.get_checkpoint_state(folder)
    if not state or not state.model_checkpoint_path:
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
