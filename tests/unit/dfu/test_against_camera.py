"""The engine against the simulated camera, which shares nothing with it but the numbers of the standard."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from station.board.openmv_ae3 import BOOT, HP, OPENMV_AE3, RECOVERY, ROMFS0
from station.board.partition import Partition
from station.dfu.actions import (
    DONE,
    GONE,
    STALLED,
    TIMED_OUT,
    Action,
    Broken,
    ControlOut,
    Data,
    Reply,
    SetInterface,
    Wait,
)
from station.dfu.dfu_descriptors import parse_dfu_interface
from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT
from station.dfu.engine import DetachResult, Operation, ProtocolMisuse, ShortFrame, drive
from station.errors import CameraError
from station.sim.camera import Camera
from station.sim.faults import Fault
from station.sim.reply import Kind
from station.sim.spec import CameraSpec
from tests.unit.dfu.ae3_engine import ae3_engine

BLOCK = bytes(range(256)) * 16
assert OPENMV_AE3.recovery is not None
RECOVERY_KEY = OPENMV_AE3.recovery.key


class Bench:
    """One camera, one engine, and a clock that moves only by the camera's own work and by given-up requests."""

    def __init__(self, *faults: dict[str, object], **changes: object) -> None:
        self.now_s = 1000.0
        script = tuple(Fault.from_json(fault) for fault in faults)
        values: dict[str, object] = {"serial": "0102030405060708090A0B0C", "port_path": "1-1.1", **changes}
        self.camera = Camera(CameraSpec(faults=script, **values), lambda: self.now_s)  # type: ignore[arg-type]
        self.camera.power_on()
        self.control(0x00, 9, 1, 0, b"", 1.0)
        self.engine = ae3_engine()

    def control(self, request_type: int, request: int, value: int, length: int, data: bytes, timeout_s: float) -> Reply:
        setup = struct.pack("<BBHHH", request_type, request, value, 0, length)
        give_up_s = self.now_s + timeout_s
        while True:
            reply = self.camera.handle_control(setup, data)
            if reply.kind is Kind.NEVER or reply.at_s > give_up_s:
                self.now_s = give_up_s
                self.camera.abandon(setup)
                return TIMED_OUT
            self.now_s = max(self.now_s, reply.at_s)
            if reply.kind is not Kind.WAIT:
                break
        failures: dict[Kind, Reply] = {Kind.STALL: STALLED, Kind.BROKEN: Broken(71), Kind.GONE: GONE}
        return failures.get(reply.kind) or (Data(reply.data) if request_type & 0x80 else DONE)

    def perform(self, action: Action) -> Reply:
        if isinstance(action, Wait):
            self.now_s += action.duration_s
            return DONE
        if isinstance(action, SetInterface):
            return self.control(0x01, 0x0B, action.alt, 0, b"", 5.0)
        if isinstance(action, ControlOut):
            data = bytes(action.data)
            return self.control(REQUEST_TYPE_OUT, action.request, action.value, len(data), data, action.timeout_s)
        return self.control(REQUEST_TYPE_IN, action.request, action.value, action.length, b"", action.timeout_s)

    def select(self, partition: Partition) -> None:
        drive(self.engine.select(partition.alt, partition.name, partition.limits), self.perform)

    def download(self, block: int, data: bytes = BLOCK) -> None:
        drive(self.engine.download_block(block, data), self.perform)

    def upload(self, block: int, length: int = 4096) -> bytes | ShortFrame:
        found = drive(self.engine.upload_block(block, length), self.perform)
        return found if isinstance(found, ShortFrame) else bytes(found)

    def finish(self) -> None:
        drive(self.engine.finish_image(), self.perform)


def fails(operation: Callable[[], object]) -> str:
    with pytest.raises(CameraError) as caught:
        operation()
    return caught.value.code


def test_the_header_holds_the_camera() -> None:
    bench = Bench()
    bench.select(BOOT)
    block = bench.upload(1)
    assert isinstance(block, bytes)
    assert OPENMV_AE3.boot_header.decode(block) == "1.0.3"


