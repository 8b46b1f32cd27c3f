"""A script of ours in the camera: handed over, started, its output read, its end distinguished from its silence.

What the firmware does (openmv `protocol/omv_protocol_channel_stdio.c`, `ports/alif/main.c`), and what follows from it:

1. EXEC while another script runs loses the new one: the old one's end empties the buffer. So STOP comes first, and the
   end is waited for.
2. A script that has ended is followed by a soft reset, over which the protocol starts over (count 0, a script that was
   handed over meanwhile is lost). Output that was not read is kept.
3. Output is kept in a ring; what does not fit throws away what was there before. The marks show what is whole.
4. A piece of output that was read and did not arrive is lost. So such a request gets the longest time at once.
5. An EXEC that may have been lost is repeated: what counts is what follows the last first mark.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from station.app.answers import decode_u32
from station.app.conversation import Turns
from station.app.omv_protocol import ChannelId, Opcode, StdinEvent, StdinRequest
from station.app.packet_link import OutOfStep, PacketLink, decoded
from station.errors import ApplicationError
from station.problem import sentence
from station.terminal_text import printable

LOOK_S: Final = 0.05
"""Between two looks at the output: as often as the camera itself has a look at its port."""
START_S: Final = 3.0
"""How long a script that was started may show no sign of it before it is handed over once more."""
STARTS: Final = 3
STOP_S: Final = 3.0
"""How long a script may take to be stopped."""
SETTLE_S: Final = 0.3
"""After a script was stopped: the soft reset."""
MAX_OUTPUT_BYTES: Final = 1 << 18
_WRITE_HEADER = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class ScriptOutput:
    """What a script printed from its beginning to its end, lines ended by "\\n"."""

    text: str


def write_channel(link: PacketLink, channel: int, data: bytes) -> Turns[None]:
    """Write in as many packets as it takes."""
    piece_bytes = link.capabilities.max_payload_bytes - _WRITE_HEADER.size
    for offset in range(0, len(data), piece_bytes):
        piece = data[offset : offset + piece_bytes]
        yield from link.exchange(Opcode.CHANNEL_WRITE, channel, _WRITE_HEADER.pack(offset, len(piece)) + piece)


def start_script(link: PacketLink, source: str) -> Turns[None]:
    """Empty the script buffer, fill it, run it."""
    yield from request_of_stdin(link, StdinRequest.RESET)
    yield from write_channel(link, ChannelId.STDIN, source.encode())
    yield from request_of_stdin(link, StdinRequest.EXEC)


def request_of_stdin(link: PacketLink, request: StdinRequest) -> Turns[None]:
    """One of the three requests."""
    yield from link.exchange(Opcode.CHANNEL_IOCTL, ChannelId.STDIN, request.to_bytes(4, "little"))


class ScriptRun:
    """One script, once. See the module and `Client.run_script`."""

    def __init__(self, link: PacketLink, source: str, mark: str, limit_s: float) -> None:
        self._link = link
        self._first, self._last = f"<{mark}>".encode(), f"</{mark}>".encode()
        self._source = f"print('<{mark}>')\n{source}\nprint('</{mark}>')\n"
        self._limit_s = limit_s
        self._heard = b""

    def turns(self) -> Turns[ScriptOutput]:
        """The whole run."""
        link = self._link
        link.port.begin(link.timing.limit_s)
        yield from link.robustly(sentence("stopping the script before"), self._stop_other)
        # The camera's own answers have their usual time beside the script's.
        link.port.begin(self._limit_s + link.timing.limit_s)
        end_s = link.port.now_s + self._limit_s
        for _ in range(STARTS):
            yield from self._start()
            while link.port.now_s < end_s:
                more = yield from link.robustly(sentence("reading the script's output"), self._look)
                if self._is_whole() or (not more and self._has_stopped()):
                    return self._output()
                if not more and self._is_unseen():
                    break
                if not more:
                    yield from link.pause(LOOK_S)
            else:
                break
        raise (yield from self._timed_out())

    def _stop_other(self) -> Turns[None]:
        link = self._link
        until_s = link.port.now_s + STOP_S
        stopped = False
        while (yield from self._is_running()):
            if link.port.now_s >= until_s:
                raise ApplicationError("test.script_timeout", sentence("the script that ran before cannot be stopped"))
            if not stopped:
                yield from request_of_stdin(link, StdinRequest.STOP)
                stopped = True
            yield from link.pause(LOOK_S)
        if stopped:
            yield from link.pause(SETTLE_S)

    def _is_running(self) -> Turns[bool]:
        flags = decoded(decode_u32, (yield from self._link.exchange(Opcode.CHANNEL_POLL)))
        return bool(flags >> ChannelId.STDIN & 1)

    def _start(self) -> Turns[None]:
        self._link.events.clear()
        yield from self._link.robustly(sentence("the script's start"), lambda: start_script(self._link, self._source))
        self._started_s = self._link.port.now_s

    def _look(self) -> Turns[bool]:
        """Read what has been printed; whether it was anything."""
        link = self._link
        size_bytes = decoded(decode_u32, (yield from link.exchange(Opcode.CHANNEL_SIZE, ChannelId.STDOUT)))
        if not size_bytes:
            return False
        wanted = _WRITE_HEADER.pack(0, min(size_bytes, link.capabilities.max_payload_bytes))
        try:
            self._heard += yield from link.exchange(
                Opcode.CHANNEL_READ, ChannelId.STDOUT, wanted, window_s=link.timing.longest_s
            )
        except OutOfStep as error:
            if error.is_silence:
                text = sentence("a part of the script's output was lost")
                raise ApplicationError("test.answer_lost", text) from error
            raise
        if len(self._heard) > MAX_OUTPUT_BYTES:
            text = sentence("the script printed more than {count} bytes", count=MAX_OUTPUT_BYTES)
            raise ApplicationError("test.protocol", text)
        return True

    def _is_whole(self) -> bool:
        return self._last in self._heard.rpartition(self._first)[2]

    def _has_stopped(self) -> bool:
        """Whether the camera said that the script is over, with or without its last mark."""
        numbers = [event.number for event in self._link.events if event.channel == ChannelId.STDIN]
        return StdinEvent.STARTED in numbers and numbers[-1] == StdinEvent.STOPPED

    def _is_unseen(self) -> bool:
        """Whether nothing has come of the start, and nothing will."""
        signs = self._first in self._heard or any(event.channel == ChannelId.STDIN for event in self._link.events)
        return not signs and self._link.port.now_s >= self._started_s + START_S

    def _output(self) -> ScriptOutput:
        heard = self._heard.rpartition(self._first)[2]
        printed, ended, _ = heard.partition(self._last)
        text = printed.decode(errors="replace").replace("\r\n", "\n").removeprefix("\n")
        if not ended:
            last_line = printable(_last_word(text))
            early = sentence("the script ended early: {error}", error=last_line or sentence("it printed nothing"))
            raise ApplicationError("test.script_failed", early)
        return ScriptOutput(text)

    def _timed_out(self) -> Turns[ApplicationError]:
        """Stop the script, whether or not that works, and say so."""
        late = sentence("the script did not end within {seconds} s", seconds=f"{self._limit_s:g}")
        failure = ApplicationError("test.script_timeout", late)
        self._link.port.begin(STOP_S)
        try:
            yield from self._link.robustly(
                sentence("stopping the script"), lambda: request_of_stdin(self._link, StdinRequest.STOP)
            )
        except ApplicationError:
            return failure
        return failure


def _last_word(text: str) -> str:
    """The line that names the exception: the last one, but for what the soft reset prints behind it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("MPY: soft reboot")]
    return lines[-1][:200] if lines else ""
