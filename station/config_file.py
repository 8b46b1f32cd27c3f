"""The configuration file: where it is looked for, and its text as tables. What it may say is `station.settings`'s.

Apart from there, because a command that needs one key is not to load what checks them all.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from station.errors import SettingsError

APPLICATION = "openmv-ae3-station"
"""The folder name of this program under the XDG base folders and /etc."""

_LIMIT_BYTES = 1 << 20
_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_TOML_END = "(at end of document)"
_TOML_TWICE = ("twice", "overwrite", "Duplicate")


def find_document(config: Path | None) -> tuple[Path | None, dict[str, Any]]:
    """The file and what it says: `config`, which must exist, or the first of the usual places, or nothing.

    Raises SettingsError: `settings.unreadable`, or `settings.invalid` for text that is not TOML.
    """
    if config is not None:
        raw = _read(config)
        if raw is None:
            raise SettingsError("settings.unreadable", f"{config}: there is no such file")
        return config, _parsed(config, raw)
    for file in usual_files():
        if (raw := _read(file)) is not None:
            return file, _parsed(file, raw)
    return None, {}


def usual_files() -> tuple[Path, ...]:
    """Where a configuration is looked for when none is given, in this order; only in `STATION_CONFIG` if it is set."""
    if named := os.environ.get("STATION_CONFIG", ""):
        return (Path(named),)
    home = os.environ.get("XDG_CONFIG_HOME", "")
    user = Path(home if os.path.isabs(home) else os.path.expanduser("~/.config"))
    return tuple(folder / "station.toml" for folder in (Path("config"), user / APPLICATION, Path("/etc") / APPLICATION))


def _read(file: Path) -> bytes | None:
    """The file's bytes, None where there is none."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe or a device could keep us waiting for ever
            raise SettingsError("settings.unreadable", f"{file}: not a file")
        with file.open("rb") as opened:
            raw = opened.read(_LIMIT_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError("settings.unreadable", f"{file}: {error.strerror}") from None
    if len(raw) > _LIMIT_BYTES:
        raise SettingsError("settings.unreadable", f"{file}: larger than {_LIMIT_BYTES} bytes")
    return raw


def _parsed(file: Path, raw: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SettingsError("settings.invalid", f"{file}: line {line}: not UTF-8 text") from None
    except (ValueError, RecursionError) as error:  # tomllib lets both through besides its own error
        raise SettingsError("settings.invalid", f"{file}: not TOML{_toml_fault(str(error))}") from None


def _toml_fault(said: str) -> str:
    """Where the text stops being TOML, and what is known of why; the parser's own words are for programmers."""
    place = _TOML_PLACE.search(said)
    where = f" at line {place[1]}, character {place[2]}" if place else " at its end" if _TOML_END in said else ""
    return where + (": a name is there twice" if any(word in said for word in _TOML_TWICE) else "")
