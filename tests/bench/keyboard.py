"""A dashboard on a pty of its own: keys at a steady pace, and when the screen had been drawn again after each."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import statistics
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness import PROGRAM, wait_for

QUIET_S = 0.003
"""A pause so long between two pieces of output ends a frame: the program writes a frame at once."""
PACE_S = 0.35
LIMIT_S = 3.0
TICKS_A_S = os.sysconf("SC_CLK_TCK")

KEYS = {"left": b"\x1b[D", "right": b"\x1b[C", "up": b"\x1b[A", "down": b"\x1b[B", "f1": b"\x1bOP", "f2": b"\x1bOQ",
        "f3": b"\x1bOR", "f4": b"\x1bOS", "f5": b"\x1b[15~", "f6": b"\x1b[17~"}  # fmt: skip


@dataclass(slots=True)
class Press:
    """One key, a pattern of what it brings onto the screen and nothing else does, and when it was pressed."""

    key: str
    expected: str
    at_s: float = 0.0


@dataclass(slots=True)
class Keyboard:
    """The other end of the pty. `pieces` is what came out of it, with the moment at which it was read."""

    process: subprocess.Popen[bytes]
    pty: int
    pieces: list[tuple[float, bytes]] = field(default_factory=list)

    def read(self) -> None:
        """Read all there is, until the program ends."""
        with suppress(OSError):
            while piece := os.read(self.pty, 1 << 16):
                self.pieces.append((time.perf_counter(), piece))

    def seen(self, text: str) -> bool:
        """Whether this was ever written."""
        return text.encode() in b"".join(piece for _, piece in self.pieces)

    def press(self, presses: Sequence[Press], pace_s: float = PACE_S) -> None:
        """Press keys at a steady pace, whatever the screen does."""
        for press in presses:
            press.at_s = time.perf_counter()
            os.write(self.pty, KEYS.get(press.key, press.key.encode()))
            time.sleep(pace_s)

    def delays_s(self, presses: Sequence[Press]) -> list[float]:
        """How long after each key the frame was complete that shows what it brings; others may come in between."""
        return [self._delay_s(press, _end_s(press, presses[number + 1 :])) for number, press in enumerate(presses)]

    def _delay_s(self, press: Press, end_s: float) -> float:
        pieces = [(at_s, piece) for at_s, piece in self.pieces if press.at_s <= at_s < end_s]
        heard, drawn_s = b"", None
        for at_s, piece in pieces:
            if drawn_s is not None and at_s - drawn_s > QUIET_S:
                break
            heard += piece
            if drawn_s is not None or re.search(press.expected.encode(), heard):
                drawn_s = at_s
        assert drawn_s is not None, f"{press.key} did not bring {press.expected!r} within {end_s - press.at_s:.2f} s"
        return drawn_s - press.at_s

    def cpu_s(self) -> float:
        """Processor time that the dashboard took so far, its threads included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_A_S


def _end_s(press: Press, later: Sequence[Press]) -> float:
    """Until when a frame may still be this key's: the next key that brings the same, or the limit."""
    ends_s = [other.at_s for other in later if other.expected == press.expected]
    return min([press.at_s + LIMIT_S, *ends_s[:1]])


def figures(delays_s: Sequence[float]) -> dict[str, float]:
    """Count, p50, p99 and the longest of some delays, in milliseconds."""
    ordered = sorted(1e3 * delay_s for delay_s in delays_s)
    return {
        "presses": len(ordered),
        "p50_ms": round(statistics.median(ordered), 1),
        "p99_ms": round(ordered[-(-99 * len(ordered) // 100) - 1], 1),
        "longest_ms": round(ordered[-1], 1),
    }


def tell(what: dict[str, object]) -> None:
    """To stdout and to the file that STATION_BENCH_OUTPUT names."""
    print(json.dumps(what))
    if output := os.environ.get("STATION_BENCH_OUTPUT"):
        with Path(output).open("a") as file:
            file.write(json.dumps(what) + "\n")


@contextmanager
def dashboard_on_pty(data_dir: Path, columns: int, rows: int) -> Iterator[Keyboard]:
    """`station dashboard` on a terminal of this size, once it has drawn its first screen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [*PROGRAM, "dashboard", "--data-dir", str(data_dir)], stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )  # fmt: skip
    os.close(theirs)
    keyboard = Keyboard(process, ours)
    thread = threading.Thread(target=keyboard.read, daemon=True)
    thread.start()
    try:
        wait_for(lambda: keyboard.seen("\u25c6"), "the first tiles", 60)
        yield keyboard
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        thread.join(10)
        os.close(ours)
