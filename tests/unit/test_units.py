"""The units for systemd: hardened, and naming only commands and options that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

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
@pytest.mark.parametrize("name", ["openmv-ae3-station"])
def test_a_service_is_locked_in(name: str) -> None:
    assert analyzed(UNITS / f"{name}.service") <= MOST_EXPOSED


def test_the_line_opens_usb_and_serial_ports_and_no_other_device() -> None:
    text = (UNITS / "openmv-ae3-station.service").read_text()
    assert re.findall(r"^DeviceAllow=(\S+)", text, re.MULTILINE) == ["char-usb_device", "char-ttyACM"]
    assert "\nDevicePolicy=closed\n" in text
