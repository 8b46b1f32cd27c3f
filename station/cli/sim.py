"""`station sim`: virtual cameras over USB/IP, with faults."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from station.cli.options import JsonOption, a_path, new_app
from station.cli.output import print_json
from station.errors import UsageError
from station.file_problems import reason
from station.json_lines import JsonSocket, text_line

ANSWER_LIMIT_S = 60.0
FAULTS_HEAD = """\
A fault is a JSON object in a camera's list "faults" (station sim serve --spec), or of station sim tell:

  {"do": "vanish_and_return", "at": {"request": "DNLOAD", "alt": 6, "block": 900}, "after_s": 1.0}
  station sim tell DIR '{"do": "fault", "port_path": "1-1.1", "fault": {"do": "boot_never"}}'

"at" says at which moment, with the alternate setting and the block where it matters; "times" how often (null: always),
"skip" how many such moments pass before.
"""

app = new_app(
    "Serve virtual cameras over USB/IP, for `station run --sim DIR`, a real kernel or another program.\n\n"
    "Example: station sim serve /tmp/bench --spec cameras.json"
)

# Every command takes these two; a script that adds them to each need not leave this one out.
_UNUSED = "Taken like everywhere; virtual cameras need none."
UnusedConfigOption = Annotated[Path | None, typer.Option("--config", parser=a_path, metavar="FILE", help=_UNUSED)]
UnusedDataDirOption = Annotated[Path | None, typer.Option("--data-dir", parser=a_path, metavar="DIR", help=_UNUSED)]
FolderArgument = Annotated[
    Path, typer.Argument(parser=a_path, metavar="DIR", help="The folder of the bench's two sockets.")
]


@app.command(epilog="Example: station sim serve /tmp/bench --spec cameras.json   (then: station run --sim /tmp/bench)")
def serve(
    folder: FolderArgument,
    spec: Annotated[
        Path | None, typer.Option("--spec", parser=a_path, metavar="FILE", help="The cameras: a JSON list of objects.")
    ] = None,
    tcp: Annotated[
        str | None, typer.Option("--tcp", metavar="HOST:PORT", help="Serve USB/IP over TCP as well.")
    ] = None,
    kernel: Annotated[bool, typer.Option("--kernel", help="Attach to this machine's vhci-hcd; needs root.")] = False,
    detached: Annotated[bool, typer.Option("--detached", help="Go on when standard input ends.")] = False,
    _config: UnusedConfigOption = None,
    _data_dir: UnusedDataDirOption = None,
) -> int:
    """Serve a bench of virtual cameras until standard input ends, or Ctrl-C.

    The least that a camera is: {"serial": "3A0F5C77B1D2E49600112233", "port_path": "1-1.1"}.
    """
    from station.sim import serve as bench

    address = None if tcp is None else _address(tcp)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError("usage.output", f"cannot make the folder {folder}: {reason(error)}") from error
    bench.serve(str(folder), str(spec) if spec else None, kernel=kernel, tcp=address, detached=detached)
    return 0


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UsageError("usage.address", f'--tcp: found "{text}"')
    return host, int(port)


@app.command(epilog="Example: station sim faults")
def faults(
    _config: UnusedConfigOption = None, _data_dir: UnusedDataDirOption = None, as_json: JsonOption = False
) -> None:
    """What can go wrong in a virtual camera: the words of the fault language, with their parameters and moments."""
    from station.sim.faults import ACTIONS

    if as_json:
        print_json([action.to_json(name) for name, action in ACTIONS.items()])
        return
    sys.stdout.write(FAULTS_HEAD)
    for name, action in ACTIONS.items():
        print(f"\n{name}: {action.meaning}")
        for key, default in action.parameters.items():
            print(f"    {key} (default {json.dumps(default)})")
        if action.moments:
            print(f"    at {action.default_moment} (default) or any of: {', '.join(sorted(action.moments))}")


@app.command(epilog="""Example: station sim tell /tmp/bench '{"do": "unplug", "port_path": "1-1.1"}'""")
def tell(
    folder: FolderArgument,
    command: Annotated[str, typer.Argument(metavar="JSON", help="One command, as a JSON object.")],
    _config: UnusedConfigOption = None,
    _data_dir: UnusedDataDirOption = None,
) -> int:
    """Tell a bench one command and print its answer: plug, unplug, replug, power, fault, state, memory, quit."""
    _refuse_no_object(command)
    try:
        answer = _ask(folder / "control.sock", command)
    except OSError as error:
        why = "" if isinstance(error, FileNotFoundError) else f": {reason(error)}"
        raise UsageError("usage.no_sim", f"no bench answers in {folder}{why}") from error
    sys.stdout.write(text_line(answer))
    return 1 if "error" in answer else 0


def _refuse_no_object(command: str) -> None:
    try:
        given = json.loads(command)
    except (ValueError, RecursionError) as error:
        raise UsageError("usage.json", f"this is no command: {reason(error)}") from error
    if not isinstance(given, dict):
        raise UsageError("usage.json", "this is no command: it is JSON, but no object")


def _ask(path: Path, command: str) -> dict[str, Any]:
    """Send one line and wait for one; OSError where nobody is there, or nobody answers in time."""
    with closing(JsonSocket.connected(str(path), ANSWER_LIMIT_S)) as link:
        link.send_typed(command)
        answer = link.read()
    if answer is None:
        raise ConnectionResetError("it hung up")
    return answer
