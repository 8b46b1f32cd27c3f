from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT, Request, State, Status, StatusCode
from station.errors import SettingsError
from station.sim.chip import Phase
from station.sim.faults import ACTIONS, Fault
from station.sim.reply import Kind
from tests.unit.sim.driver import HP, ROMFS0, RWFS, Driver, bootable, driver

BLOCK = bytes(range(256)) * 16


def at(alt: int, *faults: dict[str, Any], **changes: Any) -> Driver:
    camera = driver(faults=faults, **changes)
    camera.select(alt)
    return camera


def test_a_fault_strikes_at_its_alt_and_block_only_and_only_so_often() -> None:
    camera = at(RWFS, {"at": {"request": "DNLOAD", "alt": RWFS, "block": 1}, "do": "stall", "times": 2})
    assert camera.write(0, BLOCK).status == StatusCode.OK
    assert camera.download(1, BLOCK).kind is Kind.STALL
    assert camera.download(1, BLOCK).kind is Kind.STALL
    assert camera.write(1, BLOCK).state == State.DFU_DNLOAD_IDLE
    camera.select(ROMFS0)
    assert camera.write(1, BLOCK).state == State.DFU_DNLOAD_IDLE
    assert camera.camera.state()["faults_struck"] == 2


def test_null_times_is_always_and_skip_lets_some_pass() -> None:
    camera = at(RWFS, {"at": {"request": "GETSTATE"}, "do": "stall", "times": None, "skip": 2})
    kinds = [camera.transfer(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1).kind for _ in range(5)]
    assert kinds == [Kind.DATA, Kind.DATA, Kind.STALL, Kind.STALL, Kind.STALL]


def test_a_fault_can_be_added_to_a_running_camera() -> None:
    camera = at(RWFS)
    camera.camera.add_fault(Fault.from_json({"do": "eio", "at": {"request": "GETSTATE"}}))
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1).kind is Kind.BROKEN
    assert camera.state() is State.DFU_IDLE


def test_vanish_is_for_good() -> None:
    camera = at(RWFS, {"at": {"request": "DNLOAD", "block": 1}, "do": "vanish"})
    camera.write(0, BLOCK)
    assert camera.download(1, BLOCK).kind is Kind.GONE
    camera.pass_time(3600)
    assert camera.camera.phase is Phase.OFF
    camera.camera.power_on()
    camera.configure()
    camera.select(RWFS)
    assert camera.upload(0) == BLOCK


def test_vanish_and_return_comes_back_as_the_bootloader() -> None:
    camera = at(RWFS, {"at": {"request": "GETSTATUS"}, "do": "vanish_and_return", "after_s": 2.0})
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.GONE
    camera.pass_time(1.99)
    assert camera.camera.connection is None
    camera.pass_time(0.02)
    assert camera.camera.phase is Phase.BOOTLOADER
    assert camera.camera.connection == 2


def test_power_lost_inside_a_write_leaves_half_a_block() -> None:
    camera = at(ROMFS0, {"at": {"request": "WRITE", "block": 3}, "do": "vanish"})
    camera.download(3, BLOCK)
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.GONE
    camera.camera.power_on()
    camera.configure()
    camera.select(ROMFS0)
    assert camera.upload(3) == BLOCK[:2048] + b"\xff" * 2048


def test_silence_for_a_time_only_delays() -> None:
    camera = at(RWFS, {"at": {"request": "DNLOAD"}, "do": "silence", "seconds": 6.5})
    camera.upload(0, 64)
    assert camera.write(0, BLOCK).state == State.DFU_DNLOAD_IDLE
    assert camera.waited_s == pytest.approx(6.5)
    assert camera.camera.busy_s == pytest.approx(6.5)
    assert camera.upload(0) == BLOCK


def test_silence_inside_a_write_is_a_longer_write() -> None:
    camera = at(RWFS, {"do": "silence", "at": {"request": "WRITE"}, "seconds": 3}, profile="nor")
    camera.write(0, BLOCK)
    assert camera.waited_s == pytest.approx(3.03)


@pytest.mark.parametrize("moment", ["DNLOAD", "WRITE"])
def test_silence_without_end_needs_a_power_cycle(moment: str) -> None:
    camera = at(RWFS, {"at": {"request": moment}, "do": "silence"})
    camera.download(0, BLOCK)
    if moment == "WRITE":
        camera.status()
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.NEVER
    camera.camera.bus_reset()
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.NEVER


