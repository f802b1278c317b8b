"""A Keras model as a flat list of steps: plain data that can be checked and rewritten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tinyml_course.core.environment import load_keras
from tinyml_course.quantization.qat_support import check_layer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One layer of the flat graph: what to build, its weights and where its inputs come from.

    Attributes
    ----------
    kind : str
        Name of the class in `keras.layers`.
    config : dict
        Arguments of the layer, as Keras' `get_config` returns them.
    weights : tuple of arrays
        In the order of the layer's `get_weights`.
    sources : tuple of int
        Numbers of the steps whose outputs it takes.
    origin : str
        Name of the model's layer that it comes from.
    rank : int
        Axes of its first input, the batch included.
    """

    kind: str
    config: dict[str, Any]
    weights: tuple[Any, ...] = ()
    sources: tuple[int, ...] = ()
    origin: str = ""
    rank: int = 4

    @property
    def name(self) -> str:
        """Name of the layer."""
        return str(self.config["name"])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerGraph:
    """A model as steps in an order in which they can be computed.

    Attributes
    ----------
    steps : tuple of Step
        Inputs included.
    outputs : tuple of int
        Numbers of the steps that make the model's outputs.
    name : str
        Of the model; a .tflite stores it in its tensors' names.
    """

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    name: str

    def only_consumer(self, number: int) -> Step | None:
        """Return the one step that sees the output of step `number`; None if others do too."""
        found = [step for step in self.steps if number in step.sources]
        return found[0] if len(found) == 1 and number not in self.outputs else None


class StepList:
    """Collects steps under unique names."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._names: set[str] = set()

    def add(self, step: Step) -> int:
        """Append `step`, renamed where its name is taken, and return its number."""
        name, count = step.name, 1
        while name in self._names:
            count += 1
            name = f"{step.name}_{count}"
        self._names.add(name)
        self.steps.append(
            replace(step, config={**step.config, "name": name}, origin=step.origin or name)
        )
        return len(self.steps) - 1


def read_graph(model: Any) -> LayerGraph:
    """Return the layers of `model` as steps, nested models laid flat; nothing is rewritten.

    Parameters
    ----------
    model : tf_keras Sequential or Functional model
        Built; its weights are copied.

    Raises
    ------
    ValueError
        If the model has no graph, or a layer has no int8 form; the message has the remedy.
    """
    keras = load_keras()
    if not isinstance(model, keras.Model) or not getattr(model, "_is_graph_network", False):
        raise ValueError(
            f"need a Sequential or Functional tf_keras model with a known input, got "
            f"{type(model).__module__}.{type(model).__name__}; build it of load_keras().layers "
            "and begin with Input"
        )
    found = StepList()
    inputs = {id(tensor): found.add(_input_step(tensor)) for tensor in model.inputs}
    outputs = _lay_flat(model, inputs, found, seen=set())
    return LayerGraph(steps=tuple(found.steps), outputs=outputs, name=model.name)


def _input_step(tensor: Any) -> Step:
    config = {"name": tensor.node.layer.name, "shape": tuple(tensor.shape[1:])}
    return Step(kind="InputLayer", config=config)


def _lay_flat(
    model: Any, inputs: dict[int, int], found: StepList, seen: set[int]
) -> tuple[int, ...]:
    """Append the steps of `model` and return the numbers of its outputs.

    `inputs` gives the step of each input tensor; `seen` holds the layers met so far.
    """
    keras = load_keras()
    known = dict(inputs)
    for node in _nodes_in_order(model):
        layer = node.layer
        sources = tuple(known[id(tensor)] for tensor in node.keras_inputs)
        if isinstance(layer, keras.Model):
            inner = {id(t): number for t, number in zip(layer.inputs, sources, strict=True)}
            numbers = _lay_flat(layer, inner, found, seen)
        else:
            check_layer(layer, node.call_kwargs)
            _check_unshared(layer, seen)
            numbers = (found.add(_read_step(layer, node, sources)),)
        known.update(zip(map(id, _as_list(node.outputs)), numbers, strict=True))
    return tuple(known[id(tensor)] for tensor in model.outputs)


def _nodes_in_order(model: Any) -> Iterator[Any]:
    """Yield the calls of `model`'s layers in an order in which they can be computed."""
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if not node.is_input:
                yield node


def _read_step(layer: Any, node: Any, sources: tuple[int, ...]) -> Step:
    return Step(
        kind=type(layer).__name__,
        config=layer.get_config(),
        weights=tuple(layer.get_weights()),
        sources=sources,
        rank=len(node.keras_inputs[0].shape),
    )


def _check_unshared(layer: Any, seen: set[int]) -> None:
    if layer.weights and id(layer) in seen:
        raise ValueError(
            f"layer {layer.name!r} is called more than once; its copies would train apart. "
            "Give each place a layer of its own"
        )
    seen.add(id(layer))


def _as_list(tensors: Any) -> Sequence[Any]:
    return tensors if isinstance(tensors, (list, tuple)) else [tensors]
