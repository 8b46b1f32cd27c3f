"""The serial port of a camera's application: line coding, DTR, and which of its two personalities answers.

A rate of 921,600 with DTR is the OpenMV protocol, any other rate the REPL; dropping DTR ends the protocol and throws
away what was not sent yet (openmv `protocol/omv_protocol_channel_tinyusb.c`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from station.sim.channels import Channels
from station.sim.firmware import Firmware, Leave
from station.sim.raw_repl import RawRepl

PROTOCOL_RATE = 921_600
REPL_RATE = 115_200
_LINE_CODING = struct.Struct("<IBBB")
_DTR = 1


class SerialPort:
    """What CDC's control requests set, who listens, and the bytes that wait for the host. `clock` gives seconds."""

    def __init__(self, firmware: Firmware, clock: Callable[[], float], leave: Callable[[Leave], None]) -> None:
        self.rate = REPL_RATE
        self.dtr = False
        self._clock = clock
        self._answers = firmware.spec.answers
        self._format = (0, 0, 8)
        self._waiting = bytearray()
        self._protocol = Channels(firmware, self._write, leave)
        self._repl = RawRepl(firmware, self._write, leave)

    @property
    def line_coding(self) -> bytes:
        """Seven bytes, as GET_LINE_CODING gives them (CDC PSTN 1.2, section 6.3.11)."""
        return _LINE_CODING.pack(self.rate, *self._format)

    @property
    def deadline_s(self) -> float | None:
        """When to call `advance`."""
        times = [at_s for at_s in (self._protocol.deadline_s, self._repl.deadline_s) if at_s is not None]
        return min(times) if times else None

    def set_line_coding(self, data: bytes) -> bool:
        """SET_LINE_CODING; False for another length than seven bytes."""
        if len(data) != _LINE_CODING.size:
            return False
        self.rate, stop_bits, parity, data_bits = _LINE_CODING.unpack(data)
        self._format = (stop_bits, parity, data_bits)
        return True

    def set_control_lines(self, lines: int) -> None:
        """SET_CONTROL_LINE_STATE: bit 0 is DTR."""
        self.dtr = bool(lines & _DTR)
        if not self.dtr:
            self._waiting.clear()

    def reset(self) -> None:
        """The bus was reset: nobody has the port open."""
        self.set_control_lines(0)

    def take(self, data: bytes) -> None:
        """Bytes from the host."""
        if self.rate == PROTOCOL_RATE and self.dtr:
            if self._answers in ("all", "protocol"):
                self._protocol.receive(data, self._clock())
        elif self._answers in ("all", "repl"):
            self._repl.receive(data, self._clock())

    def advance(self, now: float) -> None:
        """Do what is due: a script ends, a packet is repeated."""
        for personality in (self._protocol, self._repl):
            if personality.deadline_s is not None and personality.deadline_s <= now:
                personality.receive(b"", now)

    def give(self, length: int) -> bytes | None:
        """At most `length` bytes for the host, None while there are none."""
        if not self._waiting:
            return None
        data = bytes(self._waiting[:length])
        del self._waiting[:length]
        return data

    def _write(self, data: bytes) -> None:
        self._waiting += data
