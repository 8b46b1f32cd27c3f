from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT, Request, State
from station.sim.chip import Phase
from station.sim.reply import Kind
from tests.unit.sim.driver import HP, RWFS, SERIAL, Driver, bootable, driver, firmware


def test_an_unconfigured_bootloader_leaves_after_one_second() -> None:
    camera = driver(configured=False)
    camera.pass_time(0.999)
    assert camera.camera.phase is Phase.BOOTLOADER
    camera.pass_time(0.002)
    assert camera.camera.connection is None


def test_a_configured_bootloader_leaves_after_one_and_a_half_seconds_more() -> None:
    camera = driver(configured=False)
    camera.pass_time(0.9)
    camera.configure()
    camera.pass_time(1.499)
    assert camera.camera.phase is Phase.BOOTLOADER
    camera.pass_time(0.002)
    assert camera.camera.connection is None


def test_it_is_gone_for_whoever_asks_after_the_window() -> None:
    camera = driver()
    camera.clock.now_s += 1.6
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.GONE


def upload(camera: Driver) -> None:
    camera.upload(1)


def download_and_status(camera: Driver) -> None:
    camera.select(RWFS)
    camera.download(0, b"x")
    camera.status()


def zero_download_and_status(camera: Driver) -> None:
    camera.select(RWFS)
    camera.download(0, b"")
    camera.status()


@pytest.mark.parametrize("hold", [upload, download_and_status, zero_download_and_status])
def test_these_requests_hold_it_for_ever(hold: Callable[[Driver], None]) -> None:
    camera = driver()
    camera.pass_time(1.4)
    hold(camera)
    camera.pass_time(3600)
    assert camera.camera.phase is Phase.BOOTLOADER
    assert camera.camera.state()["attached"] is True


def other_requests(camera: Driver) -> None:
    camera.select(HP)
    camera.state()
    camera.status()
    camera.clear()
    camera.abort()
    camera.served(0x80, 6, 0x0302, 255)
    camera.download(0, b"never asked for its status")
    camera.abort()


def test_these_requests_do_not_hold_it() -> None:
    camera = driver()
    other_requests(camera)
    assert camera.camera.state()["attached"] is False
    camera.pass_time(1.6)
    assert camera.camera.connection is None


def test_the_times_are_recorded() -> None:
    camera = driver(configured=False)
    camera.pass_time(0.25)
    camera.configure()
    camera.pass_time(0.125)
    camera.upload(1)
    session = camera.camera.sessions[-1]
    assert session.configured_s is not None
    assert session.configured_s - session.started_s == pytest.approx(0.25)
    assert session.held_latency_s == pytest.approx(0.125)


def test_detach_is_acknowledged_and_then_it_leaves(tmp_path: Path) -> None:
    camera = driver(contents=bootable(tmp_path), boot_s=2.0)
    camera.upload(1)
    assert camera.detach().kind is Kind.DATA
    camera.pass_time(0.002)
    assert camera.camera.connection is not None, "the host must be able to see the acknowledgement"
    camera.pass_time(0.004)
    assert camera.camera.phase is Phase.DARK
    camera.pass_time(1.9)
    assert camera.camera.phase is Phase.DARK
    camera.pass_time(0.1)
    assert camera.camera.phase is Phase.APPLICATION


def test_a_bus_reset_makes_a_held_bootloader_leave() -> None:
    camera = driver()
    camera.upload(1)
    camera.camera.bus_reset()
    assert camera.camera.connection is None


def test_a_bus_reset_before_configuration_is_part_of_enumeration() -> None:
    camera = driver(configured=False)
    camera.camera.bus_reset()
    assert camera.camera.phase is Phase.BOOTLOADER


def test_set_configuration_0_makes_it_leave() -> None:
    camera = driver()
    camera.upload(1)
    camera.configure(0)
    camera.pass_time(0.01)
    assert camera.camera.connection is None


