"""`station import`: runs that this or another station exported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, a_path, data_dir_for, new_app
from station.cli.output import print_json, say
from station.errors import UsageError
from station.file_problems import reason
from station.json_lines import LIMIT_BYTES, object_of

if TYPE_CHECKING:
    from station.model.runs import RunRecord

app = new_app("Take runs that this or another station exported.")


@app.command("import", epilog="Example: station import bench-2.jsonl   (there: station export --output bench-2.jsonl)")
def import_file(
    file: Annotated[
        Path, typer.Argument(parser=a_path, metavar="FILE", help="What station export --format jsonl wrote.")
    ],
    as_station: Annotated[
        str | None,
        typer.Option("--as-station", metavar="ID", help="Take the runs as those of this station, whatever they say."),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take runs that this or another station exported. Doing it again changes nothing.

    The whole file is read first: nothing of a file with a wrong line is taken, nor where two machines had
    one station id. Runs that the log has stay as they are.
    """
    folder = data_dir_for(config, data_dir)
    from station.ledger import schema_version
    from station.ledger.one_id_twice import refuse_one_id_twice
    from station.ledger.run_import import import_runs

    for _ in _runs_of(file):
        pass
    schema_version.create_or_check(folder)
    # Who names the station has seen what it is about.
    if as_station is None:
        refuse_one_id_twice(folder, _runs_of(file))
    done = import_runs(folder, _renamed(_runs_of(file), as_station))
    if as_json:
        print_json(done.to_json())
    else:
        say(f"{done.new} runs taken, {done.known} known already, {done.still_open} still open there and not taken")


def _renamed(runs: Iterator[RunRecord], station_id: str | None) -> Iterator[RunRecord]:
    if station_id is not None and not station_id.strip():
        raise UsageError("usage.empty", "the station is named by an empty text")
    for run in runs:
        yield run if station_id is None else replace(run, station_id=station_id)


def _runs_of(file: Path) -> Iterator[RunRecord]:
    from station.model.run_json import run_from_json

    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(iter(partial(lines.readline, LIMIT_BYTES), ""), 1):
                if not line.strip():
                    continue
                if len(line) == LIMIT_BYTES:
                    raise UsageError("usage.import", f"line {number} of {file} is no run: it does not end")
                try:
                    yield run_from_json(object_of(line))
                except ValueError as error:
                    raise UsageError("usage.import", f"line {number} of {file} is no run: {reason(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("usage.import", f"{file} cannot be read: {reason(error)}") from error
