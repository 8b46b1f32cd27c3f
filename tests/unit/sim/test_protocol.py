from __future__ import annotations

from typing import Any

import pytest

from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT, Request, State, Status, StatusCode
from station.sim.reply import Kind
from tests.unit.sim.driver import (
    BOOT,
    HE,
    HP,
    RWFS,
    Driver,
    driver,
)

BLOCK = bytes(range(256)) * 16


def at(alt: int, **changes: Any) -> Driver:
    camera = driver(**changes)
    camera.select(alt)
    return camera


def test_a_block_is_download_status_status() -> None:
    camera = at(RWFS)
    assert camera.download(0, BLOCK).kind is Kind.DATA
    assert camera.state() is State.DFU_DNLOAD_SYNC
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_DNBUSY)
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_DNLOAD_IDLE)
    assert camera.upload(0) == BLOCK


def test_nothing_is_written_before_the_first_status() -> None:
    camera = at(RWFS)
    camera.download(0, BLOCK)
    camera.abort()
    assert camera.upload(0) == b"\xff" * 4096


@pytest.mark.parametrize("alt", [HP, RWFS])
def test_it_is_silent_while_it_writes(alt: int) -> None:
    camera = at(alt, profile="nor")
    write_s = {HP: 0.001, RWFS: 0.030}[alt]
    camera.download(0, BLOCK)
    began_s = camera.clock()
    assert camera.status().state == State.DFU_DNBUSY
    assert camera.clock() == began_s, "the first status does not wait"
    camera.clock.now_s += write_s / 2
    waiting = camera.raw(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 0, 6)
    assert waiting.kind is Kind.WAIT
    assert waiting.at_s == pytest.approx(began_s + write_s)
    assert camera.raw(0x80, 6, 0x0100, 0, 18).kind is Kind.WAIT, "not only DFU requests wait"
    assert camera.status().state == State.DFU_DNLOAD_IDLE
    assert camera.camera.busy_s == pytest.approx(write_s)


def test_reading_takes_its_time_too() -> None:
    camera = at(RWFS, profile="mram", scale=0.5)
    camera.upload(0)
    assert camera.waited_s == pytest.approx(0.00125)
    camera.upload(0, 2048)
    assert camera.camera.busy_s == pytest.approx(0.00125 * 1.5)


@pytest.mark.parametrize("state", ["sync", "error", "manifest"])
def test_download_is_refused_outside_idle_and_download_idle(state: str) -> None:
    camera = at(BOOT if state == "error" else RWFS)
    camera.download(0, b"" if state == "manifest" else BLOCK)
    if state == "error":
        camera.status()
    before = camera.state()
    assert camera.download(1, BLOCK).kind is Kind.STALL
    assert camera.state() is before


def test_download_is_accepted_in_download_idle() -> None:
    camera = at(RWFS)
    for block in range(3):
        assert camera.write(block, BLOCK).state == State.DFU_DNLOAD_IDLE


def test_requests_longer_than_the_transfer_size_stall() -> None:
    camera = at(RWFS)
    assert camera.download(0, bytes(4097)).kind is Kind.STALL
    assert camera.transfer(REQUEST_TYPE_IN, Request.UPLOAD, 0, 4097).kind is Kind.STALL
    assert camera.state() is State.DFU_IDLE


def test_set_interface_selects_and_resets() -> None:
    camera = at(BOOT)
    camera.download(0, BLOCK)
    camera.status()
    assert camera.state() is State.DFU_ERROR
    camera.select(RWFS)
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_IDLE)
    assert camera.served(0x81, 0x0A, 0, 1) == bytes((RWFS,))


@pytest.mark.parametrize("leave", ["clear", "abort", "select"])
def test_the_error_state_is_left_by(leave: str) -> None:
    camera = at(BOOT)
    camera.write(0, BLOCK)
    if leave == "select":
        camera.select(HP)
    else:
        camera.served(REQUEST_TYPE_OUT, Request.CLRSTATUS if leave == "clear" else Request.ABORT)
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_IDLE)


def test_the_end_of_an_image_is_manifest_then_idle_and_the_session_goes_on() -> None:
    camera = at(HP)
    camera.write(0, BLOCK)
    camera.download(0, b"")
    assert camera.state() is State.DFU_MANIFEST_SYNC
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_MANIFEST)
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_IDLE)
    camera.select(HE)
    assert camera.write(0, BLOCK).state == State.DFU_DNLOAD_IDLE


def test_the_stride_of_upload_is_4096_whatever_the_length() -> None:
    camera = at(RWFS)
    camera.write(1, BLOCK)
    assert camera.upload(1, 64) == BLOCK[:64]


@pytest.mark.parametrize("state", ["idle", "sync", "download_idle", "error"])
def test_upload_is_served_in_any_state_and_leaves_it(state: str) -> None:
    camera = at(BOOT if state == "error" else RWFS)
    if state != "idle":
        camera.download(0, BLOCK)
    if state in ("download_idle", "error"):
        camera.status()
    if state == "download_idle":
        camera.status()
    before = camera.state()
    assert len(camera.upload(3)) == 4096
    assert camera.state() is before


def test_upload_discards_a_pending_block() -> None:
    camera = at(RWFS)
    camera.download(0, BLOCK)
    camera.upload(7)
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_DNLOAD_IDLE)
    assert camera.upload(0) == b"\xff" * 4096


def test_upload_after_a_zero_download_skips_the_manifest() -> None:
    camera = at(HP)
    camera.write(0, BLOCK)
    camera.download(0, b"")
    camera.upload(0)
    assert camera.status().state == State.DFU_IDLE
    assert camera.write(1, BLOCK).state == State.DFU_DNLOAD_IDLE, "still not protected"


