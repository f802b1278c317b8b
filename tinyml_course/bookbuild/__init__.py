"""The online book: the build behind `tinyml book`, and three small Sphinx extensions."""
