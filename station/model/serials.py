"""Serial numbers as text: how they are compared and stored, and which of them can name one unit.

A camera without a serial of its own: the bootloader prints 24 zeros when the chip's secure enclave does not answer, and
its source falls back to a default on sister boards (`openmv/openmv`, folder `boot/`).
"""

from __future__ import annotations

from typing import Final

DEFAULT_SERIAL: Final = "0123456789ABCDEF"
"""What the bootloader's source falls back to. No AE3 can show it, sister boards do."""

_DEFAULTS: Final = frozenset({DEFAULT_SERIAL, bytes.fromhex(DEFAULT_SERIAL)[::-1].hex().upper()})


def canonical_serial(serial: str) -> str:
    """The form to compare and store: no blanks around it, upper case. The order of the bytes is left as it is."""
    return serial.strip().upper()


def is_identity(serial: str) -> bool:
    """Whether a serial can name one unit.

    An AE3 whose secure enclave does not answer shows 24 zeros, and two of those may be plugged in at once. An id of one
    repeated digit (blank memory reads as ones), an empty string and the source's default name no unit either; nor does
    what nobody can read or type (control characters).
    """
    form = canonical_serial(serial)
    return len(set(form)) > 1 and form.isprintable() and form not in _DEFAULTS


def reversed_serial(serial: str) -> str | None:
    """The serial with its bytes in reverse order, upper case; None where it is not made of bytes.

    >>> reversed_serial("0102030405060708090A0B0C")
    '0C0B0A090807060504030201'
    """
    try:
        return bytes.fromhex(canonical_serial(serial))[::-1].hex().upper() or None
    except ValueError:
        return None


def same_serial(one: str, other: str) -> bool:
    """Whether two serials of bootloaders name one unit. False where either names no unit at all.

    The application shows another serial, which says nothing here: a camera in its application is known by its port.
    """
    return is_identity(one) and is_identity(other) and canonical_serial(one) == canonical_serial(other)
