"""Labels: a template that nobody's text can break out of, and a printer that is sent each label once at most."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.clock import now
from station.factory.deliverer import Deliverer, SinkDelivery
from station.factory.delivery_error import DeliveryError
from station.factory.label_printer import LONGEST_ANSWER_BYTES, parsed_status, ready_printer
from station.factory.label_template import SAMPLE, LabelTemplate
from station.factory.record_sinks import record_sink
from station.factory.zpl import commands, escaped
from station.ledger import label_rows, schema_version
from station.ledger.outbox import Outbox
from station.ledger.recorder import Recorder
from station.model.events import RunFinished, RunOpened
from station.model.runs import Outcome, RunRecord
from station.model.sinks import LostLabel, Sink
from tests.receivers import READY, LabelPrinter, free_port
from tests.unit.ledger.builders import a_run

LIMIT_S = 60.0
GOOD = "^XA^CI28^FO20,20^A0N,30^FH^FD{{ serial }}^FS^FO20,60^FH^FDQA,{{ product_serial or serial }}^FS^XZ\n"


def template(folder: Path, text: str) -> Path:
    file = folder / "label.zpl"
    file.write_text(text)
    return file


def test_a_label_has_the_fields_of_its_record(tmp_path: Path) -> None:
    made = LabelTemplate(template(tmp_path, GOOD)).label({**SAMPLE, "product_serial": None})
    assert made == (
        b"^XA^CI28^FO20,20^A0N,30^FH^FD3A0F5C77B1D2E49600112233^FS^FO20,60^FH^FDQA,3A0F5C77B1D2E49600112233^FS^XZ\n"
    )


@given(st.text(alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from("^~_5EFSXZ"))))
def test_no_text_is_more_than_data(text: str) -> None:
    """Read by this test's own reader: between ^FD and ^FS stands the text, letter by letter, and nothing behind."""
    data = escaped(text)
    assert "^" not in data
    assert "~" not in data
    printed, rest = b"", data.encode()
    while rest:
        if rest[:1] == b"_":
            printed, rest = printed + bytes([int(rest[1:3], 16)]), rest[3:]
        else:
            printed, rest = printed + rest[:1], rest[1:]
    assert printed.decode() == "".join(letter if letter.isprintable() else " " for letter in text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("^FH^FDQA", "^FDQA"), "^FH is missing before the ^FD that prints QA,P-000017-4"),
        (GOOD.replace("^FH^FD{{ serial }}", "^FH\\^FD{{ serial }}"), "^FH is missing"),
        (GOOD.replace("^A0N,30", "^A0N,{{ batch }}"), "a field of the record stands outside of ^FD, in ^A0"),
        (GOOD.replace("serial }}", "seriel }}"), "'seriel' is undefined"),
        (GOOD.replace("^XZ", ""), "begins with ^XA and ends with ^XZ"),
        (GOOD.replace("^XA", "^XA^CC!"), "^CC must not be in it"),
        ("^XA^FD{{ serial ^FS^XZ", "line 1: "),
        ("hello", "it begins with something that is no command"),
        ("^XA{% for i in range(99999) %}^FH^FD{{ serial }}^FS{% endfor %}^XZ", "its label is larger than 65536 bytes"),
        ("^XA^FH^FD{{ ''.__class__.__mro__ }}^FS^XZ", "unsafe"),
        ("x" * 70_000, "it is larger than 65536 bytes"),
    ],
)
def test_a_bad_template_is_named_before_any_camera(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DeliveryError, match=r".") as refused:
        LabelTemplate(template(tmp_path, text))
    assert refused.value.code == "label.template"
    assert said in refused.value.message


def test_what_does_not_escape_is_found_in_a_part_of_a_text_too(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="FH is missing"):
        LabelTemplate(template(tmp_path, "^XA^FO1,1^FD{{ serial[-4:] }}^FS^XZ"))
    part = LabelTemplate(template(tmp_path, "^XA^FO1,1^FH^FD{{ (serial | safe)[-4:] }}^FS^XZ"))
    assert b"^FD_5E_7E_5F_5E^FS" in part.label({**SAMPLE, "serial": "ab^~_^"})


def test_the_shipped_example_is_good() -> None:
    file = Path(__file__).parents[3] / "deploy/labels/camera.zpl"
    label = LabelTemplate(file).label(SAMPLE).decode()
    assert SAMPLE["product_serial"] in label
    assert [command.name for command in commands(label)][:1] == ["^XA"]