def test_manifest_on_alt_0_hangs() -> None:
    camera = driver()
    camera.download(0, b"")
    assert camera.status().state == State.DFU_MANIFEST
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.NEVER


@pytest.mark.parametrize("alt", [8, 255])
def test_an_alt_above_7_is_accepted_and_then_hangs(alt: int) -> None:
    camera = at(alt)
    assert camera.status().state == State.DFU_IDLE
    assert camera.transfer(REQUEST_TYPE_IN, Request.UPLOAD, 0, 64).kind is Kind.NEVER
    writing = at(alt)
    writing.download(0, BLOCK)
    writing.status()
    assert writing.camera.crashed


@pytest.mark.parametrize(
    ("request_type", "request_", "length"),
    [
        (REQUEST_TYPE_IN, Request.GETSTATUS, 6),
        (REQUEST_TYPE_IN, Request.UPLOAD, 64),
        (REQUEST_TYPE_OUT, Request.ABORT, 0),
    ],
)
def test_class_requests_to_another_interface_stall(request_type: int, request_: int, length: int) -> None:
    assert driver().transfer(request_type, request_, 0, length, index=1).kind is Kind.STALL


@pytest.mark.parametrize(
    ("request_type", "request_"), [(0xA0, 3), (0xA2, 3), (0xC1, 3), (0xA1, 7), (0x21, 7), (0x80, 0x33), (0x00, 0x0C)]
)
def test_other_recipients_and_unknown_requests_stall(request_type: int, request_: int) -> None:
    assert driver().transfer(request_type, request_, 0, 6 if request_type & 0x80 else 0).kind is Kind.STALL


def test_getstate_is_one_byte() -> None:
    assert driver().served(REQUEST_TYPE_IN, Request.GETSTATE, 0, 64) == bytes((State.DFU_IDLE,))


def test_a_short_getstatus_is_cut_and_still_writes() -> None:
    camera = at(RWFS)
    camera.download(0, BLOCK)
    assert camera.served(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 1) == b"\0"
    camera.status()
    assert camera.upload(0) == BLOCK


@pytest.mark.parametrize(
    ("request_type", "request_"), [(REQUEST_TYPE_IN, Request.GETSTATUS), (REQUEST_TYPE_IN, Request.UPLOAD), (0x80, 6)]
)
def test_an_in_request_without_length_kills_endpoint_0_until_a_bus_reset(request_type: int, request_: int) -> None:
    camera = driver()
    assert camera.transfer(request_type, request_, 0x0100, 0).kind is Kind.NEVER
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1).kind is Kind.NEVER
    camera.camera.bus_reset()
    assert camera.camera.connection is None, "a bus reset leaves the bootloader"


def test_get_status_and_get_configuration() -> None:
    camera = driver()
    assert camera.served(0x80, 0, 0, 2) == bytes(2)
    assert camera.served(0x80, 8, 0, 1) == b"\x01"


def test_a_download_abandoned_in_its_data_is_pending_with_old_bytes_behind_it() -> None:
    camera = at(RWFS)
    camera.write(0, b"\xaa" * 4096)
    reply = camera.transfer(REQUEST_TYPE_OUT, Request.DNLOAD, 1, 4096, b"\x55" * 100)
    assert reply.kind is Kind.NEVER
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_DNBUSY)
    assert camera.upload(1) == b"\x55" * 100 + b"\xaa" * 3996


def test_abort_first_saves_the_block() -> None:
    camera = at(RWFS)
    camera.transfer(REQUEST_TYPE_OUT, Request.DNLOAD, 1, 4096, b"\x55" * 100)
    camera.abort()
    assert camera.status().state == State.DFU_IDLE
    assert camera.upload(1) == b"\xff" * 4096


def setup(request_type: int, request: int, value: int, length: int) -> bytes:
    return bytes((request_type, request)) + value.to_bytes(2, "little") + bytes(2) + length.to_bytes(2, "little")


@pytest.mark.parametrize("rescue", [Request.GETSTATUS, Request.GETSTATE])
def test_a_getstatus_given_up_during_a_write_is_mended_by_another_and_not_by_abort(rescue: Request) -> None:
    camera = at(RWFS, profile="nor")
    camera.download(0, BLOCK)
    camera.status()
    camera.camera.abandon(setup(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6))
    camera.clock.now_s += 1
    assert camera.transfer(REQUEST_TYPE_OUT, Request.ABORT).kind is Kind.NEVER
    assert camera.transfer(REQUEST_TYPE_IN, rescue, 0, 6).kind is Kind.DATA
    camera.abort()
    assert camera.upload(0) == BLOCK


def test_a_download_given_up_while_the_camera_was_silent_is_pending() -> None:
    camera = at(RWFS, profile="nor")
    camera.write(0, BLOCK)
    camera.camera.abandon(setup(REQUEST_TYPE_OUT, Request.DNLOAD, 1, 4096))
    assert camera.state() is State.DFU_DNLOAD_SYNC


def test_an_abandoned_transfer_may_kill_endpoint_0() -> None:
    camera = at(RWFS, abandon="ep0_dead")
    camera.camera.abandon(setup(REQUEST_TYPE_IN, Request.UPLOAD, 0, 4096))
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1).kind is Kind.NEVER


def test_everything_is_traced_when_asked() -> None:
    camera = driver(trace=True)
    camera.upload(1, 64)
    assert camera.camera.trace is not None
    assert camera.camera.trace[-1] == (REQUEST_TYPE_IN, Request.UPLOAD, 1, 0, 64)
