"""SignalCraft listens to compressors and says whether they still run as they should."""

from importlib.metadata import version

__version__ = version("signalcraft")
