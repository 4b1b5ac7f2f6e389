"""SignalCraft listens to compressors and says whether they still run as they should."""
