"""The rules of the protocol, written a second time and differently: a witness who sees only requests and replies.

Knows nothing of the engine, its table or its beliefs; only what a sequence of requests must never contain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from station.dfu.actions import Action, ControlIn, ControlOut, Data, Done, Gone, Reply, SetInterface, Wait

DETACH, DNLOAD, UPLOAD, GETSTATUS, CLRSTATUS, GETSTATE, ABORT = range(7)
IDLE, DNLOAD_SYNC, DNBUSY, DNLOAD_IDLE, MANIFEST_SYNC, MANIFEST, ERROR = 2, 3, 4, 5, 6, 7, 10
READ_ONLY_ALTS = {0, 4}
PROTECTED_ALTS = {1, 2, 3}
RECOVERY = 7


@dataclass
class Witness:
    """Sees every action with its reply; `see` raises AssertionError for what must never be sent."""

    alt: int | None = None
    gone: bool = False
    pending: bool = False  # a DNLOAD was accepted, and the device has not yet said how it ended
    end_pending: bool = False  # the same for the end of an image
    half_pending: bool = False  # a DNLOAD failed, and nothing has dropped it since
    abort_now: bool = False  # the very next request has to be ABORT
    silent: bool = False  # the last request had no answer, and none was answered since
    said: int | None = None  # the state that the device named last, since the last DNLOAD
    in_error: bool = False
    block: int | None = None
    poll_s: float = 0.0
    lifted: set[int] = field(default_factory=set)
    leaving: bool = False

    @property
    def expects(self) -> int:
        """The state that a good camera would name now."""
        if self.pending:
            return DNLOAD_IDLE if self.said == DNBUSY else DNBUSY
        if self.end_pending:
            return IDLE if self.said == MANIFEST else MANIFEST
        return DNLOAD_IDLE if self.said == DNLOAD_IDLE else IDLE

    def see(self, action: Action, reply: Reply) -> None:
        assert not self.gone, f"{action} to a device that is gone"
        if isinstance(action, Wait):
            assert 0 < action.duration_s <= self.poll_s, "a wait that nobody asked for"
            return
        if self.abort_now:
            assert isinstance(action, ControlOut), f"{action} where ABORT was due"
            assert action.request == ABORT
        if isinstance(action, SetInterface):
            self._see_select(action, reply)
        else:
            assert self.alt is not None, f"{action} before SET_INTERFACE"
            assert not self.leaving or action.request == DETACH, f"{action} after DETACH"
            assert action.timeout_s > 0
            if isinstance(action, ControlIn):
                self._see_in(action, reply)
            else:
                self._see_out(action, reply)
        self.silent = not isinstance(reply, Done | Data)
        self.gone = isinstance(reply, Gone)

    def _see_select(self, action: SetInterface, reply: Reply) -> None:
        assert 0 <= action.alt <= 7, "an alternate setting that the device does not have"
        self.alt = action.alt if isinstance(reply, Done) else None
        if isinstance(reply, Done):
            self.pending = self.end_pending = self.half_pending = self.in_error = self.leaving = False

    def _see_in(self, action: ControlIn, reply: Reply) -> None:
        assert 1 <= action.length <= 4096, "an IN request of no bytes, or of too many"
        assert not self.half_pending, f"{action} would write or read half a block"
        if action.request == UPLOAD:
            assert not self.pending, "an UPLOAD discards the pending block"
            assert not self.end_pending, "an UPLOAD skips the manifest"
            assert not self.in_error
            assert self.alt != RECOVERY
            assert 0 <= action.value <= 0xFFFF
        elif action.request == GETSTATUS:
            assert action.length == 6, "a cut GETSTATUS still writes"
            assert action.value == 0
            self._hear_status(reply)
        else:
            assert action.request == GETSTATE
            assert action.length == 1
            if isinstance(reply, Data) and len(reply.payload) == 1:
                self._hear_state(reply.payload[0])

    def _hear_status(self, reply: Reply) -> None:
        if isinstance(reply, Data) and len(reply.payload) == 6:
            raw = bytes(reply.payload)
            self.poll_s = int.from_bytes(raw[1:4], "little") / 1000
            self._hear_state(raw[4])

    def _hear_state(self, state: int) -> None:
        self.said = state
        if state in (IDLE, DNLOAD_IDLE, ERROR):
            if state == DNLOAD_IDLE and self.pending and self.block == 0 and self.alt is not None:
                self.lifted.add(self.alt)
            self.pending = self.end_pending = False
        self.in_error = state == ERROR

    def _see_out(self, action: ControlOut, reply: Reply) -> None:
        if action.request == DNLOAD:
            self._see_download(action, reply)
        elif action.request == ABORT:
            assert not self.silent or self.abort_now or self.half_pending, "ABORT to a device that may be writing"
            assert not self.pending, "ABORT while a block is being written"
            assert not self.end_pending
            self.abort_now = False
            if isinstance(reply, Done):
                self.half_pending = self.in_error = False
        elif action.request == CLRSTATUS:
            assert self.in_error, "CLRSTATUS where there was no error"
            if isinstance(reply, Done):
                self.in_error = False
        else:
            assert action.request == DETACH
            self.leaving = True

    def _see_download(self, action: ControlOut, reply: Reply) -> None:
        assert self.alt is not None
        busy = self.pending or self.end_pending or self.half_pending
        assert not busy, "a second DNLOAD over a first"
        assert not self.silent, "a DNLOAD to a device of which nothing is known"
        assert not self.in_error
        assert self.alt not in READ_ONLY_ALTS, "the bootloader and the table of contents are never written"
        assert len(action.data) <= 4096
        if not action.data:
            assert self.alt != 0, "a manifest on alt 0 hangs the camera"
            self.lifted.discard(self.alt)
        elif self.alt in PROTECTED_ALTS and action.value != 0:
            assert self.alt in self.lifted, "a write to protected memory hangs the camera"
        self.block = action.value if action.data else None
        self.said = None
        if isinstance(reply, Done):
            self.pending, self.end_pending = bool(action.data), not action.data
        elif not isinstance(reply, Gone):
            self.half_pending = self.abort_now = True
