"""The bootloader's version: from a header in its own memory, or else from bcdDevice; and what depends on it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"(<?)(\d+)\.(\d+)\.(\d+)\Z")
_MAGIC_BYTES = 4


@dataclass(frozen=True, slots=True)
class Quirk:
    """A way in which bootloaders before `fixed_in` differ from today's."""

    fixed_in: tuple[int, int, int]
    why: str


@dataclass(frozen=True, slots=True)
class BootHeaderRule:
    """Where a bootloader's header stands and how it begins: a magic word, little-endian, then three version bytes.

    `partition` and `block`: the block whose UPLOAD also holds the camera. Bootloaders without a header, older than
    `first_version`, all say `unversioned_bcd` in bcdDevice. `stays_after_detach`: what is older needs a reset of the
    port after DETACH.
    """

    partition: str
    block: int
    magic: int
    size_bytes: int
    unversioned_bcd: int
    first_version: str
    stays_after_detach: Quirk | None = None

    def encode(self, version: tuple[int, int, int]) -> bytes:
        """A header."""
        return (self.magic.to_bytes(_MAGIC_BYTES, "little") + bytes(version)).ljust(self.size_bytes, b"\0")

    def decode(self, block: bytes) -> str | None:
        """The version by the header at the beginning of `block` ("1.0.3"); None where there is none."""
        if len(block) < self.size_bytes or int.from_bytes(block[:_MAGIC_BYTES], "little") != self.magic:
            return None
        return ".".join(map(str, block[_MAGIC_BYTES : _MAGIC_BYTES + 3]))

    def version_from_bcd(self, bcd_device: int) -> str:
        """The version that bcdDevice stands for, a nibble each for minor and patch; "<1.0.1" for an unversioned one."""
        if bcd_device == self.unversioned_bcd:
            return f"<{self.first_version}"
        return f"{bcd_device >> 8}.{bcd_device >> 4 & 0xF}.{bcd_device & 0xF}"

    def version(self, bcd_device: int, block: bytes) -> str:
        """The version by the header in `block`, or by bcdDevice where there is no header."""
        return self.decode(block) or self.version_from_bcd(bcd_device)

    def needs_reset_after_detach(self, version: str) -> bool:
        """Whether DETACH has to be followed by a reset of the port."""
        return self.stays_after_detach is not None and has_quirk(version, self.stays_after_detach)


def has_quirk(version: str, quirk: Quirk) -> bool:
    """Whether a bootloader of that version ("1.0.3", "<1.0.1") has the quirk. An unreadable version has every quirk."""
    match = _VERSION.match(version)
    if match is None:
        return True
    number = (int(match[2]), int(match[3]), int(match[4]))
    return number <= quirk.fixed_in if match[1] else number < quirk.fixed_in
