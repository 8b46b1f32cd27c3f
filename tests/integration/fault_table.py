"""The table of faults: what the cameras of each test came to, the broken one and its neighbours, and how long it took.

`FAULT_TABLE=faults.md tests/run tests/integration -k "hostile or faulty or faults or hub_loss or recovery"` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HEAD = "| fault | each camera: port, how it ended, seconds |\n|---|---|\n"


def note(file: Path, test: str, runs: Iterable[Mapping[str, Any]]) -> None:
    """One row: a test's name, and the runs that it saw, in the order of their ports."""
    ended = sorted(map(_ended, runs))
    with file.open("a") as stream:
        if not stream.tell():
            stream.write(HEAD)
        stream.write(f"| {_readable(test)} | {'; '.join(ended)} |\n")


def _readable(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ").replace("|", "/")


def _ended(run: Mapping[str, Any]) -> str:
    seconds = "" if run["duration_s"] is None else f", {run['duration_s']:.1f}"
    return f"{run['port_path']}: {run['outcome']} {run['code'] or ''}".strip() + seconds
