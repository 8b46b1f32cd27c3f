from __future__ import annotations

from typing import Any

import pytest

from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT, Request, State, Status, StatusCode
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


def at(alt: int, **changes: Any) -> Driver:
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


@pytest.mark.parametrize("cancel", ["abort", "upload"])
def test_a_cancelled_block_0_lifts_nothing(cancel: str) -> None:
    camera = at(HP)
    camera.download(0, BLOCK)
    if cancel == "abort":
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
