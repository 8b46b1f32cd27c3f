"""A made-up release is not flashed to real cameras: it starts none of them.

1. Real is a camera on a USB controller of the machine. Virtual ones that the kernel carries (vhci_hcd of usbip,
   dummy_hcd) have a controller of its own making, by which they are known; those of `--simulate` and `--sim` have none.
2. A bus whose controller cannot be found is no proof: then nothing is refused.
3. The line starts, and ends when the first real camera is there, before it is held: a machine without cameras may have
   such a bundle in use, as one that was just set up has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from station.bundle.demo_release import DEMO_VERSION
from station.errors import BundleError
from station.line.setup import LineSetup
from station.model.devices import Device
from station.problem import sentence
from station.usb.controllers import controllers

if TYPE_CHECKING:
    from station.settings import Settings
    from station.wiring.bench import Bench

_OF_THE_KERNEL = re.compile(r"(^|/)(vhci_hcd|dummy_hcd)\b")


def with_demo_refused(
    setup: LineSetup, settings: Settings, bench: Bench, now: Callable[[], Mapping[int, str]] = controllers
) -> LineSetup:
    """The line that ends with `bundle.demo` at a real camera, where what it flashes is made up.

    `now` looks the controllers up by bus, for one that came after the start.
    """
    allowed = settings.bundles.allow_demo or setup.read_only or DEMO_VERSION not in setup.bundle_version
    if allowed or bench.access.kind == "usbip":
        return setup

    def refusal(device: Device) -> BundleError | None:
        controller = bench.controllers.get(device.bus) or now().get(device.bus)
        if controller is None or _OF_THE_KERNEL.search(controller):
            return None
        text = sentence(
            "bundle {bundle} is made up for virtual cameras, and on port {port} is a real one",
            bundle=setup.bundle,
            port=device.port_path,
        )
        return BundleError("bundle.demo", text)

    return replace(setup, refuses=refusal)
