"""What a recording means: the inference processes, the verdict and where it is kept."""
