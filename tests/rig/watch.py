"""One running guest as the machine sees it: a folder of files that the guest writes, and a process that ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

DEFAULT_TIMEOUT_S = 600.0
BOOT_TIMEOUT_S = 120.0

_POLL_S = 0.05
_CONSOLE_TAIL = 3000


class GuestError(RuntimeError):
    """The guest, not the command in it, went wrong. Carries what was seen until then."""

    def __init__(self, reason: str, result: GuestResult) -> None:
        self.reason = reason
        self.result = result
        parts = (("console", result.console), ("standard output", result.stdout), ("standard error", result.stderr))
        tails = [f"--- {name}, its end ---\n{text[-_CONSOLE_TAIL:].rstrip()}" for name, text in parts if text]
        super().__init__("\n".join([reason, *tails]))


class GuestTimeoutError(GuestError):
    """The time limit of the boot or of the command was over and the guest was killed."""


@dataclass(frozen=True)
class GuestResult:
    """What one guest did. ``exit_code`` is -1 and ``boot_s`` NaN as long as they are not known."""

    exit_code: int
    stdout: str
    stderr: str
    console: str
    boot_s: float
    total_s: float

    def check(self) -> GuestResult:
        """Raise unless the command succeeded; else give the result itself."""
        if self.exit_code != 0:
            raise GuestError(f"the command in the guest ended with {self.exit_code}", self)
        return self


@contextlib.contextmanager
def started(command: Sequence[str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A guest's process for the length of the block; it and its children die with this one, however that ends."""
    with output.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Watch:
    """One running guest, watched through its control folder."""

    def __init__(self, control: Path, process: subprocess.Popen[bytes], timeout_s: float, echo: bool) -> None:
        self._control = control
        self._process = process
        self._timeout_s = timeout_s
        self._started = time.monotonic()
        self._started_wall = time.time()
        self._copies = [_Copy(control / "stdout", sys.stdout.buffer), _Copy(control / "stderr", sys.stderr.buffer)]
        if not echo:
            self._copies = []

    def until_done(self) -> GuestResult:
        """Wait for the process's end, the only sign that everything was written; the time limits are this side's."""
        ready_at: float | None = None
        while self._process.poll() is None:
            time.sleep(_POLL_S)
            self._forward()
            now = time.monotonic()
            if ready_at is None and (self._control / "ready").exists():
                ready_at = now
            if ready_at is None and now - self._started > BOOT_TIMEOUT_S:
                raise GuestTimeoutError(f"the guest did not start within {BOOT_TIMEOUT_S:g} s", self._result())
            if ready_at is not None and now - ready_at > self._timeout_s:
                raise GuestTimeoutError(f"the command did not end within {self._timeout_s:g} s", self._result())
        self._forward()
        result = self._result()
        if result.exit_code < 0:
            raise GuestError(f"the guest ended before its command did ({self._process.returncode})", result)
        return result

    def _forward(self) -> None:
        for copy in self._copies:
            copy.catch_up()

    def _result(self) -> GuestResult:
        ready, exited = self._control / "ready", self._control / "exit"
        console = self._text("console") + self._text("log")
        return GuestResult(
            exit_code=int(exited.read_text()) if exited.exists() else -1,
            stdout=self._text("stdout"),
            stderr=self._text("stderr"),
            console=console,
            boot_s=ready.stat().st_mtime - self._started_wall if ready.exists() else float("nan"),
            total_s=time.monotonic() - self._started,
        )

    def _text(self, name: str) -> str:
        return (self._control / name).read_bytes().decode(errors="replace")


class _Copy:
    """Passes on what a growing file gained."""

    def __init__(self, source: Path, target: IO[bytes]) -> None:
        self._source = source
        self._target = target
        self._offset = 0

    def catch_up(self) -> None:
        """Copy the new bytes and flush them."""
        with self._source.open("rb") as file:
            file.seek(self._offset)
            if fresh := file.read():
                self._offset += len(fresh)
                self._target.write(fresh)
                self._target.flush()
