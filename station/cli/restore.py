"""`station slots restore`: a slot that was taken out takes cameras again."""

from __future__ import annotations

import difflib
import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from station.cli.options import ConfigOption, DataDirOption, settings_for
from station.cli.output import say
from station.errors import UsageError

EXAMPLE = "Example: station slots restore A1"


def restore(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The slot's name, or its port path.")],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Take cameras again in a slot that the running line took out, because unit after unit failed in it."""
    folder = settings_for(config, data_dir).data_dir
    slots = _asked(folder, {"do": "snapshot"})["snapshot"]["slots"]
    chosen = next((slot for slot in slots if name in (slot["slot"], slot["port_path"])), None)
    if chosen is None:
        raise UsageError("usage.unknown_slot", _no_such_slot(name, [slot["slot"] for slot in slots]))
    if chosen["state"] != "taken_out":
        say(f"slot {chosen['slot']} is not taken out: nothing to do")
        return
    _asked(folder, {"do": "restore_slot", "port_path": chosen["port_path"]})
    say(f"slot {chosen['slot']} takes cameras again")


def _no_such_slot(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[:3]
    return f"the line has no slot {name!r}" + (f"; nearest: {', '.join(near)}" if near else "")


def _asked(data_dir: Path, request: dict[str, Any]) -> dict[str, Any]:
    """What the line of a data folder answers to one request; UsageError where none runs."""
    from station.control.client import connected

    try:
        with closing(connected(data_dir)) as link, link.makefile("rwb") as stream:
            stream.readline()  # what the line works on
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            while line := stream.readline():
                answer: dict[str, Any] = json.loads(line)
                if "snapshot" in answer or "done" in answer or "refused" in answer:
                    return answer
    except OSError as error:
        raise UsageError("usage.no_line", f"no line runs in the data folder {data_dir}") from error
    raise UsageError("usage.no_line", f"the line in the data folder {data_dir} ended")
