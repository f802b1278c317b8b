"""Figures: one file per chapter; functions that draw data and compute nothing."""

from tinyml_course.plots.style import Picture, new_axes, new_figure, show

__all__ = ["Picture", "new_axes", "new_figure", "show"]
