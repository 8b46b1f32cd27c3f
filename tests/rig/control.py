"""The folder through which a guest is told what to do and tells what it did."""

from __future__ import annotations

import compileall
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.rig.share import CHECKOUT


def compile_checkout() -> None:
    """Compile here what every guest would compile again, because it cannot keep it."""
    for folder in ("station", "tests"):
        compileall.compile_dir(CHECKOUT / folder, quiet=2)


def prepare(control: Path, init: Path, script: str) -> None:
    """Lay out what a guest's init reads, and create what it writes, so that it can be watched from the start."""
    shutil.copy(init, control / init.name)
    (control / init.name).chmod(0o755)
    (control / "command.sh").write_text(script)
    for name in ("stdout", "stderr", "console"):
        (control / name).touch()


def command_script(command: Sequence[str], cwd: Path, scratch: Path, env: Mapping[str, str]) -> str:
    """Quote the command for the guest's shell. Its checkout is read-only, so Python is to leave no cache in it."""
    settings = {
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "STATION_RIG_GUEST": "1",
        "STATION_RIG_SCRATCH": str(scratch.resolve()),
    }
    exports = [f"export {name}={shlex.quote(value)}" for name, value in {**settings, **env}.items()]
    return "\n".join([*exports, f"cd {shlex.quote(str(cwd))} || exit 126", f"exec {shlex.join(command)}", ""])
