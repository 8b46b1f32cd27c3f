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


@pytest.mark.parametrize("name", ["", HOSTILE_NAME[:120], "A" * 126])
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
    ],
    ids=["nothing", "a cut head", "the head alone", "cut off", "longer than it is", "zeros", "noise"],
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
        ({"do": "ignore", "at": {"request": "WRITE", "alt": 3}}, "verify.mismatch"),
    ],
    ids=["polls for hours", "busy for ever", "no such state", "no such status", "no status", "stores nothing"],
)
def test_answers_out_of_the_table(make_bench: MakeBench, raw: dict[str, Any], code: str) -> None:
    lasting = Fault.from_json({**raw, "times": None})
    bench = make_bench([camera(1, faults=(lasting,)), camera(SOUND)])
    with bench.station("--stop-after", "2", environment=QUICK) as running:
        found = {run["port_path"]: run for run in running.runs(2)}
        assert running.end() == 1
    assert (found["1-1.1"]["outcome"], found["1-1.1"]["code"]) == ("FAIL", code)
    assert found[f"1-1.{SOUND}"]["outcome"] == "PASS"
