"""A release as a folder: names are listed as far as they are needed, and only files that are asked for are opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from station.bundle.files import NotRegularError, read_regular
from station.bundle.release_layout import FileNames
from station.errors import BundleError

DEPTH_LIMIT = 5
NAMES_LIMIT = 10_000


class ReleaseFolder:
    """The files in a folder and those below it, by name, with "/" between folders.

    A tool that does not know what a backslash in an archive means unpacks `OPENMV_AE3\\romfs0.img` as one file: here
    it is the file `OPENMV_AE3/romfs0.img`.
    """

    def __init__(self, folder: Path, known: FileNames) -> None:
        self._folder = folder
        self._paths: dict[str, str] = {}
        for path in _walked(folder, known):
            name = _normalized(path)
            if name in self._paths:
                raise BundleError("bundle.image_ambiguous", f"{folder}: {name} is there twice: which one is meant?")
            self._paths[name] = path

    def names(self) -> tuple[str, ...]:
        """The files that were found."""
        return tuple(self._paths)

    def has(self, file: str) -> bool:
        """Whether there is anything of that name below the folder."""
        if file in self._paths:
            return True
        within = not PurePosixPath(file).is_absolute() and ".." not in PurePosixPath(file).parts
        return within and os.path.lexists(self._folder / file)

    def read(self, file: str, limit_bytes: int) -> bytes:
        """The bytes, at most one more than the limit; BundleError where this is no file of this folder."""
        path = self._folder / self._paths.get(file, file)
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(self._folder.resolve()):
                raise BundleError("bundle.link_outside", f"{path} is a link to {real}, outside the folder")
            return read_regular(real, limit_bytes)
        except NotRegularError:
            raise BundleError("bundle.not_a_file", f"{path} is not a file") from None
        except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError up to Python 3.12
            raise BundleError("bundle.unreadable", f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _normalized(path: str) -> str:
    """A file's name with "/" for backslashes, unless it would then lead out of the folder."""
    name = path.replace("\\", "/")
    return path if {"..", ".", ""} & set(name.split("/")) else name


def _walked(folder: Path, known: FileNames) -> list[str]:
    """The files of a folder, the upper ones first. Below one that holds images only this board's folder is looked at.

    Links to folders are not followed, and folders that cannot be read hold nothing for us.
    """
    try:
        files, below = _scanned(folder, "", known)
    except OSError as error:
        raise BundleError("bundle.unreadable", f"{folder}: {error.strerror}") from None
    if any(map(known.partition_of, files)):
        below = [name for name in below if known.is_board_folder(name)]
    for _ in range(DEPTH_LIMIT):
        deeper = []
        for found, folders in _readable(folder, below, known):
            files += found
            deeper += folders
            if len(files) + len(deeper) > NAMES_LIMIT:
                message = f"{folder} holds more than {NAMES_LIMIT} files: give the release's own folder"
                raise BundleError("bundle.not_a_release", message)
        below = deeper
    return files


def _readable(folder: Path, names: list[str], known: FileNames) -> Iterator[tuple[list[str], list[str]]]:
    for name in names:
        try:
            yield _scanned(folder, name, known)
        except OSError:
            continue


def _scanned(folder: Path, below: str, known: FileNames) -> tuple[list[str], list[str]]:
    """The files and the folders in one folder. A folder with an image's name is kept with the files, to be refused."""
    files: list[str] = []
    folders: list[str] = []
    with os.scandir(folder / below) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            is_folder = entry.is_dir(follow_symlinks=False) and known.partition_of(entry.name) is None
            (folders if is_folder else files).append(f"{below}/{entry.name}" if below else entry.name)
    return files, folders
