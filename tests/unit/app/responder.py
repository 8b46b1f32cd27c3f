"""The other side of the protocol for tests of the client, made of the same codec: a camera without a body."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from station.app.exchange import Heard, Listen, PortAction, PortGone, PortReply, Send, Sent, Silent
from station.app.omv_protocol import ChannelId, Flag, NakStatus, Opcode, StdinEvent, StdinRequest, SystemEvent
from station.app.packet import Packet, PacketReader

MAX_PAYLOAD_BYTES = 8178
READ_PIECE_BYTES = 512
CHANNELS = ((0, 0x40, "usb"), (1, 0x06, "stdin"), (2, 0x01, "stdout"), (3, 0x19, "stream"))
VERSIONS = bytes([1, 0, 2, 1, 0, 4, 5, 0, 0]) + bytes(7)
SYSTEM_INFO = struct.pack(
    "<I3II3I2I2I4I3I",
    *(0x410FD221, 0x11111111, 0x22222222, 0x33333333, 0x37C516E3, 0x7936, 0, 0, 0, 0, 0x330042, 0),
    *(0, 0, 4096, 2048, 0, 0, 0),
)

Script = Callable[[str], str | None]
"""What a script prints; None: it never ends. An exception is one in the camera."""


def echo(source: str) -> str:
    """Run our scripts as the camera would, for what they print."""
    printed: list[str] = []
    exec(source, {"print": lambda *words: printed.append(" ".join(map(str, words)) + "\r\n")})
    return "".join(printed)


@dataclass
class Responder:
    """Takes in what a client sent, and leaves what a camera would answer in `out`."""

    script: Script = echo
    mute: bool = False
    answers: dict[int, bytes] = field(default_factory=dict)
    """Other payloads for questions, by opcode."""
    naks: dict[int, list[int]] = field(default_factory=dict)
    """Statuses with which the next requests of an opcode are refused."""
    lose: dict[int, int] = field(default_factory=dict)
    """How many requests of an opcode are not heard at all."""
    noise: bytes = b""
    """Said before every packet."""

    def __post_init__(self) -> None:
        self.out = b""
        self.sent: list[Packet] = []
        self.heard: list[Packet] = []
        self.acknowledged: list[Packet] = []
        self.sources: list[str] = []
        self.running = False
        self.is_gone = False
        self._reader = PacketReader()
        self._sequence = 0
        self._source = b""
        self._stdout = b""

    def receive(self, data: bytes) -> None:
        for packet in self._reader.feed(data):
            if not self.mute and not self.is_gone:
                self._take(packet)

    def say(self, text: str) -> None:
        self._stdout += text.encode()

    def event(self, channel: int, number: int | None, flags: int = 0) -> None:
        opcode = Opcode.SYS_EVENT if channel == 0 else Opcode.CHANNEL_EVENT
        payload = b"" if number is None else number.to_bytes(2, "little")
        self._put(Packet(self._sequence, channel, Flag.EVENT | flags, opcode, payload))

    def _take(self, packet: Packet) -> None:
        if packet.flags & (Flag.ACK | Flag.NAK):
            self.acknowledged.append(packet)
            return
        self.heard.append(packet)
        if self.lose.get(packet.opcode, 0) > 0:
            self.lose[packet.opcode] -= 1
        elif packet.opcode == Opcode.PROTO_SYNC:
            self._sequence = 0
            self._answer(packet, flags=Flag.ACK)
            self._sequence = 0
        elif packet.sequence != self._sequence:
            self._refuse(packet, NakStatus.SEQUENCE)
        elif self.naks.get(packet.opcode):
            self._refuse(packet, self.naks[packet.opcode].pop(0))
        else:
            self._act(packet)

    def _act(self, packet: Packet) -> None:
        match packet.opcode:
            case _ if packet.opcode in self.answers:
                self._answer(packet, self.answers[packet.opcode])
            case Opcode.PROTO_GET_CAPS:
                self._answer(packet, struct.pack("<IH10x", 0xF, MAX_PAYLOAD_BYTES))
            case Opcode.PROTO_VERSION:
                self._answer(packet, VERSIONS)
            case Opcode.SYS_INFO:
                self._answer(packet, SYSTEM_INFO)
            case Opcode.CHANNEL_LIST:
                self._answer(packet, b"".join(struct.pack("<BB14s", n, f, name.encode()) for n, f, name in CHANNELS))
            case Opcode.CHANNEL_POLL:
                self._answer(packet, (self.running << 1 | bool(self._stdout) << 2).to_bytes(4, "little"))
            case Opcode.CHANNEL_SIZE if packet.channel == ChannelId.STDOUT:
                self._answer(packet, len(self._stdout).to_bytes(4, "little"))
            case Opcode.CHANNEL_READ if packet.channel == ChannelId.STDOUT:
                self._read(packet)
            case Opcode.CHANNEL_WRITE if packet.channel == ChannelId.STDIN:
                self._write(packet)
            case Opcode.CHANNEL_IOCTL if packet.channel == ChannelId.STDIN:
                self._ioctl(packet)
            case Opcode.PROTO_SET_CAPS:
                self._answer(packet, flags=Flag.ACK)
            case Opcode.SYS_BOOT | Opcode.SYS_RESET:
                self.is_gone = True
            case _:
                self._refuse(packet, NakStatus.INVALID)

    def _read(self, packet: Packet) -> None:
        left = struct.unpack("<II", packet.payload)[1]
        while left > 0:
            piece, self._stdout = self._stdout[: min(left, 512)], self._stdout[min(left, 512) :]
            if not piece:
                self._refuse(packet, NakStatus.FAILED)
                return
            left -= len(piece)
            self._answer(packet, piece, Flag.FRAGMENT if left else 0)

    def _write(self, packet: Packet) -> None:
        offset, length = struct.unpack_from("<II", packet.payload)
        assert length == len(packet.payload) - 8
        self._source = packet.payload[8:] if offset == 0 else self._source + packet.payload[8:]
        self._answer(packet, flags=Flag.ACK)

    def _ioctl(self, packet: Packet) -> None:
        request = int.from_bytes(packet.payload, "little")
        if request == StdinRequest.EXEC and not self._source:
            self._refuse(packet, NakStatus.FAILED)
            return
        self._answer(packet, flags=Flag.ACK)
        if request == StdinRequest.STOP and self.running:
            self._end()
        elif request == StdinRequest.RESET:
            self._source = b""
        elif request == StdinRequest.EXEC:
            self._run()

    def _run(self) -> None:
        source, self._source = self._source.decode(), b""
        self.sources.append(source)
        self.running = True
        self.event(ChannelId.STDIN, StdinEvent.STARTED)
        try:
            printed = self.script(source)
        except Exception as error:
            printed = f"Traceback (most recent call last):\r\n{type(error).__name__}: {error}\r\n"
        if printed is None:
            return
        self.say(printed)
        self._end()

    def _end(self) -> None:
        """What follows a script: the soft reset, over which the protocol begins anew."""
        self.running = False
        self.event(ChannelId.STDIN, StdinEvent.STOPPED)
        self.event(ChannelId.TRANSPORT, SystemEvent.SOFT_REBOOT)
        self.say("MPY: soft reboot\r\n")
        self._sequence = 0

    def _refuse(self, packet: Packet, status: int) -> None:
        self._answer(packet, status.to_bytes(2, "little"), Flag.NAK)

    def _answer(self, packet: Packet, payload: bytes = b"", flags: int = 0) -> None:
        if not flags & (Flag.ACK | Flag.NAK):
            flags |= Flag.ACK_WANTED
        self._put(Packet(self._sequence, packet.channel, flags, packet.opcode, payload))
        self._sequence = (self._sequence + 1) % 256

    def _put(self, packet: Packet) -> None:
        self.sent.append(packet)
        self.out += self.noise + packet.encode()


@dataclass
class VirtualPort:
    """A port to a responder with a clock of its own: whoever listens in vain waits no time at all."""

    camera: Responder
    piece_bytes: int = 4096
    now_s: float = 1000.0

    def __post_init__(self) -> None:
        self.sent: list[bytes] = []

    def perform(self, action: PortAction) -> PortReply:
        if self.camera.is_gone:
            return PortGone()
        if isinstance(action, Send):
            self.sent.append(action.data)
            self.camera.receive(action.data)
            return Sent(self.now_s)
        assert isinstance(action, Listen)
        piece, self.camera.out = self.camera.out[: self.piece_bytes], self.camera.out[self.piece_bytes :]
        if piece:
            return Heard(piece, self.now_s)
        self.now_s = max(self.now_s, action.until_s)
        return Silent(self.now_s)
