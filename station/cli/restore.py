"""`station slots restore`: a slot that was taken out takes cameras again."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, settings_for
from station.cli.output import say
from station.errors import UsageError

EXAMPLE = "Example: station slots restore A1"


def restore(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The slot's name, or its port path.")],
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who restores it. Default: you.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Take cameras again in a slot that the running line took out, because unit after unit failed in it."""
    folder = settings_for(config, data_dir).data_dir
    from station.cli.engineer import proof_for
    from station.control.client import ask
    from station.control.requests import RestoreSlot, TakeSnapshot

    slots = ask(folder, TakeSnapshot())["snapshot"]["slots"]
    chosen = next((slot for slot in slots if name in (slot["slot"], slot["port_path"])), None)
    if chosen is None:
        raise UsageError("usage.unknown_slot", _no_such_slot(name, [slot["slot"] for slot in slots]))
    if chosen["state"] != "taken_out":
        say(f"slot {chosen['slot']} is not taken out: nothing to do")
        return
    proof = proof_for(folder, f"to use slot {chosen['slot']} again", by)
    ask(folder, RestoreSlot(chosen["port_path"]), proof)
    say(f"slot {chosen['slot']} takes cameras again")


def _no_such_slot(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[:3]
    return f"the line has no slot {name!r}" + (f"; nearest: {', '.join(near)}" if near else "")
