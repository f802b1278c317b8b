"""One warm sandbox and one paper serve all tests of grading."""

import pytest

from tests.grading.sample import make_sample_paper
from tinyml_course.grading.sandbox import Sandbox
from tinyml_course.grading.session import SandboxUnavailable


@pytest.fixture(scope="session")
def sandbox():
    """A running sandbox; tests that ask for it are skipped where there can be none."""
    try:
        server = Sandbox()
    except SandboxUnavailable as fault:
        pytest.skip(str(fault))
    with server:
        yield server


@pytest.fixture(scope="session")
def paper():
    """The paper of the sample exercise."""
    return make_sample_paper()
