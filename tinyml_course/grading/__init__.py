"""Exercises and grading: tasks, their public checks, and a judge that runs code it does not trust.

Nothing here loads TensorFlow. The verdict is computed in this process; learners' code runs in a
child that `sandbox` starts and `confine` locks in, and hands over plain data (`wire`).
"""
