"""Figures: one file per chapter; functions that draw data and compute nothing."""
