"""The configuration descriptor of a DFU device, decoded (USB 2.0, section 9.6; DFU 1.1, section 4.1.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from station.dfu.dfu_protocol import DESCRIPTOR_TYPE_DFU_FUNCTIONAL

_CONFIGURATION = 0x02
_INTERFACE = 0x04
_CONFIGURATION_BYTES = 9
_INTERFACE_BYTES = 9
_FUNCTIONAL_BYTES = 9
_DFU_MODE = (0xFE, 0x01, 0x02)
"""bInterfaceClass, bInterfaceSubClass and bInterfaceProtocol of an interface in DFU mode."""


@dataclass(frozen=True, slots=True)
class DfuInterface:
    """The one DFU interface: a string index for each alternate setting, and the functional descriptor's fields."""

    number: int
    alt_name_indices: tuple[int, ...]
    attributes: int
    detach_timeout_ms: int
    transfer_size_bytes: int
    dfu_version: int

    @property
    def can_download(self) -> bool:
        """bitCanDnload."""
        return bool(self.attributes & 0x01)

    @property
    def can_upload(self) -> bool:
        """bitCanUpload."""
        return bool(self.attributes & 0x02)

    @property
    def manifestation_tolerant(self) -> bool:
        """bitManifestationTolerant: the session goes on after an image."""
        return bool(self.attributes & 0x04)


def parse_dfu_interface(raw: bytes) -> DfuInterface:
    """Decode the whole configuration descriptor `raw`. ValueError where it is cut, contradictory or not in DFU mode."""
    if len(raw) < _CONFIGURATION_BYTES or raw[1] != _CONFIGURATION:
        raise ValueError("not a configuration descriptor")
    total_bytes = int.from_bytes(raw[2:4], "little")
    if total_bytes != len(raw):
        raise ValueError(f"{len(raw)} bytes of {total_bytes}")
    settings: list[bytes] = []
    functional: bytes | None = None
    for descriptor in _descriptors(raw):
        if descriptor[1] == _INTERFACE:
            settings.append(descriptor)
        elif descriptor[1] == DESCRIPTOR_TYPE_DFU_FUNCTIONAL and settings:
            functional = descriptor
    if functional is None or len(functional) != _FUNCTIONAL_BYTES:
        raise ValueError("no DFU functional descriptor")
    number, names = _alternate_settings(settings)
    return DfuInterface(
        number=number,
        alt_name_indices=names,
        attributes=functional[2],
        detach_timeout_ms=int.from_bytes(functional[3:5], "little"),
        transfer_size_bytes=int.from_bytes(functional[5:7], "little"),
        dfu_version=int.from_bytes(functional[7:9], "little"),
    )


def _descriptors(raw: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(raw):
        length = raw[at]
        if length < 2 or at + length > len(raw):
            raise ValueError(f"a descriptor of {length} bytes at byte {at} of {len(raw)}")
        yield raw[at : at + length]
        at += length


def _alternate_settings(settings: list[bytes]) -> tuple[int, tuple[int, ...]]:
    """The interface's number and the string index of each of its alternate settings, which must be 0, 1, 2, …"""
    for setting in settings:
        if len(setting) != _INTERFACE_BYTES or tuple(setting[5:8]) != _DFU_MODE:
            raise ValueError("an interface that is not in DFU mode")
    if any(one[2] != other[2] for one, other in pairwise(settings)):
        raise ValueError("more than one interface")
    if [setting[3] for setting in settings] != list(range(len(settings))):
        raise ValueError("alternate settings out of order")
    return settings[0][2], tuple(setting[8] for setting in settings)
