"""MicroPython's REPL as a camera offers it at every rate but the protocol's (MicroPython `shared/runtime/pyexec.c`).

The friendly REPL echoes and runs one line; Ctrl-A enters the raw one, Ctrl-B leaves it, Ctrl-C interrupts, Ctrl-D runs
what was typed, or reboots softly where nothing was. Raw paste (Ctrl-E A Ctrl-A) is refused, as the real one may.
"""

from __future__ import annotations

from collections.abc import Callable

from station.sim.firmware import Firmware, Leave, Outcome
from station.sim.reply import PowerLost

_RAW, _FRIENDLY, _INTERRUPT, _RUN = 1, 2, 3, 4
_ASK_PASTE = b"\x05A"
_RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
_PROMPT = b"\r\n>>> "
_INTERRUPTED = 'Traceback (most recent call last):\n  File "<stdin>", line 1, in <module>\nKeyboardInterrupt: \n'


class RawRepl:
    """One REPL. `leave` is called when a script sends the camera away: nothing is written any more then."""

    def __init__(self, firmware: Firmware, write: Callable[[bytes], None], leave: Callable[[Leave], None]) -> None:
        self._firmware = firmware
        self._write = write
        self._leave = leave
        self._raw = False
        self._typed = bytearray()
        self._running: Outcome | None = None
        self._main_runs = firmware.spec.main_runs
        self._silent = False
        self.deadline_s: float | None = None
        """When the script that runs ends."""

    def receive(self, data: bytes, now: float) -> None:
        """What is typed, or nothing: do what is due."""
        if self._running is not None and self.deadline_s is not None and now >= self.deadline_s:
            self._end(self._running)
        for byte in data:
            if not self._silent:
                self._type(byte, now)

    def _type(self, byte: int, now: float) -> None:
        if self._main_runs or self._running is not None:
            if byte == _INTERRUPT:
                self._interrupt()
        elif byte == _RAW and self._raw and self._typed == _ASK_PASTE:
            self._write(b"R\x00")
            self._typed.clear()
        elif byte == _RAW:
            self._raw = True
            self._typed.clear()
            self._write(_RAW_BANNER)
        elif byte == _FRIENDLY:
            self._raw = False
            self._typed.clear()
            self._write(self._banner())
        elif byte == _INTERRUPT:
            self._typed.clear()
            self._write(b"" if self._raw else _PROMPT)
        elif byte == _RUN:
            self._run_or_reboot(now)
        else:
            self._take(byte, now)

    def _take(self, byte: int, now: float) -> None:
        self._typed.append(byte)
        if self._raw:
            return
        if byte in b"\r\n":
            self._write(b"\r\n")
            self._start(now)
        else:
            self._write(bytes((byte,)))

    def _run_or_reboot(self, now: float) -> None:
        if self._raw:
            self._write(b"OK")
        if self._typed.strip():
            self._start(now)
        else:
            self._write(b"MPY: soft reboot\r\n" + (_RAW_BANNER if self._raw else self._banner()))
            self._typed.clear()

    def _start(self, now: float) -> None:
        script = self._typed.decode(errors="replace")
        self._typed.clear()
        if not script.strip():
            self._write(b">>> ")
            return
        fault = self._firmware.faults.at("SCRIPT", 0, None)
        if fault is not None and fault.do.startswith("vanish"):
            raise PowerLost(None if fault.do == "vanish" else fault.after_s)
        self._silent = fault is not None
        self._running = self._firmware.run(script)
        self.deadline_s = now + self._running.seconds
        self._print(self._running.output)
        if not self._running.seconds:
            self._end(self._running)

    def _end(self, outcome: Outcome) -> None:
        self._running, self.deadline_s = None, None
        if self._silent:
            return
        if outcome.leave:
            self._leave(outcome.leave)
            return
        self._print(outcome.tail)
        self._write(b"\x04" * self._raw)
        self._print(outcome.error)
        self._write(b"\x04>" if self._raw else b">>> ")

    def _print(self, text: str) -> None:
        if not self._silent:
            self._write(text.replace("\n", "\r\n").encode())

    def _interrupt(self) -> None:
        if self._running is not None:
            self._end(Outcome(error=_INTERRUPTED))
        elif self._main_runs:
            self._main_runs = False
            self._print(_INTERRUPTED)
            self._write(self._banner())

    def _banner(self) -> bytes:
        board = 'OpenMV-AE3 with AE302F80F55D5AE\r\nType "help()" for more information.\r\n>>> '
        return f"\r\n{self._firmware.label}; {board}".encode()
