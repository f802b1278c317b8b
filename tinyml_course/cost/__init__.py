"""What a network costs: lifetimes, memory, multiply-accumulates; no TensorFlow."""
