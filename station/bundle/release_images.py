"""From a folder or an archive to the images of a release, each of them checked."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from station.board.board import Board
from station.board.firmware_image import reset_vector, starts_in, version_label
from station.board.partition import Partition
from station.bundle.archive import ReleaseArchive, opened_archive
from station.bundle.bundle_signature import FILE as SIGNATURE_FILE
from station.bundle.bundle_signature import LIMIT_BYTES as SIGNATURE_LIMIT_BYTES
from station.bundle.files import NotRegularError, read_regular
from station.bundle.folder import ReleaseFolder
from station.bundle.release_layout import FileNames, Layout, find_layout, listed
from station.bundle.romfs import declared_bytes, is_cut_off, is_romfs
from station.bundle.suffix import SUFFIX_BYTES, has_suffix, without_suffix
from station.errors import BundleError

UNKNOWN_VERSION = "unknown"

Note = Callable[[str], None]
"""Takes one line about something that was left aside."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_FILE_LIMIT = 100


class _Files(Protocol):
    """What a release is read from."""

    def names(self) -> Collection[str]: ...

    def has(self, file: str) -> bool: ...

    def read(self, file: str, limit_bytes: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Choices:
    """What the one who imports a release says about it.

    `partial`: images may be missing. `mixed`: the cores may be of two releases. `maps`: files for partitions, which
    are looked for in the release first, then on the disk.
    """

    partial: bool = False
    mixed: bool = False
    maps: Mapping[Partition, str] = field(default_factory=dict)


NO_CHOICES = Choices()


@dataclass(frozen=True, slots=True)
class FoundImage:
    """One image of a release, as written; `name` is where it was found, `file` the end of that, made safe."""

    partition: Partition
    name: str
    file: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """The images of a release in the order in which they are written, and the label of the first core that has one.

    `mixed`: the cores carry different labels.
    """

    version: str
    images: tuple[FoundImage, ...]
    mixed: bool = False
    signature: bytes | None = None
    """The file of its signature, not looked into; None where there is none."""


def read_release(board: Board, path: Path, note: Note, choices: Choices = NO_CHOICES) -> Release:
    """Read and check a release; BundleError with the first thing wrong. All images are held in memory."""
    known = FileNames(board)
    with _opened(path, known) as files:
        wanted = [each for each in board.images if each not in choices.maps]
        layout = find_layout(path, files.names(), known, wanted)
        _check_missing(board, path, files, layout, choices)
        images = tuple(_images(board, path, files, layout, choices, note))
        signature = _signature(files, layout)
        _note_aside(path, files, layout, images, note)
    labels = _labels(board, images)
    mixed = len(set(labels.values())) > 1
    if mixed:
        found = ", ".join(f"{core} is {label!r}" for core, label in labels.items())
        message = f"{path}: the cores are of two releases: {found}"
        if not choices.mixed:
            raise BundleError("bundle.mixed_release", message)
        note(message)
    return Release(next(iter(labels.values()), UNKNOWN_VERSION), images, mixed, signature)


def _signature(files: _Files, layout: Layout) -> bytes | None:
    """The file of a signature beside the images, or else at the top."""
    beside = f"{layout.folder}/{SIGNATURE_FILE}" if layout.folder else SIGNATURE_FILE
    name = next((name for name in (beside, SIGNATURE_FILE) if files.has(name)), None)
    return None if name is None else files.read(name, SIGNATURE_LIMIT_BYTES)


def _labels(board: Board, images: Iterable[FoundImage]) -> dict[str, str]:
    """The version labels of the cores that have one, by the names of their partitions."""
    found = {each.partition.name: version_label(each.content) for each in images if each.partition in board.cores}
    return {name: label for name, label in found.items() if label}


@contextmanager
def _opened(path: Path, known: FileNames) -> Iterator[_Files]:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        raise BundleError("bundle.not_found", f"{path}: there is no such file or folder") from None
    except (OSError, ValueError) as error:
        raise BundleError("bundle.unreadable", f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if is_folder:
        yield ReleaseFolder(path, known)
        return
    with opened_archive(path) as archive:
        yield archive


def _check_missing(board: Board, path: Path, files: _Files, layout: Layout, choices: Choices) -> None:
    """Refuse what is incomplete, and say what is there instead: it may have another name."""
    there = [each for each in board.images if each in layout.images or each in choices.maps]
    missing = [each.image.file for each in board.images if each.image and each not in there]
    if not missing or (choices.partial and there):
        return
    found = listed(files.names()) or "no file"
    raise BundleError("bundle.image_missing", f"{path}: missing: {', '.join(missing)}; found: {found}")


def _images(
    board: Board, path: Path, files: _Files, layout: Layout, choices: Choices, note: Note
) -> Iterator[FoundImage]:
    for partition in board.images:
        plain = _Plain(board, partition)
        if partition in choices.maps:
            name, content = _read_mapped(path, files, layout.folder, plain, choices.maps[partition])
        elif partition in layout.images:
            name, content = _read_named(files, layout.images[partition], plain)
        else:
            continue
        check_image(board, partition, name, content, note)
        yield FoundImage(partition, name, _safe(name), content)


@dataclass(frozen=True, slots=True)
class _Plain:
    """The files for one partition, read without their DFU suffix."""

    board: Board
    partition: Partition

    def read(self, read: Callable[[str, int], bytes], name: str) -> bytes:
        """A file's image, no larger than its partition. A suffix is taken off whatever the file is called, as dfu-util
        does: sixteen bytes more would be flashed, and another device's file taken for ours."""
        limit_bytes = self.partition.size_bytes
        raw = _sized(name, read(name, limit_bytes + SUFFIX_BYTES), limit_bytes + SUFFIX_BYTES)
        if name.casefold().endswith(".dfu") or has_suffix(raw):
            raw = without_suffix(raw, name, self.board.ids)
        return _sized(name, raw, limit_bytes)


def _safe(name: str) -> str:
    """The last part of a file's name, as a manifest may hold it."""
    plain = _UNSAFE.sub("-", PurePosixPath(name).name)[-_FILE_LIMIT:]
    return plain.lstrip("._-") or "image"


def _note_aside(path: Path, files: _Files, layout: Layout, images: Iterable[FoundImage], note: Note) -> None:
    """Say which folder was taken and what was left aside, each in one line."""
    if layout.folder:
        note(f"{path.name}: the files were taken from {listed([layout.folder])}/")
    for name in layout.aside:
        note(f"{path.name}: {name} was left aside: the factory's image is taken for its partition")
    if not isinstance(files, ReleaseArchive):
        return
    taken = {name for names in layout.images.values() for name in names} | {*layout.aside}
    taken |= {image.name for image in images}
    taken |= {name for name in files.names() if name.rpartition("/")[2] == SIGNATURE_FILE}
    inner = f"{layout.folder}/" if layout.folder else ""
    others = [name.removeprefix(inner).partition("/") for name in files.names() if name not in taken]
    if others:
        ignored = dict.fromkeys(top + delimiter for top, delimiter, _ in others)
        note(f"{path.name}: no image of a release, and ignored: {listed(ignored)}")


def _read_named(files: _Files, names: tuple[str, ...], plain: _Plain) -> tuple[str, bytes]:
    """The one image of a partition. A plain file and a .dfu file beside each other must agree."""
    first, *others = [(name, plain.read(files.read, name)) for name in names]
    for name, content in others:
        if content != first[1]:
            raise BundleError("bundle.image_ambiguous", f"{first[0]} and {name} differ: which one is meant?")
    return first


def _read_mapped(path: Path, files: _Files, folder: str, plain: _Plain, file: str) -> tuple[str, bytes]:
    """The file that is named for a partition: in the release, in the folder that was taken of it, or on the disk."""
    name = file.replace("\\", "/").removeprefix("./")
    for within in (name, f"{folder}/{name}"):
        if files.has(within):
            return within, plain.read(files.read, within)
    if not Path(file).exists():
        raise BundleError(
            "bundle.not_found", f"{plain.partition.name}: there is no file {file!r}, in {path} or on the disk"
        )
    return file, plain.read(_read_on_disk, file)


def _read_on_disk(file: str, limit_bytes: int) -> bytes:
    try:
        return read_regular(Path(file).resolve(), limit_bytes)
    except NotRegularError:
        raise BundleError("bundle.not_a_file", f"{file} is not a file") from None
    except OSError as error:
        raise BundleError("bundle.unreadable", f"{file}: {error.strerror}") from None


def _sized(name: str, content: bytes, limit_bytes: int) -> bytes:
    if not content:
        raise BundleError("bundle.image_empty", f"{name} is empty")
    if len(content) > limit_bytes:
        raise BundleError("bundle.image_too_large", f"{name} is larger than its partition, {limit_bytes} bytes")
    return content


def check_image(board: Board, partition: Partition, file: str, content: bytes, note: Note) -> None:
    """Refuse an image that would make a camera which never starts, or one without its files."""
    if partition in board.cores:
        _check_firmware(board, partition, file, content)
    else:
        _check_romfs(file, content, note)


def _check_firmware(board: Board, partition: Partition, file: str, content: bytes) -> None:
    if starts_in(content, partition):
        return
    for other in board.cores:
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
