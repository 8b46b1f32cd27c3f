"""The serial that a camera's application shows, made of its bootloader's.

An AE3's application packs the first six bytes of the chip's manufacturing data (the bootloader prints twelve of them
raw) into an EUI-64 extension: micropython `ports/alif/usbd.c` and `se_services.c`, openmv
`lib/alif/se_services/source/services_host_system.c`. Nobody has published both serials of one camera, so the other
forms are here too.
"""

from __future__ import annotations

_FIELDS = ((0, 0, 7), (1, 0, 7), (2, 0, 5), (3, 6, 1), (3, 0, 6), (4, 0, 6), (5, 0, 8))
"""Byte, lowest bit and width of x, y, wafer, fab, year, week and lot: 40 bits, the first one highest."""
_PACKED_BYTES, _EXTENSION_BYTES = 5, 8
_CHIP_ID_DIGITS = 24


def application_serial(form: str, serial: str) -> str:
    """The serial as the application of a camera shows it, "" for none.

    `form`: "eui" (a real AE3; a serial that is no chip id stays as it is), "reversed" (the bytes backwards, as the
    OpenMV N6), "same", "none", or any other text, which is shown as it stands.
    """
    if form == "eui":
        return eui_serial(serial) if _is_chip_id(serial) else serial
    if form == "reversed":
        return reversed_serial(serial)
    return {"same": serial, "none": ""}.get(form, form)


def eui_serial(serial: str) -> str:
    """16 lower-case hex digits of a bootloader's serial of at least 12; ValueError for one that is not hex.

    >>> eui_serial("4F6A1C6A3381")
    '9fab9ab381000000'
    """
    data = bytes.fromhex(serial)
    packed = 0
    for index, shift, width in _FIELDS:
        packed = packed << width | data[index] >> shift & (1 << width) - 1
    return packed.to_bytes(_PACKED_BYTES, "big").ljust(_EXTENSION_BYTES, b"\0").hex()


def reversed_serial(serial: str) -> str:
    """The same bytes in reverse order (24 hex digits are 12 bytes)."""
    return "".join(serial[index : index + 2] for index in range(0, len(serial), 2)[::-1])


def _is_chip_id(serial: str) -> bool:
    return len(serial) == _CHIP_ID_DIGITS and all(digit in "0123456789ABCDEFabcdef" for digit in serial)
