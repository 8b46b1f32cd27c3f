"""The DFU class driver of the bootloader: seven requests, their states, and the one shared transfer buffer.

Modelled after what TinyUSB's DFU driver does with the bootloader's callbacks, in several points looser than DFU 1.1:
UPLOAD is served in any state and cancels a pending block; a stall leaves the state alone; a block is written after the
status stage of the GETSTATUS that reports dfuDNBUSY, and an error of it shows in the next one.
"""

from __future__ import annotations

from station.dfu.dfu_protocol import Request, State, StatusCode
from station.sim.faults import Fault, FaultScript
from station.sim.partitions import BLOCK_BYTES
from station.sim.reply import ACKNOWLEDGED, NEVER, STALL, Kind, PowerLost, Reply
from station.sim.storage import Flash, Written

_DNLOAD_STATES = (State.DFU_IDLE, State.DFU_DNLOAD_IDLE)


class DfuMachine:
    """One bootloader session. Times are the caller's clock, in seconds.

    `attached` is set by what holds the bootloader; `hung` means a crashed bootloader, `ep0_dead` an endpoint 0 that
    only a bus reset revives; until `busy_until_s` the device answers nothing.
    """

    def __init__(self, flash: Flash, script: FaultScript) -> None:
        self._flash = flash
        self._script = script
        self.alt = 0
        self.state = State.DFU_IDLE
        self.status = StatusCode.OK
        self.block = 0
        self.attached = False
        self.hung = False
        self.ep0_dead = False
        self.busy_until_s = 0.0
        self.busy_s = 0.0
        self.writing = False
        self.blocks_read: dict[str, int] = {}
        self.blocks_written: dict[str, int] = {}
        self._pending = False
        self._length = 0
        self._buffer = bytearray(BLOCK_BYTES)

    def select(self, alt: int) -> None:
        """SET_INTERFACE: any alt is accepted, also one that does not exist."""
        self.alt = alt
        self.reset()

    def reset(self) -> None:
        """Back to dfuIDLE; what was pending is forgotten."""
        self.state = State.DFU_IDLE
        self.status = StatusCode.OK
        self._pending = False

    def clear(self, now: float, value: int, length: int, data: bytes) -> Reply:
        """CLRSTATUS and ABORT do the same here, in every state."""
        self.reset()
        return ACKNOWLEDGED

    def get_state(self, now: float, value: int, length: int, data: bytes) -> Reply:
        """One byte, no effect."""
        return Reply(Kind.DATA, bytes((self.state,)))

    def download(self, now: float, value: int, length: int, data: bytes) -> Reply:
        """Take a block into the buffer, or begin the end of an image; nothing is written yet."""
        if self.state not in _DNLOAD_STATES or length > BLOCK_BYTES:
            return STALL
        self._pending = True
        self.block = value
        self._length = length
        if length == 0:
            self.state = State.DFU_MANIFEST_SYNC
            return ACKNOWLEDGED
        self.state = State.DFU_DNLOAD_SYNC
        self._buffer[: len(data)] = data
        return ACKNOWLEDGED if len(data) == length else NEVER

    def upload(self, now: float, value: int, length: int, data: bytes) -> Reply:
        """Serve bytes in any state; a pending block or manifest is forgotten, and the camera is held."""
        if length > BLOCK_BYTES:
            return STALL
        if self.alt >= len(self._flash.table):
            return self._hang()
        self.attached = True
        self._pending = False
        partition = self._flash.table[self.alt]
        found = self._flash.read(partition, value, length)
        if found is None:
            # The driver would answer with a data stage of zero bytes, which this chip's controller cannot send.
            self.state, self.status = State.DFU_ERROR, StatusCode.ERR_FILE
            self.ep0_dead = True
            return NEVER
        sent, busy_s = found
        self._buffer[: len(sent)] = sent
        self.blocks_read[partition.name] = self.blocks_read.get(partition.name, 0) + 1
        if busy_s:
            self._busy(now, busy_s, writing=False)
            return Reply(Kind.DATA, sent, self.busy_until_s)
        return Reply(Kind.DATA, sent)

    def get_status(self, now: float, value: int, length: int, data: bytes) -> Reply:
        """Report, and behind the report do what is pending: write a block, or manifest."""
        if self.state == State.DFU_DNLOAD_SYNC:
            if not self._pending:
                self.state = State.DFU_DNLOAD_IDLE
                return self._report(self.state, length)
            self.attached = True
            reply = self._report(State.DFU_DNBUSY, length)
            self._write(now)
            return reply
        if self.state == State.DFU_MANIFEST_SYNC:
            if not self._pending:
                self.state = State.DFU_IDLE
                return self._report(self.state, length)
            self.attached = True
            reply = self._report(State.DFU_MANIFEST, length)
            self._manifest(now)
            return reply
        return self._report(self.state, length)

    def abandon(self, request: int, value: int, length: int) -> None:
        """The host gave a request up that the driver had not seen: its SETUP is handled all the same.

        A DNLOAD is pending then, with whatever bytes the buffer holds.
        """
        if request == Request.DNLOAD and self.state in _DNLOAD_STATES and 0 < length <= BLOCK_BYTES:
            self.download(0.0, value, length, b"")

    def _report(self, state: State, length: int) -> Reply:
        """A GETSTATUS answer, cut to the length asked; bwPollTimeout is 0 however long a write will take."""
        return Reply(Kind.DATA, bytes((self.status, 0, 0, 0, state, 0))[:length])

    def _busy(self, now: float, seconds: float, writing: bool) -> None:
        self.busy_until_s = now + seconds
        self.busy_s += seconds
        self.writing = writing

    def _hang(self) -> Reply:
        self.hung = True
        return NEVER

    def _manifest(self, now: float) -> None:
        self._pending = False
        fault = self._script.at("MANIFEST", self.alt, None)
        if fault is not None and self._disturbed(fault, now):
            return
        if self.alt == 0 or self.alt >= len(self._flash.table):
            # Alt 0 is the running bootloader: its own memory becomes execute-never.
            self.hung = True
            return
        self._flash.protect(self.alt)

    def _write(self, now: float) -> None:
        self._pending = False
        if self.alt >= len(self._flash.table):
            self.hung = True
            return
        fault = self._script.at("WRITE", self.alt, self.block)
        written = self._stored(fault, now)
        if written is None:
            return
        if written.hangs:
            self.hung = True
        if written.busy_s:
            self._busy(max(now, self.busy_until_s), written.busy_s, writing=True)
        if written.status is StatusCode.OK:
            name = self._flash.table[self.alt].name
            self.blocks_written[name] = self.blocks_written.get(name, 0) + 1
        else:
            self.state, self.status = State.DFU_ERROR, written.status

    def _stored(self, fault: Fault | None, now: float) -> Written | None:
        """Write the pending block as far as the fault lets it; None where the camera does not come out of it."""
        if fault is None:
            return self._flash.write(self.alt, self.block, self._buffer, self._length)
        if fault.do.startswith("vanish"):
            self._flash.write(self.alt, self.block, self._buffer, self._length // 2)
        if fault.do in ("err_write", "error"):
            return Written(StatusCode.ERR_WRITE if fault.do == "err_write" else StatusCode(fault.status))
        if self._disturbed(fault, now):
            return None
        if fault.do == "ignore":
            return Written(StatusCode.OK)
        written = self._flash.write(self.alt, self.block, self._buffer, self._length)
        if fault.do == "flip_byte" and written.status is StatusCode.OK and not written.hangs:
            self._flash.damage(self.alt, self.block, fault.offset, fault.mask)
        return written

    def _disturbed(self, fault: Fault, now: float) -> bool:
        """Power and silence faults inside the device; True where the work in hand is not done any more."""
        if fault.do == "vanish":
            raise PowerLost(None)
        if fault.do == "vanish_and_return":
            raise PowerLost(fault.after_s)
        if fault.do == "silence":
            self.hung = fault.seconds is None
            if fault.seconds is not None:
                self._busy(now, fault.seconds, writing=True)
        return self.hung
