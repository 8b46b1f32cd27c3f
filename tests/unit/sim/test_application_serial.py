"""The serial of the application against its bit layout, read back independently of how it was packed."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from station.sim.application_serial import application_serial, eui_serial, reversed_serial
from station.sim.demo_cameras import demo_serial
from tests.unit.sim.driver import SERIAL

KNOWN = ("0829c14000000000", "085ce70000000000")
"""Two real cameras, from public logs."""


def test_the_vector_of_the_source() -> None:
    assert eui_serial("4F6A1C6A3381" + "00" * 6) == "9fab9ab381000000"


@given(st.binary(min_size=12, max_size=12))
@example(b"\xff" * 12)
@example(bytes(12))
def test_every_field_stands_where_the_source_puts_it(chip_id: bytes) -> None:
    packed = eui_serial(chip_id.hex().upper())
    assert packed == packed.lower()
    assert packed.endswith("000000")
    bits = f"{int(packed[:10], 16):040b}"
    m = [f"{byte:08b}" for byte in chip_id]
    x, y, wafer, fab, year, week, lot = m[0][1:], m[1][1:], m[2][3:], m[3][1], m[3][2:], m[4][2:], m[5]
    assert bits == x + y + wafer + fab + year + week + lot


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("eui", "0208610506000000"),
        ("reversed", "0C0B0A090807060504030201"),
        ("same", SERIAL),
        ("none", ""),
        ("C0FFEE", "C0FFEE"),
    ],
)
def test_the_forms(form: str, shown: str) -> None:
    assert application_serial(form, SERIAL) == shown


def test_what_is_no_chip_id_stays_as_it_is() -> None:
    assert [application_serial("eui", serial) for serial in ("", "AE3", "0123456789ABCDEF")] == [
        "",
        "AE3",
        "0123456789ABCDEF",
    ]
    assert application_serial("eui", "0" * 24) == "0" * 16
    assert reversed_serial("") == ""


@pytest.mark.parametrize("serial", [*KNOWN, *(eui_serial(demo_serial(index)) for index in range(40))])
def test_demo_cameras_look_like_the_known_ones(serial: str) -> None:
    """Week 0 and lot 0, and no serial twice."""
    packed = int(serial[:10], 16)
    assert (packed >> 8 & 0x3F, packed & 0xFF) == (0, 0)


def test_no_two_demo_cameras_are_one() -> None:
    assert len({eui_serial(demo_serial(index)) for index in range(120)}) == 120
