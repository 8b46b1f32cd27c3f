"""`station export`: every run, with its attempts, for other programs."""

from __future__ import annotations

import shutil
from contextlib import closing
from tempfile import TemporaryFile
from typing import Annotated

import typer

from station.cli.options import (
    BatchOption,
    CentralOption,
    ConfigOption,
    DataDirOption,
    JsonOption,
    OutputOption,
    ProductSelection,
    SinceOption,
    SpreadsheetOption,
    StationSelection,
    UntilOption,
    WhereSelection,
    new_app,
    reader_for,
    time_range,
    unit_choice,
    use_station_clock,
)
from station.cli.output import text_output
from station.errors import UsageError

app = new_app("Every run, with its attempts, for other programs.")


@app.command(
    epilog="Examples: station export --output bench-2.jsonl;"
    " station export --since today --format csv --output today.csv"
)
def export(
    batch: BatchOption = None,
    station: StationSelection = None,
    since: SinceOption = None,
    until: UntilOption = None,
    product: ProductSelection = None,
    where: WhereSelection = None,
    export_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="jsonl|csv|openhtf|cfx|tofupilot|wats",
            help="A run a line, an image a line, or what OpenHTF, IPC-CFX, TofuPilot and WATS take.",
        ),
    ] = "jsonl",
    procedure: Annotated[
        str, typer.Option("--procedure", metavar="ID", help="With --format tofupilot: the procedure's id there.")
    ] = "",
    process_code: Annotated[
        int, typer.Option("--process-code", metavar="N", min=0, help="With --format wats: the test operation's number.")
    ] = 0,
    spreadsheet: SpreadsheetOption = False,
    output: OutputOption = None,
    central: CentralOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every run of a time range, with its attempts, in the order they started. Times are UTC."""
    if as_json and export_format != "jsonl":
        raise UsageError("usage.format", f"--json is --format jsonl, and --format {export_format} is another one")
    use_station_clock(config)
    first, last = time_range(since, until)
    from station.model.units import RunFilter
    from station.report.run_export import Destination, check_export_format, export_lines

    check_export_format(export_format)
    with closing(reader_for(config, data_dir, central=central)) as reader:
        reader.refuse_unknown(batch=batch, station=station)
        units = unit_choice(reader, product, where)
        selection = RunFilter(batch=batch, station_id=station, since=first, until=last, **units)
        lines = export_lines(
            reader.runs(selection),
            export_format,
            spreadsheet=spreadsheet,
            to=Destination(procedure, process_code),
            unit_keys=reader.value_keys(),
        )
        if output is not None and str(output) != "-":
            with text_output(output) as file:
                file.writelines(lines)
            return
        # Who reads stdout may stop to read, and an answer that is not taken keeps the log's -wal from being used up.
        with TemporaryFile("w+", encoding="utf-8", newline="") as all_lines:
            all_lines.writelines(lines)
            reader.close()
            all_lines.seek(0)
            with text_output(None) as file:
                shutil.copyfileobj(all_lines, file)
