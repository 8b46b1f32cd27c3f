"""The numbers of the OpenMV protocol (openmv `docs/protocol.md`, `protocol/omv_protocol.h`, firmware 5.0.0 and newer).

Only constants: the client and the simulated camera share this file and nothing else.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

PROTOCOL_RATE = 921_600
"""The line coding at which the camera speaks the protocol; at any other it offers MicroPython's REPL."""

SYNC_WORD = 0xD5AA
SYNC_BYTES = b"\xaa\xd5"
"""The sync word as it stands on the wire: everything is little-endian."""
HEADER_FORMAT = "<HBBBBHH"
"""Sync word, sequence, channel, flags, opcode, payload length, CRC-16 of the eight bytes before."""
HEADER_SIZE_BYTES = 10
CRC_SIZE_BYTES = 4
"""Behind a payload; a packet without a payload has none."""

CRC16_POLYNOMIAL = 0xF94F
CRC32_POLYNOMIAL = 0xFA567D89

MAX_PAYLOAD_BYTES = 8192 - HEADER_SIZE_BYTES - CRC_SIZE_BYTES
"""The most that any board takes; the AE3 is one of them (`OMV_PROTOCOL_MAX_BUFFER_SIZE`)."""
MIN_PAYLOAD_BYTES = 64 - HEADER_SIZE_BYTES - CRC_SIZE_BYTES
READ_PIECE_BYTES = 512
"""CHANNEL_READ answers in fragments of at most so many bytes, whatever was negotiated."""
EVENT_NOTIFY = 0xFFFF
"""The event of a packet without a payload."""

RETRY_TIMEOUT_S = 0.5
"""How long the device waits for an ACK before it repeats a packet; doubled after each repetition."""
RETRIES = 3


class Flag(IntFlag):
    """The flags of a packet. A reply with data has neither ACK nor NAK, and asks for an ACK itself."""

    ACK = 0x01
    NAK = 0x02
    REPEATED = 0x04
    ACK_WANTED = 0x08
    FRAGMENT = 0x10
    EVENT = 0x20


class Opcode(IntEnum):
    """What a packet asks, or what it answers."""

    PROTO_SYNC = 0x00
    PROTO_GET_CAPS = 0x01
    PROTO_SET_CAPS = 0x02
    PROTO_STATS = 0x03
    PROTO_VERSION = 0x04
    SYS_RESET = 0x10
    SYS_BOOT = 0x11
    SYS_INFO = 0x12
    SYS_EVENT = 0x13
    SYS_MEMORY = 0x14
    CHANNEL_LIST = 0x20
    CHANNEL_POLL = 0x21
    CHANNEL_LOCK = 0x22
    CHANNEL_UNLOCK = 0x23
    CHANNEL_SHAPE = 0x24
    CHANNEL_SIZE = 0x25
    CHANNEL_READ = 0x26
    CHANNEL_WRITE = 0x27
    CHANNEL_IOCTL = 0x28
    CHANNEL_EVENT = 0x29


class NakStatus(IntEnum):
    """Why a packet was refused; the payload of a NAK, as u16."""

    SUCCESS = 0
    FAILED = 1
    INVALID = 2
    TIMEOUT = 3
    BUSY = 4
    CHECKSUM = 5
    SEQUENCE = 6
    OVERFLOW = 7
    FRAGMENT = 8
    UNKNOWN = 9


class ChannelId(IntEnum):
    """The channels that every camera has."""

    TRANSPORT = 0
    STDIN = 1
    STDOUT = 2
    STREAM = 3
    PROFILE = 4


class ChannelFlag(IntFlag):
    """What a channel can do."""

    READ = 0x01
    WRITE = 0x02
    EXEC = 0x04
    LOCK = 0x08
    STREAM = 0x10
    DYNAMIC = 0x20
    PHYSICAL = 0x40


class StdinRequest(IntEnum):
    """CHANNEL_IOCTL requests of the stdin channel."""

    STOP = 1
    EXEC = 2
    RESET = 3


class SystemEvent(IntEnum):
    """Events on channel 0."""

    CHANNEL_REGISTERED = 0
    CHANNEL_UNREGISTERED = 1
    SOFT_REBOOT = 2


class StdinEvent(IntEnum):
    """Events on the stdin channel: some Python code began or ended, boot.py and main.py included."""

    STOPPED = 0
    STARTED = 1


class CapabilityFlag(IntFlag):
    """Bits of the capabilities' flags."""

    CRC = 0x1
    SEQUENCE = 0x2
    ACK = 0x4
    EVENTS = 0x8
