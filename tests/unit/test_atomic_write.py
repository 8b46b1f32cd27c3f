from __future__ import annotations

import os
from pathlib import Path

import pytest

from station.atomic_write import INCOMING, write_durably


def test_a_file_has_its_content_and_mode_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "used"
    file.write_text("old")
    write_durably(file, b"new", 0o440)
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o440
    assert os.listdir(tmp_path) == ["used"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_cannot_be_written_whole_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "used"
    file.write_text("old")
    seen: list[str] = []

    def fail(*_: object) -> None:
        seen.extend(os.listdir(tmp_path))
        raise OSError("the disk is full")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="full"):
        write_durably(file, b"new", 0o644)
    assert any(name.startswith(INCOMING) for name in seen)
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["used"]
