"""What a line without a terminal says goes into a file, `logs/line.log`, which must not grow for years.

It is written by the line as its standard error, opened to append: so it may be emptied under it, and what is said next
begins it anew. What was in it is kept in one older file.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

LOG_NAME = "line.log"
LIMIT_BYTES = 1 << 20
"""The file and the older one together have at most twice this, and the little that is said between two looks."""


def talk_file(data_dir: Path) -> Path:
    """Where the line of a data folder writes what it says."""
    return data_dir / "logs" / LOG_NAME


def keep_small(file: Path, limit_bytes: int = LIMIT_BYTES) -> None:
    """Move what a file that has grown over the limit says into the older one. What cannot be done is left."""
    with suppress(OSError):
        if file.stat().st_size > limit_bytes:
            older = file.with_name(f"{file.name}.1")
            shutil.copyfile(file, older)
            with file.open("r+b") as grown:
                grown.truncate(0)
