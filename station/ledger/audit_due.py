"""Acts that are to be rows of the audit, and cannot be yet: the log has an older schema until it is upgraded.

A file beside the log, an act a line: {"station_id", "at", "who", "role", "act", "subject", "details"}. They become rows
with the time at which they were done, when the next row is added or the log is upgraded.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from station.atomic_write import write_durably
from station.json_lines import line_of, object_of
from station.roles.guarded_acts import Act, Done, Who

FILE = "audit.due"


def keep(data_dir: Path, station_id: str, done: Done, at: datetime) -> None:
    """One more; on the disk when this returns. Errors: OSError."""
    line = line_of(
        {
            "station_id": station_id,
            "at": at.astimezone(UTC).isoformat(),
            "who": done.who.name,
            "role": done.who.role,
            "act": str(done.act),
            "subject": done.subject,
            "details": done.details,
        }
    )
    write_durably(data_dir / FILE, _raw(data_dir) + line, 0o660)


def waiting(data_dir: Path) -> Iterator[tuple[str, Done, datetime]]:
    """What was kept: station, act and time. A line that is none is passed over. Errors: OSError."""
    for line in _raw(data_dir).splitlines():
        try:
            said = object_of(line)
            who = Who(str(said["who"]), str(said["role"]))
            done = Done(Act(said["act"]), who, str(said["subject"]), dict(said["details"]))
            yield str(said["station_id"]), done, datetime.fromisoformat(said["at"])
        except (ValueError, KeyError, TypeError):
            continue


def settle(data_dir: Path) -> None:
    """All of them are rows. Errors: OSError."""
    (data_dir / FILE).unlink(missing_ok=True)


def _raw(data_dir: Path) -> bytes:
    try:
        return (data_dir / FILE).read_bytes()
    except FileNotFoundError:
        return b""
