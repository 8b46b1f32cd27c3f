"""`station dashboard`: look at a line that runs."""

from __future__ import annotations

from typing import Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, new_app, settings_for
from station.cli.output import on_terminal
from station.errors import UsageError

app = new_app("Look at the line that works in the data folder; several may look at once.")


@app.command(epilog="Example: station dashboard --data-dir /var/lib/openmv-ae3-station")
def dashboard(
    read_only: Annotated[bool, typer.Option("--read-only", help="Only look; steer nothing.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    web: Annotated[bool, typer.Option("--web", hidden=True, help="Drawn for a browser, by station web.")] = False,
    kiosk: Annotated[
        bool,
        typer.Option(
            "--kiosk", hidden=True, help="End by itself some seconds after the line, or once a new one works."
        ),
    ] = False,
) -> int:
    """Look at the line that works in the data folder, and steer it. Several may look at once.

    Leaving the dashboard, or killing it, changes nothing for the line, unless it is asked to stop the line.
    """
    settings = settings_for(config, data_dir)
    folder = settings.data_dir
    from station.cli.line_and_dashboard import attach
    from station.control.client import is_served

    if not is_served(folder):
        raise UsageError("usage.no_line", f"no line works in the data folder {folder}")
    if not (web or on_terminal()):
        raise UsageError("usage.no_terminal", "a dashboard needs a terminal")
    attach(folder, settings, read_only=read_only, kiosk=kiosk)
    return 0
