"""Why a record did not arrive, or a question has no answer."""

from __future__ import annotations

import re

from station.errors import StationError
from station.model.sinks import Failure

LONGEST_WORDS = 200
"""So much of what a system answers is kept: it is shown on a line."""


class DeliveryError(StationError):
    """A system did not take a record. `refused`: it answered so; else it could not be reached, or said nothing."""

    def __init__(self, code: str, message: str, *, refused: bool = False) -> None:
        super().__init__(code, message)
        self.refused = refused

    @property
    def failure(self) -> Failure:
        """The error as a value."""
        return Failure(self.code, str(self.message), self.refused)


def words_of(answer: bytes | str) -> str:
    """What a system said, on one line: no control characters, and not long."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    text = re.sub(" +", " ", text).strip()
    return text if len(text) <= LONGEST_WORDS else text[: LONGEST_WORDS - 1] + "…"
