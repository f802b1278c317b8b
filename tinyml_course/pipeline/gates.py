"""When a pipeline may stop, and when it takes a stage back."""

from __future__ import annotations

from tinyml_course.nas.costs import FileForm, measure_cost
from tinyml_course.pipeline.requirements import PERCENT_A_POINT, Miss, Requirements
from tinyml_course.pipeline.state import FlashState, Measurement, SpecState, State

TOLERATED = 0.01
"""Fall of the accuracy that is taken for noise: with 150 validation samples, one or two of them."""


def open_misses(
    state: State, measured: Measurement, requirements: Requirements, *, board: str, form: FileForm
) -> tuple[Miss, ...]:
    """Return what would be missed if the run ended in the file of this state's network.

    A file is judged as it is; a network by its accuracy and by the exact costs of its int8 file.

    Parameters
    ----------
    state : State
        Trained.
    measured : Measurement
        Of it.
    requirements : Requirements
        What was asked for.
    board : str
        Name of the board.
    form : {'slim', 'aware', 'calibrated'}
        The file that the pipeline ends in.
    """
    if isinstance(state, FlashState):
        return requirements.misses_of(measured)
    cost = measure_cost(state.spec, board, form=form)
    return requirements.misses(
        measured.accuracy,
        model_bytes=cost.model_bytes,
        arena_bytes=cost.arena_bytes,
        latency_ms=cost.latency_ms,
    )


def explain_harm(
    before: tuple[Measurement, tuple[Miss, ...]], after: tuple[Measurement, tuple[Miss, ...]]
) -> str:
    """Return why a stage hurts more than it saves; empty where it does not.

    A stage is taken back if the accuracy on the validation samples falls by more than one point
    (less is noise), and either

    - it saves less than ten per cent, of file, arena or latency, whichever fell most, for each
      point that it costs; or
    - it brings the result no nearer to what is asked for: the shares by which limits are exceeded
      plus a tenth for each point of accuracy that is missing, summed, do not get smaller. This
      counts only where accuracy is among what is missing afterwards.

    Parameters
    ----------
    before, after : (Measurement, tuple of Miss)
        Of the states around the stage; misses as `open_misses` returns them.
    """
    (old, old_misses), (new, new_misses) = before, after
    lost = old.accuracy - new.accuracy
    if lost <= TOLERATED:
        return ""
    saved = max(
        1 - new.model_bytes / old.model_bytes,
        1 - new.arena_bytes / old.arena_bytes,
        1 - new.latency_ms / old.latency_ms,
        0.0,
    )
    if PERCENT_A_POINT * lost > saved:
        return (
            f"rolled back: it costs {100 * lost:.1f} points of accuracy and saves {saved:.0%}, "
            f"less than {PERCENT_A_POINT:g}% a point"
        )
    distances = [sum(miss.excess for miss in misses) for misses in (old_misses, new_misses)]
    falls_short = any(miss.limit == "accuracy" for miss in new_misses)
    if falls_short and distances[1] >= distances[0]:
        return (
            f"rolled back: it costs {100 * lost:.1f} points of accuracy, {new.accuracy:.1%} is "
            "below what is asked for, and the limits are no nearer"
        )
    return ""


def is_measured(state: State) -> bool:
    """Whether a state has an accuracy."""
    return not isinstance(state, SpecState)
