"""`station scrap`: book a camera that will never pass, so that its batch can be done."""

from __future__ import annotations

import re
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, new_app, settings_for
from station.cli.output import print_json, say
from station.errors import UsageError

app = new_app("Book a camera as scrapped, with a reason: its batch waits for it no longer.")

LONGEST_REASON = 200


@app.command(epilog='Example: station scrap --batch 2026-47 --reason "dead on arrival" --by Ada')
def scrap(
    serial: Annotated[
        str | None,
        typer.Argument(metavar="[SERIAL]", help="Its serial, or the end of it. None: a camera that shows no serial."),
    ] = None,
    batch: Annotated[str | None, typer.Option("--batch", metavar="L", help="The batch that it belongs to.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why it will never pass.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="The engineer who scraps it.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Book a camera as scrapped; works beside a running station.

    It is a run that ended FAIL with the code unit.scrapped: it counts as failed in the yields and in the balance of its
    batch, and nobody is asked to run it again. Where the camera passes later after all, it is done.
    """
    settings = settings_for(config, data_dir)
    if not (batch and batch.strip() and reason and reason.strip() and by and by.strip()):
        raise UsageError(
            "usage.scrap", "a scrapped camera has a batch, a reason and an engineer: --batch, --reason, --by"
        )
    from station.cli.engineer import done_by_engineer
    from station.control.client import ask
    from station.control.requests import CountBatch
    from station.ledger.reader import Reader
    from station.ledger.run_import import import_runs
    from station.model.scrapping import scrapped_run
    from station.roles.guarded_acts import Act

    with closing(Reader(settings.data_dir)) as reader:
        reader.refuse_unknown(batch=batch)
        named = serial if serial is None else _spelling(reader.known_unit(serial), serial)
    run = scrapped_run(
        settings.station_id, named, batch, reason.strip()[:LONGEST_REASON], by.strip(), datetime.now(UTC)
    )
    what, details = f"to scrap {named or 'a camera'} of batch {batch}", {"batch": batch, "reason": run.message}
    done_by_engineer(config, settings.data_dir, Act.UNIT_SCRAPPED, what, named or "", by.strip(), details)
    import_runs(settings.data_dir, [run])
    with suppress(UsageError):  # no line runs, or it is another version's
        ask(settings.data_dir, CountBatch(batch))
    if as_json:
        print_json(run.to_json())
    else:
        say(f"{named or 'a camera without a serial'} is scrapped in batch {batch}: {run.message}")


def _spelling(known: str | None, typed: str) -> str:
    """The unit that is meant; a camera that was dead on arrival is not in the log, and its label is typed whole."""
    if known is not None:
        return known
    if re.fullmatch(r"[0-9A-Fa-f]{24}", typed.strip()):
        return typed.strip().upper()
    raise UsageError("usage.scrap", f"no unit {typed} is known, and it is no whole serial (24 hexadecimal digits)")
