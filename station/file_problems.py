"""What is wrong with a file, in words for whoever named it: none of Python's and none of its parsers'."""

from __future__ import annotations

import json

_WORDS: dict[type[OSError], str] = {
    FileNotFoundError: "there is no such file or folder",
    IsADirectoryError: "it is a folder",
    NotADirectoryError: "a part of its path is no folder",
    PermissionError: "it may not be used by this user",
    FileExistsError: "it is there already",
}


def reason(error: Exception) -> str:
    """Why a file could not be opened, read or understood: an OSError, or a ValueError of JSON or of UTF-8."""
    if isinstance(error, json.JSONDecodeError):
        return f"it is not JSON at line {error.lineno}, character {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, OSError):
        return _WORDS.get(type(error)) or (error.strerror or str(error) or "it cannot be used").lower()
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
