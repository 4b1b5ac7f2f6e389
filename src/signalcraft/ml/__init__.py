"""The training side: features, network, training, evaluation and export."""
