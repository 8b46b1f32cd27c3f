"""`station db`: the log's schema, its check and its backup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from station.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    a_path,
    central_url_of,
    data_dir_for,
    new_app,
    settings_for,
)
from station.cli.output import print_json, print_line, say
from station.errors import LedgerError
from station.terminal_text import printable

app = new_app("The log's schema, its check and its backup.\n\nExample: station db check")


@app.command(epilog="Example: station db upgrade")
def upgrade(
    central: Annotated[
        bool, typer.Option("--central", help="The database of all stations, not this station's log.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the log to this version's schema; a copy of it is kept first. Makes the log where there is none.

    No station may work in the data folder. With --central it is the database of all stations instead.
    """
    if central:
        _upgrade_central(config, data_dir, as_json=as_json)
        return
    folder = data_dir_for(config, data_dir)
    from station.ledger import audit, schema_version
    from station.wiring.log import data_folder

    with data_folder(folder):
        done = schema_version.upgrade(folder)
        audit.add_due(folder)
    if as_json:
        backup_file = str(done.backup_file) if done.backup_file else None
        print_json({"before": done.before, "after": done.after, "backup_file": backup_file})
    elif done.before is None:
        say(f"made the log in {folder}, schema {done.after}")
    elif done.backup_file is None:
        say(f"nothing to do: the log has schema {done.after}")
    else:
        say(f"upgraded the log from schema {done.before} to {done.after}; the old one is {done.backup_file}")


def _upgrade_central(config: Path | None, data_dir: Path | None, *, as_json: bool) -> None:
    url = central_url_of(settings_for(config, data_dir))
    from station.ledger import central

    done = central.upgrade(url)
    if as_json:
        print_json({"before": done.before, "after": done.after, "backup_file": None})
    elif done.before == done.after:
        say(f"nothing to do: the central database has schema {done.after}")
    else:
        say(f"the central database {central.shown(url)} has schema {done.after} now")


@app.command(epilog="Example: station db check --json")
def check(config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Read the whole log and say whether it is sound. Exit code 4 if it is not."""
    folder = data_dir_for(config, data_dir)
    from station.ledger.damage import corrupt
    from station.ledger.integrity import check as check_log

    found = check_log(folder)
    if as_json:
        print_json(found.to_json())
    else:
        print_line(f"{found.file}: schema {found.revision}, {found.runs} runs, {found.open_runs} of them open")
        if found.journals:
            print_line(f"results wait in the journal ({found.journals} files): the next start of the line writes them")
        for name, number, last in found.audit:
            print_line(f"audit of station {printable(name)}: {number} rows, the last hash is {last}")
        for problem in found.problems:
            print_line(f"PROBLEM {problem}")
        if found.ok:
            print_line("the log is sound")
    if not found.ok and not found.is_damaged:
        what = f"in the audit of the log {found.file} something was changed by hand: {found.problems[0]}"
        raise LedgerError("ledger.audit_changed", what)
    if not found.ok:
        raise corrupt(folder, f"the log {found.file} is damaged: {found.problems[0]}")


@app.command(epilog="Example: station db backup station-backup.sqlite3")
def backup(
    file: Annotated[Path, typer.Argument(parser=a_path, metavar="F", help="The copy to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace F if it is there.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the log while the station goes on writing it."""
    folder = data_dir_for(config, data_dir)
    from station.ledger.backup import backup as copy_log

    copy_log(folder, file, overwrite=overwrite)
    if as_json:
        print_json({"backup_file": str(file)})
    say(f"copied the log to {file}")


@app.command(epilog="Example: station db restore station-backup.sqlite3")
def restore(
    file: Annotated[Path, typer.Argument(parser=a_path, metavar="F", help="The backup to put in the log's place.")],
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who restores it. Default: you.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in the log's place, once it is known to be sound. The log that was there is kept aside.

    Results that wait in the journal are written into the restored log. No station may work in the data folder.
    """
    folder = data_dir_for(config, data_dir)
    from station.cli.engineer import login_name, somebody, station_of
    from station.ledger.restore import restore as restore_log
    from station.roles.guarded_acts import OPERATOR, Act, Done, Who
    from station.wiring.authority import record_restored
    from station.wiring.log import data_folder
    from station.wiring.restore_permit import is_permitted

    station_id = station_of(config, folder)
    with data_folder(folder):
        if is_permitted(file):  # an upgrade that failed
            who = Who(by or login_name(), OPERATOR)
        else:
            who = somebody(folder, station_id, f"to put {file} in the log's place", by)
        done = restore_log(folder, file)
        record_restored(folder, station_id, Done(Act.LOG_RESTORED, who, str(file), {"runs": done.runs}))
    if as_json:
        print_json(done.to_json())
    if done.kept_aside:
        say(f"the log that was there is kept as {done.kept_aside}")
    say(f"restored the log from {file}: {done.runs} runs, {done.journaled_runs} of them from the journal")
    if done.upgrade_needed:
        say("its schema is an older one; run: station db upgrade")
