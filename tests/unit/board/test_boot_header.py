from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.board.openmv_ae3 import OPENMV_AE3

RULE = OPENMV_AE3.boot_header

BYTES = st.integers(0, 255)


def test_the_header_of_a_bootloader_1_0_3() -> None:
    block = bytes.fromhex("ad10 07b0 01 00 03") + bytes(4096 - 7)
    assert RULE.decode(block) == "1.0.3"
    assert RULE.version(0x0103, block) == "1.0.3"


@given(st.tuples(BYTES, BYTES, BYTES), st.binary(max_size=64))
def test_a_header_survives_the_block(version: tuple[int, int, int], rest: bytes) -> None:
    assert RULE.decode(RULE.encode(version) + rest) == ".".join(map(str, version))
    assert len(RULE.encode(version)) == 32


@pytest.mark.parametrize(
    "block",
    [b"", b"\xff" * 4096, bytes(4), b"\xb0\x07\x10\xad\x01\x00\x03" + bytes(25), RULE.encode((1, 0, 3))[:31]],
)
def test_no_header(block: bytes) -> None:
    assert RULE.decode(block) is None
    assert RULE.version(0x0200, block) == "<1.0.1"
    assert RULE.version(0x0102, block) == "1.0.2"


def test_the_header_is_believed_before_bcd_device() -> None:
    assert RULE.version(0x0200, RULE.encode((1, 0, 1))) == "1.0.1"


@pytest.mark.parametrize(
    ("bcd", "version"), [(0x0103, "1.0.3"), (0x0200, "<1.0.1"), (0x01AF, "1.10.15"), (0x0210, "2.1.0")]
)
def test_bcd_device(bcd: int, version: str) -> None:
    assert RULE.version_from_bcd(bcd) == version


@pytest.mark.parametrize(
    ("version", "needed"),
    [
        ("<1.0.1", True),
        ("1.0.1", True),
        ("1.0.2", False),
        ("1.0.3", False),
        ("1.0.10", False),
        ("2.0.0", False),
        ("", True),
        ("unknown", True),
    ],
)
def test_old_bootloaders_want_a_port_reset_after_detach(version: str, needed: bool) -> None:
    assert RULE.needs_reset_after_detach(version) is needed
