"""The supernet: every network of a space in one set of shared weights, trained and scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinyml_course.core.environment import THREADS, load_tensorflow
from tinyml_course.nas.path import Column, find_path
from tinyml_course.nas.supernet_graph import SupernetGraph, Unfolded, unfold
from tinyml_course.nas.weight_sharing import Weights, initial_weights, weight_shapes

if TYPE_CHECKING:
    from tinyml_course.core.arch import ArchSpec
    from tinyml_course.nas.space import SearchSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What a network computes with the shared weights, normalised by its own statistics.

    Attributes
    ----------
    logits : (N, K) float32
        Of the images asked about, by the shared last layer.
    features : (M + N, F) float32
        Inputs of the last layer: of the images that calibrate, then of those asked about.
    statistics : (D, 2, 2, C) float32
        Place, normalisation in the block, mean and variance, channel; 0 where there is none.
    """

    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    statistics: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ScoringImages:
    """Unfolded images on TensorFlow's side: first those that calibrate, then those to classify.

    Attributes
    ----------
    unfolded : two float32 tensors
        M + N images.
    calibration : int32 tensor
        M.
    """

    unfolded: Unfolded
    calibration: Any


class Supernet:
    """Shared weights and the two compiled functions that use them.

    A network's gradient is taken with the statistics of its batch; `calibrated` normalises by the
    statistics of training images that go through the very same network. Averages kept during
    training would be a mixture of all networks, and fit none.

    Parameters
    ----------
    space : SearchSpace
        What the weights are shared by.
    weights : mapping of str to float32 arrays, optional
        From `weights`, or untrained ones.
    seed : int, default 0
        Of the untrained weights.

    Raises
    ------
    ValueError
        If the weights don't fit the space, or the space mixes even and odd kernels.

    References
    ----------
    .. [1] Guo et al., Single path one-shot neural architecture search with uniform sampling,
       arXiv:1904.00420, section 3.
    .. [2] Yu and Huang, Universally slimmable networks, arXiv:1903.05134, sections 3.1 (sandwich
       rule) and 3.4 (statistics after training).
    """

    def __init__(
        self,
        space: SearchSpace,
        weights: Mapping[str, NDArray[np.float32]] | None = None,
        *,
        seed: int = 0,
    ) -> None:
        tf = load_tensorflow()
        weights = initial_weights(space, seed) if weights is None else weights
        check_weights(space, weights)
        self.space = space
        self._variables = {
            name: tf.Variable(value, name=name.replace("/", "_"), dtype=tf.float32)
            for name, value in weights.items()
        }
        self._graph = SupernetGraph(space, self._variables)
        self._side = max(space.kernels)
        height, width, channels = space.input_shape
        taps = self._side**2 * channels
        images = (
            tf.TensorSpec([None, height, width, taps]),
            tf.TensorSpec([None, -(-height // 2), -(-width // 2), taps]),
        )
        labels, rows = tf.TensorSpec([None], tf.int32), [space.max_depth, len(Column)]
        path = [tf.TensorSpec(rows, tf.int32), tf.TensorSpec([], tf.int32)]
        self._step = tf.function(
            self._loss_and_gradient, input_signature=[images, labels, *path], autograph=False
        )
        self._mean = tf.function(_average, autograph=False)
        count = tf.TensorSpec([], tf.int32)
        self._score = tf.function(
            self._graph.outputs, input_signature=[images, *path, count], autograph=False
        )

    @property
    def variables(self) -> tuple[Any, ...]:
        """The shared weights as TensorFlow variables."""
        return tuple(self._variables.values())

    @property
    def traced(self) -> tuple[int, int]:
        """How often the gradient and the score were traced: each once, however many networks."""
        return (
            self._step.experimental_get_tracing_count(),
            self._score.experimental_get_tracing_count(),
        )

    @property
    def weights(self) -> Weights:
        """Copies of the shared weights by name."""
        return {name: variable.numpy() for name, variable in self._variables.items()}

    def gradients(
        self, images: NDArray[np.float32], labels: NDArray[Any], specs: Sequence[ArchSpec]
    ) -> tuple[list[Any], float]:
        """Return the mean gradient of the networks' losses, and the mean loss in nats.

        Networks are computed side by side, and summed in their order.

        Parameters
        ----------
        images : (N, H, W, C) float32
            One batch, the same for all networks.
        labels : (N,) int
            Classes.
        specs : sequence of ArchSpec
            Networks, one backward pass each.

        Returns
        -------
        gradients : list of tensors
            In the order of `variables`.
        loss : float
            Mean cross-entropy over samples and networks.
        """
        tf = load_tensorflow()
        batch = self._unfold(images), tf.constant(labels, tf.int32)
        with ThreadPoolExecutor(THREADS) as threads:
            found = list(threads.map(lambda spec: self._step(*batch, *self._tensors(spec)), specs))
        losses, gradients = zip(*found, strict=True)
        return self._mean(gradients), float(np.mean(losses))

    def load_images(
        self, images: NDArray[np.float32], *, calibration: NDArray[np.float32]
    ) -> ScoringImages:
        """Return images in the form that `calibrated` reads, once for many networks.

        Parameters
        ----------
        images : (N, H, W, C) float32
            Samples to classify; they don't influence the statistics.
        calibration : (M, H, W, C) float32
            Training images, for the statistics of every normalisation.
        """
        tf = load_tensorflow()
        both = np.concatenate([calibration, images])
        return ScoringImages(self._unfold(both), tf.constant(len(calibration), tf.int32))

    def calibrated(self, spec: ArchSpec, images: ScoringImages) -> Calibrated:
        """Return what `spec` says about `images` with the shared weights and its own statistics."""
        logits, features, statistics = self._score(
            images.unfolded, *self._tensors(spec), images.calibration
        )
        return Calibrated(
            logits=logits[images.calibration :].numpy(),
            features=features.numpy(),
            statistics=statistics.numpy(),
        )

    def _unfold(self, images: NDArray[np.float32]) -> Unfolded:
        tf = load_tensorflow()
        dense, strided = unfold(images, self._side)
        return tf.constant(dense), tf.constant(strided)

    def _tensors(self, spec: ArchSpec) -> tuple[Any, Any]:
        tf = load_tensorflow()
        path = find_path(self.space, spec)
        return tf.constant(path.blocks), tf.constant(path.hidden)

    def _loss_and_gradient(self, images: Any, labels: Any, blocks: Any, hidden: Any) -> Any:
        """Return a path's loss, and its gradient by each shared array: 0 where it has no part."""
        tf = load_tensorflow()
        with tf.GradientTape() as tape:
            logits, *_ = self._graph.outputs(images, blocks, hidden)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            )
        return loss, tape.gradient(loss, self.variables, unconnected_gradients="zero")


def _average(gradients: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the mean of several networks' gradients, array by array, always in the same order."""
    tf = load_tensorflow()
    return [tf.add_n(parts) / len(gradients) for parts in zip(*gradients, strict=True)]


def check_weights(space: SearchSpace, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Raise unless `weights` are what networks of `space` share.

    Raises
    ------
    ValueError
        Names the first array that is missing, unknown or of another shape.
    """
    shapes = weight_shapes(space)
    for name in {**shapes, **dict(weights)}:
        wanted, found = shapes.get(name), weights[name].shape if name in weights else None
        if wanted != found:
            raise ValueError(
                f"shared weights {name!r}: the space needs {wanted}, got {found}; "
                "train a supernet of this very space"
            )
