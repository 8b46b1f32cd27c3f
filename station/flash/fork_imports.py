"""What the fork server loads once, for every holder and worker that is forked from it. Imported nowhere else."""

from __future__ import annotations

import gc

# Loading code makes tens of thousands of objects that stay: looking among them for garbage is a tenth of the time.
gc.disable()

import station.flash.holder  # noqa: E402
import station.flash.worker  # noqa: E402
import station.usb.libusb  # noqa: E402
import station.usb.tty  # noqa: E402
import station.usb.usbip.usbip_backend  # noqa: E402,F401

# A collection writes to every object that it looks at: in a forked child that would copy the memory that it shares.
gc.freeze()
gc.enable()
