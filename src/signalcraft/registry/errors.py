"""What an operator can mend about models."""

from signalcraft.core.operator_error import OperatorError


class ModelNotFound(OperatorError):
    """No model, or more than one, goes by that name."""


class ModelVersionTaken(OperatorError):
    """There is another model of this name and version."""


class ModelRefused(OperatorError):
    """The model did not pass its checks."""


class NothingToRollBack(OperatorError):
    """The active model is the first one there was."""


class ModelFilesMissing(Exception):
    """A model's files are not on this machine and can't be had; the message says why."""
