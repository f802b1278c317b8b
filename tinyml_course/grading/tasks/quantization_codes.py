"""Chapter 1, codes: a range of least error, two codes to a byte, and a layer in integers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from tinyml_course.grading import forms
from tinyml_course.grading.task import Part, Task

Args = tuple[Any, ...]

TOLERANCE = 1e-6

WORKED_SAMPLES = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 3.0])
_TAILED = np.concatenate([np.linspace(-1.0, 1.1, 60), [9.0]])
_LEFT = np.concatenate([np.linspace(-1.0, 1.1, 60), [-7.0]])
_EVEN = np.linspace(-2.0, 2.0, 77)


def mean_squared(x: Any, bits: int, limit: float) -> float:
    """Return the mean squared error that the symmetric grid up to `limit` leaves."""
    outermost = 2 ** (bits - 1) - 1
    step = limit / outermost
    back = step * np.clip(np.round(x / step), -outermost, outermost)
    return float(np.mean((x - back) ** 2))


def _worked_limit(args: Args, result: Any) -> str | None:
    if not np.array_equal(args[0], WORKED_SAMPLES):
        return None
    right = result[0] == 1.0 and np.isclose(result[1], 2 / 3, rtol=TOLERANCE)
    return None if right else f"the worked example says (1.0, 0.6667), got {tuple(result)}"


def _own_error(args: Args, result: Any) -> str | None:
    x, bits, limits = args
    limit, error = result
    if limit not in limits:
        return f"{limit:g} is none of the limits"
    if np.isclose(error, mean_squared(x, bits, limit), rtol=TOLERANCE, atol=0.0):
        return None
    return f"with the limit {limit:g} the mean squared error is another than {error:.5g}"


def _least_error(args: Args, result: Any) -> str | None:
    x, bits, limits = args
    least = min(mean_squared(x, bits, limit) for limit in limits)
    if mean_squared(x, bits, result[0]) <= least * (1 + TOLERANCE):
        return None
    return f"another limit than {result[0]:g} leaves a smaller error"


BEST_LIMIT = Task(
    id="1.5",
    title="Where to cut a range off",
    function="best_limit",
    returns=forms.tuple_of(forms.real, forms.real),
    public_inputs=(
        (WORKED_SAMPLES, 2, (1.0, 3.0)),
        (_TAILED, 4, (1.0, 2.0, 4.0, 9.0)),
        (_LEFT, 4, (7.0, 3.0, 1.5, 1.0)),
        (_LEFT, 8, (7.0, 5.0, 1.0)),
        (_EVEN, 3, (0.5, 1.6, 1.9, 2.0)),
    ),
    parts=(
        Part("worked example", 2, "The example is cut off at 1 and is wrong by 0.6667.",
             _worked_limit),
        Part(
            "the error",
            3,
            "The error is the mean squared one under the limit that is returned, one of the given.",
            _own_error,
        ),
        Part("the limit", 3, "No other of the limits leaves a smaller error.", _least_error,
             after=("the error",)),
    ),
    hints=(
        "A high limit makes long steps for all values, a low one cuts a few of them short.",
        "For each limit: the step, the codes, cut off at the outermost ones, and back.",
        "A loop that measures each limit, and the smallest of its pairs.",
    ),
)  # fmt: skip

WORKED_CODES = np.array([1, -1, 7], np.int8)
_ALL = np.arange(-8, 8, dtype=np.int8)
_SCATTERED = ((7 * np.arange(105)) % 16 - 8).astype(np.int8)


def _bytes(value: Any) -> str | None:
    fault = forms.array("int", ndim=1)(value)
    if fault is None and value.dtype != np.uint8:
        return f"need an array of uint8, got {value.dtype}"
    return fault


def _worked_pack(args: Args, result: Any) -> str | None:
    codes = args[0]
    if len(result) != (codes.size + 1) // 2:
        return f"{codes.size} codes take {(codes.size + 1) // 2} B, got {len(result)} B"
    if not np.array_equal(codes, WORKED_CODES) or result.tolist() == [241, 7]:
        return None
    return f"the worked example says [241, 7], got {result.tolist()}"


def _unpacks(args: Args, result: Any) -> str | None:
    """Compare each half of each byte with its code, modulo 16; a half left over is zero."""
    codes = [*args[0].ravel().tolist(), *[0] * (args[0].size % 2)]
    halves = [half for byte in result.tolist() for half in (byte % 16, byte // 16)]
    if len(halves) != len(codes):
        return f"{len(codes)} halves were needed, got {len(halves)}"
    for number, (code, half) in enumerate(zip(codes, halves, strict=True)):
        if half != code % 16 and number >= args[0].size:
            return f"the half that is left over is {half}, not 0"
        if half != code % 16:
            return f"code {number} is {code}, its half byte reads {half - 16 * (half > 7)}"
    return None


PACK = Task(
    id="1.7",
    title="Two codes to a byte",
    function="pack_codes",
    returns=_bytes,
    public_inputs=(
        (WORKED_CODES,),
        (_ALL,),
        (_ALL[::-1].reshape(2, 2, 4).copy(),),
        (_SCATTERED,),
        (_SCATTERED.reshape(5, 7, 3),),
        (np.array([-8], np.int8),),
    ),
    parts=(
        Part("worked example", 2, "There are as many bytes as needed; the example's are 241 and 7.",
             _worked_pack),
        Part(
            "even counts",
            3,
            "Each half of each byte holds its code, if the codes fill the bytes.",
            lambda args, result: None if args[0].size % 2 else _unpacks(args, result),
        ),
        Part(
            "odd counts",
            3,
            "The same where one half is left over; it is zero.",
            lambda args, result: _unpacks(args, result) if args[0].size % 2 else None,
        ),
    ),
    hints=(
        "A negative code has ones in its upper half; they must not reach its neighbour's.",
        "Take every second code, from the first and from the second; make their count equal first.",
        "A mask, a shift by four and an 'or' on unsigned bytes.",
    ),
)  # fmt: skip

TOP = 2**31


def is_corner(args: Args) -> bool:
    """Whether a factor is zero, or so near below a power of two that it rounds up to it."""
    (factor,) = args
    return factor == 0 or round(float(np.frexp(factor)[0]) * TOP) == TOP


def _worked_factor(args: Args, result: Any) -> str | None:
    if args != (0.375,) or tuple(result) == (1610612736, -1):
        return None
    return f"the worked example says (1610612736, -1), got {tuple(result)}"


def _nearest_factor(args: Args, result: Any) -> str | None:
    (factor,) = args
    multiplier, shift = result
    if factor == 0:
        return None if (multiplier, shift) == (0, 0) else f"zero is (0, 0), got {tuple(result)}"
    if not TOP // 2 <= multiplier < TOP:
        return f"the multiplier {multiplier} is not in 2**30 to 2**31 - 1"
    if abs(shift) > 1000:
        return f"a shift of {shift} is far off"
    unit = Fraction(2) ** (shift - 31)
    if abs(Fraction(factor) - multiplier * unit) > unit / 2:
        return f"{multiplier} * 2**({shift} - 31) is more than half a unit away from the factor"
    return None


FIXED_POINT = Task(
    id="1.8",
    title="A factor without a fraction",
    function="fixed_point",
    returns=forms.tuple_of(forms.integer, forms.integer),
    public_inputs=(
        (0.375,),
        (0.0123456789,),
        (1.0,),
        (0.1,),
        (3.3,),
        (0.0,),
        (1.0 - 2.0**-34,),
    ),
    parts=(
        Part("worked example", 2, "0.375 is 1610612736 with a shift of -1.", _worked_factor),
        Part(
            "ordinary factors",
            4,
            "The multiplier has 31 bits, and no other is nearer to the factor.",
            lambda args, result: None if is_corner(args) else _nearest_factor(args, result),
        ),
        Part(
            "corners",
            2,
            "The same for zero, and where rounding reaches the next power of two.",
            lambda args, result: _nearest_factor(args, result) if is_corner(args) else None,
            after=("ordinary factors",),
        ),
    ),
    hints=(
        "Every positive float is a number from 1/2 to below 1 times a power of two.",
        "`math.frexp` takes a float apart; what is left is rounding, which can go one too far.",
        "Two values from one call, a rounded product, and an `if` for a single case.",
    ),
)

WORKED_DENSE = (
    np.array([[2, 3]], np.int8),
    np.array([[1, 2]], np.int8),
    np.array([-2], np.int32),
    (1, 5),
    (np.array([2**30]), np.array([0])),
)
_X = ((37 * np.arange(24)) % 251 - 125).astype(np.int8).reshape(4, 6)
_W = ((53 * np.arange(18)) % 255 - 127).astype(np.int8).reshape(3, 6)
_B = np.array([900, -4000, 120], np.int32)
_FINE = (np.array([2**30 + 12345, 2**31 - 99, 1_500_000_001]), np.array([-8, -9, -8]))
_COARSE = (np.array([2**30 + 7, 2**30 + 77, 2**30 + 777]), np.array([-4, -4, -2]))
_TIES = (np.array([2**30, 2**30, 2**30]), np.array([0, 0, 0]))
_ONE = np.array([[1, 0], [0, 1], [1, 1]], np.int8)
_SMALL = np.array([[3, -3], [5, -7]], np.int8)


def scaled_sums(args: Args) -> tuple[list[list[int]], list[int]]:
    """Return each output's sum times its multiplier, exact, and the bits that go from each unit."""
    x, weights, bias, (zero_x, _), (multipliers, shifts) = args
    rows = [
        [
            (sum((a - zero_x) * b for a, b in zip(row, unit, strict=True)) + own) * factor
            for unit, own, factor in zip(
                weights.tolist(), bias.tolist(), multipliers.tolist(), strict=True
            )
        ]
        for row in x.tolist()
    ]
    return rows, [31 - shift for shift in shifts.tolist()]


