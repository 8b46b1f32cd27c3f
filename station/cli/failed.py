"""`station failed`: the units to run again."""

from __future__ import annotations

import sys
from contextlib import closing

from station.cli.options import BatchOption, ConfigOption, DataDirOption, JsonOption, new_app, settings_for
from station.cli.output import print_json

app = new_app("The units whose latest counted run did not pass: the list to run again, the longest waiting first.")


@app.command(epilog="Example: station failed --batch 2026-47")
def failed(
    batch: BatchOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """The units whose latest counted run did not pass: the list to run again, the longest waiting first."""
    settings = settings_for(config, data_dir)
    from station.ledger.reader import Reader
    from station.report.text import failed_text

    with closing(Reader(settings.data_dir)) as reader:
        units = reader.failed(batch, max_runs=settings.run.max_runs)
    if as_json:
        print_json([unit.to_json() for unit in units])
    else:
        sys.stdout.write(failed_text(units))
