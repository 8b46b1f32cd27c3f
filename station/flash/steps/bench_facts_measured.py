"""What a qualifying run measures besides its steps; see `station.model.bench_facts`. Nothing of it decides."""

from __future__ import annotations

from station.flash.steps.boot import BootJob
from station.flash.steps.identify import Identified
from station.model import bench_facts
from station.model.devices import Device
from station.model.measurements import Measurement
from station.model.runs import RunPlan
from station.usb.access import UsbAccess
from station.usb.interfaces import interface_classes


def at_identify(plan: RunPlan, device: Device, found: Identified, *, first: bool) -> list[Measurement]:
    """Of the bootloader. How long the hold took belongs to the `first` attempt."""
    measured = [
        Measurement(bench_facts.BCD_DEVICE, f"0x{device.bcd_device:04X}"),
        Measurement(bench_facts.TRANSFER_BYTES, found.transfer_bytes, "byte"),
        Measurement(bench_facts.PROBES, found.probes),
        Measurement(bench_facts.PROBES_UNLIKE, found.unlike),
    ]
    if first and plan.hold_s is not None:
        measured.insert(0, Measurement(bench_facts.HOLD_S, round(plan.hold_s, 4), "s"))
    return measured


def at_boot(boot: BootJob, access: UsbAccess) -> list[Measurement]:
    """Of the way out of the bootloader, and of the application that came, if one did."""
    measured = [
        Measurement(bench_facts.DETACH_REPEATS, boot.repeats),
        Measurement(bench_facts.PORT_RESETS, boot.resets),
    ]
    if boot.window_s is not None:
        measured.append(Measurement(bench_facts.WINDOW_S, round(boot.window_s, 3), "s"))
    if boot.application is None or boot.boot_s is None:
        return measured
    classes = interface_classes(access, boot.application)
    shown = " ".join(f"{kind:02X}/{subclass:02X}" for kind, subclass in classes)
    return [
        *measured,
        Measurement(bench_facts.BOOT_S, round(boot.boot_s, 3), "s"),
        Measurement(bench_facts.INTERFACES, shown or None),
    ]
