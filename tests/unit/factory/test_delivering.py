"""The deliverer's process beside a line that ends early."""

from __future__ import annotations

from contextlib import closing
from multiprocessing import Pipe
from pathlib import Path

import pytest

from station.ledger import outbox, schema_version
from station.model.sinks import Sink
from station.wiring import delivering


def test_a_log_that_a_short_line_made_is_found_although_the_line_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looked once before there was a log; by then the line has made one, recorded its run and ended."""
    opened = outbox.Outbox

    def opened_late(data_dir: Path) -> outbox.Outbox:
        monkeypatch.setattr(outbox, "Outbox", opened)
        try:
            return opened(data_dir)
        finally:
            schema_version.create_or_check(data_dir)

    monkeypatch.setattr(outbox, "Outbox", opened_late)
    theirs, ours = Pipe()
    ours.close()
    found = delivering._opened(theirs, tmp_path / "data")
    assert found is not None
    with closing(found):
        assert list(found.due(Sink("mes", "folder", str(tmp_path)), 1)) == []


def test_without_a_log_the_deliverer_ends_with_its_line(tmp_path: Path) -> None:
    theirs, ours = Pipe()
    ours.close()
    assert delivering._opened(theirs, tmp_path) is None
