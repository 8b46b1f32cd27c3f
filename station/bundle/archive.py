"""A release as a zip archive, which may come from anywhere: nothing is unpacked, and nothing is believed.

Wanted entries are read into memory up to their partition's size. Any entry that no honest release has, wanted or not,
refuses the whole archive: what was tampered with in one place is trusted in none.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from station.bundle.files import NotRegularError, open_regular
from station.errors import BundleError

ARCHIVE_LIMIT_BYTES = 1 << 30
"""A release for all boards, with the debug files of each, may be large; only what is wanted of it is read."""
ENTRIES_LIMIT = 1000
DIRECTORY_LIMIT_BYTES = 1 << 20
UNPACKED_LIMIT_BYTES = 4 << 30
RATIO_LIMIT = 100
"""Only for what is too large anyway: the long runs of a real image pack better than that."""
IGNORED_LIMIT_BYTES = 64 << 20

_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # Python bounds the memory of these two only
_DRIVE = re.compile(r"[A-Za-z]:")
_END_RECORD = struct.Struct("<4s4H2LH")
_ENTRY_SIGNATURE = b"PK\x03\x04"
_END_SIGNATURE = b"PK\x05\x06"
_END64_LOCATOR_SIGNATURE = b"PK\x06\x07"
_END64_LOCATOR_BYTES = 20
_COMMENT_LIMIT_BYTES = 0xFFFF
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError)
"""What zipfile raises for an archive that is damaged, or uses what it does not know."""


class ReleaseArchive:
    """The entries of an archive, by name."""

    def __init__(self, path: Path, opened: zipfile.ZipFile) -> None:
        self._path = path
        self._opened = opened
        self._entries = _checked(path, opened.infolist())

    def names(self) -> tuple[str, ...]:
        """The files in the archive, with "/" between folders."""
        return tuple(self._entries)

    def has(self, file: str) -> bool:
        """Whether there is an entry of that name."""
        return file in self._entries

    def read(self, file: str, limit_bytes: int) -> bytes:
        """The bytes, at most one more than the limit; BundleError for an entry that is damaged."""
        entry = self._entries[file]
        if entry.compress_type not in _METHODS:
            message = f"{self._path}: {file} is packed by method {entry.compress_type}; store or deflate it"
            raise BundleError("bundle.archive_unsupported", message)
        try:
            with self._opened.open(entry) as source:
                content = source.read(limit_bytes + 1)
        except _BROKEN as error:
            raise BundleError("bundle.archive_corrupt", f"{self._path}: {file}: {error}") from None
        if len(content) != min(entry.file_size, limit_bytes + 1):
            message = f"{self._path}: {file} says {entry.file_size} bytes and has another number"
            raise BundleError("bundle.archive_corrupt", message)
        return content


@contextlib.contextmanager
def opened_archive(path: Path) -> Iterator[ReleaseArchive]:
    """Open an archive and check its directory; BundleError for what is none, or no honest one."""
    try:
        descriptor = open_regular(path.resolve())
    except NotRegularError:
        raise BundleError("bundle.not_a_release", f"{path} is neither a folder nor an archive") from None
    except OSError as error:
        raise BundleError("bundle.unreadable", f"{path}: {error.strerror}") from None
    with open(descriptor, "rb") as file:
        _check_directory_size(path, file)
        try:
            opened = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise BundleError("bundle.archive_corrupt", f"{path}: {error}") from None
        with opened:
            yield ReleaseArchive(path, opened)


def _check_directory_size(path: Path, file: IO[bytes]) -> None:
    """Look at the end record ourselves: zipfile reads a directory of any size into memory as one object an entry."""
    size = os.fstat(file.fileno()).st_size
    if size > ARCHIVE_LIMIT_BYTES:
        raise BundleError("bundle.archive_bomb", f"{path} has {size} bytes, {ARCHIVE_LIMIT_BYTES} are allowed")
    tail_bytes = min(size, _END64_LOCATOR_BYTES + _END_RECORD.size + _COMMENT_LIMIT_BYTES)
    try:
        file.seek(size - tail_bytes)
        tail = file.read(tail_bytes)
        at = tail.rfind(_END_SIGNATURE, 0, len(tail) - _END_RECORD.size + len(_END_SIGNATURE))
        cut_off = at < 0 and _begins_as_archive(file)
    except OSError as error:
        raise BundleError("bundle.unreadable", f"{path}: {error.strerror}") from None
    if cut_off:
        raise BundleError("bundle.archive_corrupt", f"{path} is cut off: the directory at its end is missing")
    if at < 0:
        raise BundleError("bundle.not_a_release", f"{path} is not a zip archive")
    *_, entries, directory_bytes, _offset, _comment = _END_RECORD.unpack_from(tail, at)
    zip64 = tail[max(at - _END64_LOCATOR_BYTES, 0) : at].startswith(_END64_LOCATOR_SIGNATURE)
    if zip64 or entries > ENTRIES_LIMIT or directory_bytes > DIRECTORY_LIMIT_BYTES:
        raise BundleError("bundle.archive_bomb", f"{path} has too many entries; {ENTRIES_LIMIT} are allowed")


def _begins_as_archive(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(len(_ENTRY_SIGNATURE)) == _ENTRY_SIGNATURE


def _checked(path: Path, entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Entries by name, folders left out; BundleError for the first that no honest release has."""
    spelled: set[str] = set()
    if len(entries) > ENTRIES_LIMIT or sum(entry.file_size for entry in entries) > UNPACKED_LIMIT_BYTES:
        raise BundleError("bundle.archive_bomb", f"{path} has too many entries, or unpacks to too many bytes")
    for entry in entries:
        _check_entry(path, entry)
        spelling = unicodedata.normalize("NFC", _name(entry)).casefold().rstrip("/")
        if spelling in spelled:
            raise _unsafe(path, entry, "is there twice")
        spelled.add(spelling)
    return {_name(entry): entry for entry in entries if not _name(entry).endswith("/")}


def _name(entry: zipfile.ZipInfo) -> str:
    """An entry's name with "/" between folders: some programs on Windows write backslashes."""
    return entry.orig_filename.replace("\\", "/")


def _check_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    name = _name(entry)
    if not name.isprintable():
        raise _unsafe(path, entry, "has a character in its name that no release uses")
    if name.startswith("/") or _DRIVE.match(name) or not name:
        raise _unsafe(path, entry, "has an absolute path")
    if {"..", ".", ""} & set(name.removesuffix("/").split("/")):
        raise _unsafe(path, entry, "has a path that leads elsewhere")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _unsafe(path, entry, "is a link or a device")
    if entry.flag_bits & _ENCRYPTED_FLAGS:
        raise BundleError("bundle.archive_encrypted", f"{path}: {name} is encrypted")
    if entry.file_size > max(IGNORED_LIMIT_BYTES, RATIO_LIMIT * entry.compress_size):
        raise BundleError("bundle.archive_bomb", f"{path}: {name} unpacks to {entry.file_size} bytes")


def _unsafe(path: Path, entry: zipfile.ZipInfo, what: str) -> BundleError:
    return BundleError("bundle.archive_unsafe", f"{path}: entry {entry.orig_filename!r} {what}")
