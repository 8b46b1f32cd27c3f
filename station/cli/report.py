"""`station report`: the yield report."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from station.cli.options import (
    BatchOption,
    ConfigOption,
    DataDirOption,
    OutputOption,
    SinceOption,
    UntilOption,
    new_app,
    settings_for,
    time_range,
)
from station.cli.output import text_output

app = new_app("The yield report: yields, failures, slots, times and the units that are still open.")


@app.command(epilog="Example: station report --batch 2026-47 --format csv --output yield.csv")
def report(
    batch: BatchOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    report_format: Annotated[
        str, typer.Option("--format", metavar="text|json|csv", help="For people, programs or a spreadsheet.")
    ] = "text",
    output: OutputOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """The yield report of a batch, a time range or everything, with the definitions of its figures."""
    first, last = time_range(since, until)
    settings = settings_for(config, data_dir)
    from station.ledger.reader import Reader
    from station.report.render import render_report

    with closing(Reader(settings.data_dir)) as reader:
        text = render_report(reader.summary(batch, first, last), report_format)
    with text_output(output) as file:
        file.write(text)
