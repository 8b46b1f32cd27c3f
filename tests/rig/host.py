"""What both guests need of the machine: Debian packages, the cache outside the tree, and one build at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


class HostError(RuntimeError):
    """A guest cannot be made or started on this machine; the message says what to install or what failed."""


def cache_folder() -> Path:
    """Where kernels and images are kept (``STATION_RIG_CACHE``, else ``~/.cache/ae3-station-rig``)."""
    return Path(os.environ.get("STATION_RIG_CACHE") or Path.home() / ".cache" / "ae3-station-rig")


@contextlib.contextmanager
def build_lock() -> Iterator[None]:
    """Let one process build while others wait: two at once would only share the same two cores."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process that builds")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(packages: Iterable[str]) -> None:
    """Install Debian packages as root, or raise HostError with the command that does."""
    missing = sorted(set(packages))
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise HostError(f"the rig needs more on this machine; as root: {shlex.join(command)}")
    say(f"installing {' '.join(missing)}")
    run(["apt-get", "update"])
    run(command)


def search_path() -> str:
    """The search path with the system folders, which an ordinary user's lacks."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def find(tool: str) -> str | None:
    """Where a tool is, None where it is not."""
    return shutil.which(tool, path=search_path())


def which(tool: str) -> str:
    """Where a tool is; HostError where it is not."""
    found = find(tool)
    if not found:
        raise HostError(f"{tool} is not installed")
    return found


def run(command: list[str], cwd: Path | None = None) -> str:
    """Run one build step; its own words are the error message."""
    environment = {**os.environ, "PATH": search_path(), "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostError(f"{shlex.join(command)[:300]} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stdout


def say(what: str) -> None:
    """One line of progress: a build takes minutes."""
    print(f"rig: {what}", file=sys.stderr, flush=True)
