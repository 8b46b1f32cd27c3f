"""A release as a folder: only the files that are asked for are looked at."""

from __future__ import annotations

from pathlib import Path

from station.bundle.files import NotRegularError, read_regular
from station.errors import BundleError


class ReleaseFolder:
    """The files in a folder, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, file: str) -> bool:
        """Whether there is anything of that name."""
        path = self._folder / file
        try:
            return path.is_symlink() or path.exists()
        except OSError as error:
            raise BundleError("bundle.unreadable", f"{path}: {error.strerror}") from None

    def read(self, file: str, limit_bytes: int) -> bytes:
        """The bytes, at most one more than the limit; BundleError where this is no file of this folder."""
        path = self._folder / file
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(self._folder.resolve()):
                raise BundleError("bundle.link_outside", f"{path} is a link to {real}, outside the folder")
            return read_regular(real, limit_bytes)
        except NotRegularError:
            raise BundleError("bundle.not_a_file", f"{path} is not a file") from None
        except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError up to Python 3.12
            raise BundleError("bundle.unreadable", f"{path}: {getattr(error, 'strerror', None) or error}") from None
