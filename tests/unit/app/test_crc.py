from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openmv import crc as theirs

from station.app.crc import crc16, crc32


@pytest.mark.parametrize(
    ("data", "expected16", "expected32"),
    [
        (b"", 0xFFFF, 0xFFFFFFFF),
        # A zero byte takes the all-ones register through the table's last entry (openmv `common/omv_crc.c`).
        (b"\x00", 0xFF00 ^ 0x551E, 0xFFFFFF00 ^ 0x25C4421B),
        (b"\xff", 0xFF00, 0xFFFFFF00),
    ],
)
def test_the_published_tables_give_these(data: bytes, expected16: int, expected32: int) -> None:
    assert (crc16(data), crc32(data)) == (expected16, expected32)


@given(st.binary(max_size=300))
def test_both_are_those_of_openmv_s_own_client(data: bytes) -> None:
    assert (crc16(data), crc32(data)) == (theirs.crc16(data), theirs.crc32(data))


@given(st.binary(min_size=8, max_size=8), st.integers(0, 79), st.integers(0, 79))
def test_a_header_with_two_wrong_bits_is_never_a_header(header: bytes, first: int, second: int) -> None:
    whole = int.from_bytes(header + crc16(header).to_bytes(2, "little"), "little")
    damaged = (whole ^ 1 << first ^ (1 << second if second != first else 0)).to_bytes(10, "little")
    assert crc16(damaged[:8]) != int.from_bytes(damaged[8:], "little")
