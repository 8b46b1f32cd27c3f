"""Which backups of a log there are: every copy is noted in the data folder, for a damaged log to name the last one.

`backups/list.jsonl`: a line {"file", "made_at"} for each, newest last. It is a help, not a record: where it cannot be
written, the backup is made all the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from station.json_lines import object_of, text_line

BACKUP_FOLDER = "backups"
_LIST = "list.jsonl"
_KEPT = 50


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of the log, and when it was made."""

    file: Path
    made_at: datetime


def note_backup(data_dir: Path, file: Path) -> None:
    """Remember a backup that was just made."""
    line = text_line({"file": str(file.absolute()), "made_at": datetime.now(UTC).isoformat(timespec="seconds")})
    notes = data_dir / BACKUP_FOLDER / _LIST
    with suppress(OSError):
        notes.parent.mkdir(exist_ok=True)
        known = notes.read_text().splitlines()[-_KEPT:] if notes.exists() else []
        notes.write_text("".join(f"{each}\n" for each in known) + line)


def backups(data_dir: Path) -> list[Backup]:
    """The backups that are known and still there, newest first."""
    found = {backup.file: backup for backup in _noted(data_dir)}
    return sorted((b for b in found.values() if b.file.is_file()), key=lambda b: b.made_at, reverse=True)


def _noted(data_dir: Path) -> Iterator[Backup]:
    try:
        lines = (data_dir / BACKUP_FOLDER / _LIST).read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            entry = object_of(line)
            made_at = datetime.fromisoformat(entry["made_at"])
            yield Backup(Path(entry["file"]), made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC))


def restore_command(data_dir: Path, file: Path | str) -> str:
    """What to type to put a backup in the log's place."""
    return f"station db restore {shlex.quote(str(file))} --data-dir {shlex.quote(str(data_dir))}"
