"""The application's two functions behind their endpoints: a serial port and a disk."""

from __future__ import annotations

from collections.abc import Callable

from station.sim.camera_descriptors import CDC_INTERFACE, DISK_ENDPOINT, DISK_INTERFACE, SERIAL_ENDPOINT
from station.sim.disk import Disk
from station.sim.firmware import Firmware, Leave
from station.sim.partitions import Medium
from station.sim.reply import ACKNOWLEDGED, STALL, Kind, Reply
from station.sim.serial_port import SerialPort
from station.sim.storage import Flash

_CLASS_OUT, _CLASS_IN, _ENDPOINT_OUT = 0x2100, 0xA100, 0x0201
_SET_LINE_CODING, _GET_LINE_CODING, _SET_CONTROL_LINES, _SEND_BREAK = 0x20, 0x21, 0x22, 0x23
_DISK_RESET, _GET_MAX_LUN = 0xFF, 0xFE

Request = Callable[[int, int, bytes], Reply]
"""(wValue, wLength, data) to the reply."""


class Composite:
    """The functions of one life of the application."""

    def __init__(
        self, firmware: Firmware, flash: Flash, clock: Callable[[], float], leave: Callable[[Leave], None]
    ) -> None:
        files = next(part for part in flash.table if part.medium is Medium.EXTERNAL)
        self.serial_port = SerialPort(firmware, clock, leave)
        self.disk = Disk(flash.memory_of(files), files.start, files.size_bytes)
        self._requests: dict[tuple[int, int], Request] = {
            (_CLASS_OUT | _SET_LINE_CODING, CDC_INTERFACE): self._set_line_coding,
            (_CLASS_IN | _GET_LINE_CODING, CDC_INTERFACE): self._get_line_coding,
            (_CLASS_OUT | _SET_CONTROL_LINES, CDC_INTERFACE): self._set_control_lines,
            (_CLASS_OUT | _SEND_BREAK, CDC_INTERFACE): lambda *_: ACKNOWLEDGED,
            (_CLASS_OUT | _DISK_RESET, DISK_INTERFACE): self._reset_disk,
            (_CLASS_IN | _GET_MAX_LUN, DISK_INTERFACE): lambda *_: Reply(Kind.DATA, b"\0"),
        }

    def control(self, code: int, value: int, index: int, length: int, data: bytes) -> Reply:
        """A class request to one of the interfaces, or the end of an endpoint's halt; else a stall."""
        if code == _ENDPOINT_OUT:
            return ACKNOWLEDGED
        served = self._requests.get((code, index & 0xFF))
        return served(value, length, data) if served else STALL

    def has(self, endpoint: int) -> bool:
        """Whether there is an OUT endpoint of this number."""
        return endpoint in (SERIAL_ENDPOINT, DISK_ENDPOINT)

    def take(self, endpoint: int, data: bytes) -> None:
        """Bytes from the host."""
        (self.serial_port if endpoint == SERIAL_ENDPOINT else self.disk).take(data)

    def give(self, endpoint: int, length: int) -> bytes | None:
        """Bytes for the host, None while there are none (a host sees NAK: it waits)."""
        if endpoint == SERIAL_ENDPOINT:
            return self.serial_port.give(length)
        return self.disk.give(length) if endpoint == DISK_ENDPOINT else None

    def reset(self) -> None:
        """The bus was reset."""
        self.serial_port.reset()
        self.disk.reset()

    def _set_line_coding(self, value: int, length: int, data: bytes) -> Reply:
        return ACKNOWLEDGED if self.serial_port.set_line_coding(data) else STALL

    def _get_line_coding(self, value: int, length: int, data: bytes) -> Reply:
        return Reply(Kind.DATA, self.serial_port.line_coding[:length])

    def _set_control_lines(self, value: int, length: int, data: bytes) -> Reply:
        self.serial_port.set_control_lines(value)
        return ACKNOWLEDGED

    def _reset_disk(self, value: int, length: int, data: bytes) -> Reply:
        self.disk.reset()
        return ACKNOWLEDGED
