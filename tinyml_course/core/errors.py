"""Errors of the course: each message names the fault, the value and the remedy."""

from __future__ import annotations


class CourseError(Exception):
    """Base of the errors that a learner may meet; the message says what to do."""


class InvalidData(CourseError, ValueError):
    """Gesture data that can't be read; names the file, the record and the remedy."""


class InvalidModel(CourseError, ValueError):
    """Bytes that are no valid .tflite model, or that crash the device runtime."""


class UnsupportedModel(CourseError):
    """A well-formed model that the device runtime refuses, with the reason."""


class ModelDoesNotFit(CourseError):
    """A model that exceeds a limit of the board; `reasons` lists each fault with its remedy."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        self.reasons = reasons
        super().__init__("\n".join(reasons))


class InvocationTimeout(CourseError):
    """The device runtime did not answer within the time limit."""


class RuntimeUnavailable(CourseError):
    """No runtime that can execute the model is installed on this machine."""


class StageRefused(CourseError):
    """A pipeline's stage that can't take the state it gets; says why, and which order works."""
