"""The table of faults names tests that are there, and can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.fault_table import WITHOUT_CAMERA, note, note_those_without_camera

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("test", [test for _, _, test in WITHOUT_CAMERA])
def test_each_fault_has_its_test(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"def {name}(" in (TESTS / file).read_text()


def test_a_row_can_be_read(tmp_path: Path) -> None:
    run = {"port_path": "1-1.2", "outcome": "FAIL", "code": "usb.io", "duration_s": 1.26}
    note(tmp_path / "t.md", "test_a_name_of_any_bytes[\x07|" + "💣" * 99 + "]", [run])
    note_those_without_camera(tmp_path / "t.md")
    row = (tmp_path / "t.md").read_text().splitlines()[2]
    assert row.startswith("| a name of any bytes: ")
    assert row.endswith("… | 1-1.2: FAIL usb.io, 1.3 |")
    assert len(row) < 140
