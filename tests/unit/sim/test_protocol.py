from __future__ import annotations

import pytest

from station.dfu.wire import REQUEST_TYPE_IN, REQUEST_TYPE_OUT, Request, State, Status, StatusCode
from station.sim.partitions import TABLES, Medium
from station.sim.reply import Kind
from tests.unit.sim.driver import (
    BOOT,
    HE,
    HP,
    KEY_FILE,
    RECOVERY,
    ROMFS0,
    ROMFS1,
    RWFS,
    TOC,
    Driver,
    driver,
)

BLOCK = bytes(range(256)) * 16


def at(alt: int, **changes: object) -> Driver:
    camera = driver(**changes)
    camera.select(alt)
    return camera


def test_the_partition_table_is_the_boards() -> None:
    sizes = [partition.size_bytes for partition in TABLES["current"]]
    assert sizes == [131072, 3145728, 1433600, 1048576, 8192, 8388608, 25165824, 4096]
    assert [partition.start for partition in TABLES["current"]] == [
        *(0x80000000, 0x80020000, 0x80320000, 0x8047E000, 0x8057E000),
        *(0, 0x00800000, 0),
    ]
    assert [p.medium for p in TABLES["current"]] == [Medium.ON_CHIP] * 5 + [Medium.EXTERNAL] * 2 + [Medium.RECOVERY]


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


@pytest.mark.parametrize("block", [6, 7, 2])
def test_the_address_is_the_block_number_times_4096_and_blocks_may_come_in_any_order(block: int) -> None:
    camera = at(ROMFS0)
    camera.write(block, BLOCK)
    assert camera.upload(block) == BLOCK
    assert camera.upload(block - 1) == b"\xff" * 4096
    assert camera.camera.flash.memory_of(TABLES["current"][ROMFS0]).read(0x00800000 + block * 4096, 4096) == BLOCK


@pytest.mark.parametrize("alt", [HP, HE, ROMFS1, TOC])
def test_an_on_chip_partition_hangs_when_another_block_comes_before_its_block_0(alt: int) -> None:
    camera = at(alt)
    camera.download(1, BLOCK)
    assert camera.status().state == State.DFU_DNBUSY
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.NEVER
    assert camera.transfer(0x80, 6, 0x0100, 18).kind is Kind.NEVER
    camera.camera.bus_reset()
    assert camera.transfer(REQUEST_TYPE_OUT, Request.ABORT).kind is Kind.NEVER, "a bus reset does not help"
    camera.camera.power_off()
    camera.camera.power_on()
    camera.configure()
    camera.select(alt)
    assert camera.upload(1) == b"\xff" * 4096


def test_block_0_lifts_the_protection_of_its_own_partition_only() -> None:
    camera = at(HP)
    camera.write(0, BLOCK)
    assert camera.write(5, BLOCK).state == State.DFU_DNLOAD_IDLE
    camera.select(HE)
    camera.download(1, BLOCK)
    camera.status()
    assert camera.camera.crashed


def test_the_lifted_protection_survives_abort_clear_and_set_interface() -> None:
    camera = at(HP)
    camera.write(0, bytes(16))
    camera.abort()
    camera.clear()
    camera.select(RWFS)
    camera.select(HP)
    assert camera.write(3, BLOCK).state == State.DFU_DNLOAD_IDLE


def test_a_manifest_puts_the_protection_back() -> None:
    camera = at(HP)
    camera.write(0, BLOCK)
    assert camera.manifest() == [State.DFU_MANIFEST, State.DFU_IDLE]
    camera.download(1, BLOCK)
    camera.status()
    assert camera.camera.crashed


@pytest.mark.parametrize("cancel", [Driver.abort, Driver.upload])
def test_a_cancelled_block_0_lifts_nothing(cancel: object) -> None:
    camera = at(HP)
    camera.download(0, BLOCK)
    if cancel is Driver.abort:
        camera.abort()
    else:
        camera.upload(0)
    camera.select(HP)
    camera.download(1, BLOCK)
    camera.status()
    assert camera.camera.crashed


def test_a_power_cycle_protects_again() -> None:
    camera = at(HP)
    camera.write(0, BLOCK)
    camera.camera.power_off()
    camera.camera.power_on()
    camera.configure()
    camera.select(HP)
    camera.download(1, BLOCK)
    camera.status()
    assert camera.camera.crashed


