"""Starts stations by fork, from a process that has imported everything: in a guest the imports take
seconds, and half a minute where it is emulated.

What runs in the forked process is the command itself, `station.cli.dispatch`, with the arguments, the environment and
the user it was asked for; its own children are new interpreters as always. Runs in the guest.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pwd
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO, Any

PRELOADED = (
    *("station.cli.run", "station.cli.flash", "station.cli.slots", "station.cli.doctor_checks", "station.cli.export"),
    *("station.cli.doctor", "station.cli.line_command", "station.wiring", "station.settings", "station.bundle.store"),
    *("station.ledger.recorder", "station.ledger.reader", "station.ledger.schema_version", "station.ledger.migrate"),
    *(
        "station.line.running_line",
        "station.control.server",
        "station.usb.watcher",
        "station.usb.libusb",
        "station.usb.bus_lock",
    ),
    *("usb.backend.libusb1", "pyudev", "alembic.command", "alembic.config", "sqlalchemy.dialects.sqlite"),
    *("typer.main", "typer.exceptions", "multiprocessing.forkserver", "multiprocessing.popen_forkserver"),
)
_REQUEST_BYTES = 1 << 16


def serve(path: str) -> None:
    """Import, listen on `path`, say `ready`, and fork for every connection until killed."""
    for name in PRELOADED:
        # A module that the station has no more is no reason to test nothing.
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    # The line's processes import their parent's main module: it is to be the one that they have in real life.
    sys.modules["__main__"] = importlib.import_module("station.__main__")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    _supervise(connection)


def _supervise(connection: socket.socket) -> None:
    """One station's parent: tells its process id, then its exit code. Never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    raw, descriptors, _, _ = socket.recv_fds(connection, _REQUEST_BYTES, 2)
    child = os.fork()
    if child == 0:
        connection.close()
        _become_station(json.loads(raw), *descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    connection.sendall(f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become_station(request: Mapping[str, Any], output: int, talk: int) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(talk, 2)
    os.closerange(3, 64)
    os.environ.clear()
    os.environ.update(request["environment"])
    if request["user"]:
        account = pwd.getpwnam(request["user"])
        os.initgroups(account.pw_name, account.pw_gid)
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    os.chdir("/tmp")
    from station.cli.dispatch import dispatch

    # Up through everything and out: it ends as an interpreter ends.
    sys.exit(dispatch(request["words"]))


class ForkedProcess:
    """A forked station; as much of `subprocess.Popen` as the tests use."""

    def __init__(self, connection: socket.socket, stdout: IO[str] | None, stderr: IO[str] | None) -> None:
        self._connection = connection
        self._lines = connection.makefile("r")
        self.pid = int(self._lines.readline())
        self.returncode: int | None = None
        self.stdout = stdout
        self.stderr = stderr

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; subprocess.TimeoutExpired after `timeout` seconds."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("station", timeout or 0.0)
            self.returncode = int(self._lines.readline())
            self._lines.close()
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Zygote:
    """The client: starts the forking process and asks it for stations."""

    def __init__(self) -> None:
        self._path = os.path.join(tempfile.mkdtemp(prefix="zygote-"), "socket")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rig.zygote", self._path], stdout=subprocess.PIPE, text=True
        )

    def wait_ready(self) -> None:
        """Until it has imported everything."""
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n", "the station cannot be imported"

    def run(
        self, words: Sequence[object], *, user: str = "", limit_s: float = 120.0, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as talk:
            process = self._ask(words, {**os.environ, **environment}, user, output.fileno(), talk.fileno())
            try:
                code = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            for file in (output, talk):
                file.seek(0)
            return subprocess.CompletedProcess([*map(str, words)], code, output.read(), talk.read())

    def start(self, words: Sequence[object], environment: Mapping[str, str], user: str = "") -> ForkedProcess:
        """One command that goes on, its outputs in pipes."""
        (out_read, out_write), (talk_read, talk_write) = os.pipe(), os.pipe()
        try:
            process = self._ask(words, environment, user, out_write, talk_write)
        finally:
            os.close(out_write)
            os.close(talk_write)
        process.stdout, process.stderr = os.fdopen(out_read), os.fdopen(talk_read)
        return process

    def _ask(
        self, words: Sequence[object], environment: Mapping[str, str], user: str, output: int, talk: int
    ) -> ForkedProcess:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(self._path)
        request = {"words": list(map(str, words)), "environment": dict(environment), "user": user}
        socket.send_fds(connection, [json.dumps(request).encode()], [output, talk])
        return ForkedProcess(connection, None, None)

    def close(self) -> None:
        """End it; stations that run go on."""
        self._process.kill()
        self._process.wait()


if __name__ == "__main__":
    serve(sys.argv[1])
