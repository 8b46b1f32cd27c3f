"""A bare Debian with its own systemd: processes, mounts, names and network of its own, whose changes are thrown away.

The root is what mmdebstrap makes, once a machine; each boot lays a folder over it that takes the changes. There is no
network in it, and no USB: cameras are virtual, served inside.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.harness import wait_for

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ae3-station-machine"
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
PACKAGES = "systemd,systemd-sysv,udev,dbus,python3"
"""What Debian's installer leaves at least; no pip, no venv."""
CGROUPS = next(
    (path for path in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")) if (path / "cgroup.procs").exists()),
    None,
)
BOOT = Path(__file__).with_name("boot")
NEEDS = ("mmdebstrap", "unshare", "nsenter")
START_LIMIT_S = 60.0


def missing() -> str:
    """Why this machine cannot do it; "" where it can."""
    if os.geteuid() != 0:
        return "it needs root"
    if CGROUPS is None:
        return "there is no cgroup2 here"
    absent = [name for name in NEEDS if shutil.which(name) is None]
    return f"there is no {', '.join(absent)} here" if absent else ""


def bare_root() -> Path:
    """The root that boots start from, made the first time (a minute)."""
    root = CACHE / "root"
    if not (root / "usr/lib/systemd/systemd").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        archive = CACHE / "root.tar"
        release = ["bookworm", str(archive), *([str(SOURCES)] if SOURCES.exists() else [])]
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", *release], check=True)
        unfinished = CACHE / "root.unfinished"
        for folder in (root, unfinished):
            shutil.rmtree(folder, ignore_errors=True)
        unfinished.mkdir()
        subprocess.run(["tar", "-C", str(unfinished), "-xf", str(archive)], check=True)
        archive.unlink()
        unfinished.rename(root)
    return root


class Machine:
    """A machine that has booted. `share` is a folder of the host that it sees as /mnt."""

    def __init__(self, pid: int, share: Path) -> None:
        self._pid = pid
        self.share = share

    def run(self, *words: str, limit_s: float = 300) -> subprocess.CompletedProcess[str]:
        """One command as root, to its end."""
        inside = ["nsenter", "--target", str(self._pid), "-m", "-p", "-u", "-i", "-C", "-n"]
        given = ["env", "-i", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        return subprocess.run(
            [*inside, *given, *words], capture_output=True, text=True, timeout=limit_s, check=False, cwd="/"
        )

    def tell(self, *words: str) -> str:
        """What a command that has to succeed prints."""
        done = self.run(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout.strip()

    def state(self, unit: str, fact: str) -> str:
        """One fact that systemd knows of a unit."""
        return self.run("systemctl", "show", "--property", fact, "--value", unit).stdout.strip()

    def write(self, path: str, text: str) -> None:
        """A file on it."""
        (self.share / "file").write_text(text)
        self.tell("install", "-D", "-m", "0644", "/mnt/file", path)


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """Boot it; its changes go into `folder`."""
    assert CGROUPS is not None
    root = bare_root()
    group = CGROUPS / f"ae3-machine-{os.getpid()}"
    group.mkdir()
    for name in ("changes", "work", "root", "share"):
        (folder / name).mkdir()
    with (folder / "console").open("wb") as console:
        unshare = subprocess.Popen(
            [str(BOOT), str(root), str(folder), str(group)], stdin=subprocess.DEVNULL, stdout=console, stderr=console
        )
    try:
        machine = Machine(_its_systemd(unshare.pid, folder), folder / "share")
        wait_for(lambda: machine.run("systemctl", "is-system-running").stdout.strip() == "running", "it runs")
        yield machine
    finally:
        unshare.kill()
        unshare.wait()
        _remove(group)


def _its_systemd(parent: int, folder: Path) -> int:
    """The host's number of the process that is 1 in there, once it is systemd."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    until_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until_s:
        for pid in children.read_text().split() if children.exists() else []:
            with suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text() == "systemd\n" and (folder / "share").exists():
                    return int(pid)
        time.sleep(0.05)
    raise AssertionError((folder / "console").read_text())


def _remove(group: Path) -> None:
    """A control group goes when its last process has, and those below it first."""
    for _ in range(100):
        for below in sorted(group.rglob("*/"), key=lambda path: -len(path.parts)):
            with suppress(OSError):
                below.rmdir()
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)
