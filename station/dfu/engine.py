"""One DFU session as requests out and replies in: which request follows which answer, and nothing else.

The rules that it keeps were learnt from the camera's class driver (TinyUSB) and from its chip:

- SET_INTERFACE comes before everything, since a device may keep its alternate setting, state and even a pending block
  over a configuration; and never beyond the last alternate setting: the device accepts it and reads past its table.
- A block is DNLOAD, GETSTATUS (dfuDNBUSY; the write begins only then), GETSTATUS (dfuDNLOAD-IDLE). The device announces
  no poll time and answers nothing while it writes, so the second GETSTATUS waits long, and is followed by another,
  equally patient, before the camera is given up. Never ABORT there: a device that was given up while it wrote came
  back after a GETSTATUS, not after an ABORT.
- After a failed DNLOAD comes ABORT and never GETSTATUS, which would write the half block that has arrived.
- No UPLOAD while a block is pending: it discards the block, silently. The table leaves no room for one.
- The end of an image is never announced on the bootloader's own partition: it would make its memory non-executable.
- No IN request of zero bytes, and no UPLOAD where the device has none to give: its USB driver cannot send an empty data
  stage, and endpoint 0 may be dead afterwards.
- A write-protected partition's block 0 goes first: it lifts the protection, and any other block hangs the camera.
- dfuERROR is read with its status and left by CLRSTATUS before the error is raised, so that the session can go on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import NoReturn

from station.dfu.actions import (
    Action,
    ControlIn,
    ControlOut,
    Data,
    Done,
    Gone,
    Payload,
    Reply,
    SetInterface,
    Stalled,
    Wait,
)
from station.dfu.actions import TimedOut as TimedOut
from station.dfu.dfu_failures import Place, link_error, protocol_error, state_name, status_error, status_name
from station.dfu.dfu_protocol import STATUS_SIZE_BYTES, Request, State, Status, StatusCode
from station.dfu.limits import UNKNOWN_MEDIUM, TimeLimits
from station.dfu.operation import Finished, Operation, Steps, drive
from station.dfu.transition_table import LOSS_OF, SAID, TABLE, Belief, Event, ProtocolMisuse
from station.errors import CameraError, UsbError
from station.problem import Sentence, sentence

__all__ = ["DetachResult", "Engine", "Finished", "Operation", "ProtocolMisuse", "ShortFrame", "drive"]

MAX_STATUS_REQUESTS = 200
"""GETSTATUS requests for one block or one image's end, whatever the device answers: every operation ends."""
PATIENCE = 1
"""How often in a row a GETSTATUS may stay unanswered before one more is the last."""
BLOCK_NUMBERS = range(0x10000)
DETACH_TIMEOUT_MS = 1000
"""wTimeout of DETACH; the device names this value in its functional descriptor and ignores it."""

_decode_status = lru_cache(maxsize=64)(Status.decode)
"""A flash decodes thousands of statuses, and nearly all are one of two."""


@lru_cache(maxsize=64)
def _get_status(timeout_s: float) -> ControlIn:
    return ControlIn(Request.GETSTATUS, 0, STATUS_SIZE_BYTES, timeout_s)


@dataclass(frozen=True, slots=True)
class ShortFrame:
    """An UPLOAD that brought fewer bytes than asked: the end of the partition."""

    size_bytes: int


class DetachResult(Enum):
    """How a camera answered DETACH. Each may mean success: only the application coming back proves it."""

    ACKNOWLEDGED = auto()
    """The request was answered."""
    VANISHED = auto()
    """The camera left the bus before it answered."""
    REFUSED = auto()
    """The request was stalled."""
    UNANSWERED = auto()
    """Nothing came back, or an I/O error."""


