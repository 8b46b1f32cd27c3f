"""The disk of a running camera: with the station's udev rule no block device appears, without it one does."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.harness import wait_for
from tests.rig.workbench import SYSFS, Workbench, install_rule

SERIAL_DRIVER, DISK_DRIVER = "cdc_acm", "usb-storage"
SETTLE_S = 3.0
"""usb-storage looks for disks 1 s after it was bound; when this is over none comes any more."""


def disks(bench: Workbench) -> None:
    """Two cameras in their applications, one without the rule and one with it."""
    cameras = [bench.camera(number, contents=bench.firmware(), forced=False) for number in (0, 1)]
    bench.put(*cameras)
    install_rule(installed=False)
    with bench.case("without_the_rule_the_kernel_takes_the_disk") as facts:
        path = _running(bench, 0)
        wait_for(lambda: _block_devices(path), "a block device", 20)
        subprocess.run(["udevadm", "settle"], check=True)
        facts.update(_drivers(path))
        assert list(facts.values()) == [SERIAL_DRIVER, SERIAL_DRIVER, DISK_DRIVER]
    bench.clear()
    install_rule(installed=True)
    with bench.case("with_the_rule_no_block_device_appears") as facts:
        path = _running(bench, 1)
        disk = SYSFS / f"{path}:1.2"
        wait_for(lambda: (disk / "authorized").read_text() == "0\n", "the disk's interface taken away", 20)
        until_s = time.monotonic() + SETTLE_S
        while time.monotonic() < until_s:
            assert not _block_devices(path)
            time.sleep(0.05)
        facts.update(_drivers(path))
        assert list(facts.values()) == [SERIAL_DRIVER, SERIAL_DRIVER, ""]
        assert [file.name for file in SYSFS.glob(f"{path}:1.0/tty/tty*")], "the serial port stays"
        assert bench.mode(path) == "16e3"
    bench.clear()
    install_rule(installed=False)


def _running(bench: Workbench, number: int) -> str:
    """Power one up and wait for its application; its port path."""
    path = bench.paths[number]
    bench.line.plug(path)
    wait_for(lambda: bench.mode(path) == "16e3" and (SYSFS / f"{path}:1.2").exists(), "the application", 30)
    return path


def _block_devices(path: str) -> list[str]:
    """The kernel's block devices of the camera at a port."""
    return [file.name for file in Path("/sys/block").iterdir() if f"/{path}:1." in os.path.realpath(file)]


def _drivers(path: str) -> dict[str, Any]:
    """The driver of each interface, "" for none, in order."""
    interfaces = sorted(SYSFS.glob(f"{path}:1.*"))
    return {file.name: (file / "driver").resolve().name if (file / "driver").exists() else "" for file in interfaces}
