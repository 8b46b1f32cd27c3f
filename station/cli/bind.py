"""`station bind`: which product serial a camera has."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from station.cli.engineer import login_name
from station.cli.options import ConfigOption, DataDirOption, JsonOption, SerialArgument, new_app, settings_for
from station.cli.output import print_json, say
from station.errors import UsageError

app = new_app("Bind the product serial on a camera's label to the chip inside, once and for all.")


@app.command(epilog="Example: station bind 3A0F5C77B1D2E49600112233 P-000017-4")
def bind(
    serial: SerialArgument,
    product_serial: Annotated[str, typer.Argument(metavar="PRODUCT", help="The serial on its label, as scanned.")],
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so. Default: who you are.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bind a product serial to a camera, before its first run or after it; works beside a running station.

    Its records carry the product serial from then on, and it is found by it. Form and check digit are those of
    [product_serial] in the configuration. Another pairing of either is refused.
    """
    settings = settings_for(config, data_dir)
    from station.ledger import schema_version
    from station.ledger.product_serial_rows import bind as put
    from station.ledger.reader import Reader
    from station.model.product_serials import Pairing

    text = product_serial.strip()
    if problem := settings.product_serial_rule.problem_of(text):
        raise UsageError(problem.code, problem.message)
    schema_version.create_or_check(settings.data_dir)
    with closing(Reader(settings.data_dir)) as reader:
        named = _spelling(reader.known_unit(serial), serial)
    pairing = Pairing(text, named, settings.station_id, datetime.now(UTC), by or login_name())
    put(settings.data_dir, pairing, settings.sinks)
    if as_json:
        print_json(pairing.to_json())
    else:
        say(f"{text} is the product serial of {named}")


def _spelling(known: str | None, typed: str) -> str:
    """The unit that is meant; one that never ran is not in the log, and its serial is typed whole."""
    if known is not None:
        return known
    if re.fullmatch(r"[0-9A-Fa-f]{24}", typed.strip()):
        return typed.strip().upper()
    raise UsageError(
        "usage.unknown_unit", f"no unit {typed} is known, and it is no whole serial (24 hexadecimal digits)"
    )
