"""`station sim`: virtual cameras over USB/IP, with faults."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from station.cli.options import new_app
from station.errors import UsageError
from station.json_lines import JsonSocket, text_line

ANSWER_LIMIT_S = 60.0

app = new_app(
    "Serve virtual cameras over USB/IP, for `station run --sim DIR`, a real kernel or another program.\n\n"
    "Example: station sim serve /tmp/bench --spec cameras.json"
)

# Every command takes these two; a script that adds them to each need not leave this one out.
_UNUSED = "Taken like everywhere; virtual cameras need none."
UnusedConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE", help=_UNUSED)]
UnusedDataDirOption = Annotated[Path | None, typer.Option("--data-dir", metavar="DIR", help=_UNUSED)]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the bench's two sockets.")]


@app.command(epilog="Example: station sim serve /tmp/bench --spec cameras.json   (then: station run --sim /tmp/bench)")
def serve(
    folder: FolderArgument,
    spec: Annotated[
        Path | None, typer.Option("--spec", metavar="FILE", help="The cameras: a JSON list of objects.")
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
    from station.sim.serve import main

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError("usage.output", f"cannot make {folder}: {error.strerror}") from error
    options = ["--dir", str(folder)]
    options += ["--spec", str(spec)] if spec else []
    options += ["--tcp", tcp] if tcp else []
    options += ["--kernel"] if kernel else []
    options += ["--detached"] if detached else []
    return main(options)


@app.command(epilog="""Example: station sim tell /tmp/bench '{"do": "unplug", "port_path": "1-1.1"}'""")
def tell(
    folder: FolderArgument,
    command: Annotated[str, typer.Argument(metavar="JSON", help="One command, as a JSON object.")],
    _config: UnusedConfigOption = None,
    _data_dir: UnusedDataDirOption = None,
) -> int:
    """Tell a bench one command and print its answer: plug, unplug, replug, power, fault, state, memory, quit."""
    try:
        answer = _ask(folder / "control.sock", command)
    except OSError as error:
        message = f"no bench answers in {folder}: {error.strerror or error}"
        raise UsageError("usage.no_sim", message) from error
    sys.stdout.write(text_line(answer))
    return 1 if "error" in answer else 0


def _ask(path: Path, command: str) -> dict[str, Any]:
    """Send one line and wait for one; OSError where nobody is there, or nobody answers in time."""
    with closing(JsonSocket.connected(str(path), ANSWER_LIMIT_S)) as link:
        link.send_typed(command)
        answer = link.read()
    if answer is None:
        raise ConnectionResetError("it hung up")
    return answer
