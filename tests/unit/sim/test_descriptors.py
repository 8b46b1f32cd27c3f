from __future__ import annotations

import struct
from typing import Any

import pytest

from station.sim.camera_descriptors import application, bcd_device
from station.sim.reply import Kind
from station.sim.spec import CameraSpec
from tests.unit.sim.driver import SERIAL, driver

SPEC = CameraSpec(serial="0102030405060708090A0B0C", port_path="1-1.1")


def descriptor(value: int, length: int = 255, configured: bool = False, **changes: Any) -> bytes:
    return driver(configured, **changes).served(0x80, 6, value, length)


def text(index: int, **changes: Any) -> str:
    raw = descriptor(0x0300 | index, **changes)
    assert raw[0] == len(raw)
    assert raw[1] == 3
    return raw[2:].decode("utf-16-le")


def test_the_device_descriptor_is_the_bootloaders() -> None:
    fields = struct.unpack("<BBHBBBBHHHBBBB", descriptor(0x0100))
    assert fields == (18, 1, 0x0200, 0, 0, 0, 64, 0x37C5, 0x96E3, 0x0103, 1, 2, 3, 1)


def test_a_descriptor_is_cut_to_the_length_asked() -> None:
    assert descriptor(0x0100, 8) == descriptor(0x0100)[:8]


@pytest.mark.parametrize(
    ("version", "bcd"), [((1, 0, 3), 0x0103), ((1, 0, 1), 0x0101), ((1, 0, 0), 0x0200), ((1, 2, 3), 0x0123)]
)
def test_bcd_device_is_the_version_from_1_0_1_on(version: tuple[int, int, int], bcd: int) -> None:
    assert bcd_device(version) == bcd


def test_the_configuration_has_eight_alternate_settings_and_one_functional_descriptor() -> None:
    raw = descriptor(0x0200)
    assert struct.unpack("<BBHBBBBB", raw[:9]) == (9, 2, 90, 1, 1, 0, 0x80, 250)
    for alt in range(8):
        assert raw[9 + 9 * alt : 18 + 9 * alt] == bytes((9, 4, 0, alt, 0, 0xFE, 0x01, 0x02, 4 + alt))
    assert struct.unpack("<BBBHHH", raw[81:]) == (9, 0x21, 0x07, 1000, 4096, 0x0101)


def test_the_strings() -> None:
    assert descriptor(0x0300) == bytes((4, 3, 0x09, 0x04))
    assert [text(index) for index in (1, 2, 3)] == ["OpenMV", "OpenMV Camera (DFU Mode)", SERIAL]
    assert [text(index) for index in range(4, 12)] == [
        "BOOT",
        "HP",
        "HE",
        "ROMFS1",
        "TOC",
        "RWFS",
        "ROMFS0",
        "RECOVERY",
    ]
    assert driver().transfer(0x80, 6, 0x030C, 255).kind is Kind.STALL


@pytest.mark.parametrize("serial", ["0" * 24, "0123456789ABCDEF", ""])
def test_a_serial_that_names_no_unit_is_told_as_it_is(serial: str) -> None:
    assert text(3, serial=serial) == serial


def test_there_is_a_device_qualifier() -> None:
    assert descriptor(0x0600) == bytes((10, 6, 0x00, 0x02, 0, 0, 0, 64, 1, 0))


@pytest.mark.parametrize("value", [0x0700, 0x0F00, 0x2100])
def test_unknown_descriptors_stall(value: int) -> None:
    assert driver().transfer(0x80, 6, value, 255).kind is Kind.STALL


APPLICATION = bytes.fromhex(
    "0902 6200 03 01 00 80 7D"
    "080B 00 02 02 02 00 00"
    "0904 00 00 01 02 02 00 04  0524 00 2001  0524 01 00 01  0424 02 02  0524 06 00 01  0705 81 03 0800 10"
    "0904 01 00 02 0A 00 00 00  0705 02 02 0002 00  0705 82 02 0002 00"
    "0904 02 00 02 08 06 50 05  0705 03 02 0002 00  0705 83 02 0002 00"
)
"""What TUD_CONFIG_, TUD_CDC_ and TUD_MSC_DESCRIPTOR make of micropython's settings for the board."""


def test_the_application_is_a_serial_port_and_a_disk() -> None:
    shown = application(SPEC, "0829c14000000000")
    assert shown.answers[0x0200] == APPLICATION
    device = struct.unpack("<BBHBBBBHHHBBBB", shown.answers[0x0100])
    assert device == (18, 1, 0x0200, 0xEF, 2, 1, 64, 0x37C5, 0x16E3, 0x0100, 1, 2, 3, 1)
    assert shown.answers[0x0600] == bytes((10, 6, 0, 2, 0xEF, 2, 1, 64, 1, 0))
    strings = [shown.answers[0x0300 | index][2:].decode("utf-16-le") for index in range(1, 6)]
    assert strings == ["OpenMV", "OpenMV Camera", "0829c14000000000", "Board CDC", "Board MSC"]
    assert [number for number, *_ in shown.interface_classes] == [2, 10, 8]


def test_an_application_without_a_serial_names_none() -> None:
    shown = application(SPEC, "")
    assert shown.answers[0x0100][16] == 0
    assert 0x0303 not in shown.answers


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("april_2025", "BOOT HP HE ROMFS1 TOC RWFS ROMFS0 RECOVERY"),
        ("first", "BOOT HP HE ROMFS0 TOC RWFS ROMFS1 RECOVERY"),
    ],
)
def test_old_tables_have_these_names(table: str, names: str) -> None:
    assert [text(index, table=table) for index in range(4, 12)] == names.split()


def test_wrong_names_are_wrong() -> None:
    assert text(5, table="wrong_names") != "HP"
