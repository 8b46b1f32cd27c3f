"""`station sim` and `station slots` together: a served bench, and what stands on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.usb.access import UsbAccess
from station.usb.watcher import list_devices
from tests.harness import wait_for
from tests.unit.cli.conftest import Station

CAMERAS = [
    {"serial": "3A0F5C77B1D2E49600112233", "port_path": "1-1.10", "forced": True},
    {"serial": "3A0F5C77B1D2E49600445566", "port_path": "1-1.2", "forced": True},
]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Path]:
    """Two virtual cameras that wait in their bootloaders, served by a process of its own."""
    spec = tmp_path / "cameras.json"
    spec.write_text(json.dumps(CAMERAS))
    folder = tmp_path / "bench"
    with subprocess.Popen(
        [sys.executable, "-m", "station", "sim", "serve", folder, "--spec", spec],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        access = UsbAccess("usbip", (str(folder),))
        wait_for(lambda: len(list_devices(access, OPENMV_AE3.ids)) == len(CAMERAS), "the cameras on the bus")
        yield folder
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(120) == 0


def test_slots_of_a_bench_without_names(station: Station, bench: Path) -> None:
    rows = station("slots", "--sim", bench, "--json").json
    assert [(row["slot"], row["port_path"], row["serial"]) for row in rows] == [
        ("1-1.2", "1-1.2", CAMERAS[1]["serial"]),
        ("1-1.10", "1-1.10", CAMERAS[0]["serial"]),
    ]
    assert {row["state"] for row in rows} == {"bootloader"}


def test_slots_of_a_bench_with_names(station: Station, bench: Path, tmp_path: Path) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[slots]\nB2 = "1-1.2"\nA1 = "1-1.1"\n')
    rows = station("slots", "--sim", bench, "--config", config, "--json").json
    assert [(row["slot"], row["port_path"], row["state"]) for row in rows] == [
        ("A1", "1-1.1", "empty"),
        ("B2", "1-1.2", "bootloader"),
        (None, "1-1.10", "bootloader"),
    ]
    lines = station("slots", "--sim", bench, "--config", config).out.splitlines()
    assert lines[0].split() == ["slot", "port", "path", "what", "is", "there", "serial"]
    assert lines[3].startswith("(not a slot)")


def test_tell(station: Station, bench: Path) -> None:
    told = station("sim", "tell", bench, '{"do": "unplug",\n "port_path": "1-1.2"}')
    assert (told.exit_code, told.json) == (0, {"done": "unplug"})
    assert [row["port_path"] for row in station("slots", "--sim", bench, "--json").json] == ["1-1.10"]
    refused = station("sim", "tell", bench, '{"do": "dance"}')
    assert refused.exit_code == 1
    assert "dance" in refused.json["error"]


def test_tell_where_nobody_is(station: Station, tmp_path: Path) -> None:
    told = station("sim", "tell", tmp_path, '{"do": "state"}')
    assert (told.exit_code, told.out) == (2, "")
    assert told.err.startswith("usage.no_sim: no bench answers in ")


def test_a_spec_that_is_wrong(station: Station, tmp_path: Path) -> None:
    spec = tmp_path / "cameras.json"
    spec.write_text('[{"serial": "A", "port_path": "1-1", "colour": "red"}]')
    told = station("sim", "serve", tmp_path / "bench", "--spec", spec)
    assert (told.exit_code, told.out) == (2, "")
    assert "unknown key 'colour'" in told.err
