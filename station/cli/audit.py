"""`station audit`: who did what only an engineer may do, and with which configuration lines started."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from station.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    OutputOption,
    SinceOption,
    StationSelection,
    UntilOption,
    data_dir_for,
    new_app,
    time_range,
    use_station_clock,
)
from station.cli.output import text_output
from station.errors import UsageError
from station.local_time import time_text, zone_names
from station.terminal_text import printable

if TYPE_CHECKING:
    from station.ledger.audit_chain import AuditRow

app = new_app("Who did what only an engineer may do; station db check proves that no row was changed.")
FORMATS = ("text", "json", "csv")
COLUMNS = ("station_id", "number", "at", "who", "role", "act", "subject", "details", "previous_hash", "hash")


@app.command(epilog="Examples: station audit --since today; station audit --format csv --output audit.csv")
def audit(
    since: SinceOption = None,
    until: UntilOption = None,
    station: StationSelection = None,
    act: Annotated[
        str | None, typer.Option("--act", metavar="A", help="Only this act, for example unit.released.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", metavar="F", help="text, json or csv.")] = "text",
    output: OutputOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """The rows of the audit, oldest first. Times are the station's own as text, UTC in JSON and CSV."""
    chosen = "json" if as_json else format_
    if chosen not in FORMATS:
        raise UsageError("usage.format", f"no format {format_!r}; there are {', '.join(FORMATS)}")
    use_station_clock(config)
    folder = data_dir_for(config, data_dir)
    rows = _rows(folder, station, act, since, until)
    with text_output(output) as file:
        _write(file, rows, chosen)


def _rows(folder: Path, station: str | None, act: str | None, since: str | None, until: str | None) -> list[AuditRow]:
    from station.ledger.audit import rows
    from station.roles.guarded_acts import Act

    if act is not None and act not in tuple(Act):
        raise UsageError("usage.act", f"no act {act!r}; there are {', '.join(Act)}")
    first, last = time_range(since, until)
    return [
        row
        for row in rows(folder, station, act)
        if (first is None or row.at >= first.isoformat()) and (last is None or row.at < last.isoformat())
    ]


def _write(file: TextIO, rows: list[AuditRow], chosen: str) -> None:
    if chosen == "json":
        file.write(json.dumps([row.to_json() for row in rows], indent=2) + "\n")
    elif chosen == "csv":
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)
    else:
        file.writelines(f"{line}\n" for line in _text(rows))


def _text(rows: list[AuditRow]) -> Iterator[str]:
    times = [_moment(row) for row in rows]
    yield f"Acts: {len(rows)}; times are {zone_names(time for time in times if time)}"
    for row, at in zip(rows, times, strict=True):
        when = time_text(at) if at else row.at
        subject = f" {row.subject}" if row.subject else ""
        yield printable(f"{row.station_id} {row.number}  {when}  {row.act}{subject}  by {row.who or '-'} ({row.role})")
        yield from (f"    {line}" for line in _details(row))


def _moment(row: AuditRow) -> datetime | None:
    try:
        return datetime.fromisoformat(row.at)
    except ValueError:  # changed by hand: station db check names it
        return None


def _details(row: AuditRow) -> Iterator[str]:
    details = row.to_json()["details"]
    if not isinstance(details, dict):
        yield printable(str(details))
        return
    for key, value in details.items():
        if key == "changed" and isinstance(value, dict):
            yield from (printable(f"{name}: {pair[0]} -> {pair[1]}") for name, pair in value.items())
        elif key not in ("values", "digest"):
            yield printable(f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
