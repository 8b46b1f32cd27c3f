"""A made-up release and real cameras: refused by the camera's controller, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from station.line.setup import Watcher
from station.model.devices import Device, DeviceMode
from station.settings import Settings
from station.usb.access import UsbAccess
from station.wiring.bench import Bench
from station.wiring.demo_refusal import with_demo_refused
from tests.unit.line.quiet_line import SETUP

CAMERA = Device("3-1.4", 3, 5, 0x37C5, 0x96E3, "4F6A1C6A3381000000000001", 0x0103, DeviceMode.DFU)
PCI, VHCI, DUMMY = "pci0000:00/0000:00:14.0", "platform/vhci_hcd.0#2", "platform/dummy_hcd.0"
DEMO = replace(SETUP, bundle="demo", bundle_version="OpenMV v0.0.0-demo; MicroPython v0.0.0-demo")
ALLOWED = Settings.model_validate({"bundles": {"allow_demo": True}})


def code(
    setup: Any = DEMO,
    settings: Settings | None = None,
    access: UsbAccess | None = None,
    at_start: str = PCI,
    now: Callable[[], dict[int, str]] = dict,
) -> str | None:
    places = {3: at_start} if at_start else {}
    bench = Bench(access or UsbAccess(), cast(Watcher, None), controllers=places)
    refusal = with_demo_refused(setup, settings or Settings(), bench, now).refuses(CAMERA)
    return refusal.code if refusal else None


def test_a_real_camera_is_refused() -> None:
    assert code() == "bundle.demo"


def test_a_controller_that_came_later_is_looked_up() -> None:
    assert code(at_start="", now=lambda: {3: PCI}) == "bundle.demo"
    assert code(at_start="", now=lambda: {3: VHCI}) is None
    assert code(at_start="") is None, "what is not known refuses nobody"


@pytest.mark.parametrize("place", [VHCI, DUMMY, "platform/vhci_hcd.1"])
def test_virtual_cameras_that_the_kernel_carries_are_none(place: str) -> None:
    assert code(at_start=place) is None


def test_who_else_is_not_refused() -> None:
    assert code(setup=replace(DEMO, bundle_version="OpenMV v5.0.0; MicroPython v1.26.0")) is None
    assert code(setup=replace(DEMO, read_only=True)) is None
    assert code(settings=ALLOWED) is None
    assert code(access=UsbAccess("usbip", ("/tmp/sim",))) is None
