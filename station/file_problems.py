"""What is wrong with a file, in words for whoever named it: none of Python's and none of its parsers'."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

_WORDS: dict[type[OSError], str] = {
    FileNotFoundError: "there is no such file or folder",
    IsADirectoryError: "it is a folder",
    NotADirectoryError: "a part of its path is no folder",
    PermissionError: "it may not be used by this user",
    FileExistsError: "it is there already",
}


def refused_file(paths: Iterable[Path]) -> Path | None:
    """The first of these files and folders that is there and that this user may not write; None where there is none."""
    return next((path for path in paths if os.path.lexists(path) and not _may_write(path)), None)


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def named_reason(error: OSError) -> str:
    """`reason`, with the file's name before it where the error has one."""
    return f"{error.filename}: {reason(error)}" if error.filename else reason(error)


def reason(error: Exception) -> str:
    """Why a file could not be opened, read or understood: an OSError, or a ValueError of JSON or of UTF-8."""
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON at line {error.lineno}, character {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, OSError):
        return _WORDS.get(type(error)) or (error.strerror or str(error) or "it cannot be used").lower()
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
