"""The revisions of the log's schema (`migrations/`)."""

from __future__ import annotations

from typing import Final

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0013")
"""Every revision that this version knows, oldest first."""
HEAD: Final = REVISIONS[-1]
