"""The errors a user can cause. Each says what was expected, what came, and what to do.

The command line prints the message of a `MiniganError` alone; every other exception is a defect of the library.
"""


class MiniganError(Exception):
    """Base of every error that is the input's fault, not the library's."""


class UsageError(MiniganError, ValueError):
    """Arguments or settings that do not exist, have an impossible value, or do not go together."""


class DataError(MiniganError, ValueError):
    """A data set, image file or array that cannot be used as it is."""


class DeviceError(MiniganError, RuntimeError):
    """A device that does not exist here, or arrays that live on different devices."""


class CheckpointError(MiniganError, RuntimeError):
    """A checkpoint that is damaged, of another model, or written by a newer version."""


class TrainingError(MiniganError, RuntimeError):
    """A training run that cannot go on: a loss that is not finite, a run folder in use."""
