"""What `tinyml doctor` says."""

import pytest

from tinyml_course import doctor


@pytest.mark.parametrize(
    ("finding", "status"),
    [
        (doctor.check_python((3, 12, 1)), "ok"),
        (doctor.check_python((3, 14, 0)), "fault"),
        (doctor.check_disk(100e9), "ok"),
        (doctor.check_disk(1e9), "note"),
        (doctor.check_cores(8), "ok"),
        (doctor.check_cores(1), "note"),
    ],
)
def test_each_thing_is_judged(finding, status):
    """Good values are ok; bad ones carry a remedy."""
    assert finding.status == status
    assert bool(finding.remedy) == (status != "ok")


def test_a_missing_and_an_outdated_package_are_faults():
    """Packages are compared with the versions asked for."""
    from packaging.specifiers import SpecifierSet

    assert doctor._check_package("no-such-package", SpecifierSet("")).status == "fault"
    assert doctor._check_package("numpy", SpecifierSet("<1")).status == "fault"
    assert doctor._check_package("numpy", SpecifierSet(">=2")).status == "ok"


def test_a_wrong_data_folder_is_a_finding_not_a_crash(monkeypatch, tmp_path):
    """TINYML_COURSE_DATA that names an empty folder is reported with the remedy."""
    monkeypatch.setenv("TINYML_COURSE_DATA", str(tmp_path))
    finding = doctor.check_data()
    assert (finding.status, finding.remedy) == ("fault", "correct or unset TINYML_COURSE_DATA")


def test_the_table_ends_with_a_verdict(capsys):
    """The last line says whether anything keeps the course from working."""
    doctor.print_findings((doctor.Finding("disk", "fault", "0 GB", "free some"),))
    assert capsys.readouterr().out.strip().endswith("Not ready: 1 to mend, remedies beside them.")
