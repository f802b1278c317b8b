"""Energy of single operations on a chip, as published, and of a MAC on a whole board."""

from __future__ import annotations

from dataclasses import dataclass

from tinyml_course.core.boards import find_board
from tinyml_course.cost.roofline import ROOFS

HOROWITZ = "Horowitz, Computing's energy problem, ISSCC 2014, figure 1.1.9 (45 nm, 0.9 V)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation's published energy.

    Attributes
    ----------
    name : str
        For people.
    picojoules : float
        Energy of one operation.
    kind : {'integer', 'float', 'memory'}
        What it is, for colours and comparisons.
    """

    name: str
    picojoules: float
    kind: str


OPERATIONS: dict[str, Operation] = {
    key: Operation(name=name, picojoules=picojoules, kind=kind)
    for key, name, picojoules, kind in (
        ("int8 add", "add, 8-bit integer", 0.03, "integer"),
        ("int32 add", "add, 32-bit integer", 0.1, "integer"),
        ("int8 multiply", "multiply, 8-bit integer", 0.2, "integer"),
        ("int32 multiply", "multiply, 32-bit integer", 3.1, "integer"),
        ("float16 add", "add, 16-bit float", 0.4, "float"),
        ("float32 add", "add, 32-bit float", 0.9, "float"),
        ("float16 multiply", "multiply, 16-bit float", 1.1, "float"),
        ("float32 multiply", "multiply, 32-bit float", 3.7, "float"),
        ("sram 8 KB", "read 32 bits, 8 KB SRAM", 5.0, "memory"),
        ("sram 32 KB", "read 32 bits, 32 KB SRAM", 10.0, "memory"),
        ("sram 1 MB", "read 32 bits, 1 MB SRAM", 50.0, "memory"),
        ("dram", "read 32 bits, DRAM", 650.0, "memory"),
    )
}
"""Published picojoules: Horowitz 2014. Memory reads there are 64 bits wide; here half of each,
and of DRAM's 1.3-2.6 nJ the lower end."""


def mac_picojoules(multiply: str, add: str) -> float:
    """Return the energy of one multiply and one add, in picojoules.

    Examples
    --------
    >>> round(mac_picojoules("int8 multiply", "int32 add"), 2)
    0.3
    """
    return OPERATIONS[multiply].picojoules + OPERATIONS[add].picojoules


def board_picojoules_per_mac(name: str) -> float:
    """Return the energy that a whole board spends per MAC, in picojoules (modelled).

    Published power while computing, divided by the MACs per second that published kernels
    reach: instruction fetches, clock, leakage and regulator included.

    Parameters
    ----------
    name : str
        A board of `ROOFS`.
    """
    return find_board(name).active_mw * 1e-3 / ROOFS[name].published_macs_per_s * 1e12
