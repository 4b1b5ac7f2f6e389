"""Which statistics baselines rest on. Stands alone, since the web workers read it and know no numerical library."""

# Raised whenever the same clip would give another vector, or a stored baseline could no longer be read: baselines of
# another version can't judge, and say so.
EMBEDDING_VERSION = 1
# Fewer normal clips can't tell what is usual.
FEWEST_CLIPS = 20
