"""Recordings that are judged later: accepted at once, judged exactly once, whatever dies meanwhile."""
