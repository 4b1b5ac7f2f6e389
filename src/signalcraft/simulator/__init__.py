"""Sensors that are not there: they post made readings and play real recordings, over HTTP like real ones."""
