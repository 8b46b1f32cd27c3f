"""`station bind`: which product serial a camera has."""

from __future__ import annotations

import re
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.engineer import login_name
from station.cli.options import ConfigOption, DataDirOption, JsonOption, SerialArgument, new_app, pairs_of, settings_for
from station.cli.output import print_json, say
from station.errors import UsageError
from station.model.unit_values import problem_of_values

if TYPE_CHECKING:
    from station.model.unit_values import UnitValues
    from station.settings import Settings

app = new_app("Bind the product serial on a camera's label to the chip inside, and note what else is known of it.")


@app.command(
    epilog="Examples: station bind 3A0F5C77B1D2E49600112233 P-000017-4;"
    " station bind 2233 --set lens=L-0042 --set panel=7"
)
def bind(
    serial: SerialArgument,
    product_serial: Annotated[
        str | None, typer.Argument(metavar="[PRODUCT]", help="The serial on its label, as scanned.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="What else is known of it, by a key of [unit_values]."),
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so. Default: who you are.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bind a product serial to a camera, or note values of it, before its first run or after; works beside a running
    station.

    Its records carry them from then on, and it is found by them. The forms are those of [product_serial] and
    [unit_values] in the configuration. Another product serial is refused; a value may be changed, and what it was
    before is kept, with when and by whom.
    """
    settings = settings_for(config, data_dir)
    from station.cli.line_and_dashboard import as_scanned
    from station.control.client import ask
    from station.control.requests import BindUnit
    from station.ledger import schema_version
    from station.ledger.reader import Reader
    from station.ledger.unit_bindings import bind_unit
    from station.model.unit_values import UnitBinding, UnitValues

    text = as_scanned(settings, product_serial) if product_serial is not None else None
    given = UnitValues.of(dict(pairs_of(values, "--set")))
    _refuse_other_forms(settings, text, given)
    schema_version.create_or_check(settings.data_dir)
    with closing(Reader(settings.data_dir)) as reader:
        named = _spelling(reader.known_unit(serial), serial)
    said = UnitBinding(named, settings.station_id, datetime.now(UTC), by or login_name(), text, given, changes=True)
    bind_unit(settings.data_dir, said, settings.sinks)
    with suppress(UsageError):  # no line runs, or it is another version's: it learns it from the log
        ask(settings.data_dir, BindUnit("", named, text, tuple(given.pairs)))
    if as_json:
        print_json(said.to_json())
        return
    if text is not None:
        say(f"{text} is the product serial of {named}")
    for key, value in given.pairs:
        say(f"{key} of {named} is {value}")


def _refuse_other_forms(settings: Settings, product_serial: str | None, values: UnitValues) -> None:
    """UsageError for a serial or a value that the configuration does not allow, and where there is neither."""
    if product_serial is None and not values:
        raise UsageError("usage.bind", "name the product serial of the unit, or a value: --set KEY=VALUE")
    if product_serial is not None and (problem := settings.product_serial_rule.problem_of(product_serial)):
        raise UsageError(problem.code, problem.message)
    if problem := problem_of_values(values.to_json(), settings.unit_keys):
        raise UsageError(problem.code, problem.message)


def _spelling(known: str | None, typed: str) -> str:
    """The unit that is meant; one that never ran is not in the log, and its serial is typed whole."""
    if known is not None:
        return known
    if re.fullmatch(r"[0-9A-Fa-f]{24}", typed.strip()):
        return typed.strip().upper()
    raise UsageError(
        "usage.unknown_unit", f"no unit {typed} is known, and it is no whole serial (24 hexadecimal digits)"
    )
