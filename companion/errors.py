"""The error that a user can mend."""


class UserError(Exception):
    """A fault that the user can mend: cli.run shows its message as one line and exits with `status`."""

    status = 1