def test_a_second_set_configuration_keeps_alt_state_and_the_pending_block() -> None:
    camera = driver()
    camera.select(RWFS)
    camera.download(0, b"kept")
    camera.pass_time(0.7)
    camera.configure()
    assert camera.camera.state()["alt"] == RWFS
    assert camera.state() is State.DFU_DNLOAD_SYNC
    assert camera.status().state == State.DFU_DNBUSY
    assert camera.upload(0)[:4] == b"kept"


def test_a_second_set_configuration_does_not_restart_the_window() -> None:
    camera = driver()
    camera.pass_time(1.0)
    camera.configure()
    camera.pass_time(0.6)
    assert camera.camera.connection is None


@pytest.mark.parametrize(
    ("request_type", "request_", "length"),
    [
        (REQUEST_TYPE_IN, Request.UPLOAD, 4096),
        (REQUEST_TYPE_IN, Request.GETSTATUS, 6),
        (REQUEST_TYPE_IN, Request.GETSTATE, 1),
        (REQUEST_TYPE_OUT, Request.DNLOAD, 0),
        (REQUEST_TYPE_OUT, Request.ABORT, 0),
        (REQUEST_TYPE_OUT, Request.DETACH, 0),
    ],
)
def test_before_configuration_every_dfu_request_stalls(request_type: int, request_: int, length: int) -> None:
    camera = driver(configured=False)
    assert camera.transfer(request_type, request_, 1, length).kind is Kind.STALL


def test_entered_by_magic_it_has_no_listening_limit_but_must_be_configured() -> None:
    camera = driver(forced=True)
    camera.pass_time(3600)
    assert camera.camera.phase is Phase.BOOTLOADER
    late = driver(configured=False, forced=True)
    late.pass_time(1.01)
    assert late.camera.connection is None


def test_an_application_can_reboot_into_the_bootloader(tmp_path: Path) -> None:
    camera = driver(contents=bootable(tmp_path))
    camera.pass_time(3)
    assert camera.camera.phase is Phase.APPLICATION
    camera.camera.enter_bootloader()
    camera.pass_time(0.01)
    camera.configure()
    camera.pass_time(100)
    assert camera.camera.phase is Phase.BOOTLOADER


def test_before_1_0_2_detach_waits_for_the_rest_of_the_window() -> None:
    camera = driver(bootloader="1.0.1")
    camera.upload(1)
    camera.pass_time(0.5)
    camera.detach()
    camera.pass_time(0.9)
    assert camera.camera.phase is Phase.BOOTLOADER
    camera.pass_time(0.2)
    assert camera.camera.connection is None


def test_before_1_0_2_detach_after_the_window_leaves_at_once() -> None:
    camera = driver(bootloader="1.0.1")
    camera.upload(1)
    camera.pass_time(60)
    camera.detach()
    camera.pass_time(0.01)
    assert camera.camera.connection is None


def test_before_1_0_2_entered_by_magic_it_stays_after_detach_until_a_bus_reset() -> None:
    camera = driver(bootloader="1.0.1", forced=True)
    camera.upload(1)
    camera.detach()
    camera.pass_time(3600)
    assert camera.camera.phase is Phase.BOOTLOADER
    camera.camera.bus_reset()
    assert camera.camera.connection is None


def test_boot_block_1_is_the_header() -> None:
    assert driver().upload(1, 32) == struct.pack("<I3B25x", 0xB00710AD, 1, 0, 3)
    assert driver(bootloader="1.0.0").upload(1, 4) == b"\xff" * 4


def application(tmp_path: Path, **changes: Any) -> Driver:
    camera = driver(contents=bootable(tmp_path), **changes)
    camera.pass_time(3)
    assert camera.camera.phase is Phase.APPLICATION
    return camera


@pytest.mark.parametrize(("order", "serial"), [("eui", "0208610506000000"), ("same", SERIAL)])
def test_the_application_comes_up_on_the_bus(tmp_path: Path, order: str, serial: str) -> None:
    camera = application(tmp_path, application_serial=order)
    device = camera.served(0x80, 6, 0x0100, 18)
    assert struct.unpack("<HH", device[8:12]) == (0x37C5, 0x16E3)
    assert camera.served(0x80, 6, 0x0303, 255)[2:].decode("utf-16-le") == serial
    assert len(camera.served(0x80, 6, 0x0200, 255)) == 98


