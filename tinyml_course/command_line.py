"""What the subcommands of `tinyml` share: the application, exit codes, options, faults."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from tinyml_course.core.errors import CourseError

app = typer.Typer(
    help="The TinyML course: learn, run a model from gestures to the chip, emulate, check.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

EXIT_BAD_INPUT = 2
EXIT_DOES_NOT_FIT = 3
EXIT_NOT_YET = 3
EXIT_INTERRUPTED = 130

Gestures = Annotated[
    str, typer.Option(help="Gestures, as for `tinyml run`: a file, a folder, 'synthetic', ...")
]
TestRecording = Annotated[
    str | None, typer.Option(help="Another recording as the test set; else 20 % is held out.")
]
Classes = Annotated[str | None, typer.Option(help="Classes to use, separated by commas; else all.")]
MaxLatency = Annotated[
    float | None, typer.Option(help="Longest inference in milliseconds; else no limit.")
]
Executor = Annotated[
    str | None, typer.Option(help="Address of a Dask scheduler, for many machines.")
]
Jobs = Annotated[int | None, typer.Option(help="Processes; one a core by default.")]
Quick = Annotated[bool, typer.Option("--quick", help="Short trainings, to try it out.")]


def split_names(text: str | None) -> tuple[str, ...] | None:
    """Return names that stand between commas; None for all."""
    return tuple(name.strip() for name in text.split(",")) if text else None


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Register `function` as a subcommand whose faults end in one clear message."""

    @functools.wraps(function)
    def guarded(*args: object, **options: object) -> None:
        try:
            function(*args, **options)
        except KeyboardInterrupt:
            print("\ninterrupted; nothing half-written was left behind", file=sys.stderr)
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except ModuleNotFoundError as missing:
            if not (missing.name or "").startswith("tinyml_course."):
                raise
            print("tinyml: only the instructor's copy of the course can do this", file=sys.stderr)
            raise typer.Exit(EXIT_BAD_INPUT) from None
        except BrokenPipeError:  # whoever read the output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (CourseError, ValueError, OSError) as fault:
            print(f"tinyml: {fault}", file=sys.stderr)
            raise typer.Exit(EXIT_BAD_INPUT) from None

    return app.command()(guarded)
