"""USB identities of the AE3."""

from __future__ import annotations

from typing import Final

VENDOR_ID: Final = 0x37C5
DFU_PRODUCT_ID: Final = 0x96E3
APPLICATION_PRODUCT_ID: Final = 0x16E3

MANUFACTURER: Final = "OpenMV"
DFU_PRODUCT: Final = "OpenMV Camera (DFU Mode)"
