"""A bundle: one firmware release, as its manifest describes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True, slots=True)
class Binding:
    """What a bundle is for: these part numbers, and batches of these names (`*`, `?` and `[...]` as in a shell).

    Empty stands for any.
    """

    part_numbers: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()

    def allows_part(self, part_number: str | None) -> bool:
        """Whether cameras of a part number may get it; None: nobody said which they are."""
        return not self.part_numbers or part_number in self.part_numbers

    def allows_batch(self, batch: str | None) -> bool:
        """Whether cameras of a batch may get it; None: of none."""
        return not self.batches or (batch is not None and any(fnmatchcase(batch, each) for each in self.batches))


ANYWHERE = Binding()


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a bundle. `size_bytes` and `sha256` are of the bytes that go to the camera (no .dfu suffix)."""

    partition: str
    alt: int
    file: str
    size_bytes: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """The image as `bundle show --json` prints it."""
        return {
            "partition": self.partition,
            "alt": self.alt,
            "file": self.file,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
        }


@dataclass(frozen=True, slots=True)
class Bundle:
    """One firmware release, or a part of one. `name` is what commands take; `sha256` covers every image's role, size
    and digest. `mixed`: HP and HE carry the version labels of two releases.
    """

    name: str
    sha256: str
    version: str
    imported_at: datetime
    images: tuple[Image, ...]
    mixed: bool = False

    def missing(self, partitions: Iterable[str]) -> tuple[str, ...]:
        """Which of these partitions it has no image for."""
        there = {image.partition for image in self.images}
        return tuple(name for name in partitions if name not in there)

    def to_json(self) -> dict[str, Any]:
        """The bundle as `bundle show --json` prints it; times are ISO 8601 UTC with offset."""
        return {
            "bundle": self.name,
            "bundle_sha256": self.sha256,
            "version": self.version,
            "imported_at": self.imported_at.isoformat(),
            "mixed": self.mixed,
            "images": [image.to_json() for image in self.images],
        }
