"""Runs of virtual and of real cameras never meet in one log."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.errors import UsageError
from station.ledger import schema_version
from station.ledger.recorder import Recorder
from station.model.events import RunFinished
from station.wiring.virtual_log import claim, is_virtual
from tests.unit.ledger.builders import a_run


def record(data_dir: Path) -> None:
    schema_version.create_or_check(data_dir)
    recorder = Recorder(data_dir, lambda reply: None)
    recorder.submit(RunFinished(a_run()))
    assert recorder.close(120)


def test_a_folder_that_virtual_cameras_began_is_theirs(tmp_path: Path) -> None:
    claim(tmp_path, virtual=True)
    record(tmp_path)
    claim(tmp_path, virtual=True)
    with pytest.raises(UsageError) as caught:
        claim(tmp_path, virtual=False)
    assert caught.value.code == "usage.virtual_log"
    assert caught.value.hint


def test_a_log_of_real_cameras_is_not_for_virtual_ones(tmp_path: Path) -> None:
    claim(tmp_path, virtual=False)
    record(tmp_path)
    claim(tmp_path, virtual=False)
    with pytest.raises(UsageError) as caught:
        claim(tmp_path, virtual=True)
    assert caught.value.code == "usage.real_log"
    assert caught.value.hint
    assert not is_virtual(tmp_path)


def test_a_log_without_runs_is_for_either(tmp_path: Path) -> None:
    schema_version.create_or_check(tmp_path)
    claim(tmp_path, virtual=False)
    claim(tmp_path, virtual=True)
    assert is_virtual(tmp_path)
