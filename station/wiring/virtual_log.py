"""Runs of virtual cameras and of real ones never meet in one log: a yield of both would be of nothing.

1. A data folder whose log is of virtual cameras holds a file that says so, from before their first run.
2. Virtual cameras go into such a folder, or into one whose log has no run. Real cameras go into any other.
3. Cameras that somebody else serves (`--sim`) go where they are sent: tests and training begin with logs of any kind.
4. Where nobody names a folder, virtual cameras have a folder of their own inside the usual one.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from station.errors import LedgerError, UsageError
from station.model.units import RunFilter

MARK = "virtual-cameras.txt"
"""The file that marks a data folder."""
SAID_THERE = "The log in this folder is of virtual cameras. The station does not let real ones into it.\n"
FOLDER = "simulated"
"""The name of the folder inside the usual data folder."""


def is_virtual(data_dir: Path) -> bool:
    """Whether the log of a data folder is of virtual cameras."""
    return (data_dir / MARK).exists()


def log_of_virtual_cameras(data_dir: Path) -> Path | None:
    """The folder of their own inside a data folder, where they were there."""
    folder = data_dir / FOLDER
    return folder if is_virtual(folder) else None


def claim(data_dir: Path, *, virtual: bool) -> None:
    """See to it that the runs to come may go into this folder, which exists and is held; mark it for virtual ones.

    UsageError usage.virtual_log, usage.real_log; LedgerError where the log cannot be read.
    """
    if is_virtual(data_dir):
        if not virtual:
            raise UsageError("usage.virtual_log", f"the log in {data_dir} is of virtual cameras")
        return
    if not virtual:
        return
    if _has_runs(data_dir):
        raise UsageError("usage.real_log", f"the log in {data_dir} is of real cameras")
    try:
        (data_dir / MARK).write_text(SAID_THERE)
    except OSError as error:
        raise LedgerError("ledger.not_writable", f"{data_dir} cannot be written: {error.strerror}") from error


def _has_runs(data_dir: Path) -> bool:
    from station.ledger import schema_version
    from station.ledger.journal import journal_files
    from station.ledger.reader import Reader

    if journal_files(data_dir):
        return True
    if schema_version.state(data_dir) is schema_version.SchemaState.MISSING:
        return False
    with closing(Reader(data_dir)) as reader:
        return bool(reader.newest(RunFilter(), 1))
