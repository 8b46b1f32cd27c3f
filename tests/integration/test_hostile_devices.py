"""Devices that call themselves cameras and are none: each ends in a bounded time with a code, unwritten, never green,
and the camera beside it hears nothing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from station.sim.camera_descriptors import bootloader
from station.sim.faults import Fault
from station.sim.partitions import TABLES, Partition
from tests.integration.conftest import MakeBench, camera, serial

SOUND = 9
QUICK = {"STATION_RUN__BOOT_TIMEOUT_S": "2", "STATION_RUN__MAX_ATTEMPTS": "1"}
ORDINARY = TABLES["current"]
HOSTILE_NAME = "\x1b[2J\x1b[31m\n\r\x07 PASS " + "💣" * 40


def run_of(make_bench: MakeBench, **changes: Any) -> dict[str, Any]:
    """Camera 1's run beside a sound one, which passes; nothing was written to camera 1."""
    bench = make_bench([camera(1, **changes), camera(SOUND)])
    with bench.station("--stop-after", "2", environment=QUICK) as running:
        found = {run["port_path"]: run for run in running.runs(2)}
        assert running.end() == 1
    assert found[f"1-1.{SOUND}"]["outcome"] == "PASS"
    assert bench.memory_is_release(serial(SOUND))
    assert bench.blocks_written(serial(1)) == 0
    return found["1-1.1"]


def answers(data: bytes, **changes: Any) -> tuple[Fault, ...]:
    """What the device answers to GET_DESCRIPTOR once it is enumerated."""
    raw = {"do": "answer", "at": {"request": "GET_DESCRIPTOR"}, "data": data.hex(), "times": None, **changes}
    return (Fault.from_json(raw),)


WHOLE = bootloader(camera(1)).answers[2 << 8]
"""The configuration descriptor of a sound camera, its functional descriptor last."""


def with_transfer_size(size_bytes: int) -> bytes:
    return WHOLE[:-4] + size_bytes.to_bytes(2, "little") + WHOLE[-2:]


def test_two_hundred_partitions_are_refused_by_their_number(make_bench: MakeBench) -> None:
    table = tuple(replace(ORDINARY[1], name=f"P{number}") if number > 7 else part for number, part in numbered(200))
    run = run_of(make_bench, partition_table=table)
    assert (run["outcome"], run["code"]) == ("FAIL", "identity.wrong_partitions")
    assert run["message"] == "200 partitions found, 8 expected"


def numbered(count: int) -> list[tuple[int, Partition]]:
    return [(number, ORDINARY[min(number, len(ORDINARY) - 1)]) for number in range(count)]


@pytest.mark.parametrize("name", ["", HOSTILE_NAME[:120], "A" * 126], ids=["none", "hostile", "126 letters"])
def test_names_of_any_length_and_bytes(make_bench: MakeBench, name: str) -> None:
    table = tuple(replace(part, name=name) if part.name == "ROMFS1" else part for part in ORDINARY)
    run = run_of(make_bench, partition_table=table)
    assert (run["outcome"], run["code"]) == ("FAIL", "identity.wrong_partitions")
    assert len(run["message"]) < 250


@pytest.mark.parametrize("size_bytes", [0, 1, 4095, 65535])
def test_another_transfer_size(make_bench: MakeBench, size_bytes: int) -> None:
    run = run_of(make_bench, faults=answers(with_transfer_size(size_bytes)))
    assert (run["outcome"], run["code"]) == ("FAIL", "identity.wrong_partitions")
    assert f"transfer size {size_bytes} found" in run["message"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "usb.io"),
        (WHOLE[:8], "usb.io"),
        (WHOLE[:9], "identity.not_an_ae3"),
        (WHOLE[:40], "identity.not_an_ae3"),
        (b"\x09\x02\xff\xff" + WHOLE[4:], "identity.not_an_ae3"),
        (WHOLE[:9] + b"\x00" * (len(WHOLE) - 9), "identity.not_an_ae3"),
        (b"\xa5" * len(WHOLE), "usb.io"),
        (WHOLE[:2] + b"\x00\x00" + WHOLE[4:], "usb.io"),
    ],
    ids=["nothing", "a cut head", "the head alone", "cut off", "longer than it is", "zeros", "noise", "no length"],
)
def test_descriptors_that_make_no_sense(make_bench: MakeBench, data: bytes, code: str) -> None:
    run = run_of(make_bench, faults=answers(data))
    assert (run["outcome"], run["code"]) == ("FAIL", code)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({"do": "answer", "at": {"request": "GETSTATUS", "alt": 1}, "data": "00ffffff0400"}, "dfu.protocol"),
        ({"do": "answer", "at": {"request": "GETSTATUS", "alt": 1}, "data": "000000000400"}, "dfu.protocol"),
        ({"do": "answer", "at": {"request": "GETSTATUS", "alt": 1}, "data": "000000006300"}, "dfu.protocol"),
        ({"do": "answer", "at": {"request": "GETSTATUS", "alt": 1}, "data": "c80000000a00"}, "dfu.error"),
        ({"do": "answer", "at": {"request": "GETSTATUS", "alt": 1}, "data": ""}, "dfu.protocol"),
        ({"do": "answer", "at": {"request": "GETSTATUS", "alt": 1}, "data": "000000"}, "dfu.protocol"),
        ({"do": "answer", "at": {"request": "GETSTATUS", "alt": 1}, "data": "00" * 64}, "dfu.protocol"),
        ({"do": "short", "at": {"request": "UPLOAD", "alt": 3}}, "identity.wrong_partitions"),
        ({"do": "short", "at": {"request": "UPLOAD", "alt": 1}, "skip": 8}, "verify.mismatch"),
        ({"do": "answer", "at": {"request": "UPLOAD", "alt": 1}, "data": "", "skip": 8}, "verify.mismatch"),
        ({"do": "answer", "at": {"request": "UPLOAD", "alt": 1}, "data": "a5" * 5000, "skip": 8}, "verify.mismatch"),
        ({"do": "ignore", "at": {"request": "WRITE", "alt": 3}}, "verify.mismatch"),
        ({"do": "ignore", "at": {"request": "DNLOAD", "alt": 3}}, "dfu.protocol"),
        ({"do": "flip_byte", "at": {"request": "UPLOAD", "alt": 3}, "skip": 3}, "verify.mismatch"),
    ],
    ids=[
        *("polls for hours", "busy for ever", "no such state", "no such status", "no status"),
        *("a status cut short", "a status too long"),
        *("probes cut short", "blocks cut short", "empty blocks", "blocks too long"),
        *("stores nothing", "acknowledges and does nothing", "another byte after a while"),
    ],
)
def test_answers_out_of_the_table(make_bench: MakeBench, raw: dict[str, Any], code: str) -> None:
    lasting = Fault.from_json({**raw, "times": None})
    bench = make_bench([camera(1, faults=(lasting,)), camera(SOUND)])
    with bench.station("--stop-after", "2", environment=QUICK) as running:
        found = {run["port_path"]: run for run in running.runs(2)}
        assert running.end() == 1
    assert (found["1-1.1"]["outcome"], found["1-1.1"]["code"]) == ("FAIL", code)
    assert found[f"1-1.{SOUND}"]["outcome"] == "PASS"


