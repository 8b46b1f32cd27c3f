from __future__ import annotations

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.board.serial_rule import eui_extension

has_known_form = OPENMV_AE3.serial.has_known_form


def test_the_form_is_packed_as_the_source_packs_it() -> None:
    assert eui_extension(bytes.fromhex("4F6A1C6A3381")).hex() == "9fab9ab381000000"


@pytest.mark.parametrize(
    "shown", ["9fab9ab381000000", "9FAB9AB381000000", "4F6A1C6A3381A0B0C0D0E0F1", "f1e0d0c0b0a081336a1c6a4f"]
)
def test_the_known_forms_are_known(shown: str) -> None:
    assert has_known_form(shown, "4F6A1C6A3381A0B0C0D0E0F1")


@pytest.mark.parametrize("shown", ["", "0829c14000000000"])
def test_any_other_form_is_not(shown: str) -> None:
    assert not has_known_form(shown, "4F6A1C6A3381A0B0C0D0E0F1")


def test_a_serial_that_is_no_hex_is_compared_as_it_is() -> None:
    assert has_known_form("cam-7", "CAM-7")
    assert not has_known_form("cam-8", "CAM-7")