@pytest.mark.parametrize("block", [2048, 65535])
def test_a_block_past_the_limit_is_err_address_and_numbers_do_not_wrap(block: int) -> None:
    camera = at(RWFS)
    assert camera.write(block, BLOCK) == Status(StatusCode.ERR_ADDRESS, 0, State.DFU_ERROR)


def test_a_block_past_the_limit_of_a_protected_partition_does_not_hang() -> None:
    camera = at(HE)
    assert camera.write(350, BLOCK).status == StatusCode.ERR_ADDRESS


def test_boot_is_read_only() -> None:
    camera = at(BOOT)
    header = camera.upload(1)
    assert camera.write(1, BLOCK) == Status(StatusCode.ERR_WRITE, 0, State.DFU_ERROR)
    assert camera.upload(1) == header


@pytest.mark.parametrize("leave", ["clear", "abort", "select"])
def test_the_error_state_is_left_by(leave: str) -> None:
    camera = at(BOOT)
    camera.write(0, BLOCK)
    {"clear": camera.clear, "abort": camera.abort, "select": lambda: camera.select(HP)}[leave]()
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_IDLE)


@pytest.mark.parametrize(("length", "stored"), [(1, 16), (16, 16), (17, 32), (4095, 4096)])
def test_on_chip_writes_round_up_to_16_bytes_with_what_was_in_the_buffer(length: int, stored: int) -> None:
    camera = at(ROMFS1)
    camera.write(0, b"\xaa" * 4096)
    camera.write(1, b"\x55" * length)
    assert camera.upload(1) == b"\x55" * length + b"\xaa" * (stored - length) + b"\xff" * (4096 - stored)


def test_the_buffer_is_shared_with_upload() -> None:
    camera = at(ROMFS1)
    camera.write(0, b"\xaa" * 4096)
    camera.select(BOOT)
    header = camera.upload(1, 16)
    camera.select(ROMFS1)
    camera.write(1, b"\x55")
    assert camera.upload(1, 16) == b"\x55" + header[1:]


def test_a_short_on_chip_block_leaves_the_bytes_behind_it() -> None:
    camera = at(ROMFS1)
    camera.write(0, b"\xaa" * 4096)
    camera.write(0, b"\x55" * 16)
    assert camera.upload(0) == b"\x55" * 16 + b"\xaa" * 4080


def test_a_short_external_block_erases_its_sector_first() -> None:
    camera = at(ROMFS0)
    camera.write(0, b"\xaa" * 4096)
    camera.write(0, b"\x55" * 5)
    assert camera.upload(0) == b"\x55" * 5 + b"\xff" * 4091


def test_the_end_of_an_image_is_manifest_then_idle_and_the_session_goes_on() -> None:
    camera = at(HP)
    camera.write(0, BLOCK)
    camera.download(0, b"")
    assert camera.state() is State.DFU_MANIFEST_SYNC
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_MANIFEST)
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_IDLE)
    camera.select(HE)
    assert camera.write(0, BLOCK).state == State.DFU_DNLOAD_IDLE


@pytest.mark.parametrize("alt", [BOOT, HP, HE, ROMFS1, TOC, RWFS, ROMFS0])
def test_upload_ends_with_four_zero_bytes_past_the_limit(alt: int) -> None:
    camera = at(alt)
    blocks = TABLES["current"][alt].size_bytes // 4096
    assert len(camera.upload(blocks - 1)) == 4096
    assert camera.upload(blocks) == bytes(4)
    assert camera.upload(65535, 100) == bytes(4)


@pytest.mark.parametrize(
    ("table", "rwfs_blocks", "romfs0_blocks"), [("current", 2048, 6144), ("april_2025", 4096, 4096)]
)
def test_sizes_tell_tables_with_the_same_names_apart(table: str, rwfs_blocks: int, romfs0_blocks: int) -> None:
    camera = at(RWFS, table=table)
    assert (len(camera.upload(2048)), len(camera.upload(rwfs_blocks))) == (4 if rwfs_blocks == 2048 else 4096, 4)
    camera.select(ROMFS0)
    assert (len(camera.upload(4096)), len(camera.upload(romfs0_blocks))) == (4 if romfs0_blocks == 4096 else 4096, 4)


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


