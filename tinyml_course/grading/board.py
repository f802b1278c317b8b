"""Inside the sandbox: the emulated board runs a handed-in .tflite on gestures without labels."""

from __future__ import annotations

from typing import Any

from tinyml_course.core.errors import CourseError
from tinyml_course.device.emulate import Device
from tinyml_course.device.flatbuffer import read_model
from tinyml_course.grading.channel import Channel

BOARD = "esp32"


def serve(channel: Channel) -> None:
    """Answer pairs of file and images until the judge hangs up."""
    while True:
        data, images = channel.receive()
        try:
            channel.send(["value", run(data, images)])
        except (CourseError, ValueError) as fault:
            channel.send(["raised", f"the board refuses it: {fault}"])
        except Exception as error:  # a file can be wrong in more ways than the emulator knows
            channel.send(["raised", f"the board can't run it: {type(error).__name__}: {error}"])


def run(data: bytes, images: Any) -> dict[str, Any]:
    """Return the board's report on a file as plain data, with its outputs for `images`.

    Raises
    ------
    CourseError, ValueError
        If the file is no model, crashes the runtime, or does not take these images.
    """
    report = Device(BOARD).emulate(data, images, strict=False)
    graph = read_model(data).subgraphs[0]
    types = {
        f"{name}_types": [graph.tensors[index].dtype.lower() for index in indices]
        for name, indices in (("input", graph.inputs), ("output", graph.outputs))
    }
    return {**report.to_dict(), **types, "outputs": report.outputs}
