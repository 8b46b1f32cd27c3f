"""The power of one port, turned off and on again by a command of the bench (uhubctl). Runs in a worker process.

The command is a template, no shell: it is split into words, and `{hub}`, `{port}` and `{port_path}` are replaced in
each. uhubctl names a hub by its place: port path 1-1.4.2 is port 2 of hub 1-1.4, 1-4 is port 4 of the root hub 1.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from contextlib import suppress
from typing import IO, Final

from station.flash.messages import PowerCycled, PowerNotCycled
from station.problem import sentence
from station.terminal_text import printable
from station.usb.ports import parse_port_path

LIMIT_S: Final = 30.0
"""uhubctl waits 2 s between off and on by itself; each of its transfers has a limit of 5 s."""
SAID_CHARACTERS: Final = 200


def power_words(template: str, port_path: str) -> list[str]:
    """The words of the command for one port."""
    bus, ports = parse_port_path(port_path)
    hub = f"{bus}-{'.'.join(map(str, ports[:-1]))}" if ports[:-1] else str(bus)
    values = {"{hub}": hub, "{port}": str(ports[-1]), "{port_path}": port_path}
    words = shlex.split(template)
    for name, value in values.items():
        words = [word.replace(name, value) for word in words]
    return words


def cycle_power(template: str, port_path: str, limit_s: float = LIMIT_S) -> PowerCycled | PowerNotCycled:
    """Run the command, and wait for its end; one line says what went wrong."""
    words = power_words(template, port_path)
    problem = _run(words, limit_s)
    return PowerNotCycled(port_path, problem) if problem else PowerCycled(port_path)


def _run(words: list[str], limit_s: float) -> str:
    """What went wrong, "" where nothing did. What it prints goes to a file: who inherits a pipe could keep it open."""
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            return sentence("{command} could not be started: {error}", command=words[0], error=why)
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return sentence("{command} did not end within {seconds} s", command=words[0], seconds=f"{limit_s:g}")
        return _ended_with(words[0], code, _last_line(said)) if code else ""


def _ended_with(command: str, code: int, said: str) -> str:
    if not said:
        return sentence("{command} ended with {number} and said nothing", command=command, number=code)
    return sentence("{command} ended with {number}: {reason}", command=command, number=code, reason=said)


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = [line.strip() for line in said.read(1 << 16).decode(errors="replace").splitlines() if line.strip()]
    return printable(lines[-1][:SAID_CHARACTERS]) if lines else ""
