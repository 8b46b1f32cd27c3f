"""What the commands have in common: their options, and how the typer applications are made."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from station.cli.output import say
from station.cli.time_arguments import parse_time
from station.config_file import find_document
from station.errors import SettingsError, UsageError
from station.local_time import use_zone
from station.terminal_text import printable

if TYPE_CHECKING:
    from station.ledger.reader import Reader
    from station.model.runs import Purpose
    from station.settings import Settings


def a_path(text: str) -> Path:
    """A path as it was typed; UsageError `usage.empty` for an empty one, which else would be the current folder."""
    if not text.strip():
        raise UsageError("usage.empty", "a file or folder is named by an empty text")
    return Path(text)


SerialArgument = Annotated[
    str,
    typer.Argument(metavar="SERIAL", help="Its serial, or its application's; the end that a tile shows is enough."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        parser=a_path,
        metavar="FILE",
        help="The configuration. Default: config/station.toml, then the usual places.",
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        parser=a_path,
        metavar="DIR",
        help="The folder of the log and the bundles. Also: STATION_DATA_DIR.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout; talk stays on stderr.")]
BatchOption = Annotated[str | None, typer.Option("--batch", metavar="L", help="Only this batch.")]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="T", help="From then on: a date or time by the station's clock, 14:30, 2h, 3d, today."
    ),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="T", help="Before then; a date means to the end of that day.")
]
BundleSelection = Annotated[str | None, typer.Option("--bundle", metavar="B", help="Only this firmware bundle.")]
StationSelection = Annotated[
    str | None, typer.Option("--station", metavar="ID", help="Only this station, where one log has several.")
]
CentralOption = Annotated[
    bool, typer.Option("--central", help="Of all stations: ask the central database, not this station's log.")
]
ProductSelection = Annotated[
    str | None, typer.Option("--product", metavar="P", help="Only the unit with this product serial, or its end.")
]
WhereSelection = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="KEY=VALUE", help="Only units with this value (lens=L-0042); may be given again."),
]
SlotSelection = Annotated[str | None, typer.Option("--slot", metavar="S", help="Only this slot.")]
OperatorSelection = Annotated[str | None, typer.Option("--operator", metavar="O", help="Only this operator.")]
PurposeSelection = Annotated[
    list[str] | None,
    typer.Option(
        "--purpose",
        metavar="P",
        help="Only runs made for this; may be given again. Default: production and rework, which alone count.",
    ),
]
SpreadsheetOption = Annotated[
    bool,
    typer.Option(
        "--spreadsheet",
        help="With --format csv: for Excel and its like, which else take serials for numbers and slots for dates.",
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", parser=a_path, metavar="F", help="Write this file, whole or not at all; default: stdout."),
]


def new_app(help_text: str) -> typer.Typer:
    """A typer application without what costs start-up time (rich) and without tracebacks of its own."""
    return typer.Typer(
        help=help_text,
        add_completion=False,
        no_args_is_help=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )


def data_dir_for(config: Path | None, data_dir: Path | None) -> Path:
    """The data folder, for a command that needs no other setting: one that is named needs no configuration."""
    if data_dir is not None and config is None:
        return Path(os.path.abspath(os.path.expanduser(data_dir)))
    return settings_for(config, data_dir).data_dir


def settings_for(config: Path | None, data_dir: Path | None, *, virtual: bool = False, **overrides: Any) -> Settings:
    """The settings of one command; `overrides` are its other options, by the dotted key with "__" for the dot; None for
    one that was not given.

    Where nobody names a data folder, `virtual` cameras have one of their own inside the usual one.
    """
    from station.settings import load_settings, usual_data_dir

    given = {key.replace("__", "."): value for key, value in overrides.items() if value is not None}
    settings = load_settings(config, data_dir=data_dir, overrides=given)
    if virtual and data_dir is None and settings.data_dir == usual_data_dir():
        from station.wiring.virtual_log import FOLDER

        settings = load_settings(config, data_dir=settings.data_dir / FOLDER, overrides=given)
    use_zone(settings.station.time_zone)
    return settings


def central_url_of(settings: Settings) -> str:
    """The database of all stations; UsageError `central.not_set` where the configuration names none."""
    if not settings.central_url:
        raise UsageError("central.not_set", "the configuration names no central database")
    return settings.central_url


def reader_for(config: Path | None, data_dir: Path | None, *, central: bool) -> Reader:
    """What reads this station's log, or with `central` the database of all stations."""
    if central:
        url = central_url_of(settings_for(config, data_dir))
        from station.ledger.reader import Reader

        return Reader.of_central(url)
    folder = data_dir_for(config, data_dir)
    from station.ledger.reader import Reader

    return Reader(folder)


def use_station_clock(config: Path | None) -> None:
    """Read and print times in the station's zone, for a command that needs no other setting: none is looked at.

    SettingsError `settings.invalid` for a zone that there is not. A file that cannot be read is said and passed over.
    """
    where, name = _configured_zone(config)
    try:
        use_zone(name if isinstance(name, str) else str(name or ""))
    except ValueError as error:
        raise SettingsError("settings.invalid", f'{where}: station.time_zone: found "{name}"; {error}') from None


def _configured_zone(config: Path | None) -> tuple[str, object]:
    """What names the zone, and the name; empty for none."""
    for variable in ("STATION_STATION__TIME_ZONE", "STATION_TIME_ZONE"):
        if name := os.environ.get(variable):
            return f"environment variable {variable}", name
    try:
        file, document = find_document(config)
    except SettingsError as error:
        if config is not None:
            raise
        say(f"{error.code}: {printable(error.message)}; times are in this machine's zone")
        return "", ""
    section = document.get("station")
    return str(file), section.get("time_zone", "") if isinstance(section, dict) else ""


def purposes_of(names: list[str] | None) -> tuple[Purpose, ...]:
    """The purposes that were named; UsageError `usage.purpose` for a name that is none."""
    from station.model.runs import Purpose

    known = {str(purpose): purpose for purpose in Purpose}
    for name in names or ():
        if name not in known:
            raise UsageError("usage.purpose", f"no purpose {name!r}; there are {', '.join(known)}")
    return tuple(known[name] for name in names or ())


def pairs_of(texts: list[str] | None, option: str) -> tuple[tuple[str, str], ...]:
    """Keys and values that were given with an option; UsageError `usage.pair` for a text that is none."""
    pairs = [tuple(part.strip() for part in text.partition("=")) for text in texts or ()]
    for (key, sign, value), text in zip(pairs, texts or (), strict=True):
        if not (key and sign and value):
            raise UsageError("usage.pair", f"{option} {printable(text)} is no KEY=VALUE")
    return tuple((key, value) for key, _, value in pairs)


class UnitChoice(TypedDict):
    """What picks units by what the factory calls them, as `RunFilter` takes it."""

    product_serial: str | None
    where: tuple[tuple[str, str], ...]


def unit_choice(reader: Reader, product: str | None, where: list[str] | None) -> UnitChoice:
    """The units that --product and --where name; UsageError for what the log has never seen."""
    pairs = pairs_of(where, "--where")
    reader.refuse_unknown_values(pairs)
    return {"product_serial": None if product is None else reader.product_named(product), "where": pairs}


def time_range(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Both ends of a selection in UTC, `until` exclusive; UsageError `usage.time`."""
    now = datetime.now(UTC)
    first = None if since is None else parse_time(since, now=now)
    last = None if until is None else parse_time(until, now=now, end_of_day=True)
    if first is not None and last is not None and last <= first:
        raise UsageError("usage.time", f'"{until}" is not after "{since}": there is no time between them')
    return first, last
