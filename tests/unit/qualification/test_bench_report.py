"""What a qualification makes of its runs: figures, beliefs, and what it teaches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.board.serial_rule import SerialForm, SerialRule, eui_extension
from station.model import bench_facts
from station.model.functional_tests import FunctionalTests
from station.model.measurements import Measurement, Value
from station.model.runs import Outcome, RunOptions, RunRecord
from station.qualification.bench_report import About, BenchReport, bench_report
from station.qualification.bench_run import Expectations, SlotCycles
from station.report.bench_html import bench_html, bench_text
from tests.unit.ledger.builders import START, a_run, an_attempt, an_image

SERIAL = "A1B2C3D4E5F60718293A0001"
EUI = eui_extension(bytes.fromhex(SERIAL)).hex()
EVIL = '<script src="http://evil.invalid/x">'
SOUND: dict[str, Value] = {
    bench_facts.HOLD_S: 0.02,
    bench_facts.BCD_DEVICE: "0x0103",
    bench_facts.TRANSFER_BYTES: 4096,
    bench_facts.PROBES: 14,
    bench_facts.PROBES_UNLIKE: 0,
    bench_facts.DETACH_REPEATS: 0,
    bench_facts.PORT_RESETS: 0,
    bench_facts.WINDOW_S: 1.6,
    bench_facts.BOOT_S: 5.0,
    bench_facts.INTERFACES: "02/02 0A/00 08/06",
    bench_facts.SENSOR_ID: 0x7936,
    "device_id": "".join(reversed([SERIAL[:8], SERIAL[8:16], SERIAL[16:]])),
    "firmware_version": "5.0.0",
    "he_answer_s": 0.1,
}
JUDGED: dict[str, Value] = {
    "version": "OpenMV v5",
    "bootloader_version": "1.0.3",
    "picture_contrast": 90.0,
    "rom_files_wrong": 0,
}


def run_with(slot: str = "A1", *, seconds: float = 2.0, failed: str = "", **found: Any) -> RunRecord:
    """A run of a qualification that passed: sound but for what was `found`. `failed` is a test that did not pass."""
    application = found.pop("application", EUI)
    bootloader = found.pop("bootloader", "1.0.3")
    values: dict[str, Value] = {**SOUND, **found}
    measured = tuple(Measurement(name, value) for name, value in values.items())
    measured += tuple(Measurement(name, value, passed=name != failed) for name, value in JUDGED.items())
    images = (an_image("HP", seconds=seconds), an_image("ROMFS0", seconds=seconds))
    return a_run(
        slot=slot,
        serial=SERIAL,
        bootloader=bootloader,
        application_serial=application,
        boot_confirmed=True,
        notes=(),
        attempts=(an_attempt(images=images, measurements=measured),),
    )


def report_on(*slots: SlotCycles, cycles: int = 1, rule: SerialRule | None = None) -> BenchReport:
    board = replace(OPENMV_AE3, serial=rule) if rule else OPENMV_AE3
    wanted = Expectations(board, RunOptions(), FunctionalTests(sensor_ids=(0x7936,)))
    about = About("bench", "1", "demo", "v5", cycles, START, START)
    return bench_report(about, wanted, slots)


def cycles_of(slot: str, *runs: RunRecord, **more: Any) -> SlotCycles:
    return SlotCycles(slot, "1-1.1", runs, **{"entered_s": (1.0,), **more})


def kinds(report: BenchReport) -> dict[str, str]:
    return {belief.key: belief.kind for belief in report.beliefs}


def test_a_camera_as_it_is_believed_to_be() -> None:
    report = report_on(cycles_of("A1", run_with()), cycles_of("A2", run_with("A2")))
    assert set(kinds(report).values()) == {"as expected"}
    assert (report.qualified, report.complaints) == (True, ())


def test_a_camera_that_showed_nothing_answers_nothing() -> None:
    nothing = replace(run_with(), attempts=(), bootloader=None, boot_confirmed=False)
    seen = {key for key, kind in kinds(report_on(cycles_of("A1", nothing, entered_s=()))).items() if kind != "not seen"}
    assert seen == {"bootloader_serial"}


@pytest.mark.parametrize(
    ("key", "found", "said"),
    [
        ("application_serial", {"application": bytes.fromhex(SERIAL)[::-1].hex()}, "the bootloader's bytes reversed"),
        ("application_serial", {"application": "0123"}, "of no known form"),
        ("application_serial", {"application": None}, "no serial"),
        ("bootloader_version", {"bootloader": "1.1.0", bench_facts.BCD_DEVICE: "0x0110"}, "1.1.0"),
        ("bcd_device", {bench_facts.BCD_DEVICE: "0x0102"}, "0x0102"),
        ("transfer_size", {bench_facts.TRANSFER_BYTES: 2048}, "2048"),
        ("partition_sizes", {bench_facts.PROBES_UNLIKE: 2}, "12 of 14"),
        ("hold", {bench_facts.HOLD_S: 1.7}, "1.700 s"),
        ("window", {bench_facts.WINDOW_S: 3.0}, "3.0 s"),
        ("detach_once", {bench_facts.DETACH_REPEATS: 1}, "1 of 1"),
        ("port_reset", {bench_facts.PORT_RESETS: 1}, "1 of 1"),
        ("boot_time", {bench_facts.BOOT_S: 31.0}, "31.0 s"),
        ("interfaces", {bench_facts.INTERFACES: "02/02 0A/00"}, "02/02 0A/00"),
        ("protocol", {"firmware_version": None}, "no answer"),
        ("sensor", {bench_facts.SENSOR_ID: 0}, "no sensor"),
        ("device_id", {"device_id": "00"}, "00"),
        ("second_core", {"he_answer_s": None}, "0 of 1"),
        ("version", {"failed": "version"}, "OpenMV v5"),
        ("bootloader_known_to_it", {"failed": "bootloader_version"}, "1.0.3"),
        ("picture", {"failed": "picture_contrast"}, "90.0"),
        ("files", {"failed": "rom_files_wrong"}, "0"),
    ],
)
def test_what_differs_is_named_with_what_was_found_and_where(key: str, found: dict[str, Any], said: str) -> None:
    report = report_on(cycles_of("A1", run_with()), cycles_of("A2", run_with("A2", **found)))
    assert {name for name, kind in kinds(report).items() if kind == "differs"} == {key}
    (belief,) = [belief for belief in report.beliefs if belief.key == key]
    assert belief.result.startswith("differs: found ")
    assert said in belief.result
    assert "A2" in belief.result
    assert "A1" not in belief.result


def test_a_slot_that_boots_slower_than_the_others_differs_within_every_limit() -> None:
    report = report_on(cycles_of("A1", run_with(boot_s=1.0)), cycles_of("A2", run_with("A2", boot_s=8.0)))
    (belief,) = [belief for belief in report.beliefs if belief.key == "boot_time"]
    assert belief.result == "differs: found 8.0 s, in the other slots 1.0 s (A2)"


def test_a_bench_that_was_taught_a_form_expects_it() -> None:
    reversed_ = run_with(application=bytes.fromhex(SERIAL)[::-1].hex())
    rule = SerialRule((SerialForm.REVERSED,), sourced=(SerialForm.REVERSED,))
    assert kinds(report_on(cycles_of("A1", reversed_), rule=rule))["application_serial"] == "as expected"


def test_returns_losses_and_a_slow_slot_are_named() -> None:
    left = an_attempt(1, Outcome.FAIL, code="usb.disconnected", images=(), measurements=())
    slow = run_with("A3", seconds=4.0)
    slow = replace(slow, attempts=(left, replace(slow.attempts[0], number=2)))
    slower = [run_with("A3", seconds=4.0) for _ in range(2)]
    pulled = a_run(Outcome.ABORTED, slot="A3", serial=SERIAL, code="operator.unplugged", attempts=())
    report = report_on(
        cycles_of("A1", run_with()),
        cycles_of("A2", run_with("A2")),
        cycles_of("A3", slow, *slower, pulled, not_entered=1),
    )
    figures = report.slots[2]
    assert (figures.returns, figures.losses, figures.not_entered, figures.passed) == (1, 1, 1, 3)
    assert not report.qualified
    assert figures.write_mib_per_s.median == pytest.approx(2 * 640 * 4096 / (1 << 20) / 8.0)
    text = "\n".join(report.complaints)
    for said in (
        "came back once",
        "lost once",
        "did not come into its bootloader once",
        "A3 writes 0.62 MiB/s",
    ):
        assert said in text
    assert "A1" not in text


def test_what_passing_runs_teach() -> None:
    runs = [run_with(boot_s=20.2, picture_mean=100.0 + number, picture_of="ramp") for number in range(3)]
    odd = run_with("A2", sensor_id=0x2642, application=bytes.fromhex(SERIAL)[::-1].hex(), boot_s=4.0)
    failed = replace(run_with("A3", boot_s=80.0, sensor_id=0x9999), outcome=Outcome.FAIL)
    report = report_on(cycles_of("A1", *runs), cycles_of("A2", odd), cycles_of("A3", failed))
    assert {each.key: each.suggested for each in report.learned} == {
        "run.boot_timeout_s": 41.0,
        "run.serial_forms": ["reversed", "alif_eui"],
        "test.sensor_ids": [0x7936, 0x2642],
        "test.brightness_low": 80.0,
        "test.brightness_high": 123.0,
        "test.he_answer_s": 1.0,
    }
    (sensors,) = [each for each in report.learned if each.key == "test.sensor_ids"]
    assert (sensors.now_text, sensors.suggested_text) == ("[0x7936]", "[0x7936, 0x2642]")
    assert "0x2642 in A2; 0x7936 in A1" in sensors.why, "who accepts it sees that one slot alone had it"
    assert '["reversed", "alif_eui"]' in bench_text(report)


def test_the_page_shows_what_was_found_where_it_is_as_expected_too() -> None:
    page = bench_html(report_on(cycles_of("A1", run_with(boot_s=4.0))))
    assert "as expected<br><small>4.0 s</small>" in page
    assert "as expected<br><small>0x7936</small>" in page


def test_a_form_without_a_name_teaches_any() -> None:
    report = report_on(cycles_of("A1", run_with(application="0123")))
    (forms,) = [each for each in report.learned if each.key == "run.serial_forms"]
    assert forms.suggested == ["any"]
    assert "0123" in forms.why


def test_what_a_device_says_is_text_in_the_page() -> None:
    evil = replace(run_with(EVIL, application=EVIL, interfaces=EVIL), serial=EVIL, notes=(EVIL,))
    report = report_on(cycles_of(EVIL, evil, gave_up=EVIL))
    assert "<script" not in bench_html(report)
    assert "\x1b" not in bench_text(report)