def test_no_answer_concerns_one_transfer() -> None:
    camera = at(RWFS, {"at": {"request": "GETSTATUS"}, "do": "no_answer"})
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.NEVER
    assert camera.status().state == State.DFU_IDLE


def test_ep0_dead_ends_with_a_bus_reset() -> None:
    camera = at(RWFS, {"at": {"request": "UPLOAD"}, "do": "ep0_dead"}, crash="cycle", crash_s=1.0)
    assert camera.transfer(REQUEST_TYPE_IN, Request.UPLOAD, 0, 64).kind is Kind.NEVER
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.NEVER
    camera.camera.bus_reset()
    camera.pass_time(1.0)
    camera.configure()
    assert camera.status().state == State.DFU_IDLE


def test_an_ignored_detach_is_acknowledged() -> None:
    camera = at(RWFS, {"at": {"request": "DETACH"}, "do": "ignore"})
    camera.upload(0, 64)
    assert camera.detach().kind is Kind.DATA
    camera.pass_time(60)
    assert camera.camera.phase is Phase.BOOTLOADER
    camera.detach()
    camera.pass_time(0.01)
    assert camera.camera.connection is None


def test_an_ignored_write_is_reported_as_stored() -> None:
    camera = at(RWFS, {"at": {"request": "WRITE", "block": 1}, "do": "ignore"})
    assert camera.write(1, BLOCK).status == StatusCode.OK
    assert camera.upload(1) == b"\xff" * 4096


def test_err_write_and_other_errors_show_in_the_second_status() -> None:
    camera = at(RWFS, {"do": "err_write", "at": {"block": 0}}, {"do": "error", "status": 7, "at": {"block": 1}})
    assert camera.write(0, BLOCK) == Status(StatusCode.ERR_WRITE, 0, State.DFU_ERROR)
    assert camera.upload(0) == b"\xff" * 4096
    camera.clear()
    assert camera.write(1, BLOCK).status == StatusCode.ERR_VERIFY


def test_flip_byte_stores_something_else() -> None:
    camera = at(HP, {"do": "flip_byte", "at": {"alt": HP, "block": 0}, "offset": 5, "mask": 0x80})
    assert camera.write(0, BLOCK).status == StatusCode.OK
    stored = camera.upload(0)
    assert stored[5] == BLOCK[5] ^ 0x80
    assert stored[:5] + stored[6:] == BLOCK[:5] + BLOCK[6:]


def test_flip_byte_can_strike_on_the_way_back() -> None:
    camera = at(RWFS, {"do": "flip_byte", "at": {"request": "UPLOAD"}, "offset": 1})
    assert camera.upload(0, 4) == b"\xff\xfe\xff\xff"
    assert camera.upload(0, 4) == b"\xff" * 4


def test_partial_takes_some_bytes_and_leaves_a_pending_block() -> None:
    camera = at(RWFS, {"do": "partial", "length": 64})
    assert camera.download(0, BLOCK).kind is Kind.NEVER
    assert camera.state() is State.DFU_DNLOAD_SYNC
    assert camera.status().state == State.DFU_DNBUSY
    assert camera.upload(0) == BLOCK[:64] + bytes(4032)


def test_short_and_answer() -> None:
    camera = at(RWFS, {"do": "short", "length": 10}, {"do": "answer", "data": "0a0b0c", "at": {"request": "GETSTATUS"}})
    assert len(camera.upload(0)) == 10
    assert camera.served(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6) == b"\x0a\x0b\x0c"
    assert camera.status().state == State.DFU_IDLE


def test_any_means_whatever_the_host_asks_first() -> None:
    camera = at(RWFS, {"at": {"request": "ANY"}, "do": "eio", "times": 1, "skip": 2})
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1).kind is Kind.BROKEN


def test_standard_requests_can_be_disturbed() -> None:
    camera = driver(configured=False, faults=[{"at": {"request": "SET_CONFIGURATION"}, "do": "stall"}])
    assert camera.transfer(0x00, 9, 1).kind is Kind.STALL
    camera.configure()
    assert camera.camera.configured


