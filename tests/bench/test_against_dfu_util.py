"""The station beside dfu-util, in the rig's guest: a table of ratios. `tests/run -m bench -s -k dfu_util`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.releases import make_demo_release
from tests.rig.guest import run_in_guest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(2400)]

KIB = 1024
BESIDE = "dfu-util, shells at once"


def test_station_beside_dfu_util(tmp_path: Path) -> None:
    release = tmp_path / "release"
    release.mkdir()
    make_demo_release(release, hp_bytes=640 * KIB, he_bytes=256 * KIB, romfs1_bytes=128 * KIB, romfs0_bytes=1024 * KIB)
    output = tmp_path / "rows.json"
    command = [sys.executable, "-m", "tests.bench.comparison", str(output), str(release)]
    chosen = {name: os.environ[name] for name in ("COMPARISON_COUNTS", "COMPARISON_PROFILES") if name in os.environ}
    run_in_guest(command, tmp_path, 2200, env=chosen, echo=True).check()
    rows = json.loads(output.read_text())
    found = {(row["profile"], row["cameras"], row["way"]): row for row in rows}
    print("\n| profile | cameras | way | wall s | over dfu-util at once | CPU s | over dfu-util at once |")
    print("|---|---|---|---|---|---|---|")
    for (profile, cameras, way), row in found.items():
        beside = found[profile, cameras, BESIDE]
        wall, cpu = row["wall_s"] / beside["wall_s"], row["cpu_s"] / beside["cpu_s"]
        print(f"| {profile} | {cameras} | {way} | {row['wall_s']} | {wall:.2f} | {row['cpu_s']} | {cpu:.2f} |")
