"""Gesture data: strokes, the generator, recordings, splits, augmentation."""

from tinyml_course.data.augment import augment_batch, augment_stroke, shift_images
from tinyml_course.data.images import read_image, read_image_folder
from tinyml_course.data.load import load_gestures, select_classes
from tinyml_course.data.magic_wand import download_magic_wand, load_magic_wand
from tinyml_course.data.raster import centre, gestures_from_strokes, rasterise, rasterise_batch
from tinyml_course.data.splits import split, stratified_subset
from tinyml_course.data.strokes import (
    make_stroke,
    read_stroke_json,
    resample,
    write_stroke_json,
)
from tinyml_course.data.synthetic import Style, draw_gestures, draw_stroke, draw_style
from tinyml_course.data.templates import DIGITS, GESTURES

__all__ = [
    "DIGITS",
    "GESTURES",
    "Style",
    "augment_batch",
    "augment_stroke",
    "centre",
    "download_magic_wand",
    "draw_gestures",
    "draw_stroke",
    "draw_style",
    "gestures_from_strokes",
    "load_gestures",
    "load_magic_wand",
    "make_stroke",
    "rasterise",
    "rasterise_batch",
    "read_image",
    "read_image_folder",
    "read_stroke_json",
    "resample",
    "select_classes",
    "shift_images",
    "split",
    "stratified_subset",
    "write_stroke_json",
]