def test_the_application_knows_no_dfu(tmp_path: Path) -> None:
    camera = application(tmp_path)
    camera.configure()
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.STALL
    assert camera.served(0x80, 8, 0, 1) == b"\x01"


def test_the_application_takes_the_class_requests_of_its_two_functions(tmp_path: Path) -> None:
    camera = application(tmp_path)
    coding = struct.pack("<IBBB", 921600, 0, 0, 8)
    assert camera.transfer(0x21, 0x20, length=7, data=coding).kind is Kind.STALL, "not configured yet"
    camera.configure()
    camera.served(0x21, 0x20, length=7, data=coding)
    assert camera.served(0xA1, 0x21, length=7) == coding
    camera.served(0x21, 0x22, value=3)
    assert camera.served(0xA1, 0xFE, length=1, index=2) == b"\0"
    camera.served(0x02, 0x01, index=0x82)
    for wrong in (
        {"index": 2, "request_type": 0x21, "request": 0x20},
        {"index": 3, "request_type": 0xA1, "request": 0xFE},
    ):
        assert camera.transfer(length=7, data=coding, **wrong).kind is Kind.STALL
    assert camera.transfer(0x21, 0x20, length=6, data=coding[:6]).kind is Kind.STALL


def test_a_bus_reset_leaves_the_application_on_the_bus(tmp_path: Path) -> None:
    camera = application(tmp_path)
    camera.configure()
    camera.camera.bus_reset()
    assert camera.camera.phase is Phase.APPLICATION
    assert camera.served(0x80, 8, 0, 1) == b"\x00"


@pytest.mark.parametrize("vector", [0xFFFFFFFF, 0x80320401, 0x80020400, 0x20000001])
def test_a_blank_or_broken_firmware_never_comes_back(vector: int) -> None:
    camera = driver()
    camera.select(HP)
    camera.write(0, struct.pack("<II", 0x20000000, vector))
    camera.detach()
    camera.pass_time(3600)
    assert camera.camera.phase is Phase.DARK


def test_or_it_cycles_between_bootloader_and_crash() -> None:
    camera = driver(crash="cycle", crash_s=0.5)
    camera.pass_time(1.6)
    assert camera.camera.phase is Phase.DARK
    camera.pass_time(0.5)
    assert camera.camera.phase is Phase.BOOTLOADER
    camera.pass_time(1.1)
    assert camera.camera.phase is Phase.DARK
    assert camera.camera.connections == 2


def test_he_counts_only_where_the_spec_says_so() -> None:
    for requires_he, phase in ((False, Phase.APPLICATION), (True, Phase.DARK)):
        camera = driver(requires_he=requires_he)
        camera.select(HP)
        camera.write(0, firmware()[:4096])
        camera.detach()
        camera.pass_time(10)
        assert camera.camera.phase is phase


def test_power_off_forgets_the_session_and_keeps_the_memory() -> None:
    camera = driver()
    camera.select(RWFS)
    camera.write(0, b"kept")
    camera.camera.power_off()
    assert camera.transfer(0x80, 6, 0x0100, 18).kind is Kind.GONE
    camera.camera.power_on()
    camera.configure()
    assert camera.camera.state()["alt"] == 0
    camera.select(RWFS)
    assert camera.upload(0)[:4] == b"kept"


def test_before_1_0_2_a_request_after_detach_holds_it_again() -> None:
    camera = driver(bootloader="1.0.1")
    camera.upload(1)
    held_s = camera.camera.sessions[-1].attached_s
    camera.pass_time(0.5)
    camera.detach()
    camera.upload(1)
    camera.pass_time(60)
    assert camera.camera.phase is Phase.BOOTLOADER
    assert camera.camera.sessions[-1].attached_s == held_s, "held is told from the first time"
