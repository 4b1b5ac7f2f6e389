"""The log of who did what to whom and when, which only grows."""
