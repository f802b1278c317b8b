"""The nouns of the course; this module is its glossary.

Shapes by letter: N samples, H rows, W columns, C channels, P pen points, K classes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

How = Literal["measured", "modelled", "published"]
"""How a number that a user sees was obtained: run here, computed from a model, or cited."""

KernelTier = Literal["tflm-reference", "esp-nn", "esp-nn-s3", "esp-nn-p4"]
"""Which kernels the firmware links; it sets scratch memory and speed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stroke:
    """One recorded gesture: the path of the pen.

    Attributes
    ----------
    points : (P, 2) float64
        x to the right and y up, in the recording's own unit.
    label : str
        Name of the class.
    person : str
        Who drew it; a split by person keeps each person on one side.
    source : str
        File and record that it came from, for error messages.
    """

    points: NDArray[np.float64]
    label: str
    person: str = "unknown"
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GestureSet:
    """Labelled gestures as images, with the strokes they were drawn from where known.

    Attributes
    ----------
    images : (N, 32, 32, 1) float32
        Ink in [0, 1]; 0 is paper.
    labels : (N,) int64
        Index into `class_names`.
    class_names : tuple of str
        K names, in the order of the model's outputs.
    persons : tuple of str
        Who drew each sample.
    strokes : tuple of Stroke
        N strokes, or empty where the data came as images.
    source : str
        Where the data came from, for the report.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    persons: tuple[str, ...]
    strokes: tuple[Stroke, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        n = len(self.images)
        if not len(self.labels) == len(self.persons) == n:
            raise ValueError(
                f"need one label and one person per image, got {n} images, "
                f"{len(self.labels)} labels, {len(self.persons)} persons"
            )
        if self.strokes and len(self.strokes) != n:
            raise ValueError(f"got {len(self.strokes)} strokes for {n} images; give all or none")
        if n and not 0 <= self.labels.min() <= self.labels.max() < len(self.class_names):
            raise ValueError(f"labels must index the {len(self.class_names)} class names")

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: NDArray[np.intp]) -> GestureSet:
        """Return the samples at `indices`, in that order, with the same class names."""
        return GestureSet(
            images=self.images[indices],
            labels=self.labels[indices],
            class_names=self.class_names,
            persons=tuple(self.persons[i] for i in indices),
            strokes=tuple(self.strokes[i] for i in indices) if self.strokes else (),
            source=self.source,
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 over images, labels and class names, first 16 hex digits."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).tobytes())
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        digest.update("\0".join(self.class_names).encode())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class QParams:
    """An affine map between real numbers and integer codes: real = scale * (code - zero_point).

    Attributes
    ----------
    scale : float
        Tensor units per step, positive.
    zero_point : int
        The code of 0.0.
    bits : int
        Width of the codes, 2 to 16, signed.
    narrow : bool
        Leaves out the lowest code, so that the range is symmetric (LiteRT's int8 weights).
    """

    scale: float
    zero_point: int
    bits: int = 8
    narrow: bool = field(default=False, repr=False)

    @property
    def limits(self) -> tuple[int, int]:
        """Lowest and highest code."""
        return -(2 ** (self.bits - 1)) + self.narrow, 2 ** (self.bits - 1) - 1


@dataclass(frozen=True, slots=True)
class ChannelQParams:
    """One affine map per channel along `axis`; all channels share `bits` and `narrow`."""

    channels: tuple[QParams, ...]
    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantPlan:
    """How many bits the weights of each layer get.

    Attributes
    ----------
    layers : tuple of str
        Names of the layers with weights, in the model's order.
    bits : tuple of int
        Width of each layer's weights.
    weight_bytes : int
        Bytes of all these weights as they are stored, biases left out.
    damage : float
        Predicted harm of the plan, in the unit of the sensitivities that it was made from.
    """

    layers: tuple[str, ...]
    bits: tuple[int, ...]
    weight_bytes: int
    damage: float = 0.0

    def __post_init__(self) -> None:
        if len(self.layers) != len(self.bits) or len(set(self.layers)) != len(self.layers):
            raise ValueError(
                f"need one width for each layer and distinct names, got {len(self.bits)} widths "
                f"for {', '.join(self.layers)}"
            )

    @property
    def by_layer(self) -> dict[str, int]:
        """Bits of each layer by its name."""
        return dict(zip(self.layers, self.bits, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelArtifact:
    """The bytes that would be flashed, with their provenance.

    Attributes
    ----------
    tflite : bytes
        The .tflite flatbuffer.
    class_names : tuple of str
        Names of the outputs, in order.
    seed : int
        Seed of the training run.
    data_fingerprint : str
        `GestureSet.fingerprint` of the training data.
    versions : tuple of (str, str)
        Packages that made it, with their versions.
    """

    tflite: bytes
    class_names: tuple[str, ...] = ()
    seed: int = 0
    data_fingerprint: str = ""
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def sha256(self) -> str:
        """SHA-256 of the .tflite bytes, hexadecimal."""
        return hashlib.sha256(self.tflite).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """What a network costs before any board is chosen.

    Attributes
    ----------
    parameters : int
        Trained numbers stored in the file, biases included.
    macs : int
        Multiply-accumulates of one inference.
    weight_bytes : int
        Bytes of constant tensors (flash).
    activation_bytes : int
        Largest sum of activations alive at one operator (RAM), before alignment.
    """

    parameters: int
    macs: int
    weight_bytes: int
    activation_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBuffer:
    """One buffer in the arena's head: address range and lifetime.

    Attributes
    ----------
    name : str
        Tensor name, or operator and purpose for scratch.
    kind : {'tensor', 'scratch'}
        What it holds.
    tensor : int
        Index of the tensor in its subgraph, -1 for scratch.
    offset, size_bytes : int
        Place in the arena; the size is rounded up to 16.
    first_op, last_op : int
        Operators between which it must survive, both included.
    """

    name: str
    kind: Literal["tensor", "scratch"]
    tensor: int
    offset: int
    size_bytes: int
    first_op: int
    last_op: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TailEntry:
    """One persistent allocation at the top of the arena.

    Attributes
    ----------
    what : str
        Structure it holds, as the C++ names it.
    op : int
        Operator it belongs to, -1 where it belongs to the interpreter.
    size_bytes : int
        Bytes asked for; alignment may add to it.
    """

    what: str
    op: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Where every byte of the arena goes on the 32-bit chip.

    Attributes
    ----------
    buffers : tuple of PlannedBuffer
        The head: activations and scratch, overlaid by lifetime.
    tail : tuple of TailEntry
        The persistent structures, in order of allocation.
    op_names : tuple of str
        Builtin operator names, in execution order.
    head_bytes, tail_bytes : int
        Sizes of the two parts.
    arena_bytes : int
        What the runtime's `arena_used_bytes()` returns: head + tail.
    arena_min_bytes : int
        Smallest arena with which allocation succeeds; the verdict uses the larger of the two.
    unmodelled : tuple of str
        Operators whose memory is not modelled; if any, the figures are a lower bound.
    kernels : KernelTier
        Kernels that the plan is for.
    """

    buffers: tuple[PlannedBuffer, ...]
    tail: tuple[TailEntry, ...]
    op_names: tuple[str, ...]
    head_bytes: int
    tail_bytes: int
    arena_bytes: int
    arena_min_bytes: int
    unmodelled: tuple[str, ...] = ()
    kernels: KernelTier = "tflm-reference"

    @property
    def exact(self) -> bool:
        """Whether every operator's memory is modelled."""
        return not self.unmodelled

    @property
    def required_bytes(self) -> int:
        """Arena that the firmware must reserve."""
        return max(self.arena_bytes, self.arena_min_bytes)

    def alive_at(self, op: int) -> tuple[PlannedBuffer, ...]:
        """Return the buffers that operator `op` must find in place."""
        return tuple(b for b in self.buffers if b.first_op <= op <= b.last_op)

    @property
    def peak_op(self) -> int:
        """The operator that holds most bytes among those that reach the top of the head."""
        tops = [b for b in self.buffers if b.offset + b.size_bytes == self.head_bytes]
        ops = sorted({op for b in tops for op in range(b.first_op, b.last_op + 1)}) or [0]
        return max(ops, key=lambda op: (sum(b.size_bytes for b in self.alive_at(op)), -op))