@pytest.mark.parametrize("alt", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("profile", ["instant", "mram", "nor"])
def test_a_partition_is_written_finished_and_read_back(alt: int, profile: str) -> None:
    bench, partition = Bench(profile=profile), OPENMV_AE3.partitions[alt]
    bench.select(partition)
    contents = {0: BLOCK, 1: BLOCK[::-1], OPENMV_AE3.blocks(partition) - 1: BLOCK[16:] + BLOCK[:16]}
    for block, data in contents.items():
        bench.download(block, data)
        assert bench.upload(block) == data
    bench.finish()
    assert {block: bench.upload(block) for block in contents} == contents
    assert bench.upload(OPENMV_AE3.blocks(partition)) == ShortFrame(4)


def test_the_size_probes_fit() -> None:
    bench = Bench()
    for probe in OPENMV_AE3.size_probes:
        bench.select(probe.partition)
        found = bench.upload(probe.block)
        assert (4 if isinstance(found, ShortFrame) else len(found)) == probe.expected_bytes


def test_the_descriptor_is_read() -> None:
    raw = Bench().control(0x80, 6, 0x0200, 512, b"", 1.0)
    assert isinstance(raw, Data)
    interface = parse_dfu_interface(bytes(raw.payload))
    assert (len(interface.alt_name_indices), interface.transfer_size_bytes) == (8, 4096)


def test_a_block_beyond_the_end_is_refused_and_the_session_goes_on() -> None:
    bench = Bench()
    bench.select(ROMFS0)
    assert fails(lambda: bench.download(OPENMV_AE3.blocks(ROMFS0))) == "dfu.err_address"
    bench.download(0)
    bench.finish()


def test_an_mram_is_initialized_by_the_key_within_its_time_limit() -> None:
    bench = Bench(profile="mram", mram_initialized=False)
    bench.select(ROMFS0)
    assert fails(lambda: bench.download(0)) == "dfu.err_write"
    bench.select(RECOVERY)
    bench.download(0, RECOVERY_KEY)
    bench.finish()
    bench.select(ROMFS0)
    bench.download(0)
    assert bench.upload(0) == BLOCK
    bench.select(RECOVERY)
    assert fails(lambda: bench.download(0, RECOVERY_KEY)) == "dfu.err_write"


def test_the_protection_comes_back_with_the_end_of_the_image() -> None:
    """The camera would hang; the engine does not even ask."""
    bench = Bench()
    bench.select(HP)
    bench.download(0)
    bench.finish()
    with pytest.raises(ProtocolMisuse):
        bench.download(1)
    bench.download(0)
    bench.download(1)
    assert bench.upload(1) == BLOCK


def test_detach_is_answered() -> None:
    bench = Bench()
    bench.select(BOOT)
    operation: Operation[DetachResult] = bench.engine.detach()
    assert drive(operation, bench.perform) is DetachResult.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"do": "partial", "length": 64}, "usb.timeout"),
        ({"do": "no_answer", "at": {"request": "DNLOAD", "block": 3}}, "usb.timeout"),
        ({"do": "stall", "at": {"request": "DNLOAD", "block": 3}}, "usb.stall"),
        ({"do": "eio", "at": {"request": "DNLOAD", "block": 3}}, "usb.io"),
        ({"do": "err_write", "at": {"request": "WRITE", "block": 3}}, "dfu.err_write"),
        ({"do": "error", "status": 6, "at": {"request": "WRITE", "block": 3}}, "dfu.err_prog"),
    ],
    ids=lambda value: value["do"] if isinstance(value, dict) else "",
)
def test_nothing_of_a_failed_block_is_stored_and_it_can_be_sent_again(fault: dict[str, object], code: str) -> None:
    bench = Bench(fault)
    bench.select(ROMFS0)
    before = bench.upload(3)
    assert fails(lambda: bench.download(3)) == code
    assert bench.upload(3) == before
    bench.download(3)
    bench.finish()
    assert bench.upload(3) == BLOCK


def test_a_write_that_outlasts_one_time_limit_is_waited_for() -> None:
    limit_s = ROMFS0.limits.write_s
    bench = Bench({"do": "silence", "seconds": 1.5 * limit_s, "at": {"request": "WRITE", "block": 3}})
    bench.select(ROMFS0)
    bench.download(3)
    assert bench.upload(3) == BLOCK


def test_a_camera_that_never_answers_again_is_given_up_after_twice_the_limit() -> None:
    bench = Bench({"do": "silence", "at": {"request": "WRITE", "block": 3}})
    bench.select(ROMFS0)
    started_s = bench.now_s
    assert fails(lambda: bench.download(3)) == "usb.timeout"
    assert bench.now_s - started_s == pytest.approx(2 * ROMFS0.limits.write_s, abs=1.0)


def test_a_camera_that_vanishes_in_a_block_is_disconnected() -> None:
    bench = Bench({"do": "vanish", "at": {"request": "DNLOAD", "block": 3}})
    bench.select(ROMFS0)
    assert fails(lambda: bench.download(3)) == "usb.disconnected"
    assert drive(bench.engine.detach(), bench.perform) is DetachResult.VANISHED
