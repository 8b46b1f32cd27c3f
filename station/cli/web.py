"""`station web`: the dashboard in a browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, new_app, settings_for
from station.cli.output import say
from station.errors import UsageError

app = new_app("Serve the dashboard of the running line to browsers.\n\nExample: station web --port 8080")

EXIT_INTERRUPTED = 130
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@app.command(epilog="Example: station web --port 8080")
def web(
    host: Annotated[
        str | None, typer.Option("--host", metavar="H", help="The address to serve on. Default: 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="P", min=1, max=65535, help="The port. Default: 8000.")
    ] = None,
    control: Annotated[
        bool, typer.Option("--control", help="Browsers may steer the line too. Without it they only look.")
    ] = False,
    login: Annotated[
        str | None, typer.Option("--login", metavar="WHEN", help='A PIN is asked for: "off", "to steer" or "always".')
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> int:
    """Serve the dashboard of the line that works in the data folder to browsers, several at once, until interrupted.

    Browsers only look, unless --control is given. Nobody is asked for a password: on another address than 127.0.0.1
    everybody in the network sees the line, and with --control steers it. With --login a PIN is asked for, which station
    pin set gave to a role. Nothing is loaded from the internet.
    """
    settings = settings_for(
        config, data_dir, web__host=host, web__port=port, web__control=control or None, web__login=login
    )
    from station.control.client import is_served
    from station.dashboard.web.host_names import own_names
    from station.dashboard.web.logins import Logins
    from station.dashboard.web.proxies import Proxies
    from station.dashboard.web.web_server import DashboardServer, serve
    from station.wiring.web_logins import WebLogins

    folder, served = settings.data_dir, settings.web
    if not is_served(folder):
        raise UsageError("usage.no_line", f"no line works in the data folder {folder}")
    server = DashboardServer(
        _dashboard(folder, config),
        served.host,
        served.port,
        f"station {settings.station_id}",
        lambda: is_served(folder),
        own_names(served.host, served.host_names),
        Logins(served.login, WebLogins(folder, settings.station_id), control=served.control),
        Proxies(served.proxy_addresses, behind_proxy=served.behind_proxy),
    )
    _say_pins(folder, served.login)
    serve(server, lambda: _say_where(served.host, served.port, control=served.control, login=served.login))
    return EXIT_INTERRUPTED


def _dashboard(folder: Path, config: Path | None) -> list[str]:
    """The command of each browser's dashboard, as it is for one that may steer."""
    words = [sys.executable, "-m", "station", "dashboard", "--web", "--data-dir", str(folder)]
    return words + (["--config", str(config)] if config else [])


def _say_pins(folder: Path, login: str) -> None:
    from station.roles.pin_file import holders

    if login != "off" and not holders(folder):
        say("nobody can log in: no role has a PIN yet; station pin set --role operator gives one")


def _say_where(host: str, port: int, *, control: bool, login: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    what = "browsers may steer the line" if control else "browsers only look"
    if login != "off":
        what = "who logs in may steer the line" if login == "to steer" else "a PIN is asked for"
    say(f"the dashboard is at http://{shown}:{port}/ ({what}); Ctrl+C ends it")
    if host not in LOOPBACK and login == "off":
        say(f"everybody who reaches this machine {'steers' if control else 'sees'} the line: no password is asked for")
