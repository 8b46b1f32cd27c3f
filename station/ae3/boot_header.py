"""The bootloader's version: from the header in block 1 of BOOT, or else from bcdDevice; and what depends on it.

The header stands 4 KiB into the bootloader: a magic word, three version bytes, the rest reserved, 32 bytes in all.
Bootloaders before 1.0.1 have no header, and all of them say 0x0200 in bcdDevice; 1.0.1 has a header, and there are
builds of it that still say 0x0200. From then on bcdDevice is the version, one nibble each for minor and patch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAGIC: Final = 0xB00710AD
HEADER_BYTES: Final = 32
UNVERSIONED_BCD: Final = 0x0200
BEFORE_FIRST_VERSION: Final = "<1.0.1"
"""How the version of a bootloader without a header is written."""

_VERSION = re.compile(r"(<?)(\d+)\.(\d+)\.(\d+)\Z")


@dataclass(frozen=True, slots=True)
class BootHeader:
    """A bootloader's header."""

    major: int
    minor: int
    patch: int

    @property
    def version(self) -> str:
        """The version as it is shown ("1.0.3")."""
        return f"{self.major}.{self.minor}.{self.patch}"

    def encode(self) -> bytes:
        """The header's 32 bytes."""
        return (MAGIC.to_bytes(4, "little") + bytes((self.major, self.minor, self.patch))).ljust(HEADER_BYTES, b"\0")


def decode_boot_header(block: bytes) -> BootHeader | None:
    """The header at the beginning of `block`; None where there is none."""
    if len(block) < HEADER_BYTES or int.from_bytes(block[:4], "little") != MAGIC:
        return None
    return BootHeader(*block[4:7])


def version_from_bcd(bcd_device: int) -> str:
    """The version that bcdDevice stands for.

    >>> version_from_bcd(0x0103), version_from_bcd(0x0200)
    ('1.0.3', '<1.0.1')
    """
    if bcd_device == UNVERSIONED_BCD:
        return BEFORE_FIRST_VERSION
    return f"{bcd_device >> 8}.{bcd_device >> 4 & 0xF}.{bcd_device & 0xF}"


def bootloader_version(bcd_device: int, block: bytes) -> str:
    """The version by the header in `block` (block 1 of BOOT), or by bcdDevice where there is no header."""
    header = decode_boot_header(block)
    return header.version if header else version_from_bcd(bcd_device)


@dataclass(frozen=True, slots=True)
class Quirk:
    """A way in which bootloaders before `fixed_in` differ from today's."""

    fixed_in: tuple[int, int, int]
    why: str


NO_HEADER: Final = Quirk((1, 0, 1), "has no header in block 1 of BOOT, and bcdDevice is 0x0200")
STAYS_AFTER_DETACH: Final = Quirk(
    (1, 0, 2), "DETACH alone is not obeyed at once, after a software entry not at all: a port reset must follow"
)
QUIRKS: Final = (NO_HEADER, STAYS_AFTER_DETACH)


def has_quirk(version: str, quirk: Quirk) -> bool:
    """Whether a bootloader of that version ("1.0.3", "<1.0.1") has the quirk. An unreadable version has every quirk."""
    match = _VERSION.match(version)
    if match is None:
        return True
    number = (int(match[2]), int(match[3]), int(match[4]))
    return number <= quirk.fixed_in if match[1] else number < quirk.fixed_in


def needs_reset_after_detach(version: str) -> bool:
    """Whether DETACH has to be followed by a reset of the port."""
    return has_quirk(version, STAYS_AFTER_DETACH)
