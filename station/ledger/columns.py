"""Column types that mean the same in every database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, String, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

Key = Uuid(as_uuid=False).with_variant(String(36), "sqlite")
"""A UUID as its 36 characters; in SQLite stored as just these, so that a key copied from JSON finds its row by hand."""


class UtcTime(TypeDecorator[datetime]):
    """A moment: goes in with any offset, is stored as UTC and comes back as UTC, timezone-aware in every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC. Errors: ValueError for a time without an offset, which says nothing."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without an offset from UTC: {value.isoformat()}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite forgets the offset, others give their own."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text from anywhere, a device's strings included: what no database can hold is spelt out instead of refused.

    These are the NUL character and halves of surrogate pairs. A run must not fail to be stored because of its serial.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text with such characters as backslash escapes."""
        return None if value is None else storable(value)

    def process_literal_param(self, value: str | None, dialect: Dialect) -> str:
        """The same for a value rendered into a statement."""
        return storable(value or "")

    @property
    def python_type(self) -> type[Any]:
        """What comes back."""
        return str


def storable(text: str) -> str:
    """`text` with NUL and lone surrogates written as backslash escapes."""
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text
