"""The DFU file suffix (USB DFU 1.1, appendix B): sixteen bytes that say which device a file is for.

On disk, little-endian: bcdDevice, idProduct, idVendor, bcdDFU (two bytes each), "UFD", bLength, dwCRC. The CRC is the
common CRC-32 without its final inversion, over the whole file but the CRC itself.
"""

from __future__ import annotations

import struct
import zlib

from station.board.usb_ids import UsbIds
from station.errors import BundleError

SUFFIX_BYTES = 16
_LAYOUT = struct.Struct("<HHHH3sBI")
_ANY = 0xFFFF
_DFU_1_VERSIONS = (0x0100, 0x0101, 0x0110)


def has_suffix(raw: bytes) -> bool:
    """Whether a file of any name ends in one, whole or damaged: no image ends so by chance."""
    return raw[-8:-4] == b"UFD" + bytes([SUFFIX_BYTES])


def without_suffix(raw: bytes, file: str, ids: UsbIds) -> bytes:
    """The image in a .dfu file; BundleError for a suffix that is missing, wrong or another device's."""
    if len(raw) < SUFFIX_BYTES:
        raise _invalid(file, "is too short for a DFU suffix")
    _, product_id, vendor_id, version, signature, length, crc = _LAYOUT.unpack_from(raw, len(raw) - SUFFIX_BYTES)
    if signature != b"UFD" or length != SUFFIX_BYTES:
        raise _invalid(file, "has no DFU suffix")
    if crc != zlib.crc32(memoryview(raw)[:-4]) ^ 0xFFFFFFFF:
        raise _invalid(file, "does not match the CRC in its DFU suffix: it was damaged")
    if version not in _DFU_1_VERSIONS:
        raise _invalid(file, f"is in another format (bcdDFU {version:#06x}; DFU 1.0 and 1.1 are understood)")
    if vendor_id not in (ids.vendor_id, _ANY) or product_id not in (ids.dfu_product_id, _ANY):
        ours = f"{ids.vendor_id:04X}:{ids.dfu_product_id:04X}"
        message = f"{file} is for the device {vendor_id:04X}:{product_id:04X}, not for {ours}"
        raise BundleError("bundle.dfu_other_device", message)
    return raw[:-SUFFIX_BYTES]


def _invalid(file: str, what: str) -> BundleError:
    return BundleError("bundle.dfu_suffix_invalid", f"{file} {what}")
