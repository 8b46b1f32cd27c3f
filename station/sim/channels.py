"""What a camera's application answers to the requests of the OpenMV protocol (openmv `protocol/omv_protocol.c`,
`omv_protocol_channel_stdio.c`)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from station.app.omv_protocol import NakStatus, Opcode
from station.sim.faults import Fault
from station.sim.firmware import Firmware, Leave, Outcome
from station.sim.omv_framing import MAX_PAYLOAD_BYTES, MIN_PAYLOAD_BYTES, Header
from station.sim.packet_port import PacketPort
from station.sim.reply import PowerLost
from station.sim.spec import APPLICATION_PRODUCT_ID, VENDOR_ID

STDIN, STDOUT, STREAM = 1, 2, 3
_STOP, _EXEC, _RESET = 1, 2, 3
_SOFT_REBOOT = 2
_PROTOCOL_VERSION, _NO_HEADER_VERSION = (1, 0, 2), (1, 0, 3)
_FIRST_WITH_HEADER = (1, 0, 1)
_CPU_ID = 0x411F_D220
_HARDWARE = sum(1 << bit for bit in (0, 1, 6, 7, 16, 17, 18, 19, 20, 21)) | 8 << 8
"""GPU, NPU, CRC, PMU with eight counters, WLAN, Bluetooth, SD, Ethernet, high speed, two cores."""
_OUTPUT_BYTES = 2047
_PIECE_BYTES = 512
_NOTIFY_S = 0.05
_CHANNELS = ((0, 0x40, b"usb"), (STDIN, 0x06, b"stdin"), (STDOUT, 0x01, b"stdout"), (STREAM, 0x19, b"stream"))


class Channels:
    """The protocol of one life of the application. `leave` is called when a request or a script sends it away."""

    def __init__(self, firmware: Firmware, write: Callable[[bytes], None], leave: Callable[[Leave], None]) -> None:
        self._firmware = firmware
        self._leave = leave
        self._port = PacketPort(write, self._serve)
        self._now = 0.0
        self._script = bytearray()
        self._output = bytearray()
        self._running: Outcome | None = None
        self._ends_s: float | None = None
        self._notify_s: float | None = None
        self._silent_until_s: float | None = 0.0
        self._held = bytearray()
        if firmware.spec.main_runs:
            self._running = Outcome()
        self._served: dict[int, Callable[[Header, bytes], None]] = {
            Opcode.PROTO_SYNC: lambda header, _: self._port.acknowledge(header),
            Opcode.PROTO_GET_CAPS: lambda header, _: self._port.answer(header, self._capabilities()),
            Opcode.PROTO_SET_CAPS: self._set_capabilities,
            Opcode.PROTO_STATS: lambda header, _: self._port.answer(header, self._port.statistics.pack()),
            Opcode.PROTO_VERSION: lambda header, _: self._port.answer(header, self._versions()),
            Opcode.SYS_RESET: lambda *_: leave(Leave.RESET),
            Opcode.SYS_BOOT: lambda *_: leave(Leave.BOOTLOADER),
            Opcode.SYS_INFO: lambda header, _: self._port.answer(header, self._system_info()),
            Opcode.SYS_MEMORY: lambda header, _: self._port.answer(header, self._memory()),
            Opcode.CHANNEL_LIST: lambda header, _: self._port.answer(header, _listed()),
            Opcode.CHANNEL_POLL: lambda header, _: self._port.answer(header, self._poll()),
            Opcode.CHANNEL_LOCK: self._lock,
            Opcode.CHANNEL_UNLOCK: self._lock,
            Opcode.CHANNEL_SIZE: self._size,
            Opcode.CHANNEL_READ: self._read,
            Opcode.CHANNEL_WRITE: self._write_script,
            Opcode.CHANNEL_IOCTL: self._control,
        }

    @property
    def deadline_s(self) -> float | None:
        """When to call `receive` again even without bytes."""
        times = (self._port.deadline_s, self._ends_s, self._notify_s, self._silent_until_s or None)
        return min((at_s for at_s in times if at_s is not None), default=None)

    def receive(self, data: bytes, now: float) -> None:
        """Bytes from the host, or none: do what is due."""
        self._now = now
        self._held += data
        if self._silent_until_s is None or now < self._silent_until_s:
            return
        self._silent_until_s = 0.0
        taken, self._held = bytes(self._held), bytearray()
        if self._ends_s is not None and now >= self._ends_s:
            self._end_script()
        self._port.receive(taken, now)
        if self._notify_s is not None and now >= self._notify_s:
            self._port.notify(STDOUT, None)
            self._notify_s = now + _NOTIFY_S
            self._port.receive(b"", now)

    def _serve(self, header: Header, payload: bytes) -> None:
        served = self._served.get(header.opcode)
        if served is None:
            self._port.refuse(header, NakStatus.INVALID)
            return
        fault = self._firmware.faults.at(Opcode(header.opcode).name, header.channel, None)
        if fault is None:
            served(header, payload)
        elif fault.do == "nak":
            self._port.refuse(header, fault.status)
        elif fault.do == "answer":
            self._port.answer(header, bytes.fromhex(fault.data))
        elif fault.do in ("flip_byte", "short"):
            self._port.damage = lambda packet: _damaged(fault, packet)
            served(header, payload)
        else:
            self._struck(fault)

    def _struck(self, fault: Fault) -> None:
        """The faults that concern more than one answer; `no_answer` is none of them, and does nothing."""
        if fault.do == "silence":
            self._silent_until_s = None if fault.seconds is None else self._now + fault.seconds
        elif fault.do.startswith("vanish"):
            raise PowerLost(None if fault.do == "vanish" else fault.after_s)

    def _capabilities(self) -> bytes:
        agreed = self._port.capabilities
        flags = 1 | agreed.sequence << 1 | agreed.acknowledge << 2 | agreed.events << 3
        return struct.pack("<IH10x", flags, agreed.max_payload_bytes)

    def _set_capabilities(self, header: Header, payload: bytes) -> None:
        flags, max_payload_bytes = struct.unpack("<IH10x", payload) if len(payload) == 16 else (0, 0)
        if not MIN_PAYLOAD_BYTES <= max_payload_bytes <= MAX_PAYLOAD_BYTES:
            self._port.refuse(header, NakStatus.INVALID)
            return
        self._port.acknowledge(header)
        agreed = self._port.capabilities
        agreed.sequence, agreed.acknowledge, agreed.events = bool(flags & 2), bool(flags & 4), bool(flags & 8)
        agreed.max_payload_bytes = max_payload_bytes

    def _versions(self) -> bytes:
        bootloader = self._firmware.camera.version
        if bootloader < _FIRST_WITH_HEADER:
            bootloader = _NO_HEADER_VERSION
        return bytes((*_PROTOCOL_VERSION, *bootloader, *self._firmware.spec.version)).ljust(16, b"\0")

    def _system_info(self) -> bytes:
        """cpu_id, dev_id[3] (the chip id, as words from its end), usb_id, chip_id[3], reserved, capabilities, sizes."""
        serial = self._firmware.camera.serial
        chip_id = bytes.fromhex(serial) if len(serial) == 24 else bytes(12)
        words = struct.unpack("<3I", chip_id)[::-1]
        usb_id = VENDOR_ID << 16 | APPLICATION_PRODUCT_ID
        ids = struct.pack("<5I3I8x", _CPU_ID, *words, usb_id, self._firmware.spec.sensor_id, 0, 0)
        return ids + struct.pack("<2I4I12x", _HARDWARE, 0, 0, 0, 4096, 512)

    def _memory(self) -> bytes:
        return struct.pack("<B3xBxH5I", 1, 0, 0, 4 << 20, 1 << 16, (4 << 20) - (1 << 16), 0, 0)

    def _poll(self) -> bytes:
        return struct.pack("<I", bool(self._running) << STDIN | bool(self._output) << STDOUT)

    def _lock(self, header: Header, _: bytes) -> None:
        self._port.acknowledge(header) if header.channel == STREAM else self._port.refuse(header, NakStatus.BUSY)

    def _size(self, header: Header, _: bytes) -> None:
        if header.channel not in (STDOUT, STREAM):
            self._port.refuse(header, NakStatus.INVALID)
            return
        size_bytes = len(self._output) if header.channel == STDOUT else 0
        self._port.answer(header, struct.pack("<I", size_bytes))

    def _read(self, header: Header, payload: bytes) -> None:
        length = struct.unpack_from("<II", payload)[1] if len(payload) >= 8 else 0
        if header.channel != STDOUT or not length:
            self._port.refuse(header, NakStatus.INVALID)
            return
        data = bytes(self._output[:length])
        del self._output[:length]
        if not self._output:
            self._notify_s = None
        if data:
            self._port.answer(header, data, _PIECE_BYTES, more=len(data) < length)
        if len(data) < length:
            self._port.refuse(header, NakStatus.FAILED)

    def _write_script(self, header: Header, payload: bytes) -> None:
        offset, length = struct.unpack_from("<II", payload) if len(payload) >= 8 else (0, 0)
        if header.channel != STDIN or not length:
            self._port.refuse(header, NakStatus.INVALID)
            return
        if not offset:
            self._script.clear()
        self._script += payload[8 : 8 + length]
        self._port.acknowledge(header)

    def _control(self, header: Header, payload: bytes) -> None:
        request = struct.unpack("<I", payload)[0] if len(payload) == 4 else 0
        if header.channel != STDIN or request not in (_STOP, _EXEC, _RESET):
            self._port.refuse(header, NakStatus.INVALID)
        elif request == _EXEC and not self._script:
            self._port.refuse(header, NakStatus.FAILED)
        else:
            self._port.acknowledge(header)
            {_STOP: self._stop, _EXEC: self._execute, _RESET: self._script.clear}[request]()

    def _execute(self) -> None:
        """Interrupt whatever runs. Where that was a script of the host's, its end empties the buffer: nothing runs."""
        if self._running is not None:
            is_main = self._ends_s is None
            self._interrupt()
            if not is_main:
                return
        self._start(self._script.decode(errors="replace"))

    def _start(self, script: str) -> None:
        fault = self._firmware.faults.at("SCRIPT", STDIN, None)
        self._running = self._firmware.run(script)
        self._ends_s = self._now + self._running.seconds
        self._port.notify(STDIN, 1)
        self._print(self._running.output)
        if fault is not None:
            self._struck(fault)

    def _end_script(self) -> None:
        outcome, self._running, self._ends_s = self._running, None, None
        assert outcome is not None
        self._print(outcome.tail + outcome.error)
        if outcome.leave:
            self._leave(outcome.leave)
            return
        self._reboot_softly()

    def _stop(self) -> None:
        if self._running is not None:
            self._interrupt()

    def _interrupt(self) -> None:
        was_main, self._running = self._ends_s is None, None
        self._ends_s = None
        self._print("KeyboardInterrupt: \n")
        if was_main:
            self._port.notify(STDIN, 0)
        else:
            self._reboot_softly()

    def _reboot_softly(self) -> None:
        """What follows each script of the host's: the protocol starts over, and output that was not read is kept."""
        self._port.notify(STDIN, 0)
        self._port.notify(0, _SOFT_REBOOT)
        self._print("MPY: soft reboot\n")
        self._port.receive(b"", self._now)
        self._port.begin_anew()
        self._script.clear()

    def _print(self, text: str) -> None:
        """Into the ring; what does not fit throws away what was there before, and a notice goes out every 50 ms."""
        data = text.replace("\n", "\r\n").encode()
        if len(self._output) + len(data) > _OUTPUT_BYTES:
            self._output.clear()
        self._output += data[-_OUTPUT_BYTES:]
        if self._output and self._notify_s is None:
            self._notify_s = self._now + _NOTIFY_S


def _listed() -> bytes:
    return b"".join(struct.pack("<BB14s", *channel) for channel in _CHANNELS)


def _damaged(fault: Fault, packet: bytes) -> bytes:
    if fault.do == "short":
        return packet[: fault.length]
    place = min(fault.offset, len(packet) - 1)
    return packet[:place] + bytes((packet[place] ^ fault.mask & 0xFF,)) + packet[place + 1 :]
