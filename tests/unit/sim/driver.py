"""Drives one camera without sockets, on a clock that only moves when told to."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT, Request, State, Status, StatusCode
from station.sim.camera import Camera
from station.sim.faults import Fault
from station.sim.partitions import HE_START, HP_START
from station.sim.reply import Kind, Reply
from station.sim.spec import CameraSpec, Content
from station.sim.storage import RECOVERY_KEY

BOOT, HP, HE, ROMFS1, TOC, RWFS, ROMFS0, RECOVERY = range(8)
SERIAL = "0102030405060708090A0B0C"
KEY_FILE = RECOVERY_KEY.ljust(4096, b"\0")


@dataclass
class ManualClock:
    """Seconds that pass only when a test says so."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Driver:
    """A host that waits as long as the camera wants it to."""

    camera: Camera
    clock: ManualClock
    waited_s: float = field(default=0.0)

    def pass_time(self, seconds: float) -> None:
        """Let time go by, and let the camera notice."""
        self.clock.now_s += seconds
        self.camera.advance()

    def raw(self, request_type: int, request: int, value: int, index: int, length: int, data: bytes = b"") -> Reply:
        """One transfer, exactly as given, without waiting."""
        return self.camera.handle_control(struct.pack("<BBHHH", request_type, request, value, index, length), data)

    def transfer(
        self, request_type: int, request: int, value: int = 0, length: int = 0, data: bytes = b"", index: int = 0
    ) -> Reply:
        """One transfer with endless patience."""
        for _ in range(3):
            reply = self.raw(request_type, request, value, index, length, data)
            late_s = max(0.0, reply.at_s - self.clock())
            self.waited_s += late_s
            self.clock.now_s += late_s
            if reply.kind is not Kind.WAIT:
                return reply
        raise AssertionError("the camera asks to wait again and again")

    def served(self, *arguments: Any, **keywords: Any) -> bytes:
        """The data of a transfer that has to work."""
        reply = self.transfer(*arguments, **keywords)
        assert reply.kind is Kind.DATA, reply
        return reply.data

    def configure(self, value: int = 1) -> None:
        self.served(0x00, 9, value)

    def select(self, alt: int) -> None:
        self.served(0x01, 0x0B, alt)

    def download(self, block: int, data: bytes) -> Reply:
        return self.transfer(REQUEST_TYPE_OUT, Request.DNLOAD, block, len(data), data)

    def upload(self, block: int, length: int = 4096) -> bytes:
        return self.served(REQUEST_TYPE_IN, Request.UPLOAD, block, length)

    def status(self) -> Status:
        return Status.decode(self.served(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6))

    def state(self) -> State:
        return State(self.served(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1)[0])

    def clear(self) -> None:
        self.served(REQUEST_TYPE_OUT, Request.CLRSTATUS)

    def abort(self) -> None:
        self.served(REQUEST_TYPE_OUT, Request.ABORT)

    def detach(self) -> Reply:
        return self.transfer(REQUEST_TYPE_OUT, Request.DETACH, 1000)

    def write(self, block: int, data: bytes) -> Status:
        """A block as a good host writes it; the status that tells how it went."""
        assert self.download(block, data).kind is Kind.DATA
        first = self.status()
        assert (first.status, first.state, first.poll_timeout_ms) == (StatusCode.OK, State.DFU_DNBUSY, 0)
        return self.status()

    def manifest(self) -> list[int]:
        """The end of an image; the two states reported."""
        assert self.download(0, b"").kind is Kind.DATA
        return [self.status().state, self.status().state]


def spec(**changes: Any) -> CameraSpec:
    """A camera at 1-1.1; `faults` may be JSON objects."""
    if "faults" in changes:
        changes["faults"] = tuple(Fault.from_json(fault) for fault in changes["faults"])
    values: dict[str, Any] = {"serial": SERIAL, "port_path": "1-1.1", **changes}
    return CameraSpec(**values)


def driver(configured: bool = True, **changes: Any) -> Driver:
    """A camera that is powered, and configured unless told otherwise."""
    clock = ManualClock()
    made = Driver(Camera(spec(**changes), clock), clock)
    made.camera.power_on()
    if configured:
        made.configure()
    return made


def firmware(start: int = HP_START, size: int = 8192) -> bytes:
    """An image whose reset vector points into itself."""
    return struct.pack("<II", 0x20000000, start + 0x401) + bytes(range(256)) * (size // 256 - 1) + bytes(248)


def bootable(folder: Path) -> tuple[Content, ...]:
    """Contents of a camera whose firmware starts."""
    (folder / "hp.bin").write_bytes(firmware())
    (folder / "he.bin").write_bytes(firmware(HE_START))
    return (Content("HP", str(folder / "hp.bin")), Content("HE", str(folder / "he.bin")))
