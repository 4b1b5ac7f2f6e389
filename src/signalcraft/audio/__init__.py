"""Recordings as sound: checked, decoded and resampled. Knows no web and no database."""
