from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.model.serials import DEFAULT_SERIAL, canonical_serial, is_identity, reversed_serial, same_serial

SERIAL = "0102030405060708090A0B0C"
TURNED = "0C0B0A090807060504030201"
CHIP_IDS = st.binary(min_size=12, max_size=12).map(lambda raw: raw.hex().upper())


@pytest.mark.parametrize(
    "serial",
    [
        "",
        "   ",
        "0" * 24,
        "0",
        "F" * 24,
        "f" * 24,
        DEFAULT_SERIAL,
        DEFAULT_SERIAL.lower(),
        "EFCDAB8967452301",
        "A\x1b[2JB",
    ],
)
def test_some_serials_name_no_unit(serial: str) -> None:
    assert not is_identity(serial)
    assert not same_serial(serial, serial)


def test_a_chip_id_names_a_unit() -> None:
    assert is_identity(SERIAL)
    assert is_identity("0" * 23 + "1")


def test_no_other_form_of_a_serial_names_the_unit() -> None:
    """Which form an application shows nobody has seen proven: two bootloaders are one unit by equal serials alone."""
    assert reversed_serial(SERIAL) == TURNED
    assert not same_serial(SERIAL, TURNED)
    assert same_serial(SERIAL, SERIAL.lower())


def test_digits_are_not_turned_round_one_by_one() -> None:
    assert not same_serial(SERIAL, SERIAL[::-1])


@given(CHIP_IDS)
def test_turning_twice_changes_nothing(serial: str) -> None:
    turned = reversed_serial(serial)
    assert turned is not None
    assert reversed_serial(turned) == serial
    assert is_identity(serial) == is_identity(turned)


@given(CHIP_IDS, CHIP_IDS)
def test_another_chip_is_another_unit(one: str, other: str) -> None:
    assert same_serial(one, other) == (is_identity(one) and one == other)


@pytest.mark.parametrize("serial", ["", "010", "Z" * 24])
def test_only_bytes_can_be_turned(serial: str) -> None:
    assert reversed_serial(serial) is None


def test_a_serial_of_another_form_is_compared_as_it_is() -> None:
    assert same_serial("CAM-7", "cam-7 ")
    assert not same_serial("CAM-7", "CAM-8")
    assert canonical_serial(" cam-7\n") == "CAM-7"
