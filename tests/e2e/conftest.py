"""The wheel, installed into an empty environment: what an operator's machine has, and nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.prefix) / "bin" / "uv"


class Installed:
    """The station of a wheel. Its commands run outside the checkout, and see none of its modules."""

    def __init__(self, wheel: Path, environment: Path, folder: Path) -> None:
        self.wheel = wheel
        self.environment = environment
        self.program = environment / "bin" / "station"
        self.folder = folder

    @property
    def variables(self) -> dict[str, str]:
        """Without what would lead Python, or the station's settings, back to the checkout."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STATION_"))}
        return {**kept, "STATION_RUN__BOOT_STAYS_S": "0.2"}

    def run(self, *words: object, limit_s: float = 180) -> subprocess.CompletedProcess[str]:
        """One command to its end."""
        command = [str(self.program), *map(str, words)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=limit_s,
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def python(self, statement: str) -> str:
        """What its Python prints."""
        command = [str(self.environment / "bin" / "python"), "-c", statement]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=180, cwd=self.folder, env=self.variables, check=True
        ).stdout.strip()


def uv(*words: object) -> None:
    """One step of the installation, with uv's own cache."""
    done = subprocess.run([str(UV), *map(str, words)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Built from the checkout as it is; what it needs comes from the lock file."""
    folder = tmp_path_factory.mktemp("installed")
    uv("build", "--quiet", "--wheel", "--out-dir", folder / "dist", ROOT)
    uv("export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--output-file", folder / "locked.txt")
    uv("venv", "--quiet", "--python", sys.executable, folder / "environment")
    (wheel,) = (folder / "dist").glob("*.whl")
    python = folder / "environment" / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", python, "--requirement", folder / "locked.txt", wheel)
    work = folder / "work"
    work.mkdir()
    return Installed(wheel, folder / "environment", work)
