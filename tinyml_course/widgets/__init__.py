"""Widget experiments: controls around one pure function."""
