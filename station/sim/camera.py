"""One virtual AE3 as a host sees it: control transfers in, replies out.

A state machine on top of the chip's life: it serves one control transfer at a time and never sleeps. It is not locked:
whoever shares a camera between threads holds `lock` around every call.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable
from typing import Any

from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT, Request
from station.sim import camera_descriptors
from station.sim.application_serial import application_serial
from station.sim.bootloader_session import LEAVE_DELAY_S
from station.sim.chip import Chip, Phase
from station.sim.composite import Composite
from station.sim.dfu_machine import DfuMachine
from station.sim.faults import Fault
from station.sim.firmware import Firmware, Leave
from station.sim.reply import ACKNOWLEDGED, BROKEN, GONE, NEVER, STALL, Kind, PowerLost, Reply
from station.sim.spec import CameraSpec

_SETUP = struct.Struct("<BBHHH")
_INTERFACE = 1

PORT_RESET = bytes((0x23, 0x03, 0x04, 0x00))
"""First four bytes of SetPortFeature(PORT_RESET): how USB/IP carries a bus reset to a device."""

_STANDARD_MOMENTS = {(0x01, 0x0B): "SET_INTERFACE", (0x00, 0x09): "SET_CONFIGURATION", (0x80, 0x06): "GET_DESCRIPTOR"}
_Served = Callable[[float, int, int, bytes], Reply]


class Camera(Chip):
    """One camera, switched off at first; `clock` gives seconds."""

    def __init__(self, spec: CameraSpec, clock: Callable[[], float]) -> None:
        super().__init__(spec, clock)
        self.lock = threading.Lock()
        self.requests = 0
        self.stalls = 0
        self.answering_s = 0.0
        """Seconds from a transfer's arrival to its answer, as whoever serves this camera measured them."""
        self.late_s = 0.0
        """By how many seconds, in sum, its waits came out too long (or short): the simulation's fault, not a host's."""
        self.trace: list[tuple[int, int, int, int, int]] | None = [] if spec.trace else None
        self.identity = camera_descriptors.bootloader(spec)
        """What the camera shows on the bus now, or showed last."""
        self.composite: Composite | None = None
        """The serial port and the disk of the application while that is on the bus."""
        self._machine = DfuMachine(self.flash, self.script)
        self._served: dict[int, _Served] = {}
        self._scripted = self.script.scripted
        self._excused: bytes | None = None
        self._only_status = False
        self._busy_before_s = 0.0
        self._silent_s = 0.0
        self._silent_until_s = 0.0

    @property
    def crashed(self) -> bool:
        """Whether the bootloader hangs: it is on the bus, answers nothing and needs a power cycle."""
        return self._machine.hung

    def bus_reset(self, leave_after_s: float = 0.0) -> None:
        """A configured bootloader leaves, a dead endpoint 0 revives; a crashed bootloader stays crashed."""
        if self.connection is None or self._machine.hung:
            return
        self._machine.ep0_dead = False
        self._only_status = False
        if self.phase is Phase.BOOTLOADER and self.configured:
            self._schedule(self._clock() + leave_after_s, self._leave)
            self.advance()
        else:
            self.configured = False
            if self.composite is not None:
                self.composite.reset()

    def opened(self) -> bool:
        """A host opens the device; False where a fault keeps it from that."""
        fault = self.script.at("OPEN", 0, None) if self.connection is not None else None
        if fault is not None and fault.do.startswith("vanish"):
            self._lose_power(None if fault.do == "vanish" else fault.after_s)
        return fault is None and self.connection is not None

    def handle_control(self, setup: bytes, data: bytes = b"", not_before_s: float = 0.0) -> Reply:
        """Serve one control transfer: 8 bytes of SETUP, and the data stage of an OUT request.

        A caller that waited as a WAIT asked says until when; being a few microseconds early is no harm then.
        """
        now = max(self._clock(), not_before_s)
        if self.deadline_s is not None and self.deadline_s <= now:
            self.advance()
        if self.connection is None:
            return GONE
        if setup[:4] == PORT_RESET:
            self.bus_reset(LEAVE_DELAY_S)
            return ACKNOWLEDGED
        machine = self._machine
        silent = machine.hung or machine.ep0_dead
        if not silent and (now < machine.busy_until_s or now < self._silent_until_s):
            return Reply(Kind.WAIT, at_s=max(machine.busy_until_s, self._silent_until_s))
        request_type, request, value, index, length = _SETUP.unpack(setup)
        self.requests += 1
        if self.trace is not None:
            self.trace.append((request_type, request, value, index, length))
        if silent or self._ignored_after_abandon(request_type, request):
            return NEVER
        try:
            reply = self._faulted(setup, data, now) if self._scripted else None
            if reply is None:
                reply = self._dispatch(request_type << 8 | request, value, index, length, data, now)
        except PowerLost as lost:
            self._lose_power(lost.return_after_s)
            return GONE
        if machine.attached and not self._held:
            self._attach(now)
        if reply.kind is Kind.STALL:
            self.stalls += 1
        return reply

    def abandon(self, setup: bytes) -> None:
        """The host gave up a transfer that was not answered yet."""
        request_type, request, value, _, length = _SETUP.unpack(setup)
        machine = self._machine
        if self.connection is None or machine.hung:
            return
        if self.spec.abandon == "ep0_dead":
            machine.ep0_dead = True
        elif (request_type, request) == (REQUEST_TYPE_IN, Request.GETSTATUS):
            self._only_status = machine.writing and self._clock() < machine.busy_until_s
        elif request_type == REQUEST_TYPE_OUT and self.configured:
            machine.abandon(request, value, length)

    @property
    def due_s(self) -> float | None:
        """When `advance` has something to do, as things stand."""
        port_s = None if self.composite is None else self.composite.serial_port.deadline_s
        times = [at_s for at_s in (self.deadline_s, port_s) if at_s is not None]
        return min(times) if times else None

    def advance(self) -> None:
        """What time has made due, of the chip and of the application."""
        super().advance()
        if self.composite is not None:
            port, now = self.composite.serial_port, self._clock()
            self._or_lose_power(lambda: port.advance(now))

    def take_data(self, endpoint: int, data: bytes) -> bool:
        """Bytes from the host for a data endpoint; False where there is no such endpoint."""
        composite = self.composite
        if composite is None or not composite.has(endpoint):
            return False
        self._or_lose_power(lambda: composite.take(endpoint, data))
        return True

    def take_serial(self, data: bytes) -> None:
        """Bytes for the application's serial port."""
        self.take_data(camera_descriptors.SERIAL_ENDPOINT, data)

    def _or_lose_power(self, act: Callable[[], None]) -> None:
        try:
            act()
        except PowerLost as lost:
            self._lose_power(lost.return_after_s)

    def _application(self) -> Composite:
        firmware = Firmware(self.spec, self.flash, self.script)
        return Composite(firmware, self.flash, self._clock, self._leave_application)

    def _leave_application(self, where: Leave) -> None:
        self.enter_bootloader() if where is Leave.BOOTLOADER else self.restart()

    def add_fault(self, fault: Fault) -> None:
        """Script one more fault, from now on."""
        self.script.add(fault)
        self._scripted = self.script.scripted

    @property
    def busy_s(self) -> float:
        """Seconds that the camera itself needed so far: writing, reading, initializing, scripted silence."""
        return self._busy_before_s + self._machine.busy_s + self._silent_s

    def state(self) -> dict[str, Any]:
        """Everything a test may ask, as JSON."""
        machine = self._machine
        return {
            "serial": self.spec.serial,
            "port_path": self.spec.port_path,
            "phase": str(self.phase),
            "connected": self.connection is not None,
            "connections": self.connections,
            "configured": self.configured,
            "attached": self.phase is Phase.BOOTLOADER and machine.attached,
            "hung": machine.hung,
            "ep0_dead": machine.ep0_dead,
            "dfu_state": int(machine.state),
            "dfu_status": int(machine.status),
            "alt": machine.alt,
            "busy_s": self.busy_s,
            "answering_s": self.answering_s,
            "late_s": self.late_s,
            "requests": self.requests,
            "stalls": self.stalls,
            "blocks_read": dict(machine.blocks_read),
            "blocks_written": dict(machine.blocks_written),
            "faults_struck": self.script.struck,
            "mram_initialized": self.flash.mram_initialized,
            "mram_initializations": self.flash.mram_initializations,
            "sessions": [session.to_json() for session in self.sessions],
            "trace": self.trace,
        }

    def _ignored_after_abandon(self, request_type: int, request: int) -> bool:
        """After a GETSTATUS that was given up during a write only GETSTATUS and GETSTATE find the device again."""
        if self._only_status and request_type == REQUEST_TYPE_IN and request in (Request.GETSTATUS, Request.GETSTATE):
            self._only_status = False
        return self._only_status

    def _dispatch(self, code: int, value: int, index: int, length: int, data: bytes, now: float) -> Reply:
        if code >> 8 & 0x1F == _INTERFACE and (not self.configured or index & 0xFF >= self._interfaces):
            return STALL
        served = self._served.get(code)
        if served is None:
            composite = self.composite
            return STALL if composite is None else composite.control(code, value, index, length, data)
        if code & 0x8000 and length == 0:
            # The answer would be a data stage of zero bytes, which this chip's controller cannot send.
            self._machine.ep0_dead = True
            return NEVER
        return served(now, value, length, data)

    def _faulted(self, setup: bytes, data: bytes, now: float) -> Reply | None:
        """What the script does to this transfer; None where it is served as usual."""
        if self._excused == setup:
            self._excused = None
            return None
        request_type, request, value, _, _ = _SETUP.unpack(setup)
        moment = _moment(request_type, request)
        block = value if moment in ("DNLOAD", "UPLOAD") else self._machine.block
        fault = self.script.at(moment, self._machine.alt, block)
        if fault is None:
            return None
        if fault.do.startswith("vanish"):
            raise PowerLost(None if fault.do == "vanish" else fault.after_s)
        if fault.do == "silence" and fault.seconds is not None:
            self._excused = setup
            self._silent_s += fault.seconds
            self._silent_until_s = now + fault.seconds
            return Reply(Kind.WAIT, at_s=self._silent_until_s)
        return self._struck(fault, setup, data, now)

    def _struck(self, fault: Fault, setup: bytes, data: bytes, now: float) -> Reply:
        """The faults that concern this one transfer or end all of them."""
        self._machine.hung = fault.do == "silence"
        self._machine.ep0_dead = fault.do == "ep0_dead"
        answers = {"stall": STALL, "eio": BROKEN, "ignore": ACKNOWLEDGED}
        if fault.do in answers:
            return answers[fault.do]
        if fault.do == "answer":
            return Reply(Kind.DATA, bytes.fromhex(fault.data))
        if fault.do not in ("partial", "short", "flip_byte"):
            return NEVER
        if fault.do == "partial":
            data = data[: fault.length]
        request_type, request, value, index, length = _SETUP.unpack(setup)
        return _distorted(fault, self._dispatch(request_type << 8 | request, value, index, length, data, now))

    def _appear(self) -> None:
        """Counters go on, everything else of the old appearance is forgotten."""
        old, new = self._machine, DfuMachine(self.flash, self.script)
        new.blocks_read, new.blocks_written = old.blocks_read, old.blocks_written
        self._busy_before_s += old.busy_s
        self._machine = new
        self._only_status = False
        self._excused = None
        self._silent_until_s = 0.0
        bootloader = self.phase is Phase.BOOTLOADER
        self.composite = None if bootloader else self._application()
        self.identity = self._bootloader_identity() if bootloader else self._application_identity()
        self._served = self._bootloader_requests() if bootloader else self._application_requests()

    @property
    def _interfaces(self) -> int:
        return len(self.identity.interface_classes)

    def _bootloader_identity(self) -> camera_descriptors.DescriptorSet:
        return camera_descriptors.bootloader(self.spec)

    def _application_identity(self) -> camera_descriptors.DescriptorSet:
        fault = self.script.boot("app_serial")
        if fault is not None:
            return camera_descriptors.application(self.spec, fault.serial)
        return camera_descriptors.application(
            self.spec, application_serial(self.spec.application_serial, self.spec.serial)
        )

    def _get_descriptor(self, now: float, value: int, length: int, data: bytes) -> Reply:
        answer = self.identity.answers.get(value)
        return STALL if answer is None else Reply(Kind.DATA, answer[:length])

    def _get_status(self, now: float, value: int, length: int, data: bytes) -> Reply:
        return Reply(Kind.DATA, bytes(2)[:length])

    def _get_configuration(self, now: float, value: int, length: int, data: bytes) -> Reply:
        return Reply(Kind.DATA, bytes((self.configured,)))

    def _set_address(self, now: float, value: int, length: int, data: bytes) -> Reply:
        return ACKNOWLEDGED

    def _set_configuration(self, now: float, value: int, length: int, data: bytes) -> Reply:
        if value > 1:
            return STALL
        self._configure(now, value == 1)
        return ACKNOWLEDGED

    def _get_interface(self, now: float, value: int, length: int, data: bytes) -> Reply:
        return Reply(Kind.DATA, bytes((self._machine.alt,)))

    def _set_interface(self, now: float, value: int, length: int, data: bytes) -> Reply:
        if self.phase is Phase.APPLICATION and value:
            return STALL
        self._machine.select(value & 0xFF)
        return ACKNOWLEDGED

    def _serve_detach(self, now: float, value: int, length: int, data: bytes) -> Reply:
        self._detach(now)
        self._machine.attached = self._held
        return ACKNOWLEDGED

    def _application_requests(self) -> dict[int, _Served]:
        return {
            0x8000: self._get_status,
            0x8200: self._get_status,
            0x8006: self._get_descriptor,
            0x8008: self._get_configuration,
            0x0005: self._set_address,
            0x0009: self._set_configuration,
            0x810A: self._get_interface,
            0x010B: self._set_interface,
        }

    def _bootloader_requests(self) -> dict[int, _Served]:
        machine = self._machine
        out, into = REQUEST_TYPE_OUT << 8, REQUEST_TYPE_IN << 8
        return self._application_requests() | {
            out | Request.DETACH: self._serve_detach,
            out | Request.DNLOAD: machine.download,
            into | Request.UPLOAD: machine.upload,
            into | Request.GETSTATUS: machine.get_status,
            out | Request.CLRSTATUS: machine.clear,
            into | Request.GETSTATE: machine.get_state,
            out | Request.ABORT: machine.clear,
        }


def _moment(request_type: int, request: int) -> str:
    """The name that the fault language has for a request."""
    if request_type in (REQUEST_TYPE_IN, REQUEST_TYPE_OUT) and request <= Request.ABORT:
        return Request(request).name
    return _STANDARD_MOMENTS.get((request_type, request), "OTHER")


def _distorted(fault: Fault, reply: Reply) -> Reply:
    """An UPLOAD that is cut short or has a wrong byte in it."""
    if reply.kind is not Kind.DATA or fault.do == "partial":
        return reply
    if fault.do == "short":
        return Reply(Kind.DATA, reply.data[: fault.length], reply.at_s)
    data = bytearray(reply.data)
    if fault.offset < len(data):
        data[fault.offset] ^= fault.mask & 0xFF
    return Reply(Kind.DATA, bytes(data), reply.at_s)
