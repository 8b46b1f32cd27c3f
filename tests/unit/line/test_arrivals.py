from __future__ import annotations

from multiprocessing import Pipe
from types import SimpleNamespace
from typing import Any, cast

from station.flash.messages import CameraNotHeld
from station.line.arrivals import Arrivals
from station.line.notices import Notices
from station.line.port import Port
from station.line.setup import LineSetup
from station.line.stopping import Stopping
from station.model.devices import Device, DeviceArrived, DeviceLeft, DeviceMode
from station.model.recipes import Recipe
from station.model.runs import Outcome, RunOptions

CAMERA = Device("1-1.1", 1, 5, 0x37C5, 0x96E3, "3A0F5C77B1D2E49600112233", 0x0103, DeviceMode.DFU, "")


def test_a_camera_that_may_not_be_opened_stops_the_line_though_it_leaves_before_the_log_is_open() -> None:
    """It waits 1.5 s in its bootloader, and a slow machine opens its log later than that."""
    setup = LineSetup("bench-1", Recipe("full", ()), "v4.7.0", "0" * 64, (), RunOptions())
    stopping = Stopping(setup)
    ours, holders = Pipe()
    ports: dict[str, Port] = {}
    pool = SimpleNamespace(holder=SimpleNamespace(connection=ours), hold=lambda device: None)
    runs = SimpleNamespace(setup=setup, log=None)
    arrivals = Arrivals(ports, cast(Any, pool), cast(Any, runs), stopping, Notices(lambda notice: None, 4.0))
    arrivals.device_event(DeviceArrived(CAMERA))
    holders.send(CameraNotHeld(CAMERA, Outcome.ERROR, "usb.access_denied", "no permission to open it", gone=False))
    arrivals.read_holder()
    arrivals.device_event(DeviceLeft(CAMERA.port_path))
    assert stopping.reason is not None
    assert (stopping.reason.code, stopping.reason.exit_code) == ("usb.access_denied", 5)
