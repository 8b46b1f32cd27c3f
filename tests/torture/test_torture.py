"""The torture test for a minute, and whether its auditor would notice. For hours: `python -m tests.torture`."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from station.sim.spec import CameraSpec
from tests.releases import make_demo_release
from tests.rig.guest import run_in_guest
from tests.rig.host import HostError
from tests.torture.__main__ import AFTERWARDS_S, RESULT, SIZES, SLOTS, guest_command
from tests.torture.auditor import violations
from tests.torture.bench import Tortured
from tests.torture.planted import DEFECTS, plant
from tests.torture.tray import Absence, Treated

PLUGGED = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
PULLED = datetime(2026, 11, 28, 12, 0, 4, tzinfo=UTC)
SHA256 = {"HP": "aa", "ROMFS0": "bb"}
GOOD = Treated(CameraSpec("C1", "1-1.1"), "none", PLUGGED, memory=SHA256, blocks_written=7)
PASS = {
    "run_id": "r1",
    "serial": "C1",
    "port_path": "1-1.1",
    "outcome": "PASS",
    "code": None,
    "started_at": "2026-11-28T12:00:01+00:00",
    "finished_at": "2026-11-28T12:00:09+00:00",
}
FAILED = {**PASS, "outcome": "FAIL", "code": "usb.disconnected"}
SKIPPED = {**PASS, "outcome": "SKIPPED", "code": "unit.already_passed"}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    folder.mkdir()
    make_demo_release(folder, version="4.7.0", **SIZES)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nothing_is_false(tmp_path: Path, release: Path) -> None:
    result = Tortured(tmp_path, release, slots=16, seed=20261128).run(60.0)
    assert result.violations == [], result.text()
    assert result.outcomes.get("PASS", 0) >= 16, result.text()
    assert result.acts.get("kill the station"), "the dice never killed it: choose another seed"


@pytest.mark.rig
@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nothing_is_false_with_a_real_kernel(tmp_path: Path) -> None:
    """Three minutes of 24 slots, with real plugs and pulls, and a disk that is full at times."""
    try:
        ended = run_in_guest(guest_command(180.0, SLOTS, seed=20261128), tmp_path, 180.0 + AFTERWARDS_S)
    except HostError as error:
        pytest.skip(f"the rig's guest cannot be made here: {error}")
    assert ended.exit_code == 0, ended.stdout + ended.stderr[-4000:]
    done = json.loads((tmp_path / RESULT).read_text())
    assert done["outcomes"].get("PASS", 0) >= SLOTS, done
    assert {"kill the station", "kill a worker", "fill the disk", "lock the log"} <= set(done["acts"]), done


@pytest.mark.parametrize(
    ("camera", "logged", "printed", "found"),
    [
        (GOOD, [PASS], [PASS], None),
        (replace(GOOD, memory={"HP": "aa", "ROMFS0": "cc"}), [PASS], [], "green, and ROMFS0 are not the bundle's"),
        (replace(GOOD, memory={}), [SKIPPED], [], "green, and HP, ROMFS0"),
        (replace(GOOD, memory={}, superseded=True), [PASS], [], None),
        (GOOD, [], [], "7 blocks written, no run in the log"),
        (GOOD, [{**PASS, "outcome": None, "finished_at": None}], [], "is open"),
        (GOOD, [PASS, PASS], [], "is in the log 2 times"),
        (GOOD, [PASS, {**PASS, "run_id": "r2"}], [], "is in the log under 2 keys"),
        (GOOD, [PASS, {**PASS, "run_id": "r2", "started_at": "2026-11-28T12:00:02+00:00"}], [], None),
        (GOOD, [PASS], [PASS, PASS], "was printed 2 times"),
        (replace(GOOD, absences=[Absence(PULLED)]), [FAILED], [], "pulled out, and usb.disconnected"),
        (replace(GOOD, absences=[Absence(PULLED, PULLED + timedelta(seconds=1))]), [FAILED], [], None),
        (replace(GOOD, absences=[Absence(PULLED)], fault="stalls"), [FAILED], [], None),
        (replace(GOOD, absences=[Absence(PLUGGED)]), [FAILED], [], None),
        (GOOD, [{**PASS, "outcome": "ERROR", "code": "station.interrupted"}], [PASS], "green before the log had it"),
    ],
)
def test_the_auditor_notices(
    camera: Treated, logged: list[dict[str, Any]], printed: list[dict[str, Any]], found: str | None
) -> None:
    lines = violations([camera], logged, printed, SHA256)
    assert lines == [] if found is None else any(found in line for line in lines), lines


@pytest.mark.parametrize("name", DEFECTS)
def test_every_planted_defect_still_fits_the_code(tmp_path: Path, name: str) -> None:
    changed = plant(name, tmp_path) / "station" / DEFECTS[name][0]
    compile(changed.read_text(), str(changed), "exec")
