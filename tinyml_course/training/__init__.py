"""Training: the only place where an ArchSpec becomes a Keras model."""
