"""A program of the factory's own: started for each event, the record on its standard input, bounded in time.

1. It is a session of its own, and that whole group is killed when its time is over or it has ended: children that it
   left behind too.
2. Its three streams are files: a program that reads nothing, or whose children keep its output open, holds nobody up.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, NamedTuple

from station.factory.delivery_error import DeliveryError, words_of
from station.file_problems import reason
from station.json_lines import line_of
from station.problem import sentence

READ_BYTES = 4096


class HookEnd(NamedTuple):
    """How a program ended: its exit status (negative: the signal), the first line that it printed, and the last one
    that it complained."""

    status: int
    said: str
    complained: str


def run_hook(command: str, record: Mapping[str, Any], timeout_s: float) -> HookEnd:
    """Run a command line (no shell) with a record on its standard input.

    DeliveryError `outbox.unusable` where it cannot be started, `outbox.no_answer` where it took longer than `timeout_s`
    seconds.
    """
    words = shlex.split(command)
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        given.write(line_of(record))
        given.seek(0)
        try:
            process = subprocess.Popen(words, stdin=given, stdout=said, stderr=complained, start_new_session=True)
        except OSError as error:
            text = sentence("{command} cannot be started: {reason}", command=words[0], reason=reason(error))
            raise DeliveryError("outbox.unusable", text) from error
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            text = sentence("{command} did not end within {seconds} s", command=words[0], seconds=f"{timeout_s:g}")
            raise DeliveryError("outbox.no_answer", text) from error
        finally:
            _kill_group(process)
        return HookEnd(status, _first_line(said), _last_line(complained))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _first_line(stream: IO[bytes]) -> str:
    stream.seek(0)
    return words_of(stream.read(READ_BYTES).strip().partition(b"\n")[0])


def _last_line(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - READ_BYTES))
    return words_of(stream.read(READ_BYTES).strip().rpartition(b"\n")[2])
