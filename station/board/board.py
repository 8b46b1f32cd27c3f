"""One kind of camera as a value. Frozen and picklable: the holder and the workers get it when they are started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from station.board.application_rule import ApplicationRule
from station.board.boot_header import BootHeaderRule
from station.board.partition import ImageKind, KnownTable, Partition, SizeProbe
from station.board.serial_rule import SerialRule
from station.board.usb_ids import UsbIds


@dataclass(frozen=True, slots=True)
class HoldRule:
    """How a camera is held: an UPLOAD of one block, tried for so long. `retry_s` is for one that is not there yet."""

    total_s: float
    retry_s: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """The key that makes the bootloader initialize its memory: one block, written to a partition that stores nothing.

    `image` is the partition in that memory whose refused block 0 says that it is needed.
    """

    partition: str
    key: bytes
    image: str


@dataclass(frozen=True, slots=True)
class Wrapping:
    """A memory that may be smaller than its partitions: `image` would then lie over `over`, at one of these sizes."""

    image: str
    over: str
    chip_sizes_bytes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReleaseNames:
    """The names in a release: this board's folder, its archive, and a pattern for the folders of other boards."""

    folder: str
    archive: str
    other_folders: str


@dataclass(frozen=True, slots=True)
class Board:
    """All that the station knows of one kind of camera. Partitions are named by their names everywhere.

    `partitions` are ordered by alternate setting, `image_order` is the order in which the images of a full flash are
    written. `end_frame_bytes` is what an UPLOAD brings past a partition's end. `filesystem` is the partition that the
    application formats where its first `erase_unit_bytes` are zeros. ValueError for a board that makes no sense.
    """

    name: str
    ids: UsbIds
    block_bytes: int
    transfer_bytes: int
    end_frame_bytes: int
    erase_unit_bytes: int
    partitions: tuple[Partition, ...]
    earlier_tables: tuple[KnownTable, ...]
    built: str
    image_order: tuple[str, ...]
    release: ReleaseNames
    hold: HoldRule
    boot_header: BootHeaderRule
    serial: SerialRule
    recovery: Recovery | None = None
    filesystem: str | None = None
    wrapping: Wrapping | None = None
    application: ApplicationRule | None = None
    """What can be asked of a running camera; None where nothing is known of that."""

    def __post_init__(self) -> None:
        if [partition.alt for partition in self.partitions] != list(range(len(self.partitions))):
            raise ValueError(f"{self.name}: the partitions are not in the order of their alternate settings")
        with_image = {partition.name for partition in self.partitions if partition.image}
        if with_image != set(self.image_order) or len(with_image) != len(self.image_order):
            raise ValueError(f"{self.name}: the order names other images than the partitions have")

    def partition(self, name: str) -> Partition:
        """The partition of that name; KeyError where there is none."""
        for partition in self.partitions:
            if partition.name == name:
                return partition
        raise KeyError(name)

    @property
    def images(self) -> tuple[Partition, ...]:
        """The partitions of a release, in the order in which they are written."""
        return tuple(map(self.partition, self.image_order))

    @property
    def cores(self) -> tuple[Partition, ...]:
        """The partitions that hold firmware, in the order in which they are written; the first names the version."""
        return tuple(each for each in self.images if each.image and each.image.kind is ImageKind.FIRMWARE)

    def blocks(self, partition: Partition) -> int:
        """How many blocks a partition has."""
        return partition.size_bytes // self.block_bytes

    @property
    def size_probes(self) -> tuple[SizeProbe, ...]:
        """The last block of each partition that may be read, and the one after it."""
        return tuple(
            probe
            for each in self.partitions
            if not each.never_upload
            for probe in (
                SizeProbe(each, self.blocks(each) - 1, self.block_bytes),
                SizeProbe(each, self.blocks(each), self.end_frame_bytes),
            )
        )

    @property
    def known_tables(self) -> tuple[KnownTable, ...]:
        """Today's table first, then those that boards were built with earlier."""
        return (KnownTable(self.built, self.partitions), *self.earlier_tables)

    def built_by(self, names: Sequence[str], answers: Mapping[tuple[int, int], int]) -> str | None:
        """When a board was built that has these names and brings so many bytes for each (alt, block) uploaded.

        For a message; None where no known table explains what was found.
        """
        for table in self.known_tables:
            if [each.name for each in table.partitions] == list(names) and self._predicts(table, answers):
                return table.built
        return None

    def _predicts(self, table: KnownTable, answers: Mapping[tuple[int, int], int]) -> bool:
        return all(
            brought == (self.block_bytes if block < self.blocks(table.partitions[alt]) else self.end_frame_bytes)
            for (alt, block), brought in answers.items()
        )