def kind_of_layer(args: Args) -> str:
    """Return ``rails`` if an output lies beyond int8, else ``shifted`` or ``centred``."""
    rows, drops = scaled_sums(args)
    outputs = [v / 2**drop + args[3][1] for row in rows for v, drop in zip(row, drops, strict=True)]
    if min(outputs) < -128.4 or max(outputs) > 127.4:
        return "rails"
    return "shifted" if args[3][0] or args[3][1] else "centred"


def _int8(value: Any) -> str | None:
    fault = forms.array("int", ndim=2)(value)
    if fault is None and value.dtype != np.int8:
        return f"need an array of int8, got {value.dtype}"
    return fault


def _worked_dense(args: Args, result: Any) -> str | None:
    shape = (len(args[0]), len(args[1]))
    if result.shape != shape:
        return f"need an array of shape {shape}, got {result.shape}"
    if not np.array_equal(args[0], WORKED_DENSE[0]) or result.tolist() == [[7]]:
        return None
    return f"the worked example says [[7]], got {result.tolist()}"


def _near(args: Args, result: Any) -> str | None:
    rows, drops = scaled_sums(args)
    for n, row in enumerate(rows):
        for unit, (value, drop) in enumerate(zip(row, drops, strict=True)):
            exact = Fraction(value, 2**drop) + args[3][1]
            code = int(result[n, unit])
            if abs(min(max(exact, Fraction(-128)), Fraction(127)) - code) > Fraction(1, 2):
                return f"output {unit} of sample {n} should be near {float(exact):.2f}, got {code}"
    return None


