"""What the doctor sees of what goes wrong with the months: the clock, the machine's name, the age of the backups."""

from __future__ import annotations

import ctypes
import shlex
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from station.cli.finding import Finding
from station.cli.label_checks import label_findings
from station.cli.light_checks import light_findings
from station.errors import HINTS, LedgerError, UsageError
from station.local_time import span_text
from station.model.units import RunFilter

if TYPE_CHECKING:
    from station.ledger.reader import Reader
    from station.settings import Settings

SYNCHRONIZED = "run/systemd/timesync/synchronized"
"""systemd-timesyncd makes it once it has set the clock."""
TIME_ERROR = 5
"""adjtimex(2): what the kernel answers while nobody keeps its clock."""
BACKUP_DUE = timedelta(days=7)
"""A week's runs are the most that nobody should have to flash again."""
DELIVERY_DUE = timedelta(minutes=5)
"""So long a run may wait for a system of the factory."""
CLOCK_SLACK = timedelta(minutes=1)


def upkeep_findings(settings: Settings, root: Path) -> Iterator[Finding]:
    """What is wrong, and for those that have no fault, how it stands. A log that cannot be read is another's matter."""
    from station.ledger.reader import Reader

    newest = None
    try:
        with closing(Reader(settings.data_dir)) as reader:
            newest = next((run.started_at for run in reader.newest(RunFilter(), 1)), None)
            yield from _name(settings, reader)
            yield _backup(settings.data_dir, reader)
            yield from _outbox(settings, reader)
            yield from label_findings(settings, reader)
    except LedgerError:
        pass
    yield from light_findings(settings)
    yield _clock(settings, root, newest)


def _name(settings: Settings, reader: Reader) -> Iterator[Finding]:
    """A station is known by the host's name where it has none: who renames the host makes another station of it."""
    here, others = settings.station_id, reader.newest_stations()
    if others and here not in others:
        was = others[0]
        found = f"this station is called {here}, and the newest runs of its log are of {was}"
        if batch := reader.open_batch(was):
            found += f"; the batch {batch.name} that is open there is not seen"
        fix = f'id = "{was}" in [station] of the configuration (or, where the host was renamed: '
        yield Finding("station name", False, found, f"{fix}sudo hostnamectl set-hostname {was})", UsageError.exit_code)


def _outbox(settings: Settings, reader: Reader) -> Iterator[Finding]:
    """What each of the factory's systems has not taken yet. One that is configured no more is never given it."""
    found = {backlog.sink: backlog for backlog in reader.backlogs()}
    for sink in [*settings.outbox, *(name for name in found if name not in settings.outbox)]:
        name, backlog = f"outbox {sink}", found.get(sink)
        if backlog is None:
            yield Finding(name, True, "everything was delivered")
            continue
        lag = backlog.lag(datetime.now(UTC))
        waits = f"{backlog.waiting} runs wait, the oldest for {span_text(lag)}"
        said = f"{waits}: {backlog.message}" if backlog.code else waits
        if sink not in settings.outbox:
            fix = f"configure [outbox.{sink}] again, or: station outbox drop {sink} --all --reason TEXT --by NAME"
            yield Finding(name, False, f"is configured no more, and {said}", fix, UsageError.exit_code)
        elif lag > DELIVERY_DUE or backlog.code == "outbox.unusable":  # waiting does not help
            fix = HINTS.get(backlog.code or "", "the line delivers it while it runs; else: station outbox deliver")
            yield Finding(name, False, said, fix, UsageError.exit_code)
        else:
            yield Finding(name, True, said)


def _backup(data_dir: Path, reader: Reader) -> Finding:
    from station.ledger.backup_list import backups

    now = datetime.now(UTC)
    newest = next(iter(backups(data_dir)), None)
    unsaved_since = reader.first_run_after(newest.made_at if newest else None)
    make = f"station db backup {shlex.quote(str(data_dir / 'backups' / f'by-hand-{now:%Y-%m-%d}.sqlite3'))}"
    found = "none is known"
    if newest is not None:
        age = now - newest.made_at
        found = f"{newest.file}, {age.days} days and {age.seconds // 3600} hours old"
    if unsaved_since is None or now - unsaved_since < BACKUP_DUE:
        return Finding("backup", True, found if newest else f"{found}; make one with: {make}")
    fix = f"{make}; every night by itself: sudo systemctl enable --now openmv-ae3-backup.timer"
    said = f"runs of {(now - unsaved_since).days} days are in no backup; the newest: {found}"
    return Finding("backup", False, said, fix, LedgerError.exit_code)


def _clock(settings: Settings, root: Path, newest: datetime | None) -> Finding:
    set_it = "sudo timedatectl set-ntp false && sudo timedatectl set-time 'YYYY-MM-DD HH:MM:SS'"
    if newest is not None and newest > datetime.now(UTC) + CLOCK_SLACK:
        found = f"is behind the log, whose newest run began at {newest.isoformat(timespec='seconds')}"
        return Finding("clock", False, found, f"sudo timedatectl set-ntp true; without a network: {set_it}", 2)
    if (root / SYNCHRONIZED).exists() or (root == Path("/") and kernel_clock_is_kept()):
        return Finding("clock", True, "is synchronized")
    if settings.station.clock == "by hand":
        return Finding("clock", True, "is set by hand, as the configuration says")
    fix = f'sudo timedatectl set-ntp true; without a network: {set_it}, and clock = "by hand" in [station]'
    return Finding("clock", False, "is not synchronized, and the times in the log may be wrong", fix, 2)


def kernel_clock_is_kept() -> bool:
    """Whether some program (timesyncd, chrony, ntpd) keeps the kernel's clock. It is only asked."""
    # struct timex has 208 bytes; all zero asks for nothing to be changed.
    return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))) not in (-1, TIME_ERROR)
