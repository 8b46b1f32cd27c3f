"""The partition tables that AE3 boards were built with, as data (public boot configuration of the board).

One partition is one DFU alternate setting. Two old tables carry the same eight names as today's: only sizes tell them
apart. `wrong_names` is a device that is no AE3 at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

BLOCK_BYTES = 4096
"""wTransferSize, and the stride of a block number, whatever the length of a request."""
HP_START = 0x80020000
HE_START = 0x80320000
BOOT_HEADER_OFFSET_BYTES = 0x1000
BOOT_HEADER_MAGIC = 0xB00710AD


class Medium(IntEnum):
    """Where a partition's bytes live."""

    ON_CHIP = 0
    EXTERNAL = 1
    RECOVERY = 2


@dataclass(frozen=True, slots=True)
class Partition:
    """One alternate setting: addresses are the chip's, for EXTERNAL offsets in the SPI memory; `limit` is exclusive."""

    name: str
    start: int
    limit: int
    medium: Medium
    read_only: bool = False

    @property
    def size_bytes(self) -> int:
        """Always a multiple of 4,096."""
        return self.limit - self.start


Table = tuple[Partition, ...]
_NAMES = ("BOOT", "HP", "HE", "ROMFS1", "TOC", "RWFS", "ROMFS0", "RECOVERY")


def _table(names: tuple[str, ...], external_split: int) -> Table:
    """Eight partitions; the filesystem ends and the external ROMFS starts at `external_split`."""
    chip, spi = Medium.ON_CHIP, Medium.EXTERNAL
    return (
        Partition(names[0], 0x80000000, HP_START, chip, read_only=True),
        Partition(names[1], HP_START, HE_START, chip),
        Partition(names[2], HE_START, 0x8047E000, chip),
        Partition(names[3], 0x8047E000, 0x8057E000, chip),
        Partition(names[4], 0x8057E000, 0x80580000, chip),
        Partition(names[5], 0, external_split, spi),
        Partition(names[6], external_split, 0x02000000, spi),
        Partition(names[7], 0, BLOCK_BYTES, Medium.RECOVERY),
    )


TABLES: dict[str, Table] = {
    "current": _table(_NAMES, 0x00800000),
    "april_2025": _table(_NAMES, 0x01000000),
    "first": _table(("BOOT", "HP", "HE", "ROMFS0", "TOC", "RWFS", "ROMFS1", "RECOVERY"), 0x01000000),
    "wrong_names": _table(("BOOTLOADER", "FIRMWARE", "COPRO", "ROMFS", "TOC", "FFS", "QSPI", "RECOVERY"), 0x00800000),
}
"""By name: today's table; 13 April to 20 May 2025; the very first (30 March 2025); names of something else."""


def alt_of(table: Table, name: str) -> int:
    """The alternate setting of the partition called `name`; ValueError names the ones that exist."""
    for alt, partition in enumerate(table):
        if partition.name == name:
            return alt
    raise ValueError(f"no partition {name!r}; there are {', '.join(partition.name for partition in table)}")