def _on_kind(kind: str) -> Any:
    return lambda args, result: _near(args, result) if kind_of_layer(args) == kind else None


DENSE = Task(
    id="1.9",
    title="A dense layer in integers",
    function="dense_int8",
    returns=_int8,
    public_inputs=(
        WORKED_DENSE,
        (_X, _W, _B, (0, 0), _FINE),
        (_SMALL, _ONE, np.zeros(3, np.int32), (0, 0), _TIES),
        (_X, _W, _B, (-11, 3), _FINE),
        (_X, _W, _B, (-11, 3), _COARSE),
    ),
    parts=(
        Part("worked example", 2, "There is a code for each sample and unit; the example's is 7.",
             _worked_dense),
        Part("zero points 0", 3, "Each code is the scaled sum, rounded as the rule says.",
             _on_kind("centred")),
        Part("any zero points", 3, "The same with zero points of input and output.",
             _on_kind("shifted")),
        Part("the rails", 2, "Codes that would lie beyond -128 or 127 stay there.",
             _on_kind("rails")),
    ),
    hints=(
        "All numbers are whole; the only division is by a power of two, and that is a shift.",
        "Widen to int64 before anything else; add half of the unit before you shift.",
        "A product of matrices with a bias, a product by column, a rounding shift, a sum, a clip.",
    ),
)  # fmt: skip
