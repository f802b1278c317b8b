"""The studies' tables: read as written, and refused where they are damaged."""

import pytest

from tinyml_course.core.errors import InvalidData
from tinyml_course.nas.estimates import EstimatedNetwork, OwnTraining, read_estimates

HEAD = "network,accuracy,loss,macs,arena_bytes,model_bytes,latency_ms\n"


def test_a_table_is_read_in_its_order_with_its_comments_left_out(tmp_path):
    """Codes, shares, nats and bytes come back as they stand in the file."""
    path = tmp_path / "scores.csv"
    path.write_text(
        f"# made by a command\n{HEAD}c8k3,0.5,1.25,100,2000,3000,0.5\nc4k3,0,2,1,2,3,4\n"
    )
    first, second = read_estimates(path, EstimatedNetwork)
    assert ("c8k3", 0.5, 1.25, 2000) == (
        first.network, first.accuracy, first.loss, first.arena_bytes,
    )  # fmt: skip
    assert ("c4k3", 4.0) == (second.network, second.latency_ms)


def test_a_damaged_table_names_the_file_and_the_row(tmp_path):
    """A missing column, a word for a number, and an empty table all raise InvalidData."""
    path = tmp_path / "scores.csv"
    path.write_text(f"{HEAD}c8k3,half,1,1,1,1,1\n")
    with pytest.raises(InvalidData, match=r"scores\.csv, row 1: .*half"):
        read_estimates(path, EstimatedNetwork)
    with pytest.raises(InvalidData, match="seed"):
        read_estimates(path, OwnTraining)
    path.write_text(HEAD)
    with pytest.raises(InvalidData, match="no rows"):
        read_estimates(path, EstimatedNetwork)
