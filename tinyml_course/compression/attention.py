"""Attention transfer: a student that looks where its teacher looks.

The attention map of a layer is where its activations are large, whatever the channel. So teacher
and student may differ in channels; only the sizes of their images must agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tinyml_course.core.environment import load_keras, load_tensorflow

LayerPair = tuple[str, str]
"""Names of a student's layer and of its teacher's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """Which layers should attend to the same places, and how much that counts.

    Attributes
    ----------
    pairs : tuple of (str, str)
        Student's layer, teacher's layer, with images of the same size; at least one pair.
    weight : float, default 10.0
        Beta: the loss gains ``weight / 2 * sum of |map_student - map_teacher|^2`` over the
        pairs. Maps have unit length and no negative entry, so each square is in [0, 2]. The
        paper takes 1000 divided by the pixels of the map: 16 for one of 8 x 8.
    """

    pairs: tuple[LayerPair, ...]
    weight: float = 10.0

    def __post_init__(self) -> None:
        if not self.pairs:
            raise ValueError("attention transfer needs at least one pair of layers, got none")
        if not self.weight > 0:
            raise ValueError(f"weight must be positive, got {self.weight}; leave attention out")


def attention_map(activations: Any) -> Any:
    """Return where activations are large: squares summed over the channels, at unit length.

    Parameters
    ----------
    activations : (N, H, W, C) tensor

    Returns
    -------
    (N, H * W) tensor
        Rows of Euclidean length 1; zero, with a zero gradient, where all activations are zero.

    References
    ----------
    .. [1] Zagoruyko and Komodakis, arXiv:1612.03928, section 3.1, with p = 2.
    """
    tf = load_tensorflow()
    energy = tf.reduce_sum(tf.square(activations), axis=-1)
    return tf.math.l2_normalize(tf.reshape(energy, (tf.shape(energy)[0], -1)), axis=1)


def attention_distance(teacher: Any, student: Any) -> Any:
    """Return half the squared distance of attention maps, (N,), for each sample.

    Parameters
    ----------
    teacher, student : (N, P) tensor
        Maps; those of several pairs stand side by side, and their distances add up.

    References
    ----------
    .. [1] Zagoruyko and Komodakis, arXiv:1612.03928, equation 2. It has the distance itself,
       whose gradient is not defined where the maps agree; the authors' programs square it.
    """
    tf = load_tensorflow()
    return tf.reduce_sum(tf.square(student - teacher), axis=1) / 2


def pair_layers(student: Any, teacher: Any) -> tuple[LayerPair, ...]:
    """Return the last activations of each image size that both models have, largest size first.

    Parameters
    ----------
    student, teacher : tf_keras models
        Of one image input.

    Raises
    ------
    ValueError
        If no size is common: the message names those of both.
    """
    ours, theirs = _last_of_each_size(student), _last_of_each_size(teacher)
    common = sorted(ours.keys() & theirs.keys(), reverse=True)
    if not common:
        raise ValueError(
            f"no activations of the same size: the student's are {sorted(ours)}, the teacher's "
            f"{sorted(theirs)}; choose a student with the teacher's strides"
        )
    return tuple((ours[size], theirs[size]) for size in common)


def map_outputs(model: Any, names: Sequence[str]) -> list[Any]:
    """Return the attention maps of the layers `names` as tensors (N, H * W) of `model`.

    Raises
    ------
    ValueError
        If a layer is unknown, or its output is no image.
    """
    outputs = []
    for name in names:
        tensor = model.get_layer(name).output
        if len(tensor.shape) != 4:
            raise ValueError(f"layer {name!r} returns {tuple(tensor.shape)}, no (N, H, W, C) image")
        outputs.append(_map_class()(name=f"{name}_map")(tensor))
    return outputs


def check_sizes(student: Any, teacher: Any, pairs: Sequence[LayerPair]) -> None:
    """Refuse pairs whose images differ in size.

    Raises
    ------
    ValueError
        With both sizes.
    """
    for ours, theirs in pairs:
        sizes = [
            tuple(model.get_layer(name).output_shape[1:3])
            for model, name in ((student, ours), (teacher, theirs))
        ]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"the student's {ours!r} is {sizes[0]}, the teacher's {theirs!r} {sizes[1]}; "
                "pair layers of one size: pair_layers finds them"
            )


def _last_of_each_size(model: Any) -> dict[tuple[int, int], str]:
    """Return the name of the last rectified image of each size."""
    found: dict[tuple[int, int], str] = {}
    for layer in model.layers:
        if _rectifies(layer) and len(layer.output_shape) == 4:
            found[tuple(layer.output_shape[1:3])] = layer.name
    return found


def _rectifies(layer: Any) -> bool:
    """Whether a layer, or the one that it wraps, ends in a ReLU."""
    keras, inner = load_keras(), getattr(layer, "layer", layer)
    fused = getattr(inner, "activation", None) is keras.activations.relu
    return fused or isinstance(inner, keras.layers.ReLU)


@cache
def _map_class() -> Any:
    """Return the class of the layer that computes attention maps."""

    class AttentionMap(load_keras().layers.Layer):  # type: ignore[misc]
        """`attention_map` as a layer."""

        def call(self, x: Any) -> Any:
            return attention_map(x)

    return AttentionMap
