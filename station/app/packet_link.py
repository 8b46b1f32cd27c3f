"""One session with one camera, as packets: what is sent, what counts as its answer, and when both start over.

1. There is one count for both directions. A request carries it, each packet of the answer carries it and moves it on
   by one, fragments and NAKs included. Events do not count.
2. An answer has the request's opcode and channel, and the count. Everything else is late or of another session: it is
   dropped. Only a NAK for a wrong count may have any count.
3. What asks for an ACK gets one: the camera does nothing else until then, and sends the packet again. What has been
   taken in already (a repetition with another count) is acknowledged and dropped.
4. A request without an answer is not sent again as it is: nobody knows whether it was acted upon. PROTO_SYNC comes
   first, which sets both counts to 0 and the capabilities back, then everything that was begun, from its beginning.
5. Each such try waits longer, and the port's limit ends them all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from station.app.answers import Capabilities
from station.app.conversation import BoundedPort, Turns
from station.app.omv_protocol import (
    MAX_PAYLOAD_BYTES,
    RETRIES,
    RETRY_TIMEOUT_S,
    ChannelId,
    Flag,
    NakStatus,
    Opcode,
    SystemEvent,
)
from station.app.packet import CameraEvent, Packet, PacketReader
from station.app.refusals import Reaction, Refusal, refusal_of
from station.errors import ApplicationError
from station.problem import sentence

Result = TypeVar("Result")

MAX_SENDINGS: Final = 4
"""How often one request is sent within one try, if the camera asks for it."""
BUSY_PAUSE_S: Final = 0.05
MAX_ANSWER_BYTES: Final = 1 << 20
MAX_EVENTS: Final = 256
_SEQUENCES: Final = 256


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the camera may take, in seconds.

    An answer may take `answer_s`, twice that after each of the `retries`; one conversation `limit_s` in all. The first
    two are what the camera itself allows the station.
    """

    answer_s: float = RETRY_TIMEOUT_S
    retries: int = RETRIES
    limit_s: float = 20.0
    send_s: float = 1.0

    def windows_s(self) -> Iterator[float]:
        """The time for an answer at the first try and at each retry."""
        return (self.answer_s * 2**retry for retry in range(self.retries + 1))

    @property
    def longest_s(self) -> float:
        """The time for an answer at the last retry."""
        return self.answer_s * 2.0**self.retries


class OutOfStep(Exception):
    """The two sides must start over. `is_silence`: no answer came, so that nobody knows whether it was acted upon."""

    def __init__(self, reason: str, *, is_silence: bool) -> None:
        super().__init__(reason)
        self.message = reason
        self.is_silence = is_silence


