"""How a refusal is worded: one line, whatever was found."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

from station.errors import SettingsError

_SHOWN_LENGTH = 60


def shown(value: object) -> str:
    """A found value on one line, cropped."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}..."


def suggestion(word: str, known: Iterable[str]) -> str:
    """What was probably meant, as the end of a sentence; nothing where nothing is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {shown(close[0])}?" if close else ""


def invalid(message: str) -> SettingsError:
    """The error for something that the configuration says."""
    return SettingsError("settings.invalid", message)
