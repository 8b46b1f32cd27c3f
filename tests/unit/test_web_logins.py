"""Logins in browsers as rows of the audit, and that nobody can fill the log with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from station.errors import UsageError
from station.ledger import audit, schema_version
from station.roles import pin_file
from station.wiring.web_logins import MOST_ROWS, ONE_MORE_S, WebLogins

PIN = "1618"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    schema_version.create_or_check(tmp_path)
    pin_file.set_pin(tmp_path, "look", PIN)
    monkeypatch.setattr(pin_file, "_fits", lambda known, pin: pin == PIN)  # the real one is slow, on purpose
    return tmp_path


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def wrong(logins: WebLogins, address: str) -> None:
    with pytest.raises(UsageError):
        logins.holder_of("0000", address)


def details(log: Path) -> list[dict[str, Any]]:
    return [json.loads(row.details) for row in audit.rows(log)]


def test_who_knows_one_pin_cannot_fill_the_log(log: Path) -> None:
    clock = Clock()
    logins = WebLogins(log, "bench-1", clock)
    for _ in range(MOST_ROWS):
        wrong(logins, "10.0.0.9")  # the first of a series is a row, and the right PIN ends the series
        assert logins.holder_of(PIN, "10.0.0.9") == "look"
    assert len(audit.rows(log)) == MOST_ROWS
    clock.now_s += ONE_MORE_S
    for _ in range(5):
        logins.holder_of(PIN, "10.0.0.9")
    rows = details(log)
    assert len(rows) == MOST_ROWS + 1
    assert rows[-1] == {"address": "10.0.0.9", "where": "station web", "left_out": MOST_ROWS}
    clock.now_s += ONE_MORE_S
    logins.holder_of(PIN, "10.0.0.9")
    assert details(log)[-1]["left_out"] == 4


def test_a_series_of_wrong_pins_names_every_address_up_to_a_number(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("station.roles.wrong_pins.wait_after", lambda _count: 0.0)
    logins = WebLogins(log, "bench-1")
    for number in range(1, 13):
        wrong(logins, f"10.0.0.{number}")
    found = [each["addresses"] for each in details(log)]
    assert found[:3] == [{"10.0.0.1": 1}, {"10.0.0.2": 1, "10.0.0.3": 1}, {f"10.0.0.{n}": 1 for n in (4, 5, 6)}]
    assert sum(map(sum, (each.values() for each in found))) == 12
    for number in range(13, 25):
        wrong(logins, f"10.0.0.{number}")
    last = details(log)[-1]["addresses"]
    assert (len(last), last["others"], sum(last.values())) == (9, 4, 12)


def test_a_log_that_cannot_be_written_keeps_nobody_out(log: Path, caplog: pytest.LogCaptureFixture) -> None:
    (log / "station.sqlite3").write_bytes(b"no log")
    assert WebLogins(log, "bench-1").holder_of(PIN, "10.0.0.9") == "look"
    assert "not in the audit: web.login" in caplog.text