def test_an_uninitialized_mram_refuses_writes_after_polling_but_on_chip_works() -> None:
    camera = at(ROMFS0, profile="mram", mram_initialized=False)
    assert camera.write(0, BLOCK) == Status(StatusCode.ERR_WRITE, 0, State.DFU_ERROR)
    assert camera.waited_s == pytest.approx(4.0)
    camera.select(RWFS)
    assert camera.write(0, BLOCK).status == StatusCode.ERR_WRITE
    camera.select(HP)
    assert camera.write(0, BLOCK).status == StatusCode.OK


def test_the_key_initializes_the_mram_inside_one_block() -> None:
    camera = at(RECOVERY, profile="mram", mram_initialized=False)
    camera.download(0, KEY_FILE)
    assert camera.status().state == State.DFU_DNBUSY
    assert camera.status() == Status(StatusCode.OK, 0, State.DFU_DNLOAD_IDLE)
    assert camera.waited_s == pytest.approx(8.0)
    camera.select(ROMFS0)
    assert camera.write(0, BLOCK).status == StatusCode.OK


def test_the_chip_is_blank_after_an_initialization() -> None:
    camera = at(ROMFS0)
    camera.write(9, BLOCK)
    camera.select(RECOVERY)
    assert camera.write(0, KEY_FILE).status == StatusCode.OK
    camera.select(ROMFS0)
    assert camera.upload(9) == b"\xff" * 4096


def test_a_wrong_key_is_err_write_and_the_right_one_may_follow() -> None:
    camera = at(RECOVERY, mram_initialized=False)
    assert camera.write(0, bytes(4096)).status == StatusCode.ERR_WRITE
    assert camera.camera.flash.mram_initialized is False
    camera.clear()
    assert camera.write(0, KEY_FILE[:15]).status == StatusCode.ERR_WRITE
    camera.clear()
    assert camera.write(0, KEY_FILE).status == StatusCode.OK


def test_a_second_initialization_in_a_session_is_err_write_and_after_a_power_cycle_it_works() -> None:
    camera = at(RECOVERY)
    assert camera.write(0, KEY_FILE).status == StatusCode.OK
    assert camera.write(0, KEY_FILE).status == StatusCode.ERR_WRITE
    camera.camera.power_off()
    camera.camera.power_on()
    camera.configure()
    camera.select(RECOVERY)
    assert camera.write(0, KEY_FILE).status == StatusCode.OK
    assert camera.camera.flash.mram_initializations == 2


def test_a_failed_initialization_does_not_use_the_session_up() -> None:
    camera = at(RECOVERY, faults=[{"at": {"alt": 7}, "do": "err_write"}])
    assert camera.write(0, KEY_FILE).status == StatusCode.ERR_WRITE
    camera.clear()
    assert camera.write(0, KEY_FILE).status == StatusCode.OK


def test_the_key_on_a_nor_board_is_err_write() -> None:
    camera = at(RECOVERY, profile="nor")
    assert camera.write(0, KEY_FILE) == Status(StatusCode.ERR_WRITE, 0, State.DFU_ERROR)


def test_recovery_stores_nothing_and_has_one_block() -> None:
    camera = at(RECOVERY)
    assert camera.write(1, KEY_FILE).status == StatusCode.ERR_ADDRESS
    camera.clear()
    assert camera.upload(1) == bytes(4), "past the limit there is the end frame"


def test_upload_from_recovery_kills_endpoint_0() -> None:
    camera = at(RECOVERY)
    assert camera.transfer(REQUEST_TYPE_IN, Request.UPLOAD, 0, 4096).kind is Kind.NEVER
    assert camera.transfer(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6).kind is Kind.NEVER
    state = camera.camera.state()
    assert (state["dfu_state"], state["dfu_status"]) == (State.DFU_ERROR, StatusCode.ERR_FILE)


def test_everything_is_traced_when_asked() -> None:
    camera = driver(trace=True)
    camera.upload(1, 64)
    assert camera.camera.trace is not None
    assert camera.camera.trace[-1] == (REQUEST_TYPE_IN, Request.UPLOAD, 1, 0, 64)
