"""What a station asks of a camera's application. Each method returns a conversation; nothing is sent yet.

Every conversation ends within its limit, with a result or with an ApplicationError: `test.no_answer` where nothing
speaks the protocol (firmware 4.x, or a mute camera), `test.answer_lost` where it did and stopped, `test.refused`,
`test.unsupported` and `test.busy` for what the camera refuses, `test.protocol` for nonsense, `test.port_vanished` and
`test.port_io` for the port. The first conversation finds out whether the protocol is spoken; there is no other opening.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

from station.app.answers import Capabilities, Channel, SystemInfo, Versions, decode_channels, decode_u32
from station.app.conversation import Conversation, Turns
from station.app.omv_protocol import MAX_PAYLOAD_BYTES, ChannelId, Opcode, StdinRequest
from station.app.packet_link import PacketLink, Timing, decoded
from station.app.script import ScriptOutput, ScriptRun, start_script, write_channel
from station.errors import ApplicationError

Result = TypeVar("Result")

LEAVING_S = 1.0
"""How long a camera may take to leave the bus, or to refuse, once it was asked to."""


class Leaving(Enum):
    """How a camera took the request to leave. Only what enumerates next proves anything."""

    VANISHED = auto()
    """Its serial port is gone."""
    SENT = auto()
    """Nothing has happened yet."""


class Client:
    """A session with one camera over one port. One conversation at a time."""

    def __init__(self, timing: Timing | None = None, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._link = PacketLink(timing or Timing(), max_payload_bytes)

    @property
    def capabilities(self) -> Capabilities:
        """What was agreed at the last synchronization."""
        return self._link.capabilities

    @property
    def events(self) -> tuple[tuple[int, int], ...]:
        """What the camera said by itself, oldest first: channel and number. Only the newest 256 are kept."""
        return tuple((event.channel, event.number) for event in self._link.events)

    def synchronize(self) -> Conversation[Capabilities]:
        """Find out whether the protocol is spoken, and agree on capabilities."""
        self._link.is_in_step = False
        return self._conversation("PROTO_SYNC", self._agreed)

    def versions(self) -> Conversation[Versions]:
        """PROTO_VERSION."""
        return self._question(Versions.decode, Opcode.PROTO_VERSION)

    def system_info(self) -> Conversation[SystemInfo]:
        """SYS_INFO."""
        return self._question(SystemInfo.decode, Opcode.SYS_INFO)

    def channels(self) -> Conversation[tuple[Channel, ...]]:
        """CHANNEL_LIST."""
        return self._question(decode_channels, Opcode.CHANNEL_LIST)

    def ready_channels(self) -> Conversation[frozenset[int]]:
        """CHANNEL_POLL: the channels that have something; stdin among them means that a script runs."""

        def decode(raw: bytes) -> frozenset[int]:
            flags = decode_u32(raw)
            return frozenset(channel for channel in range(32) if flags >> channel & 1)

        return self._question(decode, Opcode.CHANNEL_POLL)

    def size(self, channel: int) -> Conversation[int]:
        """CHANNEL_SIZE: bytes that can be read now."""
        return self._question(decode_u32, Opcode.CHANNEL_SIZE, channel)

    def read(self, channel: int, length_bytes: int, offset: int = 0) -> Conversation[bytes]:
        """CHANNEL_READ. What was read from a stream such as stdout is gone from the camera, even if it was lost."""
        return self._question(bytes, Opcode.CHANNEL_READ, channel, struct.pack("<II", offset, length_bytes))

    def write(self, channel: int, data: bytes) -> Conversation[None]:
        """CHANNEL_WRITE, from offset 0, in as many packets as it takes."""
        return self._conversation("CHANNEL_WRITE", lambda: write_channel(self._link, channel, data))

    def ioctl(self, channel: int, request: int, data: bytes = b"") -> Conversation[None]:
        """CHANNEL_IOCTL."""

        def ignore(raw: bytes) -> None:
            return None

        return self._question(ignore, Opcode.CHANNEL_IOCTL, channel, request.to_bytes(4, "little") + data)

    def start_script(self, source: str) -> Conversation[None]:
        """Hand a script over and start it, as OpenMV's own client does; its output is not waited for."""
        return self._conversation("the script's start", lambda: start_script(self._link, source))

    def stop_script(self) -> Conversation[None]:
        """Stop the script that runs, if any."""
        return self.ioctl(ChannelId.STDIN, StdinRequest.STOP)

    def run_script(self, source: str, mark: str, limit_s: float) -> Conversation[ScriptOutput]:
        """Run a script to its end. `mark` tells its output from all other: a word unlike any that was used before.

        A script of ours should be small enough for one packet and print less than 2,048 bytes at once: the AE3 keeps no
        more. ApplicationError besides those of every conversation: `test.script_failed` (it raised),
        `test.script_timeout` (it did not end within `limit_s`; it was stopped).
        """
        return Conversation(ScriptRun(self._link, source, mark, limit_s).turns())

    def reset(self) -> Conversation[Leaving]:
        """SYS_RESET: a restart."""
        return self._leave(Opcode.SYS_RESET)

    def enter_bootloader(self) -> Conversation[Leaving]:
        """SYS_BOOT: into the bootloader, which then waits without its usual limit."""
        return self._leave(Opcode.SYS_BOOT)

    def _agreed(self) -> Turns[Capabilities]:
        yield from ()
        return self._link.capabilities

    def _question(
        self, decode: Callable[[bytes], Result], opcode: Opcode, channel: int = 0, payload: bytes = b""
    ) -> Conversation[Result]:
        def body() -> Turns[Result]:
            raw = yield from self._link.exchange(opcode, channel, payload)
            return decoded(decode, raw)

        return self._conversation(opcode.name, body)

    def _conversation(self, what: str, body: Callable[[], Turns[Result]]) -> Conversation[Result]:
        def turns() -> Turns[Result]:
            self._link.port.begin(self._link.timing.limit_s)
            return (yield from self._link.robustly(what, body))

        return Conversation(turns())

    def _leave(self, opcode: Opcode) -> Conversation[Leaving]:
        return self._conversation(opcode.name, lambda: self._leaving(opcode))

    def _leaving(self, opcode: Opcode) -> Turns[Leaving]:
        link = self._link
        try:
            yield from link.order(opcode, LEAVING_S)
        except ApplicationError as error:
            if error.code == "test.port_vanished":
                return Leaving.VANISHED
            raise
        return Leaving.SENT
