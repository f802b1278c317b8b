"""Gesture data: strokes, the generator, recordings, splits, augmentation."""
