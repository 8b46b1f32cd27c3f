"""What is loaded at run time, which the import contracts cannot see: workers stay light, commands stay quick."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from station.ledger import schema_version
from tests.releases import make_demo_release

ROOT = Path(__file__).parents[2]
HEAVY = {"textual", "sqlalchemy", "alembic", "pydantic", "pydantic_settings", "typer", "rich", "psycopg"}

TELL = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def packages_after(statement: str) -> set[str]:
    """The top-level packages in memory after `statement`, in a process of its own."""
    return {name.partition(".")[0] for name in modules_after(statement)}


def modules_after(statement: str) -> set[str]:
    """All modules."""
    result = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{TELL}"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def after_command(*words: str) -> set[str]:
    """The packages after a whole command line."""
    return packages_after(carried_out(*words))


def carried_out(*words: str) -> str:
    return f"from station.cli.dispatch import dispatch\nassert dispatch({list(words)!r}) == 0"


@pytest.mark.parametrize("module", ["station.line", "station.flash.worker", "station.usb", "station.sim"])
def test_workers_load_nothing_heavy(module: str) -> None:
    assert not packages_after(f"import {module}") & HEAVY


def test_the_main_script_is_light_for_the_workers_that_import_it_again() -> None:
    loaded = packages_after("import station.cli")
    assert not loaded & (HEAVY | {"usb", "pyudev", "multiprocessing", "asyncio"})


def test_the_overview_loads_no_command() -> None:
    assert not after_command("--help") & HEAVY


@pytest.mark.parametrize(
    "command",
    ["bundle", "unit", "failed", "release", "report", "export", "import", "outbox", "slots", "doctor", "db", "sim"],
)
def test_help_loads_typer_and_nothing_else_that_is_heavy(command: str) -> None:
    assert after_command(command, "--help") & HEAVY == {"typer"}


@pytest.mark.parametrize("command", ["run", "demo", "flash"])
def test_no_command_loads_the_dashboard_for_its_help(command: str) -> None:
    assert not after_command(command, "--help") & {"textual", "sqlalchemy", "alembic"}


@pytest.mark.parametrize("words", [["report"], ["export"], ["db", "upgrade"]])
def test_what_reads_the_log_of_a_named_folder_loads_what_that_takes(tmp_path: Path, words: list[str]) -> None:
    schema_version.create_or_check(tmp_path)
    loaded = modules_after(carried_out(*words, "--data-dir", str(tmp_path)))
    packages = {name.partition(".")[0] for name in loaded}
    assert {"sqlalchemy", "typer"} <= packages
    assert not packages & (HEAVY - {"sqlalchemy", "typer"} | {"jinja2", "pygal", "usb", "pyudev", "tomlkit"})
    assert not packages & {"multiprocessing", "http", "xml", "unittest"}
    assert "sqlalchemy.orm" not in loaded


def test_a_line_opens_its_log_without_the_mapper() -> None:
    loaded = modules_after("import station.ledger.recorder, station.ledger.reader, station.ledger.schema_version")
    assert not loaded & {"sqlalchemy.orm", "alembic"}


def test_keys_are_loaded_only_for_what_is_signed(tmp_path: Path) -> None:
    make_demo_release(tmp_path / "release", hp_bytes=8192, he_bytes=4096, romfs0_bytes=12288, romfs1_bytes=4096)
    given = ("--data-dir", str(tmp_path / "data"))
    script = "\n".join(
        carried_out("bundle", *words, *given)
        for words in (("import", str(tmp_path / "release"), "--name", "v5"), ("use", "v5"), ("verify", "v5"), ("list",))
    )
    assert "cryptography" not in packages_after(script)
    signing = carried_out("bundle", "sign", "--new-key", str(tmp_path / "key"))
    assert "cryptography" in packages_after(signing), "the name is the right one"
