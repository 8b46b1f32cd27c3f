"""What units are given by key: kept with its history, in the records of their runs, and what runs are found by."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.errors import HINTS, UsageError
from station.ledger.outbox import Outbox
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.run_import import import_runs
from station.ledger.unit_bindings import bind_unit
from station.model.events import (
    BindingCommitted,
    BindingRefused,
    BindingSaid,
    OpeningCommitted,
    RunFinished,
    RunOpened,
)
from station.model.run_json import run_from_json
from station.model.runs import Outcome
from station.model.sinks import Sink, Tried
from station.model.unit_values import UnitBinding, UnitValues
from station.model.units import RunFilter
from tests.unit.ledger.builders import OTHER_SERIAL, SERIAL, START, a_run, opened
from tests.unit.ledger.conftest import Replies

MES = Sink("mes", "folder", "/mes")


def said(product: str | None = None, serial: str = SERIAL, *, changes: bool = False, **values: str) -> UnitBinding:
    return UnitBinding(serial, "bench-1", datetime.now(UTC), "Ada", product, UnitValues.of(values), changes)


def values_in(reader: Reader) -> list[dict[str, str]]:
    return [run.unit_values.to_json() for run in reader.runs()]


def test_given_before_in_the_middle_and_after_a_run(
    data_dir: Path, recorder: Recorder, replies: Replies, reader: Reader
) -> None:
    bind_unit(data_dir, said(lens="L-1"))
    run = a_run()
    recorder.submit(RunOpened(opened(run)))
    opening = replies.next_opening()
    assert isinstance(opening, OpeningCommitted)
    assert opening.run.unit_values.to_json() == {"lens": "L-1"}, "the line hears of it"
    bind_unit(data_dir, said(panel="7"))
    recorder.submit(RunFinished(run))
    replies.next()
    bind_unit(data_dir, said("P-17", box="B"))
    assert values_in(reader) == [{"lens": "L-1", "panel": "7", "box": "B"}]
    (stored,) = reader.runs()
    assert stored.product_serial == "P-17"
    assert run_from_json(json.loads(json.dumps(stored.to_json()))).unit_values == stored.unit_values


def test_a_change_is_meant_and_earlier_records_stay(
    data_dir: Path, recorder: Recorder, replies: Replies, reader: Reader
) -> None:
    bind_unit(data_dir, said(lens="L-1"))
    recorder.submit(RunFinished(a_run()))
    replies.next()
    with pytest.raises(UsageError) as refused:
        bind_unit(data_dir, said(lens="L-2", panel="7"))
    assert refused.value.code == "value.known"
    assert refused.value.code in HINTS
    assert "L-1" in refused.value.message
    assert reader.unit(SERIAL).values.to_json() == {"lens": "L-1"}, "all of it or nothing"
    bind_unit(data_dir, said(lens="L-2", changes=True))
    bind_unit(data_dir, said(lens="L-2", changes=True))
    recorder.submit(RunFinished(a_run(minute=5)))
    replies.next()
    assert values_in(reader) == [{"lens": "L-1"}, {"lens": "L-2"}]
    assert [(one.value, one.set_by) for one in reader.unit(SERIAL).value_history] == [("L-1", "Ada"), ("L-2", "Ada")]


def test_a_refused_product_serial_leaves_no_value(data_dir: Path, reader: Reader) -> None:
    bind_unit(data_dir, said("P-17"))
    with pytest.raises(UsageError):
        bind_unit(data_dir, said("P-17", OTHER_SERIAL, lens="L-1"))
    assert not reader.unit(OTHER_SERIAL).values


def test_the_recorder_binds_and_answers(data_dir: Path, recorder: Recorder, replies: Replies, reader: Reader) -> None:
    recorder.submit(BindingSaid("t1", said("P-17", lens="L-1")))
    recorder.submit(BindingSaid("t2", said("P-17", OTHER_SERIAL)))
    done, refused = replies.next(), replies.next()
    assert isinstance(done, BindingCommitted)
    assert isinstance(refused, BindingRefused)
    assert (done.ticket, done.unit.product_serial, done.unit.values.to_json()) == ("t1", "P-17", {"lens": "L-1"})
    assert (refused.ticket, refused.problem.code) == ("t2", "product.taken")
    assert SERIAL in refused.problem.message, "it says which unit has it"
    assert reader.unit_named("P-17") == SERIAL


def test_the_factory_hears_of_the_newest_run_again(data_dir: Path) -> None:
    import_runs(data_dir, [a_run(), a_run(minute=1)])
    bind_unit(data_dir, said(lens="L-1"), [MES])
    outbox = Outbox(data_dir)
    waiting = [row.run_id for row in outbox.waiting("mes")]
    assert len(waiting) == 1
    outbox.note([Tried("mes", waiting[0], datetime.now(UTC), None)])
    bind_unit(data_dir, said(lens="L-2", changes=True), [MES])
    assert not outbox.waiting("mes"), "no record is another one now"


def test_a_value_prints_no_label_of_a_camera_that_passed_before(data_dir: Path) -> None:
    """The printer came later: labels of cameras that are long gone would lie there."""
    import_runs(data_dir, [a_run()])
    printer = Sink("labels", "zpl", "tcp://printer:9100", template="/label.zpl")
    bind_unit(data_dir, said("P-17", lens="L-1"), (printer, MES))
    with closing(Outbox(data_dir)) as outbox:
        assert [len(outbox.due(sink, 9)) for sink in (printer, MES)] == [0, 1]


def test_only_the_newest_run_is_reported_again(data_dir: Path) -> None:
    """The older one lacks the value, the newest has it already."""
    import_runs(data_dir, [a_run(), a_run(minute=1, unit_values=UnitValues.of({"lens": "L-1"}))])
    bind_unit(data_dir, said(changes=True, lens="L-2"), (MES,))
    with closing(Outbox(data_dir)) as outbox:
        assert outbox.due(MES, 9) == []


def test_runs_are_found_by_product_serial_and_value(data_dir: Path, reader: Reader) -> None:
    bind_unit(data_dir, said("P-000017", lens="L-1"))
    bind_unit(data_dir, said("P-000018", OTHER_SERIAL, lens="L-1", panel="7"))
    failing = a_run(Outcome.FAIL, minute=61, serial=OTHER_SERIAL)
    import_runs(data_dir, [a_run(), failing, a_run(minute=2, serial="3A0F5C77B1D2E49600778899")])
    by_lens, by_panel = RunFilter(where=(("lens", "L-1"),)), RunFilter(where=(("lens", "L-1"), ("panel", "7")))
    assert [run.serial for run in reader.runs(by_lens)] == [SERIAL, OTHER_SERIAL]
    assert [run.serial for run in reader.runs(by_panel)] == [OTHER_SERIAL]
    report = reader.report(by_lens)
    assert (report.units_started, report.units_passed, report.first_pass_yield) == (2, 1, 0.5)
    assert {outcome: count for outcome, count in report.outcomes if count} == {Outcome.PASS: 1, Outcome.FAIL: 1}
    one = reader.report(RunFilter(product_serial="P-000017"))
    assert (one.units_started, one.final_yield) == (1, 1.0)
    (failed,) = reader.failed(where=(("lens", "L-1"),))
    assert (failed.product_serial, failed.to_json()["unit_values"]) == ("P-000018", {"lens": "L-1", "panel": "7"})
    assert not reader.failed(product_serial="P-000017")


def test_a_report_of_units_agrees_with_one_of_everything(data_dir: Path, reader: Reader) -> None:
    """The sums by the hour are not used for units: it must come to the same."""
    bind_unit(data_dir, said(lens="L-1"))
    runs = [a_run(Outcome.FAIL if n % 3 == 0 else Outcome.PASS, minute=40.0 * n) for n in range(7)]
    import_runs(data_dir, runs)
    everything, mine = reader.report(), reader.report(RunFilter(where=(("lens", "L-1"),)))
    assert replace(mine, **{name: getattr(everything, name) for name in ("since", "until")}) == everything
    part = RunFilter(since=START + timedelta(minutes=50), until=START + timedelta(minutes=170))
    assert reader.report(part).outcomes == reader.report(replace(part, where=(("lens", "L-1"),))).outcomes


def test_unknown_names_are_refused_with_the_nearest(data_dir: Path, reader: Reader) -> None:
    bind_unit(data_dir, said("P-000017", lens="L-0042"))
    bind_unit(data_dir, said("Q-100017", OTHER_SERIAL))

    def refusal(act: object, *asked: object) -> tuple[str, str]:
        with pytest.raises(UsageError) as refused:
            act(*asked)  # type: ignore[operator]
        assert refused.value.code in HINTS
        return refused.value.code, refused.value.message

    code, text = refusal(reader.refuse_unknown_values, [("lense", "L-0042")])
    assert (code, text.endswith("the nearest: lens")) == ("usage.unknown_unit_key", True)
    code, text = refusal(reader.refuse_unknown_values, [("lens", "L-0043")])
    assert (code, text.endswith("the nearest: L-0042")) == ("usage.unknown_unit_value", True)
    code, text = refusal(reader.product_named, "P-000018")
    assert (code, "P-000017" in text) == ("usage.unknown_product", True)
    assert refusal(reader.product_named, "0017")[0] == "usage.several_products"
    assert refusal(reader.unit_named, "0017")[0] == "usage.several_units"
    assert reader.product_named("100017") == "Q-100017"
    assert reader.unit_named("100017") == OTHER_SERIAL


def test_an_imported_run_brings_its_values(data_dir: Path, reader: Reader) -> None:
    brought = replace(a_run(), product_serial="P-9", unit_values=UnitValues.of({"lens": "L-9"}))
    import_runs(data_dir, [brought])
    import_runs(data_dir, [replace(a_run(minute=3), product_serial="P-9", unit_values=brought.unit_values)])
    reader.refuse_unknown_values([("lens", "L-9")])
    assert len(list(reader.runs(RunFilter(where=(("lens", "L-9"),))))) == 2
    assert len(reader.unit(SERIAL).value_history) == 1
    assert len(list(reader.runs(RunFilter(product_serial=reader.product_named("P-9"))))) == 2


def test_the_screen_finds_by_product_serial(data_dir: Path, reader: Reader) -> None:
    import_runs(data_dir, [a_run(), a_run(minute=1, serial=OTHER_SERIAL)])
    bind_unit(data_dir, said("P-000017-4"))
    assert [line.serial for line in reader.found("P-000017-4", 5)] == [SERIAL]
    assert [line.serial for line in reader.found("017-4", 5)] == [SERIAL]
