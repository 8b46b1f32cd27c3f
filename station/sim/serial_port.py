"""The serial port of a camera's application: line coding, DTR, and the bytes in both directions.

A rate of 921,600 with DTR is the OpenMV protocol, any other rate the REPL; dropping DTR ends the protocol and throws
away what was not sent yet (openmv `protocol/omv_protocol_channel_tinyusb.c`).
"""

from __future__ import annotations

import struct

_LINE_CODING = struct.Struct("<IBBB")
_FIRST_RATE = 115200
_DTR = 1


class SerialPort:
    """What CDC's control requests set, and the bytes that wait for the host."""

    def __init__(self) -> None:
        self.rate = _FIRST_RATE
        self.dtr = False
        self._format = (0, 0, 8)
        self._waiting = bytearray()

    @property
    def line_coding(self) -> bytes:
        """Seven bytes, as GET_LINE_CODING gives them (CDC PSTN 1.2, section 6.3.11)."""
        return _LINE_CODING.pack(self.rate, *self._format)

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

    def give(self, length: int) -> bytes | None:
        """At most `length` bytes for the host, None while there are none."""
        if not self._waiting:
            return None
        data = bytes(self._waiting[:length])
        del self._waiting[:length]
        return data
