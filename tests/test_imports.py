"""What importing the package and starting the command cost."""

import subprocess
import sys

import pytest

HEAVY = ("tensorflow", "tf_keras", "matplotlib", "ai_edge_litert", "numpy", "IPython")


def loaded_modules(code: str) -> set[str]:
    """Return the heavy packages that a fresh interpreter has loaded after `code`."""
    report = "import sys; print(*{m.split('.')[0] for m in sys.modules})"
    command = [sys.executable, "-c", f"{code}\n{report}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()) & set(HEAVY)


@pytest.mark.parametrize("code", ["import tinyml_course", "import tinyml_course.cli"])
def test_starting_loads_nothing_heavy(code):
    """Neither the package nor the command line loads TensorFlow, NumPy or matplotlib."""
    assert loaded_modules(code) == set()


@pytest.mark.parametrize(
    "module",
    [
        "data",
        "device.emulate",
        "device.convert",
        "training.fit",
        "quantization.qat",
        "pipeline.job",
        "pipeline.search_job",
    ],
)
def test_modules_import_without_tensorflow(module):
    """TensorFlow is loaded by the functions that train or convert, not by their modules."""
    assert loaded_modules(f"import tinyml_course.{module}") & {"tensorflow", "tf_keras"} == set()
