"""From a folder or an archive to the four images of a release, each of them checked."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from station.ae3.firmware import is_romfs, reset_vector, starts_in, version_label
from station.ae3.partitions import FLASH_ORDER, HE, HP, Partition
from station.bundle.archive import opened_archive
from station.bundle.folder import ReleaseFolder
from station.bundle.romfs import declared_bytes, is_cut_off
from station.bundle.suffix import SUFFIX_BYTES, without_suffix
from station.errors import BundleError

UNKNOWN_VERSION = "unknown"

Note = Callable[[str], None]
"""Takes one line about something that was left aside."""

_CORES = (HP, HE)


class _Files(Protocol):
    """What a release is read from."""

    def has(self, file: str) -> bool: ...

    def read(self, file: str, limit_bytes: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class FoundImage:
    """One image of a release, as it will be written; `file` is what it was called."""

    partition: Partition
    file: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """The images of a release in the order in which they are written, and the label that HP carries."""

    version: str
    images: tuple[FoundImage, ...]


def read_release(path: Path, note: Note) -> Release:
    """Read and check a release; BundleError with the first thing that is wrong. At most 31 MiB are held in memory."""
    with _opened(path, note) as files:
        missing = [partition.image_file for partition in FLASH_ORDER if not _candidates(files, partition)]
        if missing:
            raise BundleError("bundle.image_missing", f"{path}: missing: {', '.join(missing)}")
        images = tuple(_read_image(files, partition, note) for partition in FLASH_ORDER)
    labels = {image.partition: version_label(image.content) for image in images if image.partition in _CORES}
    if labels[HP] and labels[HE] and labels[HP] != labels[HE]:
        message = f"{path}: the cores are of two releases: HP is {labels[HP]!r}, HE is {labels[HE]!r}"
        raise BundleError("bundle.mixed_release", message)
    return Release(labels[HP] or UNKNOWN_VERSION, images)


@contextmanager
def _opened(path: Path, note: Note) -> Iterator[_Files]:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        raise BundleError("bundle.not_found", f"{path}: there is no such file or folder") from None
    except (OSError, ValueError) as error:
        raise BundleError("bundle.unreadable", f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if is_folder:
        yield ReleaseFolder(path)
        return
    with opened_archive(path) as archive:
        wanted = {name for partition in FLASH_ORDER for name in _names(partition)}
        for name in archive.names():
            if name not in wanted:
                note(f"{path.name}: {name} is no image of a release and was ignored")
        yield archive


def _names(partition: Partition) -> tuple[str, str]:
    """What a partition's image may be called: plain, or with a DFU suffix."""
    return partition.image_file, f"{partition.image_file.rpartition('.')[0]}.dfu"


def _candidates(files: _Files, partition: Partition) -> list[str]:
    return [name for name in _names(partition) if files.has(name)]


def _read_image(files: _Files, partition: Partition, note: Note) -> FoundImage:
    """The one image of a partition. A plain file and a .dfu file beside each other must agree."""
    first, *others = [(name, _read_plain(files, name, partition)) for name in _candidates(files, partition)]
    for name, content in others:
        if content != first[1]:
            raise BundleError("bundle.image_ambiguous", f"{first[0]} and {name} differ: which one is meant?")
    check_image(partition, *first, note)
    return FoundImage(partition, *first)


def _read_plain(files: _Files, name: str, partition: Partition) -> bytes:
    """A file's image, without its DFU suffix."""
    limit_bytes = partition.size_bytes
    if not name.endswith(".dfu"):
        return _sized(name, files.read(name, limit_bytes), limit_bytes)
    raw = _sized(name, files.read(name, limit_bytes + SUFFIX_BYTES), limit_bytes + SUFFIX_BYTES)
    return _sized(name, without_suffix(raw, name), limit_bytes)


def _sized(name: str, content: bytes, limit_bytes: int) -> bytes:
    if not content:
        raise BundleError("bundle.image_empty", f"{name} is empty")
    if len(content) > limit_bytes:
        raise BundleError("bundle.image_too_large", f"{name} is larger than its partition, {limit_bytes} bytes")
    return content


def check_image(partition: Partition, file: str, content: bytes, note: Note) -> None:
    """Refuse an image that would make a camera which never starts, or one without its files."""
    if partition in _CORES:
        _check_firmware(partition, file, content)
    else:
        _check_romfs(file, content, note)


def _check_firmware(partition: Partition, file: str, content: bytes) -> None:
    if starts_in(content, partition):
        return
    for other in _CORES:
        if starts_in(content, other):
            raise BundleError("bundle.wrong_core", f"{file} is a firmware for {other.name}, not for {partition.name}")
    vector = reset_vector(content)
    found = "it has none" if vector is None else f"it starts at {vector:#010x}"
    wanted = f"{partition.name} is {partition.start:#010x} to {partition.limit:#010x}, odd addresses (Thumb)"
    raise BundleError("bundle.bad_vector", f"{file} is no firmware for this camera: {found}; {wanted}")


def _check_romfs(file: str, content: bytes, note: Note) -> None:
    """Refuse what is no ROMFS, and one that is visibly cut off.

    What else is wrong inside one is no reason to keep it from a camera: the format may grow, and the bytes are proven
    in any case. It is said, though.
    """
    if not is_romfs(content):
        raise BundleError("bundle.not_romfs", f"{file} is no ROMFS image: it begins with {content[:3].hex(' ')}")
    declared = declared_bytes(content)
    if declared is not None and declared <= len(content):
        return
    if is_cut_off(content):
        says = "its header is not whole" if declared is None else f"its header says {declared} bytes"
        raise BundleError("bundle.romfs_truncated", f"{file} is cut off: {says}, the file has {len(content)}")
    note(f"{file} has the magic of a ROMFS, but its header makes no sense: a camera may find no files in it")