# --- the printer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"030,0,0", b"030,1,0", "no labels left"),
        (b"030,0,0", b"030,0,1", "paused"),
        (b"\x02000,0,0,0", b"\x02000,0,1,0", "head is open"),
        (b"\x02000,0,0,0", b"\x02000,0,0,1", "no ribbon"),
    ],
)
def test_a_printer_that_cannot_print_is_sent_nothing(old: bytes, new: bytes, said: str) -> None:
    printer = LabelPrinter()
    printer.answer = READY.replace(old, new, 1)
    with (
        printer.serving() as url,
        pytest.raises(DeliveryError, match=said) as refused,
        ready_printer(url, LIMIT_S, answers=True) as link,
    ):
        link.print(b"^XA^XZ")
    assert refused.value.code == "label.not_ready"
    assert printer.labels == []


@given(st.binary(max_size=400) | st.from_regex(rb"(\x02[0-9,]{0,60}\x03){0,4}", fullmatch=True))
def test_whatever_a_printer_answers_is_read_or_refused(answer: bytes) -> None:
    try:
        status = parsed_status(answer)
    except ValueError:
        return
    assert all(type(flag) is bool for flag in status)


@pytest.mark.parametrize("answer", [b"\x02" * 5000, b"HTTP/1.1 400 Bad Request\r\n" * 100, b"\x021,x,0\x03" * 3])
def test_garbage_is_bounded_and_nothing_is_printed(answer: bytes) -> None:
    printer = LabelPrinter()
    printer.answer = answer
    with (
        printer.serving() as url,
        pytest.raises(DeliveryError) as refused,
        ready_printer(url, LIMIT_S, answers=True) as link,
    ):
        link.print(b"^XA^XZ")
    assert refused.value.code == "label.no_status"
    assert printer.labels == []
    assert len(answer) > LONGEST_ANSWER_BYTES or b"x" in answer


# --- the outbox ------------------------------------------------------------------------------------------------------


class Station:
    """A log whose cameras that passed get labels from this printer."""

    def __init__(self, folder: Path, url: str, **values: Any) -> None:
        schema_version.create_or_check(folder)
        values = {"timeout_s": 5.0, "retry_s": 0.05, "retry_limit_s": 0.2, "outcomes": (Outcome.PASS,), **values}
        self.sink = Sink("printer", "zpl", url, template=str(template(folder, GOOD)), **values)
        self.outbox = Outbox(folder)
        self.recorder = Recorder(folder, lambda reply: None, sinks=[self.sink])
        self.runs: list[RunRecord] = []

    def finish(self, serial: str, outcome: Outcome = Outcome.PASS) -> RunRecord:
        run = a_run(outcome, minute=len(self.runs), serial=serial)
        self.runs.append(run)
        self.recorder.submit(RunFinished(run))
        return run

    def written(self) -> None:
        assert self.recorder.close(LIMIT_S)

    @contextmanager
    def delivering(self) -> Iterator[None]:
        deliverer = Deliverer([self.sink], self.outbox)
        deliverer.start()
        try:
            yield
        finally:
            assert deliverer.drain(LIMIT_S)

    def lost(self, count: int) -> list[LostLabel]:
        """Wait until so many labels are lost."""
        done = threading.Event()
        for _ in range(int(LIMIT_S / 0.05)):
            if len(found := self.outbox.lost_labels()) >= count:
                return found
            done.wait(0.05)
        raise AssertionError(f"{len(self.outbox.lost_labels())} labels are lost")


MakeStation = Callable[..., Station]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeStation]:
    made: list[Station] = []

    def station(url: str, **values: Any) -> Station:
        made.append(Station(tmp_path, url, **values))
        return made[-1]

    yield station
    for one in made:
        one.recorder.close(LIMIT_S)
        one.outbox.close()


def serials_on(labels: list[bytes]) -> list[str]:
    return [label.split(b"^FD")[1].split(b"^FS")[0].decode() for label in labels]


def test_each_camera_that_passed_gets_one_label(make: MakeStation) -> None:
    printer = LabelPrinter()
    with printer.serving() as url:
        line = make(url)
        for serial in ("A1", "A2", "A3"):
            line.finish(serial)
        line.finish("A4", Outcome.FAIL)
        line.written()
        with line.delivering():
            printer.wait_for_labels(3)
    assert sorted(serials_on(printer.labels)) == ["A1", "A2", "A3"]
    assert line.outbox.backlogs() == []
    assert line.outbox.lost_labels() == []


def test_a_printer_that_is_off_prints_when_it_is_on_again(make: MakeStation) -> None:
    port, printer = free_port(), LabelPrinter()
    line = make(f"tcp://127.0.0.1:{port}")
    line.finish("A1")
    line.written()
    with line.delivering():
        for _ in range(1000):
            if (found := line.outbox.backlogs()) and found[0].code == "outbox.unreachable":
                break
            threading.Event().wait(0.02)
        assert found[0].code == "outbox.unreachable"
        with printer.serving(port):
            printer.wait_for_labels(1)
    assert line.outbox.lost_labels() == []


