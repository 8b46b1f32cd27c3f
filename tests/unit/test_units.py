"""The units for systemd: hardened, and naming only commands and options that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from station.cli import run as run_module

UNITS = Path(__file__).parents[2] / "deploy/systemd"
MOST_EXPOSED = 2.5


def analyzed(unit: Path) -> float:
    """systemd's own figure for a unit, 0 (locked) to 10."""
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    return float(found[1])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
@pytest.mark.parametrize("unit", sorted(UNITS.glob("*.service")), ids=lambda unit: unit.stem)
def test_a_service_is_locked_in(unit: Path) -> None:
    assert analyzed(unit) <= MOST_EXPOSED


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_understands_every_unit() -> None:
    files = [str(file) for kind in ("service", "path", "timer") for file in sorted(UNITS.glob(f"*.{kind}"))]
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    # The programs are where deploy/install puts them, which is not here.
    said = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert [line for line in said if "openmv-ae3" in line] == []


def test_the_command_of_the_line_is_one_that_there_is() -> None:
    (words,) = re.findall(r"^ExecStart=\S+ (.*)$", (UNITS / "openmv-ae3-station.service").read_text(), re.MULTILINE)
    run = get_command(run_module.app)
    run.make_context("run", words.split()[1:]).close()


def test_the_line_opens_usb_and_serial_ports_and_no_other_device() -> None:
    text = (UNITS / "openmv-ae3-station.service").read_text()
    assert re.findall(r"^DeviceAllow=(\S+)", text, re.MULTILINE) == ["char-usb_device", "char-ttyACM"]
    assert "\nDevicePolicy=closed\n" in text