class PacketLink:
    """See the module. `events` holds the newest of what the camera said by itself; `capabilities`, what was agreed."""

    def __init__(self, timing: Timing, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self.timing = timing
        self.port = BoundedPort(timing.send_s)
        self.capabilities = Capabilities()
        self.events: deque[CameraEvent] = deque(maxlen=MAX_EVENTS)
        self.is_in_step = False
        self._max_payload_bytes = max_payload_bytes
        self._reader = PacketReader()
        self._inbox: deque[Packet] = deque()
        self._sequence = 0
        self._window_s = timing.answer_s
        self._packets = 0
        self._has_answered = False

    def robustly(self, what: str, body: Callable[[], Turns[Result]]) -> Turns[Result]:
        """Carry `body` out in step with the camera; if it is lost from its beginning again, at most `retries` times."""
        lost = OutOfStep(sentence("nothing was tried"), is_silence=True)
        for window_s in self.timing.windows_s():
            self._window_s = window_s
            try:
                if not self.is_in_step:
                    yield from self._synchronize()
                return (yield from body())
            except OutOfStep as error:
                self.is_in_step, lost = False, error
            if self.port.is_over:
                break
        raise self._given_up(what, lost)

    def exchange(
        self, opcode: Opcode, channel: int = ChannelId.TRANSPORT, payload: bytes = b"", *, window_s: float = 0.0
    ) -> Turns[bytes]:
        """One request and the payload of its answer. OutOfStep; ApplicationError for a NAK that stays one."""
        refusal: Refusal | None = None
        for _ in range(MAX_SENDINGS):
            answer = yield from self._ask(opcode, channel, payload, max(window_s, self._window_s))
            if not isinstance(answer, Refusal):
                return answer
            refusal = answer
            if refusal.reaction is Reaction.SYNCHRONIZE:
                raise OutOfStep(
                    sentence("{request}: {what}", request=opcode.name, what=refusal.meaning), is_silence=False
                )
            if refusal.reaction is Reaction.GIVE_UP:
                break
            if refusal.reaction is Reaction.SEND_LATER:
                yield from self.pause(BUSY_PAUSE_S)
        assert refusal is not None
        raise _refused(opcode, refusal)

    def order(self, opcode: Opcode, leaving_s: float) -> Turns[None]:
        """A request that has no answer but a NAK, for which `leaving_s` is given. OutOfStep; ApplicationError."""
        yield from self._send(Packet(self._sequence, ChannelId.TRANSPORT, 0, opcode))
        for packet in (yield from self._gather(leaving_s)):
            if packet.opcode != opcode or not packet.flags & Flag.NAK:
                continue
            refusal = refusal_of(packet.payload)
            if refusal.reaction is Reaction.GIVE_UP:
                raise _refused(opcode, refusal)
            raise OutOfStep(sentence("{request}: {what}", request=opcode.name, what=refusal.meaning), is_silence=False)

    def pause(self, duration_s: float) -> Turns[None]:
        """Wait, and take in what the camera says meanwhile."""
        yield from self._gather(duration_s)

    def _gather(self, duration_s: float) -> Turns[list[Packet]]:
        """What comes for so long, attended to."""
        until_s = self.port.now_s + duration_s
        while self.port.now_s < until_s and not self.port.is_over:
            self._take_in((yield from self.port.listen(until_s)))
        gathered = list(self._inbox)
        self._inbox.clear()
        for packet in gathered:
            yield from self._attend(packet)
        return gathered

    def _send(self, packet: Packet) -> Turns[None]:
        if not (yield from self.port.send(packet.encode())):
            raise OutOfStep(sentence("the camera takes no bytes"), is_silence=True)

    def _synchronize(self) -> Turns[None]:
        self._reader.clear()
        self._inbox.clear()
        self._sequence = 0
        yield from self.exchange(Opcode.PROTO_SYNC)
        self._sequence = 0
        self._has_answered = True
        offered = decoded(Capabilities.decode, (yield from self.exchange(Opcode.PROTO_GET_CAPS)))
        agreed = Capabilities(max_payload_bytes=min(offered.max_payload_bytes, self._max_payload_bytes))
        yield from self.exchange(Opcode.PROTO_SET_CAPS, payload=agreed.encode())
        self.capabilities, self.is_in_step = agreed, True

    def _ask(self, opcode: Opcode, channel: int, payload: bytes, window_s: float) -> Turns[bytes | Refusal]:
        request = Packet(self._sequence, channel, 0, opcode, payload)
        yield from self._send(request)
        parts: list[bytes] = []
        size_bytes = 0
        while True:
            packet = yield from self._answer_packet(request, window_s)
            if packet.flags & Flag.NAK:
                return refusal_of(packet.payload)
            parts.append(packet.payload)
            size_bytes += len(packet.payload)
            if size_bytes > MAX_ANSWER_BYTES:
                endless = sentence("the camera's answer to {request} has no end", request=opcode.name)
                raise ApplicationError("test.protocol", endless)
            if not packet.flags & Flag.FRAGMENT:
                return b"".join(parts)

    def _answer_packet(self, request: Packet, window_s: float) -> Turns[Packet]:
        """The next packet of the answer; all others are attended to."""
        until_s = self.port.now_s + window_s
        while True:
            packet = yield from self._next_packet(request, until_s)
            is_answer = self._is_answer(packet, request)
            yield from self._attend(packet, is_answer=is_answer)
            if is_answer:
                self._sequence = (self._sequence + 1) % _SEQUENCES
                return packet

    def _next_packet(self, request: Packet, until_s: float) -> Turns[Packet]:
        while not self._inbox:
            if self.port.now_s >= until_s or self.port.is_over:
                # A packet that never becomes whole may hide one that is.
                self._receive(self._reader.give_up())
                if not self._inbox:
                    raise OutOfStep(
                        sentence("no answer to {request}", request=Opcode(request.opcode).name), is_silence=True
                    )
            else:
                self._take_in((yield from self.port.listen(until_s)))
        return self._inbox.popleft()

    def _is_answer(self, packet: Packet, request: Packet) -> bool:
        if packet.is_event or (packet.opcode, packet.channel) != (request.opcode, request.channel):
            return False
        if packet.opcode == Opcode.PROTO_SYNC:
            return bool(packet.flags & Flag.ACK)
        if packet.flags & Flag.NAK and int.from_bytes(packet.payload[:2], "little") == NakStatus.SEQUENCE:
            return True
        return packet.sequence == self._sequence

    def _attend(self, packet: Packet, *, is_answer: bool = False) -> Turns[None]:
        """Keep an event, acknowledge what waits for it."""
        if packet.is_event:
            self.events.append(event := CameraEvent.of(packet))
            if (event.channel, event.number) == (ChannelId.TRANSPORT, SystemEvent.SOFT_REBOOT):
                self.is_in_step = False
        if packet.flags & Flag.ACK_WANTED and (is_answer or packet.flags & (Flag.EVENT | Flag.REPEATED)):
            yield from self.port.send(packet.acknowledgement().encode())

    def _take_in(self, data: bytes) -> None:
        self._receive(self._reader.feed(data))

    def _receive(self, packets: list[Packet]) -> None:
        self._packets += len(packets)
        self._inbox.extend(packets)

    def _given_up(self, what: str, lost: OutOfStep) -> ApplicationError:
        if self._has_answered:
            code = "test.answer_lost" if lost.is_silence else "test.protocol"
            return ApplicationError(code, sentence("{what} came to nothing: {error}", what=what, error=lost))
        if self._packets:
            return ApplicationError("test.protocol", sentence("the camera answers out of turn: {error}", error=lost))
        text = sentence("the camera does not speak the OpenMV protocol")
        if heard := self._reader.dropped_bytes:
            text = sentence("{what} ({count} bytes came that are no packet)", what=text, count=heard)
        return ApplicationError("test.no_answer", text)


def _refused(opcode: Opcode, refusal: Refusal) -> ApplicationError:
    text = sentence("the camera refused {request}: {what}", request=opcode.name, what=refusal.meaning)
    return ApplicationError(refusal.code, text)


def decoded(decode: Callable[[bytes], Result], raw: bytes) -> Result:
    """What an answer means; ApplicationError `test.protocol` where it means nothing."""
    try:
        return decode(raw)
    except ValueError as error:
        text = sentence("the camera's answer makes no sense: {error}", error=error)
        raise ApplicationError("test.protocol", text) from error
