"""What the camera's answers mean (openmv `protocol/omv_protocol.h`). Each `decode` raises ValueError for nonsense."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from station.app.omv_protocol import MIN_PAYLOAD_BYTES, CapabilityFlag

_CAPABILITIES = struct.Struct("<IH10x")
_VERSIONS = struct.Struct("<3s3s3s7x")
_SYSTEM_INFO = struct.Struct("<I3II3I8x2I4I12x")
_CHANNEL = struct.Struct("<BB14s")
_ALL_CAPABILITIES = CapabilityFlag.CRC | CapabilityFlag.SEQUENCE | CapabilityFlag.ACK | CapabilityFlag.EVENTS

Version = tuple[int, int, int]
"""Major, minor, patch."""


def decode_u32(raw: bytes) -> int:
    """A size, or the flags of CHANNEL_POLL."""
    _check("a number", raw, 4)
    return int.from_bytes(raw, "little")


def _check(what: str, raw: bytes, size_bytes: int) -> None:
    if len(raw) != size_bytes:
        raise ValueError(f"{what} has {size_bytes} bytes, not {len(raw)}")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What both sides agree on: the flags of `CapabilityFlag`, and the most bytes of one packet's payload."""

    flags: int = _ALL_CAPABILITIES
    max_payload_bytes: int = MIN_PAYLOAD_BYTES

    def encode(self) -> bytes:
        """The 16 bytes of PROTO_SET_CAPS."""
        return _CAPABILITIES.pack(self.flags, self.max_payload_bytes)

    @classmethod
    def decode(cls, raw: bytes) -> Capabilities:
        """The answer to PROTO_GET_CAPS."""
        _check("the capabilities", raw, _CAPABILITIES.size)
        flags, max_payload_bytes = _CAPABILITIES.unpack(raw)
        if max_payload_bytes < MIN_PAYLOAD_BYTES:
            raise ValueError(f"payloads of {max_payload_bytes} bytes are offered, fewer than the protocol's least")
        return cls(flags, max_payload_bytes)


@dataclass(frozen=True, slots=True)
class Versions:
    """The answer to PROTO_VERSION.

    `bootloader` is the version that was compiled into the firmware where the bootloader has no header (before 1.0.1).
    `firmware` is the same number on development builds as on the release.
    """

    protocol: Version
    bootloader: Version
    firmware: Version

    @classmethod
    def decode(cls, raw: bytes) -> Versions:
        """From 16 bytes."""
        _check("the version", raw, _VERSIONS.size)
        protocol, bootloader, firmware = (tuple(part) for part in _VERSIONS.unpack(raw))
        return cls(protocol, bootloader, firmware)


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """The answer to SYS_INFO. Words are u32; sizes in KiB.

    `sensor_ids` are the image sensors that answered when the firmware looked for them, at its start (0: none in this
    place). `capability_bits` holds the hardware's abilities (openmv `protocol/omv_protocol_hw_caps.h`).
    """

    cpu_id: int
    device_id: tuple[int, int, int]
    vendor_id: int
    product_id: int
    sensor_ids: tuple[int, int, int]
    capability_bits: tuple[int, int]
    flash_size_kib: int
    ram_size_kib: int
    frame_buffer_size_kib: int
    stream_buffer_size_kib: int

    @property
    def sensors(self) -> tuple[int, ...]:
        """The sensors that are there."""
        return tuple(filter(None, self.sensor_ids))

    @property
    def device_id_text(self) -> str:
        """The device id as 24 hexadecimal digits, as OpenMV's own tools write it."""
        return "".join(f"{word:08X}" for word in self.device_id)

    @classmethod
    def decode(cls, raw: bytes) -> SystemInfo:
        """From 76 bytes."""
        _check("the system information", raw, _SYSTEM_INFO.size)
        cpu, d0, d1, d2, usb, s0, s1, s2, c0, c1, flash, ram, frame, stream = _SYSTEM_INFO.unpack(raw)
        return cls(cpu, (d0, d1, d2), usb >> 16, usb & 0xFFFF, (s0, s1, s2), (c0, c1), flash, ram, frame, stream)


@dataclass(frozen=True, slots=True)
class Channel:
    """One entry of CHANNEL_LIST; `flags` are those of `ChannelFlag`."""

    number: int
    flags: int
    name: str


def decode_channels(raw: bytes) -> tuple[Channel, ...]:
    """The answer to CHANNEL_LIST: 16 bytes for each channel."""
    if len(raw) % _CHANNEL.size:
        raise ValueError(f"a list of channels has a multiple of {_CHANNEL.size} bytes, not {len(raw)}")
    return tuple(
        Channel(number, flags, name.partition(b"\0")[0].decode(errors="replace"))
        for number, flags, name in _CHANNEL.iter_unpack(raw)
    )
