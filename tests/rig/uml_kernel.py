"""The User-Mode Linux kernel that the rig boots: built once a machine from Debian's source, and kept outside the tree.

Debian's own user-mode-linux has no USB. The build takes some six minutes on two cores, at the lowest priority. Its
folder in the cache carries the version of the source package and a hash of the recipe, so that a changed option never
runs on an old kernel.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import tempfile
import time
from pathlib import Path

from tests.rig.host import HostError, build_lock, cache_folder, find, install, run, say

SOURCE_PACKAGE = "linux-source-6.1"

_SOURCE = Path("/usr/src") / f"{SOURCE_PACKAGE}.tar.xz"
_CONFIG = Path(__file__).with_name("uml.config")
_TOOLS = {name: name for name in ("flex", "bison", "bc", "make", "gcc")} | {"xz": "xz-utils"}
_LIBC_HEADER = Path("/usr/include/stdio.h")
_CONFIGURE = (
    "make ARCH=um defconfig",
    "scripts/kconfig/merge_config.sh -m .config {config}",
    "make ARCH=um olddefconfig",
)
_COMPILE = "nice -n 19 make ARCH=um -j{processors} linux"
_PROGRESS_S = 30.0
_LIMIT_S = 1500.0


def ensure_kernel() -> Path:
    """The kernel, a program; built first where the cache has none. Safe to call in parallel. Raises HostError.

    A machine that has the kernel but not the source that it was made from needs no source.
    """
    version = _source_version() if _SOURCE.exists() else "*"
    if kept := _kept(version):
        return kept
    with build_lock():
        _ensure_build_tools()
        version = _source_version()
        if kept := _kept(version):
            return kept
        kernel = cache_folder() / _folder_name(version) / "linux"
        _build(kernel)
        return kernel


def _kept(version: str) -> Path | None:
    """The newest kernel of this recipe and this version of the source, `*` for any."""
    found = cache_folder().glob(f"{_folder_name(version)}/linux")
    return max(found, key=lambda kernel: kernel.stat().st_mtime, default=None)


def _folder_name(version: str) -> str:
    recipe = repr((_CONFIGURE, _COMPILE)).encode() + _CONFIG.read_bytes()
    return f"uml-{version}-{hashlib.sha256(recipe).hexdigest()[:16]}"


def _ensure_build_tools() -> None:
    needed = [package for tool, package in _TOOLS.items() if not find(tool)]
    needed += [] if _LIBC_HEADER.exists() else ["libc6-dev"]
    install([*needed, *([] if _SOURCE.exists() else [SOURCE_PACKAGE])])


def _source_version() -> str:
    return run(["dpkg-query", "--showformat=${Version}", "--show", SOURCE_PACKAGE])


def _build(kernel: Path) -> None:
    """Build beside the destination and rename: a folder of that name always has a whole kernel."""
    started_s = time.monotonic()
    say(f"building the User-Mode Linux kernel from {_SOURCE}, once on this machine: some six minutes")
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="building-") as name:
        work, done = Path(name), Path(name) / "done"
        done.mkdir()
        run(["tar", "--extract", "--strip-components=1", f"--file={_SOURCE}"], cwd=work)
        for command in _CONFIGURE:
            run(shlex.split(command.format(config=shlex.quote(str(_CONFIG)))), cwd=work)
        _check_options((work / ".config").read_text())
        _make(work, started_s)
        run(["strip", "-o", str(done / "linux"), "linux"], cwd=work)
        done.rename(kernel.parent)
    say(f"built {kernel} in {time.monotonic() - started_s:.0f} s")


def _check_options(config: str) -> None:
    """An option whose requirements are not met is dropped without a word, and misses only in the guest."""
    wanted = {line for line in _CONFIG.read_text().splitlines() if line.startswith("CONFIG_")}
    if lost := wanted - set(config.splitlines()):
        raise HostError(f"the kernel's configuration lacks {', '.join(sorted(lost))}")


def _make(work: Path, started_s: float) -> None:
    """Compile, saying every half minute how far it is."""
    command = shlex.split(_COMPILE.format(processors=os.cpu_count() or 1))
    log = work / "make.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=work, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            while process.poll() is None:
                if time.monotonic() - started_s > _LIMIT_S:
                    raise HostError(f"the kernel was not built within {_LIMIT_S:g} s")
                try:
                    process.wait(_PROGRESS_S)
                except subprocess.TimeoutExpired:
                    say(f"kernel: {log.read_bytes().count(b'  CC ')} files compiled, {_minutes(started_s)}")
        finally:
            process.terminate()
            process.wait()
    if process.returncode:
        raise HostError(f"make ended with {process.returncode}:\n{log.read_text(errors='replace')[-3000:]}")


def _minutes(started_s: float) -> str:
    return f"{(time.monotonic() - started_s) / 60:.1f} min"


if __name__ == "__main__":
    print(ensure_kernel())
