"""What a newcomer does first: the demo, its log, the commands that it names; and virtual cameras beside production."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from station.control.client import ask, is_served
from station.control.requests import MoveCamera
from station.wiring.virtual_log import MARK
from tests.harness import wait_for

LIMIT_S = 110
STATION = [sys.executable, "-m", "station"]


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STATION_")}
    return {**kept, "HOME": str(home), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "TMPDIR": str(home)}


def station(home: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*STATION, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=home,
        env=environment(home),
        timeout=LIMIT_S,
        check=False,
    )


def test_the_demo_keeps_its_log_and_names_three_commands_that_work(tmp_path: Path) -> None:
    done = station(tmp_path, "demo", "--headless", "--cameras", "1")
    assert done.returncode == 0, done.stderr
    commands = [line.strip() for line in done.stderr.splitlines() if line.startswith("  ")]
    assert [shlex.split(command)[1] for command in commands] == ["report", "failed", "unit"]
    assert "The log stays in " in done.stderr
    answers = [
        subprocess.run(
            command,
            shell=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(tmp_path),
            timeout=120,
            check=False,
        )
        for command in commands
    ]
    assert [answer.returncode for answer in answers] == [0, 0, 0], [answer.stderr for answer in answers]
    assert "Units passed      1" in answers[0].stdout
    assert ": 1 run(s)" in answers[2].stdout


def test_virtual_cameras_have_a_log_of_their_own(tmp_path: Path) -> None:
    done = station(tmp_path, "run", "--headless", "--json", "--simulate", "1")
    assert done.returncode == 0, done.stderr
    usual = tmp_path / ".local/share/openmv-ae3-station"
    assert sorted(path.name for path in usual.iterdir()) == ["simulated"]
    assert (usual / "simulated" / MARK).exists()
    assert f"station report --data-dir {usual / 'simulated'}" in done.stderr
    lost = station(tmp_path, "report")
    assert lost.returncode == 4
    assert str(usual / "simulated") in lost.stderr
    exported = station(tmp_path, "export", "--data-dir", usual / "simulated").stdout
    assert json.loads(exported)["run_id"] == json.loads(done.stdout)["run_id"]
    named = station(tmp_path, "run", "--headless", "--json", "--simulate", "1", "--data-dir", tmp_path / "named")
    assert json.loads(named.stdout)["outcome"] == "PASS"
    assert len(station(tmp_path, "export", "--data-dir", tmp_path / "named").stdout.splitlines()) == 1


@pytest.fixture
def demo(tmp_path: Path):  # type: ignore[no-untyped-def]
    """The line of a demo as its screen starts it."""
    folder = tmp_path / "demo"
    process = subprocess.Popen(
        [*STATION, "demo", "--cameras", "2", "--serve", "--data-dir", str(folder)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=environment(tmp_path),
    )
    try:
        wait_for(lambda: is_served(folder), "the line answers", LIMIT_S)
        yield folder
    finally:
        process.terminate()
        process.wait(120)


def outcomes(folder: Path, home: Path) -> list[tuple[str, str | None]]:
    runs = [json.loads(line) for line in station(home, "export", "--data-dir", folder).stdout.splitlines()]
    return [(run["serial"], run["code"] or run["outcome"]) for run in runs if run["outcome"]]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_screen_pulls_a_camera_of_the_demo_replugs_one_and_plugs_new_ones_in(demo: Path, tmp_path: Path) -> None:
    def ran(number: int) -> list[tuple[str, str | None]]:
        wait_for(lambda: len(outcomes(demo, tmp_path)) >= number, f"{number} runs", LIMIT_S)
        return outcomes(demo, tmp_path)

    first = {serial for serial, _ in ran(2)}
    ask(demo, MoveCamera("replug", "1-1.2"))
    again = ran(3)[-1]
    assert again[0] in first
    ask(demo, MoveCamera("new"))
    newer = {serial for serial, _ in ran(5)[-2:]}
    assert not newer & first
