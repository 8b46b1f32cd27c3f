"""`station central`: the database of all stations."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, central_url_of, new_app, settings_for
from station.cli.output import local_time, print_json, print_line, say
from station.errors import LedgerError
from station.terminal_text import printable

if TYPE_CHECKING:
    from station.ledger.shipping_state import ShippingState
    from station.settings import Settings

app = new_app(
    "The database of all stations: what waits to be sent to it, and sending it.\n\nExample: station central status"
)


@app.command(epilog="Example: station central push")
def push(
    everything: Annotated[
        bool, typer.Option("--all", help="Send the whole log again, not only what waits; nothing is there twice.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send what waits to the central database, for a station whose line is off; a line does it by itself."""
    settings = settings_for(config, data_dir)
    central_url_of(settings)
    from station.ledger import schema_version, shipper
    from station.wiring.central import pusher_for

    schema_version.require_current(settings.data_dir)
    sent = 0
    with closing(pusher_for(settings)) as pusher:
        if everything:
            pusher.push_all_again()
        while count := shipper.push(pusher):
            sent += count
        refused = pusher.state.refused
    if as_json:
        print_json({"sent": sent, "refused": refused})
    say(f"sent {sent} changes to the central database" + (f"; {refused} were refused" if refused else ""))


@app.command(epilog="Example: station central status --json")
def status(config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """What waits to be sent, since when, and why. Exit code 4 where the central database cannot be used."""
    settings = settings_for(config, data_dir)
    state, problem = asked_state(settings)
    if as_json:
        from station.ledger.central import shown

        print_json({"url": shown(settings.central_url), **state.to_json()})
    else:
        print_line(printable(state_line(state)))
    if problem is not None:
        raise problem


def asked_state(settings: Settings) -> tuple[ShippingState, LedgerError | None]:
    """How it stands: asked of the centre, and where it is away, what is known here. Errors: UsageError, LedgerError."""
    central_url_of(settings)
    from station.ledger import schema_version
    from station.wiring.central import pusher_for

    schema_version.require_current(settings.data_dir)
    with closing(pusher_for(settings, connect_s=2)) as pusher:
        try:
            pusher.ask()
        except LedgerError as error:
            with suppress(LedgerError):
                pusher.failed(error)
            return pusher.state, error
        return pusher.state, None


def state_line(state: ShippingState) -> str:
    """One line for a person."""
    line = "the central database has all of this log" if not state.waiting else f"{state.waiting} changes wait"
    if state.waiting_since is not None:
        line += f", the first since {local_time(state.waiting_since)}"
    if state.sent_at is not None:
        line += f"; sent last {local_time(state.sent_at)}"
    if state.twin_at is not None:
        line += f"; ANOTHER LOG IS SENT UNDER THIS STATION'S ID TOO, last {local_time(state.twin_at)}"
    return line + (f"; {state.refused} rows were refused" if state.refused else "")
