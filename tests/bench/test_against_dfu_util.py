"""The station beside dfu-util, in the rig's guest: a table of ratios. `tests/run -m bench -s -k dfu_util`."""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.comparison import BESIDE
from tests.releases import make_demo_release
from tests.rig.guest import run_in_guest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(2400)]

KIB = 1024
NAMES = ("COMPARISON_COUNTS", "COMPARISON_PROFILES", "COMPARISON_ROUNDS", "COMPARISON_WAYS")


def test_station_beside_dfu_util(tmp_path: Path) -> None:
    release = tmp_path / "release"
    release.mkdir()
    make_demo_release(release, hp_bytes=640 * KIB, he_bytes=256 * KIB, romfs1_bytes=128 * KIB, romfs0_bytes=1024 * KIB)
    output = tmp_path / "rows.json"
    command = [sys.executable, "-m", "tests.bench.comparison", str(output), str(release)]
    chosen = {name: os.environ[name] for name in NAMES if name in os.environ}
    run_in_guest(command, tmp_path, 2200, env=chosen, echo=True).check()
    rows = json.loads(output.read_text())
    print("\n| board, cameras | way | start s | line s | over dfu-util | CPU s | over dfu-util |")
    print("|---|---|---|---|---|---|---|")
    for profile, cameras, way in dict.fromkeys((row["profile"], row["cameras"], row["way"]) for row in rows):
        start, line, cpu = _medians(rows, profile, cameras, way)
        _, beside_line, beside_cpu = _medians(rows, profile, cameras, BESIDE)
        ratios = line / beside_line, cpu / beside_cpu
        figures = [f"{start:.1f}", f"{line:.1f}", f"{ratios[0]:.2f}", f"{cpu:.1f}", f"{ratios[1]:.2f}"]
        print("|", " | ".join([f"`{profile}`, {cameras}", way, *figures]), "|")


def _medians(rows: list[dict[str, Any]], profile: str, cameras: int, way: str) -> tuple[float, float, float]:
    """Of all rounds: seconds to start, of the line, of CPU."""
    wanted = [row for row in rows if (row["profile"], row["cameras"], row["way"]) == (profile, cameras, way)]
    start, line, cpu = (statistics.median(row[name] for row in wanted) for name in ("start_s", "line_s", "cpu_s"))
    return start, line, cpu
