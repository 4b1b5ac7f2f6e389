"""Readings: how they arrive, are stored, rolled up, read back and retired."""
