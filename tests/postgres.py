"""A real PostgreSQL for tests: made, started, stopped and thrown away by them, on a Unix socket in its own folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import pytest

FAST = ("fsync=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=60")
"""It need not outlive the machine's power."""
PASSWORD = "se cret"


def binaries() -> Path | None:
    """The newest installed PostgreSQL's programs; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda file: float(file.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


class Postgres:
    """One server. `url` names one of its databases."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "station", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            **self._as_nobody,
        )

    @cached_property
    def _as_nobody(self) -> dict[str, Any]:
        """PostgreSQL does not run as root."""
        if os.geteuid() != 0:
            return {}
        user = next(user for user in pwd.getpwall() if user.pw_name in ("postgres", "nobody"))
        os.chown(self.folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid}

    def start(self) -> None:
        """Start it; it answers when this returns."""
        settings = [*FAST, "listen_addresses=", f"unix_socket_directories={self.folder}"]
        words = [word for setting in settings for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.folder / "data", *words],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as_nobody,
            )
        for _ in range(600):
            ready = subprocess.run([self._programs / "pg_isready", "-h", self.folder, "-t", "1"], capture_output=True)
            if ready.returncode == 0:
                return
            if self._process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text())
        raise TimeoutError("PostgreSQL does not answer")

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it: SIGINT throws everybody out, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def url(self, name: str = "postgres") -> str:
        """The URL of a database, as it is configured."""
        return f"postgresql+psycopg://station:{PASSWORD.replace(' ', '%20')}@/{name}?host={self.folder}"

    def connect(self, name: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A plain connection; every statement is a transaction."""
        return psycopg.connect(host=str(self.folder), user="station", dbname=name, autocommit=True)

    def new_database(self, template: str = "template1") -> str:
        """Make a database, empty or a copy; returns its name."""
        self._made += 1
        name = f"made_{self._made}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name


@contextmanager
def postgres_for_tests() -> Iterator[Postgres]:
    """A server until the end; the test is skipped where none is installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: sudo apt-get install postgresql")
    with running_postgres(programs) as server:
        yield server


@contextmanager
def running_postgres(programs: Path) -> Iterator[Postgres]:
    """A server until the end; nothing of it is left."""
    folder = Path(tempfile.mkdtemp(prefix="ae3-postgres-", dir="/tmp"))
    server = None
    try:
        server = Postgres(folder, programs)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
