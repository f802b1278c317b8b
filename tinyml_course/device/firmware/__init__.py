"""A firmware project for the chip: the model, its operators, its arena and a self-test."""