def test_opening_can_fail_or_make_it_vanish() -> None:
    camera = at(RWFS, {"at": {"request": "OPEN"}, "do": "eio"}, {"at": {"request": "OPEN"}, "do": "vanish"})
    assert camera.camera.opened() is False
    assert camera.camera.connection is not None
    assert camera.camera.opened() is False
    assert camera.camera.connection is None


def left(tmp_path: Path, *faults: dict[str, Any]) -> Driver:
    """A camera whose window ends now."""
    camera = driver(faults=faults, contents=bootable(tmp_path), boot_s=0.5)
    camera.pass_time(1.5)
    return camera


def test_boot_never() -> None:
    camera = driver(faults=[{"do": "boot_never"}])
    camera.pass_time(3600)
    assert camera.camera.phase is Phase.DARK


def test_boot_never_once(tmp_path: Path) -> None:
    camera = left(tmp_path, {"do": "boot_never", "times": 1})
    camera.pass_time(60)
    assert camera.camera.phase is Phase.DARK
    camera.camera.power_off()
    camera.camera.power_on()
    camera.pass_time(60)
    assert camera.camera.phase is Phase.APPLICATION


def test_boot_slow(tmp_path: Path) -> None:
    camera = left(tmp_path, {"do": "boot_slow", "seconds": 20})
    camera.pass_time(20.4)
    assert camera.camera.phase is Phase.DARK
    camera.pass_time(0.2)
    assert camera.camera.phase is Phase.APPLICATION


def test_boot_crash_brings_the_bootloader_back(tmp_path: Path) -> None:
    camera = left(tmp_path, {"do": "boot_crash", "after_s": 2.0, "times": 1})
    camera.pass_time(2.0)
    assert camera.camera.phase is Phase.BOOTLOADER
    camera.pass_time(1.0)
    camera.pass_time(0.6)
    assert camera.camera.phase is Phase.APPLICATION


def test_the_application_can_have_another_serial(tmp_path: Path) -> None:
    camera = left(tmp_path, {"do": "app_serial", "serial": "F" * 24})
    camera.pass_time(0.5)
    assert camera.camera.identity.serial == "F" * 24


@pytest.mark.parametrize("do", ACTIONS)
def test_every_action_survives_json(do: str) -> None:
    fault = Fault.from_json({"do": do})
    assert Fault.from_json(fault.to_json()) == fault


def test_a_whole_fault_survives_json() -> None:
    raw = {
        "at": {"request": "WRITE", "alt": 6, "block": 900},
        "do": "flip_byte",
        "times": None,
        "skip": 3,
        "offset": 17,
        "mask": 128,
    }
    assert Fault.from_json(raw).to_json() == raw


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({"do": "explode"}, "'explode', allowed: vanish"),
        ({}, "None, allowed"),
        ({"do": "stall", "when": 1}, "unknown key 'when'"),
        ({"do": "stall", "seconds": 1}, "unknown key 'seconds'"),
        ({"do": "stall", "at": {"altitude": 1}}, "unknown key 'altitude', allowed: alt, block, request"),
        ({"do": "stall", "at": {"request": "WRITE"}}, "at 'WRITE', allowed"),
        ({"do": "err_write", "at": {"request": "DNLOAD"}}, "at 'DNLOAD', allowed: WRITE"),
        ({"do": "boot_never", "at": {}}, "unknown key 'at'"),
        ({"do": "stall", "at": 3}, "`at` is 3"),
        ({"do": "stall", "times": -1}, "`times` is -1"),
        ({"do": "stall", "at": {"block": "900"}}, "`block` is '900'"),
        ({"do": "silence", "seconds": "long"}, "`seconds` is 'long'"),
        ({"do": "vanish_and_return", "after_s": None}, "`after_s` is None"),
        ({"do": "error", "status": 99}, "0 to 15"),
        ({"do": "answer", "data": "xyz"}, "allowed: hex digits"),
    ],
)
def test_what_is_wrong_is_refused_and_named(raw: dict[str, Any], found: str) -> None:
    with pytest.raises(SettingsError, match=found):
        Fault.from_json(raw)


def test_a_block_fault_does_not_strike_a_detach() -> None:
    camera = at(RWFS, {"at": {"request": "DETACH", "block": 1}, "do": "stall"})
    assert camera.transfer(REQUEST_TYPE_OUT, Request.DETACH).kind is Kind.DATA
