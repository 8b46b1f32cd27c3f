"""Configuration descriptors, good and broken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.dfu.dfu_descriptors import DfuInterface, parse_dfu_interface

FUNCTIONAL = bytes.fromhex("09 21 07 e803 0010 0101")


def setting(alt: int, name: int, *, number: int = 0, protocol: int = 2) -> bytes:
    return bytes((9, 4, number, alt, 0, 0xFE, 0x01, protocol, name))


def configuration(*parts: bytes, total: int | None = None) -> bytes:
    body = b"".join(parts)
    size = 9 + len(body) if total is None else total
    return b"\x09\x02" + size.to_bytes(2, "little") + b"\x01\x01\x00\x80\xfa" + body


AE3 = configuration(*(setting(alt, 4 + alt) for alt in range(8)), FUNCTIONAL)


def test_the_ae3s_descriptor() -> None:
    interface = parse_dfu_interface(AE3)
    assert interface == DfuInterface(0, tuple(range(4, 12)), 0x07, 1000, 4096, 0x0101)
    assert (interface.can_download, interface.can_upload, interface.manifestation_tolerant) == (True, True, True)


def test_descriptors_of_other_kinds_are_passed_over() -> None:
    association = bytes((8, 11, 0, 1, 0xFE, 1, 2, 0))
    assert parse_dfu_interface(configuration(association, setting(0, 4), FUNCTIONAL)).alt_name_indices == (4,)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not a configuration"),
        (AE3[:8], "not a configuration"),
        (b"\x12\x01" + AE3[2:], "not a configuration"),
        (AE3[:-1], "89 bytes of 90"),
        (AE3 + b"\0", "91 bytes of 90"),
        (configuration(setting(0, 4)), "no DFU functional"),
        (configuration(FUNCTIONAL), "no DFU functional"),
        (configuration(setting(0, 4), b"\x07\x21" + FUNCTIONAL[2:7]), "no DFU functional"),
        (configuration(setting(0, 4), FUNCTIONAL, b"\x00"), "a descriptor of 0 bytes"),
        (configuration(setting(0, 4), FUNCTIONAL, b"\x01"), "a descriptor of 1 bytes"),
        (configuration(setting(0, 4), FUNCTIONAL, b"\x09\x04"), "a descriptor of 9 bytes"),
        (configuration(setting(0, 4, protocol=1), FUNCTIONAL), "not in DFU mode"),
        (configuration(b"\x08\x04" + setting(0, 4)[2:8], FUNCTIONAL), "not in DFU mode"),
        (configuration(setting(0, 4), setting(1, 5, number=1), FUNCTIONAL), "more than one interface"),
        (configuration(setting(1, 4), FUNCTIONAL), "out of order"),
        (configuration(setting(0, 4), setting(0, 5), FUNCTIONAL), "out of order"),
    ],
)
def test_a_broken_descriptor_is_refused_with_a_reason(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_dfu_interface(raw)


@given(raw=st.binary(max_size=120) | st.builds(lambda cut, noise: AE3[:cut] + noise, st.integers(0, 90), st.binary()))
def test_noise_is_refused_or_read_but_never_crashes(raw: bytes) -> None:
    try:
        interface = parse_dfu_interface(raw)
    except ValueError:
        return
    assert interface.alt_name_indices
