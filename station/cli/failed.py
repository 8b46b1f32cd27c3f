"""`station failed`: the units to run again."""

from __future__ import annotations

import sys
from contextlib import closing

from station.cli.next_commands import say_nothing_found
from station.cli.options import (
    BatchOption,
    CentralOption,
    ConfigOption,
    DataDirOption,
    JsonOption,
    ProductSelection,
    PurposeSelection,
    StationSelection,
    WhereSelection,
    new_app,
    purposes_of,
    reader_for,
    settings_for,
    unit_choice,
)
from station.cli.output import print_json

app = new_app("The units that are not done (failed, cut short, still running), and why: the list to run again.")


@app.command(epilog="Examples: station failed; station failed --batch 2026-47")
def failed(
    batch: BatchOption = None,
    station: StationSelection = None,
    purpose: PurposeSelection = None,
    product: ProductSelection = None,
    where: WhereSelection = None,
    central: CentralOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """The units that are not done (failed, cut short, still running), and why: the list to run again."""
    purposes = purposes_of(purpose)
    settings = settings_for(config, data_dir)
    from station.model.done import COUNTED_PURPOSES
    from station.model.units import RunFilter
    from station.report.text import failed_text

    with closing(reader_for(config, data_dir, central=central)) as reader:
        reader.refuse_unknown(batch=batch, station=station)
        chosen = unit_choice(reader, product, where)
        units = reader.failed(batch, station_id=station, purposes=purposes, max_runs=settings.run.max_runs, **chosen)
        everyone = RunFilter(batch=batch, station_id=station, purposes=purposes or COUNTED_PURPOSES, **chosen)
        if not central and not units and not reader.newest(everyone, 1):
            say_nothing_found(settings.data_dir, "failed")
    if as_json:
        print_json([unit.to_json() for unit in units])
    else:
        sys.stdout.write(failed_text(units))
