"""The model registry: which models there are, which one judges, which one listens beside it."""
