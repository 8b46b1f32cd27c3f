"""A product serial is one unit's, once and for all; the unit's records carry it, and it is found by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from station.errors import HINTS, UsageError
from station.ledger.outbox import Outbox
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.unit_bindings import bind_unit
from station.model.events import RunFinished, RunOpened
from station.model.sinks import Sink, Tried
from station.model.unit_values import UnitBinding
from tests.unit.ledger.builders import OTHER_SERIAL, SERIAL, a_run, opened
from tests.unit.ledger.conftest import LIMIT_S, Replies

MES = Sink("mes", "folder", "/mes")


def pairing(product_serial: str = "P-17", serial: str = SERIAL) -> UnitBinding:
    return UnitBinding(serial, "bench-1", datetime.now(UTC), "Ada", product_serial)


def test_bound_before_its_first_run(data_dir: Path, recorder: Recorder, replies: Replies, reader: Reader) -> None:
    bind_unit(data_dir, pairing(serial=SERIAL.lower()))
    assert reader.history(SERIAL, None).product_serial == "P-17"
    recorder.submit(RunFinished(a_run()))
    replies.next()
    assert [run.product_serial for run in reader.runs()] == ["P-17"]
    assert reader.unit_named("P-17") == SERIAL
    assert [run.serial for run in reader.unit("P-17").runs] == [SERIAL]


def test_bound_after_its_runs_all_of_them_carry_it(
    data_dir: Path, recorder: Recorder, replies: Replies, reader: Reader
) -> None:
    for run in (a_run(), a_run(minute=1), a_run(minute=2, serial=OTHER_SERIAL)):
        recorder.submit(RunFinished(run))
        replies.next()
    bind_unit(data_dir, pairing())
    assert [run.product_serial for run in reader.runs()] == ["P-17", "P-17", None]


def test_bound_in_the_middle_of_a_run(data_dir: Path, recorder: Recorder, replies: Replies, reader: Reader) -> None:
    run = a_run()
    recorder.submit(RunOpened(opened(run)))
    replies.next_opening()
    bind_unit(data_dir, pairing())
    recorder.submit(RunFinished(run))
    replies.next()
    assert [run.product_serial for run in reader.runs()] == ["P-17"]


def test_a_camera_without_an_identity_has_none(
    data_dir: Path, recorder: Recorder, replies: Replies, reader: Reader
) -> None:
    bind_unit(data_dir, pairing())
    recorder.submit(RunFinished(replace(a_run(), identified=False)))
    replies.next()
    assert [run.product_serial for run in reader.runs()] == [None]


def test_the_same_pairing_again_changes_nothing(data_dir: Path, reader: Reader) -> None:
    bind_unit(data_dir, pairing())
    bind_unit(data_dir, pairing())
    assert reader.history(SERIAL, "L1").product_serial == "P-17"


@pytest.mark.parametrize(
    ("other", "code"),
    [(pairing("P-17", OTHER_SERIAL), "product.taken"), (pairing("P-18", SERIAL), "product.unit_has_another")],
)
def test_another_pairing_is_refused(data_dir: Path, reader: Reader, other: UnitBinding, code: str) -> None:
    bind_unit(data_dir, pairing())
    with pytest.raises(UsageError) as caught:
        bind_unit(data_dir, other)
    assert caught.value.code == code
    assert HINTS[code]
    assert reader.history(SERIAL, None).product_serial == "P-17"
    assert reader.history(OTHER_SERIAL, None).product_serial is None


def test_the_factory_hears_of_the_newest_run_again(
    data_dir: Path, replies: Replies, new_recorder: Callable[..., Recorder]
) -> None:
    recorder = Recorder(data_dir, replies, sinks=(MES,))
    runs = [a_run(), a_run(minute=1)]
    for run in runs:
        recorder.submit(RunFinished(run))
        replies.next()
    assert recorder.close(LIMIT_S)
    outbox = Outbox(data_dir)
    outbox.note([Tried("mes", run.run_id, datetime.now(UTC)) for run in runs])
    bind_unit(data_dir, pairing(), (MES,))
    (due,) = outbox.due(MES, 10)
    assert (due.run_id, due.record["product_serial"]) == (runs[1].run_id, "P-17")
    outbox.close()
