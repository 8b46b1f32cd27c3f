"""One partition of a board: where it lies, what may be done with it, how long that takes, its image in a release."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Medium(StrEnum):
    """What a partition is stored in."""

    ON_CHIP = "on-chip MRAM"
    EXTERNAL = "external SPI"
    NONE = "none"


class ImageKind(StrEnum):
    """What an image must look like inside: code that runs in place, or a ROMFS."""

    FIRMWARE = "firmware"
    ROMFS = "romfs"


@dataclass(frozen=True, slots=True)
class PartitionLimits:
    """The time limits of one partition, in seconds, one for each kind of request."""

    request_s: float
    write_s: float
    manifest_s: float
    upload_s: float
    detach_s: float


@dataclass(frozen=True, slots=True)
class ReleaseImage:
    """A partition's image in a release: its `file`, and other names without an ending (`stems`) that it may have.

    Where a release has both, the image called `factory` is taken and the one called `update` is left aside.
    `usual_bytes` is how large a real one is.
    """

    file: str
    kind: ImageKind
    usual_bytes: int
    stems: tuple[str, ...] = ()
    factory: str = ""
    update: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """What it may be called, each plain or with a DFU suffix."""
        stem, _, ending = self.file.rpartition(".")
        stems = (stem, *self.stems, *(name for name in (self.factory, self.update) if name))
        return tuple(f"{each}.{end}" for each in stems for end in (ending, "dfu"))


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition, reached by one DFU alternate setting. `start` and `limit` are byte addresses in its medium.

    `writable`: this station may write it. `locked`: its block 0 has to be written before any other block, or the camera
    hangs. `never_upload`: reading it kills the control endpoint. `seen_read`: whole blocks of it have been read from
    real cameras, so that a failure to read one is the camera's.
    """

    alt: int
    name: str
    start: int
    limit: int
    medium: Medium
    limits: PartitionLimits
    writable: bool = True
    locked: bool = False
    never_upload: bool = False
    seen_read: bool = False
    image: ReleaseImage | None = None

    @property
    def size_bytes(self) -> int:
        """Its size, a multiple of the board's block size."""
        return self.limit - self.start


@dataclass(frozen=True, slots=True)
class SizeProbe:
    """An UPLOAD of a whole block that tells a partition's size without writing: how many bytes it must bring."""

    partition: Partition
    block: int
    expected_bytes: int


@dataclass(frozen=True, slots=True)
class KnownTable:
    """A partition table that boards of this kind were built with."""

    built: str
    partitions: tuple[Partition, ...]
