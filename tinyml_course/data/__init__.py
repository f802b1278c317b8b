"""Gesture data: strokes, the generator, recordings, splits, augmentation."""

from tinyml_course.data.augment import augment_batch, augment_stroke, shift_images
from tinyml_course.data.raster import centre, gestures_from_strokes, rasterise, rasterise_batch
from tinyml_course.data.strokes import (
    make_stroke,
    read_stroke_json,
    resample,
    write_stroke_json,
)

__all__ = [
    "augment_batch",
    "augment_stroke",
    "centre",
    "gestures_from_strokes",
    "make_stroke",
    "rasterise",
    "rasterise_batch",
    "read_stroke_json",
    "resample",
    "shift_images",
    "write_stroke_json",
]
