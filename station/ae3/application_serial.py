"""The serial that the AE3's application shows, as far as it is known how it is made.

The bootloader prints 12 bytes of the chip's manufacturing data; the application prints the EUI-64 extension that
Alif's service packs of the same data (micropython `ports/alif/usbd.c` and `se_services.c`; openmv
`lib/alif/se_services/source/services_host_system.c`). Nobody has published both serials of one camera, and other
silicon may pack them otherwise: a form that is known here is a hint for a note, never a verdict.
"""

from __future__ import annotations

from typing import Final

EUI_SOURCE_BYTES: Final = 6
"""How many of the bootloader serial's first bytes the form is made of."""


def eui_extension(chip: bytes) -> bytes:
    """The EUI-64 extension, 8 bytes, that Alif's service packs of the first six bytes of the manufacturing data.

    >>> eui_extension(bytes.fromhex("4F6A1C6A3381")).hex()
    '9fab9ab381000000'
    """
    x, y = chip[0] & 0x7F, chip[1] & 0x7F
    wafer_and_fab = (chip[2] & 0x1F) << 1 | chip[3] >> 6 & 1
    year, week, lot = chip[3] & 0x3F, chip[4] & 0x3F, chip[5]
    return bytes(
        (
            x << 1 | y >> 6,
            (y & 0x3F) << 2 | wafer_and_fab >> 4,
            (wafer_and_fab & 0xF) << 4 | year >> 2,
            (year & 3) << 6 | week,
            lot,
            0,
            0,
            0,
        )
    )


def known_forms(bootloader_serial: str) -> frozenset[str]:
    """The application serials, lower case, that a camera with that bootloader serial may show: EUI, equal, reversed."""
    asked = bootloader_serial.strip().lower()
    try:
        chip = bytes.fromhex(asked)
    except ValueError:
        return frozenset({asked})
    forms = {asked, chip[::-1].hex()}
    if len(chip) >= EUI_SOURCE_BYTES:
        forms.add(eui_extension(chip).hex())
    return frozenset(forms)


def has_known_form(application_serial: str, bootloader_serial: str) -> bool:
    """Whether the application's serial is one that is expected beside the bootloader's."""
    return application_serial.strip().lower() in known_forms(bootloader_serial)
