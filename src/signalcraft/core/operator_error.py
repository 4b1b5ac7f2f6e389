"""What the person who starts SignalCraft can mend; commands print the message as one line, without a traceback."""


class OperatorError(Exception):
    """SignalCraft can't do this here; the message says what to change."""
