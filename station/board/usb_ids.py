"""The USB identities by which a kind of camera is known on the bus."""

from __future__ import annotations

from dataclasses import dataclass

from station.model.devices import DeviceMode


@dataclass(frozen=True, slots=True)
class UsbIds:
    """One vendor and two products: the bootloader and the application."""

    vendor_id: int
    dfu_product_id: int
    application_product_id: int

    def mode_of(self, vendor_id: int, product_id: int) -> DeviceMode:
        """Which of its two identities a camera shows; OTHER for what is none."""
        if vendor_id != self.vendor_id:
            return DeviceMode.OTHER
        if product_id == self.dfu_product_id:
            return DeviceMode.DFU
        return DeviceMode.APPLICATION if product_id == self.application_product_id else DeviceMode.OTHER