@pytest.mark.parametrize("trouble", ["closes in the middle", "hangs"])
def test_a_label_that_may_be_there_is_never_printed_again(make: MakeStation, trouble: str) -> None:
    printer = LabelPrinter()
    printer.takes, printer.hangs = (30, False) if trouble == "closes in the middle" else (1 << 20, True)
    with printer.serving() as url:
        line = make(url, timeout_s=1.0)
        if trouble != "hangs":
            Path(line.sink.template).write_text(GOOD.replace("^XZ", "^FX" + "x" * 60_000 + "^XZ"))
        line.finish("A1")
        line.written()
        with line.delivering():
            (label,) = line.lost(1)
        printer.takes, printer.hangs = 1 << 20, False
        count = len(printer.labels)
        assert line.outbox.try_now() == 0
        with line.delivering():
            line.outbox.due(line.sink, 10)
        assert len(printer.labels) == count
    assert (label.code, label.serial) == ("label.maybe_printed", "A1")


def test_a_station_that_is_killed_while_it_prints_does_not_print_again(
    make: MakeStation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim is on the disk before the first byte: whatever comes after it, nobody sends the label again."""
    printer = LabelPrinter()
    with printer.serving() as url:
        line = make(url)
        run = line.finish("A1")
        line.written()

        def killed(sink: Sink, run_id: str) -> bool:
            assert line.outbox.claim(sink, run_id)
            raise KeyboardInterrupt

        monkeypatch.setattr(label_rows, "IN_HAND", timedelta())
        with pytest.raises(KeyboardInterrupt):
            record_sink(line.sink, killed).deliver(run.to_json())
        with line.delivering():
            (label,) = line.lost(1)
    assert label.code == "label.maybe_printed"
    assert printer.labels == []


def test_a_label_that_is_too_old_is_not_put_on_another_camera(make: MakeStation) -> None:
    printer = LabelPrinter()
    with printer.serving() as url:
        line = make(url, max_age_s=0.05)
        line.finish("A1")
        line.written()
        queued = line.outbox.waiting()[0].queued_at
        while now() - queued < timedelta(seconds=0.1):
            threading.Event().wait(0.02)
        with line.delivering():
            (label,) = line.lost(1)
    assert (label.code, printer.labels) == ("label.too_old", [])


@pytest.mark.parametrize("later", [Outcome.FAIL, Outcome.PASS, None])
def test_a_camera_that_was_run_again_gets_the_label_of_its_latest_run_or_none(
    make: MakeStation, later: Outcome | None
) -> None:
    printer = LabelPrinter()
    with printer.serving() as url:
        line = make(url)
        line.finish("A1")
        if later is None:
            line.recorder.submit(RunOpened(a_run(None, minute=5, serial="A1")))
        else:
            line.finish("A1", later)
        line.finish("A2")
        line.written()
        with line.delivering():
            printer.wait_for_labels(2 if later is Outcome.PASS else 1)
            (label,) = line.lost(1)
    assert label.code == "label.superseded"
    assert sorted(serials_on(printer.labels)) == (["A1", "A2"] if later is Outcome.PASS else ["A2"])


def test_a_run_that_is_recorded_again_prints_nothing_again(make: MakeStation) -> None:
    printer = LabelPrinter()
    with printer.serving() as url:
        line = make(url)
        run = line.finish("A1")
        delivery = SinkDelivery(line.sink, line.outbox, record_sink(line.sink, line.outbox.claim))
        stopping = threading.Event()
        while not printer.labels:
            delivery.turn(stopping)
        line.recorder.submit(RunFinished(run))
        line.written()
        delivery.turn(stopping)
        assert line.outbox.waiting() == []
    assert len(printer.labels) == 1


def test_a_printer_that_never_answers_is_believed_where_the_configuration_says_so(make: MakeStation) -> None:
    printer = LabelPrinter()
    printer.answer = None
    with printer.serving() as url:
        line = make(url, timeout_s=0.5)
        line.finish("A1")
        line.written()
        with line.delivering():
            for _ in range(1000):
                if (found := line.outbox.backlogs()) and found[0].code:
                    break
                threading.Event().wait(0.02)
        assert (found[0].code, printer.labels) == ("outbox.no_answer", [])
        mute = replace(line.sink, printer_answers=False, timeout_s=5.0)
        line.outbox.try_now()
        SinkDelivery(mute, line.outbox, record_sink(mute, line.outbox.claim)).turn(threading.Event())
        printer.wait_for_labels(1)
    assert line.outbox.backlogs() == []
