"""deploy/setup-venv: what it says when a machine lacks something; and what the lock file may name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import PROGRAM

ROOT = Path(__file__).parents[2]
SET_UP = ROOT / "deploy/setup-venv"


def set_up(python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SET_UP],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "STATION_PYTHON": python},
        capture_output=True,
        text=True,
        cwd="/",
        timeout=120,
        check=False,
    )


def stub(folder: Path, script: str) -> str:
    """A python3 that answers as `script` says."""
    path = folder / "python3"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """The one line of a set-up that was refused."""
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_no_python() -> None:
    assert "apt install python3 python3-venv" in refused(set_up("/nonexistent/python3"))


def test_old_python(tmp_path: Path) -> None:
    line = refused(set_up(stub(tmp_path, 'if [ "$1" = --version ]; then echo Python 3.9.2; else exit 1; fi')))
    assert "Python 3.9.2 is too old: 3.11 is needed" in line


def test_python_without_venv(tmp_path: Path) -> None:
    script = (
        f'case "$2" in *ensurepip*) echo "No module named ensurepip" >&2; exit 1;; *) exec {sys.executable} "$@";; esac'
    )
    # A copy of the scripts, because a tree that has its environment already needs no venv module.
    (tmp_path / "deploy").mkdir()
    for name in ("deploy/setup-venv", "uv.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "deploy/setup-venv").chmod(0o755)
    result = subprocess.run(
        [tmp_path / "deploy/setup-venv"],
        env={"PATH": os.environ["PATH"], "STATION_PYTHON": stub(tmp_path, script)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "apt install python3-venv" in refused(result)
    assert not (tmp_path / ".venv").exists()


def test_the_lock_file_names_the_public_registry_only() -> None:
    addresses = {word.split("/")[2] for word in (ROOT / "uv.lock").read_text().split('"') if word.startswith("http")}
    assert addresses == {"pypi.org", "files.pythonhosted.org"}


@pytest.mark.parametrize("words", [("run", "--headless", "--simulate", "2"), ("demo", "--headless")])
def test_too_few_descriptors_are_told_before_anything_is_opened(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Such a line was silent: its cameras never came."""
    program = [*PROGRAM, *words, "--data-dir", str(tmp_path / "data")]
    shell = ["sh", "-c", 'ulimit -n 64 && exec "$@"', "sh", *program]
    ended = subprocess.run(shell, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    line = ended.stderr.splitlines()[0]
    assert line.startswith("station.no_descriptors: ")
    assert "64" in line
    assert "ulimit -n" in line
    assert "Traceback" not in ended.stderr
