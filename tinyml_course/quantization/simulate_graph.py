"""Where the chip rounds: which layers of a Keras model store a tensor with a grid of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyml_course.core.environment import load_keras


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlan:
    """How one layer takes part in the simulation.

    Attributes
    ----------
    weighted : bool
        Its weights are quantized.
    dense : bool
        It is a Dense layer, whose weights share one step.
    reads_input : bool
        It takes the model's input, which the chip stores as integers.
    stores_output : bool
        Its output is a tensor with its own grid; otherwise what follows is fused into it, or
        it only moves values.
    normaliser : str or None
        Name of the batch normalisation that is folded into it.
    """

    weighted: bool
    dense: bool
    reads_input: bool
    stores_output: bool
    normaliser: str | None


def plan_layers(model: Any) -> dict[str, LayerPlan]:
    """Return the plan of every layer of a Sequential or Functional model, by name.

    Raises
    ------
    ValueError
        If `model` is neither or not built, or a layer has weights that the simulation does
        not know.

    References
    ----------
    .. [1] Jacob et al., arXiv:1712.05877, section 3.2 and figure C.8: one grid for
       convolution, bias, normalisation and activation together.
    """
    layers = load_keras().layers
    if not hasattr(model, "_nodes_by_depth"):
        raise ValueError(f"need a built Sequential or Functional tf_keras model, got {model!r}")
    after, fed = _edges(model)
    plans = {}
    for layer in model.layers:
        _check_known(layer)
        follower = after[layer.name][0] if len(after[layer.name]) == 1 else None
        folds = isinstance(follower, layers.BatchNormalization) and _is_linear_kernel(layer)
        plans[layer.name] = LayerPlan(
            weighted=isinstance(layer, kernel_kinds()),
            dense=isinstance(layer, layers.Dense),
            reads_input=layer.name in fed,
            stores_output=not (folds or _only_moves(layer) or _fuses_relu(layer, follower)),
            normaliser=follower.name if folds else None,
        )
    return plans


def kernel_kinds() -> tuple[Any, ...]:
    """Return the Keras classes whose weights can be quantized."""
    layers = load_keras().layers
    return (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)


def _edges(model: Any) -> tuple[dict[str, list[Any]], set[str]]:
    """Return the consumers of each layer by its name, and the names of the input's consumers."""
    after: dict[str, list[Any]] = {layer.name: [] for layer in model.layers}
    fed = set()
    for node in (node for nodes in model._nodes_by_depth.values() for node in nodes):
        for parent in node.parent_nodes:
            after.setdefault(parent.layer.name, []).append(node.layer)
            if isinstance(parent.layer, load_keras().layers.InputLayer):
                fed.add(node.layer.name)
    return after, fed


def _only_moves(layer: Any) -> bool:
    """Whether the output has its input's grid, or, behind a softmax, a fixed one."""
    layers = load_keras().layers
    kinds = (
        layers.InputLayer, layers.Flatten, layers.Reshape, layers.MaxPooling2D, layers.Dropout,
        layers.ZeroPadding2D, layers.GlobalMaxPooling2D, layers.Permute, layers.Softmax,
    )  # fmt: skip
    return isinstance(layer, kinds) or (_activation(layer) == "softmax" and not layer.weights)


def _fuses_relu(layer: Any, follower: Any) -> bool:
    """Whether a ReLU behind `layer` becomes a part of its operator on the chip."""
    layers = load_keras().layers
    sums = isinstance(layer, (layers.Add, layers.BatchNormalization)) or _is_linear_kernel(layer)
    return sums and (isinstance(follower, layers.ReLU) or _activation(follower) in _RELUS)


_RELUS = ("relu", "relu6")


def _is_linear_kernel(layer: Any) -> bool:
    return isinstance(layer, kernel_kinds()) and _activation(layer) == "linear"


def _activation(layer: Any) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _check_known(layer: Any) -> None:
    known = (*kernel_kinds(), load_keras().layers.BatchNormalization)
    foreign = isinstance(layer, load_keras().layers.Conv2DTranspose)  # derives from Conv2D
    if layer.weights and (foreign or not isinstance(layer, known)):
        raise ValueError(
            f"layer {layer.name!r} is a {type(layer).__name__}, which the simulation does not "
            "know; write it as Conv2D, DepthwiseConv2D, Dense and BatchNormalization layers"
        )
