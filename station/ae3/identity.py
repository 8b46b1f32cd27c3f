"""USB identities and serial numbers of the AE3."""

from __future__ import annotations

import re
from typing import Final

VENDOR_ID: Final = 0x37C5
DFU_PRODUCT_ID: Final = 0x96E3
APPLICATION_PRODUCT_ID: Final = 0x16E3

MANUFACTURER: Final = "OpenMV"
DFU_PRODUCT: Final = "OpenMV Camera (DFU Mode)"

CHIP_ID_BYTES: Final = 12
DEFAULT_SERIAL: Final = "0123456789ABCDEF"
"""What the bootloader's source falls back to. No AE3 can show it, sister boards do."""

_CHIP_ID = re.compile(r"[0-9A-Fa-f]{24}\Z")
_DEFAULTS: Final = frozenset({DEFAULT_SERIAL, bytes(reversed(bytes.fromhex(DEFAULT_SERIAL))).hex().upper()})


def canonical(serial: str) -> str:
    """The form to compare and store: no blanks around it, upper case. The order of the bytes is left as it is."""
    return serial.strip().upper()


def is_identity(serial: str) -> bool:
    """Whether a serial can name one unit.

    An AE3 whose secure enclave does not answer shows 24 zeros, and two of those may be plugged in at once. An id of one
    repeated digit (blank memory reads as ones), an empty string and the source's default name no unit either.
    """
    form = canonical(serial)
    return len(set(form)) > 1 and form not in _DEFAULTS


def reversed_serial(serial: str) -> str:
    """The same chip id with its 12 bytes in reverse order. ValueError where the serial is no chip id.

    The bootloader and the application write one id in opposite orders.

    >>> reversed_serial("0102030405060708090A0B0C")
    '0C0B0A090807060504030201'
    """
    form = canonical(serial)
    if not _CHIP_ID.match(form):
        raise ValueError(f"{serial!r} is not {CHIP_ID_BYTES} bytes in hexadecimal digits")
    return bytes(reversed(bytes.fromhex(form))).hex().upper()


def same_unit(one: str, other: str) -> bool:
    """Whether two serials name one unit, in either byte order. False where either names no unit at all."""
    if not (is_identity(one) and is_identity(other)):
        return False
    if canonical(one) == canonical(other):
        return True
    return bool(_CHIP_ID.match(canonical(one))) and reversed_serial(one) == canonical(other)
