"""A program of the factory's own: started for each event, the record on its standard input, bounded in time.

1. It is a session of its own, and that whole group is killed when its time is over or it has ended: children that it
   left behind too.
2. It is over when it ends: a program that reads nothing, or whose children keep its output open, holds nobody up.
3. Whatever it prints is read, and all but a little of it forgotten: it fills no disk and no memory.
"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, NamedTuple, cast

from station.factory.delivery_error import DeliveryError, words_of
from station.file_problems import reason
from station.json_lines import line_of
from station.problem import Sentence, sentence

KEPT_BYTES = 4096
READ_BYTES = 65536
LAST_BYTES = 1 << 20
"""So much is read behind its end: what it printed last is in its pipe, and its children may go on printing."""
LOOK_S = 0.05


class HookEnd(NamedTuple):
    """How a program ended: its exit status (negative: the signal), the first line that it printed, and the last one
    that it complained."""

    status: int
    said: str
    complained: str

    @property
    def words(self) -> Sentence:
        """What it says where it did not end well."""
        words = self.complained or self.said or "-"
        if self.status < 0:
            name = signal.Signals(-self.status).name if -self.status in set(signal.Signals) else -self.status
            return sentence("the program was ended by the signal {signal}: {words}", signal=name, words=words)
        return sentence("the program ended with {status}: {words}", status=self.status, words=words)


def run_hook(command: str, record: Mapping[str, Any], timeout_s: float) -> HookEnd:
    """Run a command line (no shell) with a record on its standard input.

    DeliveryError `outbox.unusable` where it cannot be started, `outbox.no_answer` where it took longer than `timeout_s`
    seconds.
    """
    words, until_s, pipe = shlex.split(command), time.monotonic() + timeout_s, subprocess.PIPE
    try:
        process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except OSError as error:
        text = sentence("{command} cannot be started: {reason}", command=words[0], reason=reason(error))
        raise DeliveryError("outbox.unusable", text) from error
    with _Talk(process, line_of(record)) as talk:
        try:
            if not talk.until_it_ends(until_s):
                text = sentence("{command} did not end within {seconds} s", command=words[0], seconds=f"{timeout_s:g}")
                raise DeliveryError("outbox.no_answer", text)
        finally:
            _kill_group(process)
        talk.read_the_rest()
        return HookEnd(process.returncode, _first_line(talk.said), _last_line(talk.complained))


class _Talk:
    """The three pipes of a program that runs."""

    def __init__(self, process: subprocess.Popen[bytes], given: bytes) -> None:
        self._process = process
        self._given = memoryview(given)
        self.said = b""
        """The beginning of what it printed."""
        self.complained = b""
        """The end of its complaints."""
        self._open = selectors.DefaultSelector()
        gives, takes = selectors.EVENT_WRITE, selectors.EVENT_READ
        for stream, events in ((process.stdin, gives), (process.stdout, takes), (process.stderr, takes)):
            assert stream
            os.set_blocking(stream.fileno(), False)
            self._open.register(stream, events)

    def __enter__(self) -> _Talk:
        return self

    def __exit__(self, *_about: object) -> None:
        self._open.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream
            with suppress(OSError):
                stream.close()

    def until_it_ends(self, until_s: float) -> bool:
        """Give it the record and take what it prints, until it ends; False where that is too late."""
        while self._process.poll() is None:
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return False
            if self._open.get_map():
                self._move(min(LOOK_S, left_s))
            else:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(left_s)
        return True

    def read_the_rest(self) -> None:
        """What was printed before it ended."""
        for stream in (self._process.stdout, self._process.stderr):
            left = LAST_BYTES
            while stream in {key.fileobj for key in self._open.get_map().values()} and left > 0:
                left -= self._take(stream) or left

    def _move(self, wait_s: float) -> None:
        for key, _ in self._open.select(wait_s):
            stream = cast("IO[bytes]", key.fileobj)
            if stream is self._process.stdin:
                self._give(stream)
            else:
                self._take(stream)

    def _give(self, stream: IO[bytes]) -> None:
        try:
            with suppress(BlockingIOError):
                self._given = self._given[os.write(stream.fileno(), self._given[:READ_BYTES]) :]
        except OSError:  # it reads no more
            self._given = self._given[:0]
        if not self._given:
            self._open.unregister(stream)
            stream.close()

    def _take(self, stream: IO[bytes]) -> int:
        """Read a piece; its size, 0 where there is none."""
        piece = b""
        try:
            piece = os.read(stream.fileno(), READ_BYTES)
            if not piece:
                self._open.unregister(stream)
        except BlockingIOError:
            pass
        if stream is self._process.stdout:
            self.said = (self.said + piece)[:KEPT_BYTES]
        else:
            self.complained = (self.complained + piece)[-KEPT_BYTES:]
        return len(piece)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _first_line(text: bytes) -> str:
    return words_of(text.strip().partition(b"\n")[0])


def _last_line(text: bytes) -> str:
    return words_of(text.strip().rpartition(b"\n")[2])
