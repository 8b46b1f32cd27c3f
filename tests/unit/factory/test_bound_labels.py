"""Labels of cameras whose product serial is scanned after they passed: each is printed once, with it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from station.clock import now
from station.errors import UsageError
from station.factory.deliverer import SinkDelivery
from station.factory.delivery_error import DeliveryError
from station.factory.label_template import SAMPLE, LabelTemplate
from station.factory.record_sinks import record_sink
from station.ledger import schema_version
from station.ledger.outbox import Outbox
from station.ledger.recorder import Recorder
from station.ledger.unit_bindings import bind_unit
from station.model.events import RunFinished
from station.model.runs import Outcome
from station.model.sinks import Sink, WaitingRun
from station.model.unit_values import UnitBinding, UnitValues
from tests.receivers import LabelPrinter, free_port
from tests.unit.ledger.builders import a_run

LIMIT_S = 60.0
PLAIN = "{{ product_serial }}"
FALLBACK = "{{ product_serial or serial }}"
SERIALS = ("3A0F5C77B1D2E49600112233", "4C368857C000CE413E8C647A")
A1, A2 = SERIALS
NEVER = threading.Event()


def template(folder: Path, text: str) -> str:
    file = folder / "label.zpl"
    file.write_text(f"^XA^CI28^FO20,20^FH^FD{text}^FS^XZ")
    return str(file)


class Bench:
    """A log, a printer that may be off, and a process that delivers, one turn at a time."""

    def __init__(self, folder: Path) -> None:
        schema_version.create_or_check(folder)
        self.folder, self.port, self.printer, self.minute = folder, free_port(), LabelPrinter(), 0
        given: dict[str, Any] = {"timeout_s": 5.0, "retry_s": 0.05, "retry_limit_s": 0.05, "outcomes": (Outcome.PASS,)}
        to = f"tcp://127.0.0.1:{self.port}"
        self.sink = Sink("printer", "zpl", to, template=template(folder, PLAIN), **given)

    def finish(self, serial: str = A1, outcome: Outcome = Outcome.PASS, product: str | None = None) -> str:
        self.minute += 1
        run = replace(a_run(outcome, minute=self.minute, serial=serial), product_serial=product)
        recorder = Recorder(self.folder, lambda reply: None, sinks=[self.sink])
        recorder.submit(RunFinished(run))
        assert recorder.close(LIMIT_S)
        return run.run_id

    def bind(self, product: str | None, serial: str = A1, **values: str) -> None:
        said = UnitBinding(serial, "bench-1", now(), "ann", product, UnitValues.of(values), changes=True)
        bind_unit(self.folder, said, [self.sink])

    def turns(self, count: int = 3) -> None:
        """The process that delivers is started, works, and is gone again."""
        outbox = Outbox(self.folder)
        delivery = SinkDelivery(self.sink, outbox, record_sink(self.sink, outbox.claim))
        for _ in range(count):
            delivery.turn(NEVER)
            NEVER.wait(0.06)
        delivery.close()
        outbox.close()

    def waiting(self) -> list[WaitingRun]:
        outbox = Outbox(self.folder)
        try:
            return outbox.waiting()
        finally:
            outbox.close()

    @property
    def printed(self) -> list[str]:
        return [label.split(b"^FD")[1].split(b"^FS")[0].decode() for label in self.printer.labels]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("text", [PLAIN, FALLBACK])
def test_it_is_printed_once_when_the_serial_is_bound(bench: Bench, text: str) -> None:
    template(bench.folder, text)
    bench.sink = replace(bench.sink, expects_product_serial=text == FALLBACK)
    with bench.printer.serving(bench.port):
        bench.finish()
        bench.turns()
        assert bench.printed == []
        (waits,) = bench.waiting()
        assert (waits.code, waits.tries) == ("label.unbound", 0)
        bench.bind("P-1")
        bench.turns()
        bench.bind("P-1")
        bench.turns()
    assert bench.printed == ["P-1"]
    assert bench.waiting() == []


def test_also_when_nobody_delivered_in_between(bench: Bench) -> None:
    with bench.printer.serving(bench.port):
        bench.finish()
        bench.bind("P-1")
        bench.turns()
    assert bench.printed == ["P-1"]


def test_a_printer_that_was_off_all_the_while_prints_it_once(bench: Bench) -> None:
    bench.finish()
    bench.turns()
    bench.bind("P-1")
    bench.turns()
    assert bench.waiting()[0].code == "outbox.unreachable"
    with bench.printer.serving(bench.port):
        bench.turns(20)
    assert bench.printed == ["P-1"]


def test_one_that_waits_holds_up_no_other_and_is_no_failure(bench: Bench) -> None:
    bench.finish(A1)
    bench.finish(A2, product="P-2")
    with bench.printer.serving(bench.port):
        bench.turns(1)
        assert bench.printed == ["P-2"]
        outbox = Outbox(bench.folder)
        assert outbox.backlogs() == []
        assert outbox.unbound_labels() == {"printer": 1}
        outbox.close()


def test_it_does_not_get_too_old_before_it_is_bound_and_does_afterwards(bench: Bench) -> None:
    bench.sink = replace(bench.sink, max_age_s=0.3)
    bench.finish()
    bench.turns()
    NEVER.wait(0.4)
    bench.turns()
    assert [row.code for row in bench.waiting()] == ["label.unbound"]
    bench.bind("P-1")
    NEVER.wait(0.4)
    with bench.printer.serving(bench.port):
        bench.turns()
    assert bench.printed == []
    outbox = Outbox(bench.folder)
    assert [label.code for label in outbox.lost_labels()] == ["label.too_old"]
    outbox.close()


def test_the_newest_run_that_passed_gets_it(bench: Bench) -> None:
    bench.finish()
    bench.turns()
    bench.finish()
    bench.turns()
    with bench.printer.serving(bench.port):
        bench.bind("P-1")
        bench.turns()
    assert bench.printed == ["P-1"]


def test_a_skipped_run_behind_it_changes_nothing_and_a_failed_one_does(bench: Bench) -> None:
    with bench.printer.serving(bench.port):
        for serial, later in ((A1, Outcome.SKIPPED), (A2, Outcome.FAIL)):
            bench.finish(serial)
            bench.turns()
            bench.finish(serial, later)
            bench.bind(f"P-{serial[:1]}", serial)
            bench.turns()
    assert bench.printed == ["P-3"]


def test_a_label_that_was_printed_without_it_is_not_printed_again(bench: Bench) -> None:
    """The template has something else to print, and nobody said that every product has a serial."""
    template(bench.folder, FALLBACK)
    with bench.printer.serving(bench.port):
        bench.finish()
        bench.turns()
        assert bench.printed == [A1]
        bench.bind("P-1")
        bench.turns()
    assert bench.printed == [A1]


def test_one_that_is_bound_while_it_is_looked_at_does_not_wait_for_ever(bench: Bench) -> None:
    """Read without its serial, bound, and only then noted as waiting for it."""
    bench.finish()
    outbox = Outbox(bench.folder)
    delivery = SinkDelivery(bench.sink, outbox, record_sink(bench.sink, outbox.claim))
    (due,) = outbox.due(bench.sink, 1)
    bench.bind("P-1")
    delivery._deliver(due)
    with bench.printer.serving(bench.port):
        delivery.turn(NEVER)
        delivery.turn(NEVER)
    outbox.close()
    assert bench.printed == ["P-1"]


def test_what_is_refused_prints_nothing(bench: Bench) -> None:
    with bench.printer.serving(bench.port):
        bench.finish(A1, product="P-1")
        bench.finish(A2)
        bench.bind("P-1")
        bench.turns()
        with pytest.raises(UsageError):
            bench.bind("P-1", A2)
        bench.turns()
    assert bench.printed == ["P-1"]


def test_a_value_by_key_is_waited_for_too(bench: Bench) -> None:
    template(bench.folder, "{{ unit_values.lens }} {{ unit_values['box'] or '-' }}")
    with bench.printer.serving(bench.port):
        bench.finish()
        bench.turns()
        assert [row.message for row in bench.waiting()] == ["it waits for lens of its camera"]
        bench.bind("P-1")
        bench.turns()
        assert bench.printed == []
        bench.bind(None, lens="L-7")
        bench.turns()
        bench.bind(None, lens="L-8")
        bench.turns()
    assert bench.printed == ["L-7 -"]


def test_tried_again_on_request_where_the_template_is_another_now(bench: Bench) -> None:
    bench.finish()
    bench.turns()
    template(bench.folder, "{{ serial }}")
    outbox = Outbox(bench.folder)
    assert outbox.try_now() == 1
    outbox.close()
    with bench.printer.serving(bench.port):
        bench.turns()
    assert bench.printed == [A1]


@pytest.mark.parametrize(
    ("text", "expected", "made"),
    [
        ("{{ product_serial }}", False, None),
        ("{{ product_serial | upper }}", False, None),
        ("{{ product_serial[-4:] }}", False, None),
        ("{{ product_serial.upper() }}", False, None),
        ("{{ 'QA,' ~ product_serial }}", False, None),
        ("{{ 'QA,' + product_serial }}", False, None),
        ("{{ product_serial or 'none' }}", False, "none"),
        ("{{ product_serial or 'none' }}", True, None),
        ("{% if product_serial %}{{ product_serial }}{% endif %}x", False, "x"),
        ("{% if product_serial %}{{ product_serial }}{% endif %}x", True, None),
        ("{% if product_serial is not none %}{{ product_serial }}{% endif %}x", False, "x"),
        ("{% if product_serial == none %}x{% endif %}", False, "x"),
        ("{% if product_serial is none %}x{% endif %}", True, None),
        ("{{ serial[:2] }}", True, "3A"),
    ],
)
def test_what_a_template_waits_for(tmp_path: Path, text: str, expected: bool, made: str | None) -> None:
    label = LabelTemplate(Path(template(tmp_path, text)))
    record = {**SAMPLE, "product_serial": None}
    if made is None:
        with pytest.raises(DeliveryError, match="it waits for the product serial of its camera") as waits:
            label.bound_label(record, expects_product_serial=expected)
        assert waits.value.code == "label.unbound"
    else:
        assert f"^FD{made}^FS".encode() in label.bound_label(record, expects_product_serial=expected)
    assert label.bound_label(SAMPLE, expects_product_serial=expected) == label.label(SAMPLE)


def test_age_counts_from_the_scan(bench: Bench) -> None:
    bench.finish()
    bench.turns()
    before = bench.waiting()[0].queued_at
    bench.bind("P-1")
    assert timedelta() < bench.waiting()[0].queued_at - before