class Engine:
    """One session with one device. Its methods check what they are given and return an operation; nothing is sent yet.

    It knows no board: which alternate settings there are, which are never written or uploaded, which are
    write-protected until their block 0 is written, and how long a block is, all is given.
    Raises ProtocolMisuse for whatever must never be sent.
    """

    def __init__(
        self,
        *,
        alts: Collection[int],
        never_written: Collection[int],
        never_uploaded: Collection[int],
        protected: Collection[int],
        transfer_size_bytes: int,
    ) -> None:
        self.belief = Belief.UNSELECTED
        self._alts = alts
        self._never_written = never_written
        self._never_uploaded = never_uploaded
        self._protected: frozenset[int | None] = frozenset(protected)
        self._locked = set(self._protected)
        self._lengths = range(1, transfer_size_bytes + 1)
        self._limits: TimeLimits = UNKNOWN_MEDIUM
        self._alt: int | None = None
        self._label = ""
        self._block: int | None = None

    # What a caller asks for

    def select(self, alt: int, label: str = "", limits: TimeLimits = UNKNOWN_MEDIUM) -> Operation[None]:
        """Choose the partition for everything that follows. `label` is its name in messages."""
        if alt not in self._alts:
            raise ProtocolMisuse(f"this device has no alternate setting {alt}")
        return Operation(self._select(alt, label, limits))

    def upload_block(self, block: int, length_bytes: int) -> Operation[Payload | ShortFrame]:
        """Read a block; the whole payload, valid until the next request, or `ShortFrame` past the partition's end."""
        self._check_block(block, length_bytes)
        return Operation(self._upload(block, length_bytes))

    def download_block(self, block: int, data: Payload) -> Operation[None]:
        """Write a block and wait until the device has stored it."""
        self._check_block(block, len(data))
        return Operation(self._download(block, data))

    def finish_image(self) -> Operation[None]:
        """Announce the end of an image (manifest); an on-chip partition's write protection is back then."""
        return Operation(self._finish_image())

    def get_status(self) -> Operation[Status]:
        """Ask for status and state. Reports dfuERROR like any other state: it is left by `clear_status`."""
        return Operation(self._read_status())

    def get_state(self) -> Operation[State]:
        """Ask for the state alone."""
        return Operation(self._read_state())

    def clear_status(self) -> Operation[None]:
        """Leave dfuERROR."""
        return Operation(self._order(Event.CLRSTATUS, Request.CLRSTATUS))

    def abort(self) -> Operation[None]:
        """Go back to dfuIDLE; a block that is pending is dropped."""
        return Operation(self._order(Event.ABORT, Request.ABORT))

    def detach(self) -> Operation[DetachResult]:
        """Ask the device to leave its bootloader. Raises for no reply whatever; may be repeated."""
        return Operation(self._detach())

    # How it is done

    def _check_block(self, block: int, length_bytes: int) -> None:
        if block not in BLOCK_NUMBERS or length_bytes not in self._lengths:
            raise ProtocolMisuse(f"there is no block {block} of {length_bytes} bytes")

    def _select(self, alt: int, label: str, limits: TimeLimits) -> Steps[None]:
        self._alt, self._label, self._limits, self._block = alt, label, limits, None
        reply = yield from self._send(Event.SELECT, SetInterface(alt))
        if type(reply) is not Done:
            raise link_error(reply, "SET_INTERFACE", self._place)

    def _upload(self, block: int, length_bytes: int) -> Steps[Payload | ShortFrame]:
        if self._alt in self._never_uploaded:
            raise ProtocolMisuse(f"alt {self._alt} must not be uploaded")
        self._block = block
        action = ControlIn(Request.UPLOAD, block, length_bytes, self._limits.upload_s)
        reply = yield from self._send(Event.UPLOAD, action)
        if type(reply) is not Data:
            raise link_error(reply, "UPLOAD", self._place)
        size_bytes = len(reply.payload)
        if size_bytes == length_bytes:
            return reply.payload
        if size_bytes > length_bytes:
            self._out_of_turn(
                sentence("{found} bytes came where {expected} were asked for", found=size_bytes, expected=length_bytes)
            )
        return ShortFrame(size_bytes)

    def _download(self, block: int, data: Payload) -> Steps[None]:
        if self._alt in self._never_written:
            raise ProtocolMisuse(f"alt {self._alt} must not be written")
        if block and self._alt in self._locked:
            raise ProtocolMisuse(f"alt {self._alt} is write-protected: block 0 goes first")
        self._block = block
        reply = yield from self._send(Event.DNLOAD, ControlOut(Request.DNLOAD, block, data, self._limits.request_s))
        if type(reply) is not Done:
            yield from self._drop_block(reply)
        yield from self._until(Belief.DOWNLOADING, self._limits.write_s)
        if block == 0:
            self._locked.discard(self._alt)

    def _finish_image(self) -> Steps[None]:
        # Alt 0 is the bootloader that runs: its manifest makes it non-executable, whoever may write it.
        if self._alt == 0 or self._alt in self._never_written:
            raise ProtocolMisuse(f"alt {self._alt} has no image to finish")
        self._block = None
        # Lost or not, the answer must not leave us trusting that the protection is still lifted.
        self._locked |= self._protected & {self._alt}
        action = ControlOut(Request.DNLOAD, 0, b"", self._limits.request_s)
        reply = yield from self._send(Event.DNLOAD_END, action)
        if type(reply) is not Done:
            yield from self._drop_block(reply)
        yield from self._until(Belief.IDLE, self._limits.manifest_s)

    def _until(self, wanted: Belief, limit_s: float) -> Steps[None]:
        """GETSTATUS until the device is where it should be. The first one is answered before the work begins."""
        timeout_s = self._limits.request_s
        silences, left_s = 0, limit_s
        for _ in range(MAX_STATUS_REQUESTS):
            status = yield from self._ask_status(timeout_s)
            timeout_s = limit_s
            if status is None:
                silences += 1
                if silences > PATIENCE:
                    raise UsbError(
                        "usb.timeout", self._place.says(sentence("no answer to {request}, twice", request="GETSTATUS"))
                    )
                continue
            silences = 0
            if self.belief is wanted:
                return
            if status.state == State.DFU_ERROR:
                yield from self._leave_error(status.status)
            if status.poll_timeout_ms > limit_s * 1000:
                # Waited for as far as allowed, block after block, it would keep the slot for days.
                wanted_s = status.poll_timeout_ms / 1000
                raise protocol_error(
                    sentence(
                        "the camera wants {wanted} s, {limit} s is the limit",
                        wanted=f"{wanted_s:g}",
                        limit=f"{limit_s:g}",
                    ),
                    self._place,
                )
            if status.poll_timeout_ms:
                left_s = yield from self._wait(status.poll_timeout_ms / 1000, left_s)
        raise protocol_error(
            sentence("still {state}, without end", state=state_name(status.state) if status else "silent"), self._place
        )

    def _wait(self, duration_s: float, left_s: float) -> Steps[float]:
        """The poll time that the device asks for, within the time limit; what is left of the limit afterwards."""
        if left_s <= 0:
            raise UsbError(
                "usb.timeout",
                self._place.says(sentence("still at work after its time limit")),
            )
        yield Wait(min(duration_s, left_s))
        return left_s - duration_s

    def _ask_status(self, timeout_s: float) -> Steps[Status | None]:
        """One GETSTATUS; None where the device kept silent."""
        reply = yield from self._send(Event.GETSTATUS, _get_status(timeout_s))
        if type(reply) is Data:
            return self._hear_status(reply.payload)
        if type(reply) is TimedOut:
            return None
        raise link_error(reply, "GETSTATUS", self._place)

    def _hear_status(self, payload: Payload) -> Status:
        if len(payload) != STATUS_SIZE_BYTES:
            self._out_of_turn(sentence("a status of {count} bytes", count=len(payload)))
        status = _decode_status(bytes(payload))
        if status.status != StatusCode.OK and status.state != State.DFU_ERROR:
            self._out_of_turn(
                sentence("{status} in {state}", status=status_name(status.status), state=state_name(status.state))
            )
        self._hear(status.state)
        return status

    def _hear(self, state: int) -> None:
        """Follow the state that the device names."""
        after = TABLE[self.belief].get(SAID + state)
        if after is None:
            self._out_of_turn(
                sentence(
                    "the camera says {state} where it cannot be ({belief})",
                    state=state_name(state),
                    belief=self.belief.name.lower(),
                )
            )
        self.belief = after

    def _out_of_turn(self, what: Sentence) -> NoReturn:
        self.belief = TABLE[self.belief][Event.LOST]
        raise protocol_error(what, self._place)

    def _leave_error(self, status: int) -> Steps[NoReturn]:
        """CLRSTATUS, then the error; what the device answers to CLRSTATUS does not matter any more."""
        yield from self._send(Event.CLRSTATUS, ControlOut(Request.CLRSTATUS, 0, b"", self._limits.request_s))
        raise status_error(status, self._place)

    def _drop_block(self, failed: Reply) -> Steps[NoReturn]:
        """After a DNLOAD that failed: ABORT, so that nothing half is ever written, then the error."""
        error: CameraError = link_error(failed, "DNLOAD", self._place)
        if type(failed) is not Gone:
            reply = yield from self._send(Event.ABORT, ControlOut(Request.ABORT, 0, b"", self._limits.request_s))
            if type(reply) is Gone:
                # The first sign of a camera pulled out may be an I/O error; that it is gone is the better word.
                error = link_error(reply, "DNLOAD", self._place)
        raise error

    def _read_status(self) -> Steps[Status]:
        self._block = None
        status = yield from self._ask_status(self._patience_s)
        if status is None:
            raise UsbError("usb.timeout", self._place.says(sentence("no answer to {request}", request="GETSTATUS")))
        return status

    def _read_state(self) -> Steps[State]:
        self._block = None
        reply = yield from self._send(Event.GETSTATE, ControlIn(Request.GETSTATE, 0, 1, self._patience_s))
        if type(reply) is not Data:
            raise link_error(reply, "GETSTATE", self._place)
        if len(reply.payload) != 1:
            self._out_of_turn(sentence("a state of {count} bytes", count=len(reply.payload)))
        state = reply.payload[0]
        self._hear(state)
        return State(state)

    @property
    def _patience_s(self) -> float:
        """A device that may be writing is asked with the time limit of the write."""
        return max(self._limits.request_s, self._limits.write_s)

    def _order(self, event: Event, request: Request) -> Steps[None]:
        self._block = None
        reply = yield from self._send(event, ControlOut(request, 0, b"", self._limits.request_s))
        if type(reply) is not Done:
            raise link_error(reply, request.name, self._place)

    def _detach(self) -> Steps[DetachResult]:
        self._block = None
        if self.belief is Belief.GONE:
            return DetachResult.VANISHED
        action = ControlOut(Request.DETACH, DETACH_TIMEOUT_MS, b"", self._limits.detach_s)
        reply = yield from self._send(Event.DETACH, action)
        if type(reply) is Done:
            return DetachResult.ACKNOWLEDGED
        if type(reply) is Gone:
            return DetachResult.VANISHED
        return DetachResult.REFUSED if type(reply) is Stalled else DetachResult.UNANSWERED

    def _send(self, event: Event, action: Action) -> Steps[Reply]:
        """One request: refused here where the table has no place for it, and believed lost until it is answered."""
        row = TABLE[self.belief]
        after = row.get(event)
        if after is None:
            self._refuse(event)
        self.belief = row[LOSS_OF[event]]
        reply = yield action
        if type(reply) is (Data if type(action) is ControlIn else Done):
            self.belief = after
        elif type(reply) is Gone:
            self.belief = Belief.GONE
        return reply

    def _refuse(self, event: Event) -> NoReturn:
        if self.belief is Belief.GONE:
            raise UsbError(
                "usb.disconnected",
                self._place.says(sentence("the camera has left the bus")),
            )
        raise ProtocolMisuse(f"{event.name} must not be sent to a device that is {self.belief.name.lower()}")

    @property
    def _place(self) -> Place:
        return Place(self._alt, self._label, self._block)
