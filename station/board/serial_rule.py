"""The serial that the application shows beside the bootloader's: the expected forms, for a note and no verdict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
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


class SerialForm(StrEnum):
    """How an application's serial may be made of the bootloader's."""

    EQUAL = "equal"
    REVERSED = "reversed"
    ALIF_EUI = "alif_eui"
    ANY = "any"
    """Whatever it shows: a bench whose cameras show a form that has no name here."""


@dataclass(frozen=True, slots=True)
class SerialRule:
    """The forms that are known. Another form is a hint for a note, never a verdict.

    `sourced` are those that a public source or a bench has seen; none: all alike.
    """

    forms: tuple[SerialForm, ...]
    sourced: tuple[SerialForm, ...] = ()

    @property
    def expected(self) -> tuple[SerialForm, ...]:
        """What a bench is to find."""
        return self.sourced or self.forms

    def known(self, bootloader_serial: str) -> frozenset[str]:
        """The application serials, lower case, that a camera with that bootloader serial may show."""
        asked = bootloader_serial.strip().lower()
        return frozenset(made for form in self.forms if (made := _made(form, asked)) is not None)

    def has_known_form(self, application_serial: str, bootloader_serial: str) -> bool:
        """Whether the application's serial is one that is expected beside the bootloader's."""
        return SerialForm.ANY in self.forms or application_serial.strip().lower() in self.known(bootloader_serial)

    def forms_of(self, application_serial: str, bootloader_serial: str) -> tuple[SerialForm, ...]:
        """Every form with a name that the application's serial has beside the bootloader's."""
        shown, asked = application_serial.strip().lower(), bootloader_serial.strip().lower()
        return tuple(form for form in SerialForm if _made(form, asked) == shown)


def _made(form: SerialForm, asked: str) -> str | None:
    """A serial in a form; None where the bootloader's is not of the kind that it is made of."""
    if form is SerialForm.EQUAL:
        return asked
    if form is SerialForm.ANY:
        return None
    try:
        chip = bytes.fromhex(asked)
    except ValueError:
        return None
    if form is SerialForm.REVERSED:
        return chip[::-1].hex()
    return eui_extension(chip).hex() if len(chip) >= EUI_SOURCE_BYTES else None
