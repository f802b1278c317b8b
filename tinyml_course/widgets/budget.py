"""The memory budget explorer: one layer against a board's flash and RAM."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from tinyml_course.core.boards import find_board
from tinyml_course.core.graph import TensorGraph
from tinyml_course.cost.layers import conv_graph, dense_graph
from tinyml_course.device.arena import plan_arena
from tinyml_course.device.flash import modelled_code_bytes
from tinyml_course.plots.budget import BudgetBar, plot_budget
from tinyml_course.widgets.experiment import Control, Experiment

BOARD_NAMES = ("esp32", "esp32-s3", "nrf52840")
TYPES = {"float32": "FLOAT32", "int8": "INT8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBudget:
    """What one graph takes of a board's two memories, modelled.

    Attributes
    ----------
    constant_bytes : int
        Weights and biases, in flash.
    code_bytes : int
        Application, runtime and kernels, in flash; a round estimate.
    head_bytes : int
        Activations and scratch, in RAM.
    tail_bytes : int
        The runtime's structures, in RAM.
    flash_limit_bytes, ram_limit_bytes : int
        The application's partition, and the largest free block of RAM.
    """

    constant_bytes: int
    code_bytes: int
    head_bytes: int
    tail_bytes: int
    flash_limit_bytes: int
    ram_limit_bytes: int

    @property
    def flash_bytes(self) -> int:
        """Flash in all."""
        return self.constant_bytes + self.code_bytes

    @property
    def ram_bytes(self) -> int:
        """RAM in all: the arena."""
        return self.head_bytes + self.tail_bytes

    @property
    def verdict(self) -> str:
        """Which limits are exceeded, in words."""
        over = [
            name
            for name, used, limit in (
                ("flash", self.flash_bytes, self.flash_limit_bytes),
                ("RAM", self.ram_bytes, self.ram_limit_bytes),
            )
            if used > limit
        ]
        return f"too large for {' and '.join(over)}" if over else "fits"


def budget_of(graph: TensorGraph, board_name: str) -> MemoryBudget:
    """Return what `graph` takes on a board with the board's own kernels.

    Parameters
    ----------
    graph : TensorGraph
        A network, or a single layer.
    board_name : str
        Name in `core.boards.BOARDS`.
    """
    board = find_board(board_name)
    plan = plan_arena(graph, board.kernels)
    return MemoryBudget(
        constant_bytes=sum(tensor.constant_bytes for tensor in graph.tensors),
        code_bytes=modelled_code_bytes(op.name for op in graph.ops),
        head_bytes=plan.head_bytes,
        tail_bytes=plan.required_bytes - plan.head_bytes,
        flash_limit_bytes=board.flash_bytes,
        ram_limit_bytes=board.arena_limit_bytes,
    )


def bars(budget: MemoryBudget) -> tuple[BudgetBar, BudgetBar]:
    """Return `budget` as two bars for `plot_budget`: flash, then RAM."""
    flash = BudgetBar(
        name="flash",
        parts=(("weights", budget.constant_bytes), ("code", budget.code_bytes)),
        limit_bytes=budget.flash_limit_bytes,
        limit_label="app partition",
    )
    ram = BudgetBar(
        name="RAM",
        parts=(("activations", budget.head_bytes), ("runtime", budget.tail_bytes)),
        limit_bytes=budget.ram_limit_bytes,
        limit_label="largest free block",
    )
    return flash, ram


def dense_budget(inputs: int, outputs: int, dtype: str, board: str) -> MemoryBudget:
    """Return the budget of a dense layer; `dtype` is 'float32' or 'int8'."""
    return budget_of(dense_graph(inputs, outputs, dtype=TYPES[dtype]), board)


def conv_budget(side: int, filters: int, dtype: str, board: str) -> MemoryBudget:
    """Return the budget of a 3x3 convolution on 8 channels, stride 1."""
    return budget_of(conv_graph(side, 8, filters, dtype=TYPES[dtype]), board)


def _draw(budget: MemoryBudget, title: str) -> Figure:
    return plot_budget(bars(budget), title=f"{title}: {budget.verdict} (modelled)")


def _describe(budget: MemoryBudget, title: str, board: str) -> str:
    return (
        f"{title} on {find_board(board).title}: {budget.constant_bytes:,} B of weights and "
        f"{budget.flash_bytes:,} B of flash in all, {budget.ram_bytes:,} B of RAM; "
        f"{budget.verdict}."
    )


def _dense_title(inputs: int, outputs: int, dtype: str) -> str:
    return f"dense {inputs} x {outputs}, {dtype}"


def _conv_title(side: int, filters: int, dtype: str) -> str:
    return f"3x3 convolution, {side} x {side} x 8 to {filters} filters, {dtype}"


_BOARD = Control(name="board", label="board", values=BOARD_NAMES, default="esp32", kind="menu")
_TYPE = Control(name="dtype", label="numbers", values=tuple(TYPES), default="float32", kind="menu")

DENSE_EXPLORER = Experiment(
    name="memory-budget-dense",
    question="A dense layer grows. Which runs out first on the ESP32, its RAM or its flash?",
    controls=(
        Control(
            name="inputs",
            label="inputs",
            values=(64, 256, 1000, 1024, 4096, 12288, 32768),
            default=1000,
        ),
        Control(name="outputs", label="outputs", values=(10, 32, 100, 256, 1024), default=100),
        _TYPE,
        _BOARD,
    ),
    draw=lambda inputs, outputs, dtype, board: _draw(
        dense_budget(inputs, outputs, dtype, board), _dense_title(inputs, outputs, dtype)
    ),
    describe=lambda inputs, outputs, dtype, board: _describe(
        dense_budget(inputs, outputs, dtype, board), _dense_title(inputs, outputs, dtype), board
    ),
)
"""A dense layer: many weights, few activations."""

CONV_EXPLORER = Experiment(
    name="memory-budget-conv",
    question="A convolution on a 96 x 96 image: what runs out first, RAM or flash?",
    controls=(
        Control(
            name="side",
            label="image side, pixels",
            values=(8, 16, 32, 48, 64, 96, 128),
            default=32,
        ),
        Control(name="filters", label="filters", values=(4, 8, 16, 32, 64), default=16),
        _TYPE,
        _BOARD,
    ),
    draw=lambda side, filters, dtype, board: _draw(
        conv_budget(side, filters, dtype, board), _conv_title(side, filters, dtype)
    ),
    describe=lambda side, filters, dtype, board: _describe(
        conv_budget(side, filters, dtype, board), _conv_title(side, filters, dtype), board
    ),
)
"""A convolution: few weights, many activations."""
