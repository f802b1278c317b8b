"""What a result must look like before any property is tested.

A `Form` takes a value and returns its fault in words, or None. NumPy scalars have become Python
numbers by the time a form sees them (`wire`), and no object of a foreign class gets this far.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np

Form = Callable[[Any], str | None]

_KINDS = {"float": "f", "int": "iu", "bool": "b"}


def integer(value: Any) -> str | None:
    """Return the fault of a value that should be an int."""
    return None if type(value) is int else f"need an int, got {_name(value)}"


def real(value: Any) -> str | None:
    """Return the fault of a value that should be a finite int or float."""
    if type(value) not in (int, float):
        return f"need a number, got {_name(value)}"
    return None if math.isfinite(value) else f"need a finite number, got {value}"


def truth(value: Any) -> str | None:
    """Return the fault of a value that should be True or False."""
    return None if type(value) is bool else f"need True or False, got {_name(value)}"


def text(value: Any) -> str | None:
    """Return the fault of a value that should be a str."""
    return None if type(value) is str else f"need a str, got {_name(value)}"


def array(kind: str = "float", *, ndim: int | None = None, finite: bool = True) -> Form:
    """Return the form of an array.

    Parameters
    ----------
    kind : {'float', 'int', 'bool'}
        Family of dtypes.
    ndim : int, optional
        Number of axes; any by default.
    finite : bool, default True
        Refuse NaN and infinity.

    Examples
    --------
    >>> array("float", ndim=1)(np.zeros((2, 2)))
    'need an array of 1 axes, got 2'
    """
    kinds = _KINDS[kind]

    def fault(value: Any) -> str | None:
        if type(value) is not np.ndarray:
            return f"need an array, got {_name(value)}"
        if value.dtype.kind not in kinds:
            return f"need an array of {kind}, got {value.dtype}"
        if ndim is not None and value.ndim != ndim:
            return f"need an array of {ndim} axes, got {value.ndim}"
        if finite and not np.isfinite(value).all():
            return "the array holds NaN or infinity"
        return None

    return fault


def list_of(form: Form) -> Form:
    """Return the form of a list whose parts all have `form`."""

    def fault(value: Any) -> str | None:
        if type(value) is not list:
            return f"need a list, got {_name(value)}"
        return _first_fault([form] * len(value), value)

    return fault


def tuple_of(*forms: Form) -> Form:
    """Return the form of a tuple (or list) with one part for each of `forms`."""

    def fault(value: Any) -> str | None:
        if type(value) not in (tuple, list) or len(value) != len(forms):
            return f"need a tuple of {len(forms)}, got {_name(value)}"
        return _first_fault(list(forms), value)

    return fault


def dict_of(form: Form) -> Form:
    """Return the form of a dict with str keys whose values all have `form`."""

    def fault(value: Any) -> str | None:
        if type(value) is not dict:
            return f"need a dict, got {_name(value)}"
        return _first_fault([form] * len(value), list(value.values()))

    return fault


def optional(form: Form) -> Form:
    """Return the form of None or of what `form` describes."""
    return lambda value: None if value is None else form(value)


def instance(cls: type) -> Form:
    """Return the form of one of the course's dataclasses, its plain fields of the right type.

    Examples
    --------
    >>> from tinyml_course.core.types import QParams
    >>> instance(QParams)(QParams(float("nan"), 0))
    'scale: need a finite number, got nan'
    """
    plain = {int: integer, float: real, bool: truth, str: text}

    def fault(value: Any) -> str | None:
        if type(value) is not cls:
            return f"need a {cls.__name__}, got {_name(value)}"
        hints = get_type_hints(cls)
        for field in fields(cls):
            found = plain.get(hints[field.name], _finite)(getattr(value, field.name))
            if found:
                return f"{field.name}: {found}"
        return None

    return fault


def anything(value: Any) -> str | None:
    """Return None: any plain value will do, and the parts look closer."""
    del value
    return None


def _finite(value: Any) -> str | None:
    """Return the fault of a value that has a number which is not finite anywhere inside."""
    if type(value) is float:
        return real(value)
    if type(value) in (list, tuple):
        return next((found for part in value if (found := _finite(part))), None)
    return None


def _first_fault(forms: list[Form], values: Any) -> str | None:
    for number, (form, value) in enumerate(zip(forms, values, strict=True)):
        found = form(value)
        if found:
            return f"part {number}: {found}"
    return None


def _name(value: Any) -> str:
    if type(value) in (tuple, list):
        return f"a {type(value).__name__} of {len(value)}"
    return type(value).__name__
