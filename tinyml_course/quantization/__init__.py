"""Quantization, from the affine map to mixed precision."""
