"""The workflow that puts the book online, and what a host needs of the site."""

import re
import subprocess

import pytest
import yaml

from tests.book_text.prose import COURSE

WORKFLOW = COURSE / ".github" / "workflows" / "book.yml"
PINNED = re.compile(r"^\s*(?:- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")

pytestmark = pytest.mark.skipif(not WORKFLOW.exists(), reason="this copy has no workflow")


@pytest.fixture(scope="module")
def workflow():
    return yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_every_action_is_pinned_to_a_commit():
    """Actions are named by commit, the version beside it: a moved tag changes nothing."""
    lines = [line for line in WORKFLOW.read_text("utf-8").splitlines() if "uses:" in line]
    assert lines
    assert [] == [line for line in lines if not PINNED.match(line)]


def test_the_workflow_runs_the_readers_own_command(workflow):
    """What it runs are targets of the Makefile, and the artifact is where `make book` writes."""
    commands = [step["run"] for step in steps(workflow) if "run" in step]
    assert ["make book"] == commands
    makefile = (COURSE / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^book:.*setup-book", makefile, re.MULTILINE)
    paths = [step["with"]["path"] for step in steps(workflow) if "pages" in step.get("uses", "")
             and "with" in step]  # fmt: skip
    assert ["_build/html"] == paths


def test_only_the_deployment_may_write_and_only_from_main(workflow):
    """A pull request builds and cannot publish."""
    jobs = workflow["jobs"]
    assert {"contents": "read"} == workflow["permissions"]
    assert "permissions" not in jobs["build"]
    assert {"pages": "write", "id-token": "write"} == jobs["deploy"]["permissions"]
    assert "build" == jobs["deploy"]["needs"]
    assert "refs/heads/main" in jobs["deploy"]["if"]
    assert all(job["timeout-minutes"] <= 120 for job in jobs.values())


def test_the_workflow_s_python_is_one_that_the_course_runs_on(workflow):
    """The version is one that the Makefile looks for."""
    (version,) = [step["with"]["python-version"] for step in steps(workflow)
                  if "setup-python" in step.get("uses", "")]  # fmt: skip
    assert f"python{version}" in (COURSE / "Makefile").read_text(encoding="utf-8")


def test_the_checks_of_a_checkout_build_the_book_as_well():
    """`.ci/run` is a valid script and runs the tests, whose `site` fixture builds the book."""
    script = COURSE / ".ci" / "run"
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert "make test" in script.read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
def test_the_site_can_be_copied_to_any_host(site):
    """Folders that begin with an underscore are served everywhere, and no link is absolute."""
    assert (site / ".nojekyll").is_file()
    absolute = re.compile(r'(?:href|src)="/(?!/)')
    pages = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    assert [] == [path.name for path in pages if absolute.search(path.read_text("utf-8"))]
