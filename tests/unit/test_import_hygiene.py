"""What is loaded at run time, which the import contracts cannot see: workers stay light, commands stay quick."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"textual", "sqlalchemy", "alembic", "pydantic", "pydantic_settings", "typer", "rich"}

TELL = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def packages_after(statement: str) -> set[str]:
    """The top-level packages in memory after `statement`, in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{TELL}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def after_command(*words: str) -> set[str]:
    """The same after a whole command line."""
    return packages_after(f"from station.cli.dispatch import dispatch\nassert dispatch({list(words)!r}) == 0")


@pytest.mark.parametrize("module", ["station.line", "station.line.worker", "station.usb", "station.sim"])
def test_workers_load_nothing_heavy(module: str) -> None:
    assert not packages_after(f"import {module}") & HEAVY


def test_the_main_script_is_light_for_the_workers_that_import_it_again() -> None:
    loaded = packages_after("import station.cli")
    assert not loaded & (HEAVY | {"usb", "pyudev", "multiprocessing", "asyncio"})


def test_the_overview_loads_no_command() -> None:
    assert not after_command("--help") & HEAVY


@pytest.mark.parametrize(
    "command", ["bundle", "unit", "failed", "release", "report", "export", "import", "slots", "doctor", "db", "sim"]
)
def test_help_loads_typer_and_nothing_else_that_is_heavy(command: str) -> None:
    assert after_command(command, "--help") & HEAVY == {"typer"}


@pytest.mark.parametrize("command", ["run", "demo", "flash"])
def test_no_command_loads_the_dashboard_for_its_help(command: str) -> None:
    assert not after_command(command, "--help") & {"textual", "sqlalchemy", "alembic"}
