from __future__ import annotations

import csv
import io
import json
import threading
import time
import uuid
from dataclasses import replace
from typing import Any

import pytest

from station.model import ids
from station.model.ids import new_id
from station.model.run_json import run_from_json
from station.model.runs import Purpose
from station.model.serials import canonical_serial, reversed_serial
from station.report.run_export import export_lines
from tests.unit.ledger.builders import a_run


def test_keys_are_version_seven_of_now() -> None:
    before_ms = time.time_ns() // 1_000_000
    key = uuid.UUID(new_id())
    assert (key.version, key.variant) == (7, uuid.RFC_4122)
    assert before_ms <= key.int >> 80 <= before_ms + 60_000


def test_keys_rise_and_never_repeat_in_four_threads() -> None:
    made: list[list[str]] = [[] for _ in range(4)]

    def work(mine: list[str]) -> None:
        mine.extend(new_id() for _ in range(2000))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    assert len({key for mine in made for key in mine}) == 8000


def test_keys_rise_while_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if the newest key had been made an hour from now.
    ahead = ids._next_tick() + (3600 * 1000 << 12)
    monkeypatch.setattr(ids, "_last_tick", ahead)
    first, second = new_id(), new_id()
    assert uuid.UUID(first).int >> 80 == ahead >> 12
    assert first < second


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("started_at", "2026-11-22T08:00:00"),
        ("started_at", None),
        ("started_at", "yesterday"),
        ("outcome", "GOOD"),
        ("duration_s", "long"),
        ("attempts", None),
        ("attempts", [{}]),
        ("attempts", ["x"]),
    ],
)
def test_json_that_is_no_run_is_refused(key: str, value: object) -> None:
    data: dict[str, Any] = a_run().to_json() | {key: value}
    with pytest.raises(ValueError):  # noqa: PT011 (each case has a message of its own)
        run_from_json(data)


def test_json_without_a_key_is_refused() -> None:
    data = a_run().to_json()
    del data["bundle_sha256"]
    with pytest.raises(ValueError, match="bundle_sha256"):
        run_from_json(data)


PROMISED = (
    "run_id", "station_id", "serial", "slot", "port_path", "batch", "operator", "recipe", "bundle", "bundle_sha256",
    "bundle_version", "bootloader", "station_version", "application_serial", "product_serial", "part_number", "purpose",
    "notes", "started_at", "finished_at", "duration_s", "outcome", "code", "message", "attempts",
)  # fmt: skip
FULL = a_run(
    station_version="1.2.3",
    bundle_version="OpenMV v4.8.1",
    application_serial="0829c14000000000",
    product_serial="P-17",
    part_number="AE3-1",
    hardware_revision="C",
    location="hall 3",
    time_zone="Asia/Shanghai",
    proofs_off="confirm_boot",
    central_wait_s=0.02,
    purpose=Purpose.REWORK,
    notes=("the application's serial has another form", "ünïcode"),
)


def test_the_json_of_a_run_has_the_promised_names_in_their_order() -> None:
    names = [name for name in FULL.to_json() if name in PROMISED]
    assert tuple(names) == PROMISED
    assert (FULL.to_json()["purpose"], FULL.to_json()["notes"]) == ("rework", list(FULL.notes))
    assert run_from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_what_an_older_station_exported_is_a_run_still() -> None:
    data = a_run().to_json()
    older = {name: value for name, value in data.items() if name not in PROMISED[10:11] + PROMISED[12:18]}
    assert len(data) - len(older) == 7
    assert run_from_json(older) == run_from_json(data)
    with pytest.raises(ValueError, match="fun"):
        run_from_json(data | {"purpose": "fun"})


def test_every_export_has_the_whole_record() -> None:
    (row,) = csv.DictReader(io.StringIO("".join(export_lines([replace(FULL, attempts=())], "csv"))))
    assert [name for name in row if name in PROMISED] == list(PROMISED[:-1])
    assert (row["purpose"], row["notes"], row["product_serial"]) == ("rework", "; ".join(FULL.notes), "P-17")
    metadata = json.loads("".join(export_lines([FULL], "openhtf")))["metadata"]
    assert {name: metadata[name] for name in PROMISED[10:18] if name != "bootloader"} == {
        name: FULL.to_json()[name] for name in PROMISED[10:18] if name != "bootloader"
    }


def test_serials() -> None:
    assert canonical_serial(" 3a0F \n") == "3A0F"
    assert reversed_serial("3a0f5c") == "5C0F3A"
    assert [reversed_serial(text) for text in ("", "abc", "xyz!")] == [None, None, None]
