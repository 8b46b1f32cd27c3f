"""`station report`: the yield report."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Annotated

import typer

from station.cli.next_commands import say_nothing_found
from station.cli.options import (
    BatchOption,
    BundleSelection,
    CentralOption,
    ConfigOption,
    DataDirOption,
    JsonOption,
    OperatorSelection,
    OutputOption,
    ProductSelection,
    PurposeSelection,
    SinceOption,
    SlotSelection,
    SpreadsheetOption,
    StationSelection,
    UntilOption,
    WhereSelection,
    data_dir_for,
    new_app,
    purposes_of,
    reader_for,
    time_range,
    unit_choice,
    use_station_clock,
)
from station.cli.output import text_output
from station.errors import UsageError

app = new_app("The yield report: yields, failures, slots, times and the units that are still open.")


@app.command(
    epilog="Examples: station report --since today; station report --batch 2026-47 --format csv --output yield.csv"
)
def report(
    batch: BatchOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    bundle: BundleSelection = None,
    station: StationSelection = None,
    slot: SlotSelection = None,
    operator: OperatorSelection = None,
    purpose: PurposeSelection = None,
    product: ProductSelection = None,
    where: WhereSelection = None,
    report_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="text|json|csv|html",
            help="For people, programs, a table or the printer. Default: text.",
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each figure means, too.")] = False,
    spreadsheet: SpreadsheetOption = False,
    output: OutputOption = None,
    central: CentralOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """The yield report of a batch, bundle, slot, operator, time range or everything."""
    if as_json and report_format not in (None, "json"):
        raise UsageError("usage.format", f"--json is --format json, and --format {report_format} is another one")
    report_format = report_format or ("json" if as_json else "text")
    use_station_clock(config)
    first, last = time_range(since, until)
    purposes = purposes_of(purpose)
    from station.model.units import RunFilter
    from station.report.render import check_format, check_spreadsheet, render_report

    check_format(report_format)
    if spreadsheet:
        check_spreadsheet(report_format)
    places = {"batch": batch, "bundle": bundle, "slot": slot, "operator": operator}
    with closing(reader_for(config, data_dir, central=central)) as reader:
        reader.refuse_unknown(station=station, **places)
        units = unit_choice(reader, product, where)
        chosen = RunFilter(since=first, until=last, purposes=purposes, station_id=station, **units)
        found = reader.report(replace(chosen, batch=batch, bundle=bundle, slot=slot, operator=operator))
    if not central and not (found.units_begun or found.open_runs):
        say_nothing_found(data_dir_for(config, data_dir), "report")
    text = render_report(found, report_format, explain=explain, spreadsheet=spreadsheet)
    with text_output(output) as file:
        file.write(text)
