"""Compression: pruning, distillation, and why they can work."""
