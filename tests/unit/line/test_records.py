from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from station.line import records
from station.line.port import Port
from station.model.runs import Outcome, RunRecord
from station.model.slots import Slot

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def a_run() -> RunRecord:
    return RunRecord(
        run_id="r1",
        station_id="bench-1",
        serial="3A0F5C77B1D2E49600112233",
        identified=True,
        slot="A1",
        port_path="1-1.1",
        batch=None,
        operator=None,
        recipe="full",
        bundle="v4.7.0",
        bundle_sha256="0" * 64,
        bootloader="1.0.3",
        started_at=START,
    )


@pytest.mark.parametrize("set_by", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_is_set_meanwhile_does_not_lengthen_a_run(
    monkeypatch: pytest.MonkeyPatch, set_by: timedelta
) -> None:
    port = Port("1-1.1", Slot("A1", "1-1.1"))
    port.begin(a_run())
    assert port.started_s is not None
    monkeypatch.setattr(records, "monotonic_s", lambda: (port.started_s or 0.0) + 25.0)
    monkeypatch.setattr(records, "now", lambda: START + set_by)
    run = records.closed_run(port, a_run(), (), Outcome.PASS, None, "")
    assert run.duration_s == pytest.approx(25.0)
    assert run.finished_at == START + timedelta(seconds=run.duration_s or 0.0)
