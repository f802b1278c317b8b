"""The front page's figure: a gesture, and what the chip says it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinyml_course.plots.style import MUTED, PALETTE, new_figure


def plot_answer(
    image: NDArray[np.float32],
    shares: NDArray[np.float64],
    class_names: Sequence[str],
    *,
    right: int,
) -> Figure:
    """Draw a gesture's image beside the share that the model gives to each class.

    Parameters
    ----------
    image : (32, 32, 1) float32
        Ink in [0, 1].
    shares : (C,) float64
        One per class, in [0, 1].
    class_names : sequence of str
        Names of the C classes.
    right : int
        The class that was drawn; its bar is coloured.
    """
    figure, (left, bars) = new_figure(1, 2, height=2.6, width_ratios=(1, 2.2))
    left.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
    left.set(xticks=[], yticks=[])
    left.set_title("the gesture", loc="left")
    colours = [PALETTE[0] if label == right else MUTED for label in range(len(shares))]
    bars.bar(class_names, 100 * shares, color=colours)
    bars.set(ylim=(0, 105), ylabel="share, %")
    bars.set_title("the chip's answer", loc="left")
    return figure
