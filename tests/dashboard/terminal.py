"""A real terminal for a command: a tmux session with a server of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.harness import LIMIT_S, descendants, wait_for

_numbers = count()


class Terminal:
    """One tmux session. `text` is what a person sees; `pid` the command's own process."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self.code_file = socket.with_suffix(".code")

    def tmux(self, *words: str) -> str:
        """One command to the server."""
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *words], capture_output=True, text=True, check=True, timeout=120
        )
        return done.stdout

    @property
    def text(self) -> str:
        """The screen."""
        return self.tmux("capture-pane", "-p", "-t", "0")

    @property
    def pid(self) -> int:
        """The command's process, the child of the shell in the pane."""
        return descendants(int(self._asked("#{pane_pid}")))[0]

    def ended(self) -> int:
        """Wait for the command's end; its exit code."""
        code: str = wait_for(self._code, "the command's end")
        return int(code)

    def _code(self) -> str:
        # Written by the shell: tmux does not always learn of the end of a command that is quick.
        return self.code_file.read_text().strip() if self.code_file.exists() else ""

    def _asked(self, what: str) -> str:
        return self.tmux("display-message", "-p", "-t", "0", what).strip()

    def press(self, *keys: str) -> None:
        """Press keys."""
        self.tmux("send-keys", "-t", "0", *keys)

    def wait_for(self, text: str, limit_s: float = LIMIT_S) -> None:
        """Until this stands on the screen; what stands there is part of the failure."""
        try:
            wait_for(lambda: text in self.text, f"{text!r} in the terminal", limit_s)
        except AssertionError as late:
            raise AssertionError(f"{late}; it shows:\n{self.text.rstrip()}") from None


@contextmanager
def terminal(folder: Path, command: Sequence[str | Path], size: tuple[int, int] = (80, 24)) -> Iterator[Terminal]:
    """Run a command in a terminal of its own; it stays open after the command's end, with its exit code."""
    # A socket of its own: the server of the terminal before may still be on its way out.
    session = Terminal(folder / f"tmux-{next(_numbers)}")
    # The shell outlives the command: of a pane whose last process ends, tmux may drop what it has not read yet.
    words = shlex.join(map(str, command)) + f"; echo $? > {shlex.quote(str(session.code_file))}; exec sleep infinity"
    environment = ["-e", "TERM=xterm-256color", "-e", f"PATH={os.environ['PATH']}"]
    session.tmux(
        "-f", "/dev/null", "new-session", "-d", *environment, "-x", str(size[0]), "-y", str(size[1]),
        words,
    )  # fmt: skip
    try:
        yield session
    finally:
        subprocess.run(["tmux", "-S", str(session._socket), "kill-server"], capture_output=True, check=False)
