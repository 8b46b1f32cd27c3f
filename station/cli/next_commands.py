"""Commands that work as they stand, for somebody who does not know where a log is."""

from __future__ import annotations

from pathlib import Path

from station.cli.output import say


def say_what_next(folder: Path) -> None:
    """Where the log of virtual cameras is, and the commands that read it."""
    from station.cli.own_name import own_command
    from station.wiring.log import unit_to_look_at

    say(f"\nThe log stays in {folder}. To try next:")
    unit = unit_to_look_at(folder)
    for words in (("report",), ("failed",), ("unit", unit)):
        if None not in words:
            say(f"  {own_command(*words, '--data-dir', str(folder))}")


def say_nothing_found(folder: Path, command: str) -> None:
    """That the log has no run of what was asked for, and what to do: an empty report is no report."""
    from station.cli.own_name import own_command
    from station.wiring.virtual_log import log_of_virtual_cameras

    say(
        f"No run of this selection is in the log in {folder}. "
        "Runs that are not for production or rework (station flash, station test) are looked at with --purpose."
    )
    if virtual := log_of_virtual_cameras(folder):
        say(f"Virtual cameras have a log of their own: {own_command(command, '--data-dir', str(virtual))}")
