"""The public keys whose signatures a station accepts: one PEM file each, by name, in its data folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from station.atomic_write import write_durably
from station.bundle import manifest, signing_keys
from station.errors import BundleError, UsageError
from station.file_problems import reason

_ENDING = ".pem"
_FILE_MODE = 0o644


class TrustedKeys:
    """The folder of them. A file in it that is no key is trusted by nobody, and `broken` names it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> Mapping[str, bytes]:
        """Raw public keys by name."""
        return {path.stem: key for path, key in self._read_all() if key is not None}

    def broken(self) -> tuple[Path, ...]:
        """The files that are no keys."""
        return tuple(path for path, key in self._read_all() if key is None)

    def name_of(self, public_key: bytes) -> str | None:
        """The name under which a key is trusted, None where it is not."""
        return next((name for name, key in self.all().items() if key == public_key), None)

    def check_new(self, path: Path, name: str) -> bytes:
        """The public key in a file that may be trusted under a name.

        BundleError `bundle.key_invalid`, `bundle.name_invalid`, `bundle.key_name_taken`.
        """
        if not manifest.NAME.fullmatch(name):
            message = f"{name!r} cannot be a key's name: use 1 to 64 letters, digits, '.', '_' and '-'"
            raise BundleError("bundle.name_invalid", message)
        key = signing_keys.read_public(path)
        there = self.all().get(name)
        if there not in (None, key):
            raise BundleError("bundle.key_name_taken", f"another key is trusted under the name {name} already")
        return key

    def trust(self, path: Path, name: str) -> bytes:
        """Accept the public key in a file from now on, and return it.

        BundleError as `check_new`, and `bundle.not_stored` where it cannot be kept.
        """
        key = self.check_new(path, name)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_durably(self._file(name), signing_keys.public_pem(key), _FILE_MODE)
        except OSError as error:
            raise BundleError("bundle.not_stored", f"{self._folder}: {reason(error)}") from None
        return key

    def check_known(self, name: str) -> None:
        """UsageError `usage.unknown_key` names the keys that there are."""
        known = {path.stem for path, _ in self._read_all()}
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise UsageError("usage.unknown_key", f"no key is trusted under the name {name!r}; there are: {listed}")

    def remove(self, name: str) -> None:
        """Accept a key no longer; UsageError `usage.unknown_key`."""
        self.check_known(name)
        try:
            self._file(name).unlink()
        except OSError as error:
            raise BundleError("bundle.not_stored", f"{self._folder}: {reason(error)}") from None

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}{_ENDING}"

    def _read_all(self) -> list[tuple[Path, bytes | None]]:
        try:
            files = sorted(os.listdir(self._folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BundleError("bundle.unreadable", f"{self._folder}: {reason(error)}") from None
        names = [file.removesuffix(_ENDING) for file in files if file.endswith(_ENDING)]
        paths = [self._file(name) for name in names if manifest.NAME.fullmatch(name)]
        return [(path, _key_or_none(path)) for path in paths]


def _key_or_none(path: Path) -> bytes | None:
    try:
        return signing_keys.read_public(path)
    except BundleError:
        return None
