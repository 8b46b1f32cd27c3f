"""`station pin`: who may do what. Without an engineer's PIN everybody may do everything."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, data_dir_for, new_app, settings_for
from station.cli.output import print_json, print_line, say
from station.cli.run import BundleChoice, PurposeChoice, RecipeChoice
from station.errors import UsageError

if TYPE_CHECKING:
    from station.line.setup import LineSetup
    from station.roles.guarded_acts import Done, Who
    from station.settings import Settings

app = new_app(
    "Set the PIN that an engineer's acts need, and approve a changed configuration.\n\nExample: station pin set"
)

RoleOption = Annotated[
    str,
    typer.Option(
        "--role",
        metavar="R",
        help="engineer; or, to log in at station web: operator (may steer), look (may only look).",
    ),
]
ByOption = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who does it. Default: who you are.")]


@app.command("set", epilog="Examples: station pin set; station pin set --role operator")
def set_(
    role: RoleOption = "engineer", by: ByOption = None, config: ConfigOption = None, data_dir: DataDirOption = None
) -> None:
    """Set or change a PIN: asked for twice on a terminal, else read from the first line of stdin.

    Where an engineer's PIN is set it is needed: it is asked for first, or read from the file that STATION_PIN_FILE
    names.
    """
    from station.roles.guarded_acts import Act, Done

    folder = data_dir_for(config, data_dir)
    _known(role)
    who = _allowed(config, folder, f"to set the PIN of the role {role}", by)
    pin = _new_pin()
    _carry_out(config, folder, Done(Act.PIN_SET, who, role), pin)
    say(f"the PIN of the role {role} is set")


@app.command(epilog="Example: station pin remove --role operator")
def remove(
    role: RoleOption = "engineer", by: ByOption = None, config: ConfigOption = None, data_dir: DataDirOption = None
) -> None:
    """Take a PIN away. Without an engineer's PIN everybody may do everything again."""
    from station.roles.guarded_acts import Act, Done
    from station.roles.pin_file import holders

    folder = data_dir_for(config, data_dir)
    _known(role)
    if role not in holders(folder):
        say(f"the role {role} has no PIN: nothing to do")
        return
    who = _allowed(config, folder, f"to take away the PIN of the role {role}", by)
    _carry_out(config, folder, Done(Act.PIN_REMOVED, who, role), None)
    say(f"the PIN of the role {role} is taken away")


@app.command(epilog="Example: station pin status --json")
def status(config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Which roles have a PIN. No PIN is shown: nobody can read them."""
    from station.roles.pin_file import HOLDERS, holders, pin_file

    folder = data_dir_for(config, data_dir)
    found = holders(folder)
    if as_json:
        print_json({"file": str(pin_file(folder)), "roles": {role: role in found for role in HOLDERS}})
        return
    for role in HOLDERS:
        print_line(f"{role:<9} {'has a PIN' if role in found else 'has none'}")


@app.command(epilog="Example: station pin approve --by Ada")
def approve(
    by: ByOption = None,
    bundle: BundleChoice = None,
    recipe: RecipeChoice = None,
    purpose: PurposeChoice = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Approve the configuration as it is now, so that a service or an operator may start the line with it.

    The line itself asks for the PIN where it starts on a terminal with what was changed; this is for one that cannot.
    """
    settings = settings_for(config, data_dir, run__bundle=bundle, run__recipe=recipe, run__purpose=purpose)
    from station.cli.engineer import somebody
    from station.ledger.schema_version import require_current
    from station.wiring.authority import record
    from station.wiring.configuration_rows import changes_text, row_of, start_of

    require_current(settings.data_dir)
    start = start_of(settings, _setup(settings))
    if not start.changed:
        say("nothing to approve: it is as it was when the line started last")
        return
    folder, station_id = settings.data_dir, settings.station_id
    who = somebody(folder, station_id, f"to approve: {changes_text(start)}", by)
    record(folder, station_id, row_of(start, who))
    for key, (before, after) in start.changed.items():
        say(f"approved by {who.name}: {key} from {before} to {after}")


def _setup(settings: Settings) -> LineSetup:
    """What the line would start with."""
    from station.settings import usual_data_dir
    from station.wiring.bundle_choice import chosen_bundle, store_of
    from station.wiring.line import line_setup

    store = store_of(settings, usual_data_dir(), settings.run.bundle)
    return line_setup(settings, store, chosen_bundle(store, settings.run.bundle))


def _known(role: str) -> None:
    from station.roles.pin_file import HOLDERS

    if role not in HOLDERS:
        raise UsageError("usage.role", f"no role {role!r}; there are {', '.join(HOLDERS)}")


def _allowed(config: Path | None, folder: Path, what: str, by: str | None) -> Who:
    from station.cli.engineer import somebody, station_of

    return somebody(folder, station_of(config, folder), what, by)


def _carry_out(config: Path | None, folder: Path, row: Done, pin: str | None) -> None:
    """The PIN is set or taken away. Its row is in the audit before a guard is taken away, and after it was put up."""
    from station.cli.engineer import station_of
    from station.roles.pin_file import set_pin
    from station.wiring.authority import record

    station_id = station_of(config, folder)
    if pin is None:
        record(folder, station_id, row)
    set_pin(folder, row.subject, pin)
    if pin is not None:
        record(folder, station_id, row)


def _new_pin() -> str:
    """Twice on a terminal: what is not seen may be mistyped."""
    from station.roles.pin_file import usable

    if not sys.stdin.isatty():
        return usable(sys.stdin.readline().rstrip("\r\n"))
    pin = usable(getpass.getpass("the new PIN: "))
    if getpass.getpass("once more: ") != pin:
        raise UsageError("role.pin_form", "the two were not the same")
    return pin