def test_one_that_answers_everything_late_is_given_up(make_bench: MakeBench) -> None:
    """Each answer is within its own limit; a real image has some thousand blocks."""
    late = Fault.from_json({"do": "silence", "seconds": 0.4, "at": {"request": "GETSTATUS", "alt": 6}, "times": None})
    bench = make_bench([camera(1, faults=(late,)), camera(SOUND)])
    with bench.station("--stop-after", "2", environment={**QUICK, "STATION_RUN__ATTEMPT_LIMIT_S": "2"}) as running:
        found = {run["port_path"]: run for run in running.runs(2)}
        assert running.end() == 1
    assert (found["1-1.1"]["outcome"], found["1-1.1"]["code"]) == ("FAIL", "usb.too_slow")
    assert found["1-1.1"]["message"] == "ROMFS0 was not done when the 2 s of an attempt were over"
    assert found[f"1-1.{SOUND}"]["outcome"] == "PASS"


def test_one_that_stores_and_spoils_it_later(make_bench: MakeBench) -> None:
    """An external chip that ignores its high address bits: every block was stored, and later ones lie over it."""
    bench = make_bench([camera(1, external_bytes=1 << 20), camera(SOUND)])
    with bench.station("--stop-after", "2", environment=QUICK) as running:
        found = {run["port_path"]: run for run in running.runs(2)}
        assert running.end() == 1
    assert found["1-1.1"]["outcome"] == "FAIL"
    assert found[f"1-1.{SOUND}"]["outcome"] == "PASS"


def test_one_that_changes_its_serial_between_two_looks(make_bench: MakeBench) -> None:
    """The run of the first serial is not the second's, whatever the port says: that one gets a run of its own."""
    gone = Fault.from_json({"do": "vanish", "at": {"request": "DNLOAD", "alt": 1, "block": 5}})
    bench = make_bench([camera(1, faults=(gone,)), camera(SOUND)])
    with bench.station("--stop-after", "3", environment=QUICK) as running:
        bench.line.wait_until("1-1.1", lambda state: bool(state["faults_struck"]))
        bench.line.exchange(camera(1).with_(serial=serial(2)))
        found = {run["serial"]: run for run in running.runs(3)}
        running.end()
    assert (found[serial(1)]["outcome"], found[serial(1)]["code"]) == ("ABORTED", "operator.unplugged")
    assert {found[serial(number)]["outcome"] for number in (2, SOUND)} == {"PASS"}
    assert bench.memory_is_release(serial(2))


@pytest.mark.parametrize(
    "text", ["\n\t\x07PASS\x1b[2J", "A" * 126, "💣" * 20], ids=["control characters", "126 letters", "one emoji"]
)
def test_a_serial_that_cannot_be_one(make_bench: MakeBench, text: str) -> None:
    bench = make_bench([camera(1, serial=text), camera(SOUND)])
    with bench.station("--stop-after", "2", environment=QUICK) as running:
        found = {run["port_path"]: run for run in running.runs(2)}
        running.end()
    assert (found["1-1.1"]["outcome"], found["1-1.1"]["code"]) == ("ERROR", "identity.default_serial")
    assert found[f"1-1.{SOUND}"]["outcome"] == "PASS"
    assert bench.blocks_written("1-1.1") == 0


def test_a_serial_like_a_path_is_a_serial(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, serial="../../../ETC/PASSWD")])
    before = {file.name for file in bench.data_dir.parent.iterdir()}
    with bench.station("--stop-after", "1") as running:
        run = running.run()
        assert running.end() == 0
    assert (run["outcome"], run["serial"]) == ("PASS", "../../../ETC/PASSWD")
    assert {file.name for file in bench.data_dir.parent.iterdir()} - before <= {bench.data_dir.name}
