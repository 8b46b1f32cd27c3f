"""`station release`: let a unit that was set aside run again."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from station.cli.options import (
    BatchOption,
    ConfigOption,
    DataDirOption,
    JsonOption,
    SerialArgument,
    data_dir_for,
    new_app,
)
from station.cli.output import print_json, say

app = new_app("Let a unit that was set aside run again: its earlier failures count no more.")


@app.command(epilog="Example: station release 3A0F5C77B1D2E49600112233 --batch 2026-47 --by Ada")
def release(
    serial: SerialArgument,
    batch: BatchOption = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who releases it. Default: who you are.")
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a unit that was set aside run again, in one batch or in all; works beside a running station.

    Its earlier failures stay in the log, with the release, but are not counted against it any more.
    """
    folder = data_dir_for(config, data_dir)
    from station.cli.engineer import done_by_engineer
    from station.ledger.reader import Reader
    from station.ledger.unit_release import release_unit
    from station.model.units import Release
    from station.roles.guarded_acts import Act

    with closing(Reader(folder)) as reader:
        reader.refuse_unknown(batch=batch)
        story = reader.unit(reader.unit_named(serial))
    where = f"batch {batch}" if batch else "every batch"
    what, details = f"to let {story.serial} run again in {where}", {"batch": batch}
    who = done_by_engineer(config, folder, Act.UNIT_RELEASED, what, story.serial, by, details)
    released = Release(story.serial, batch, datetime.now(UTC), who.name)
    release_unit(folder, released)
    if as_json:
        print_json(released.to_json())
    else:
        say(f"released {story.serial} for {where} by {released.released_by}")
