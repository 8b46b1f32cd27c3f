"""What is said to a camera and what it answers, as lists for `ScriptedTransport`; and the worker's end of a pipe."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from station.board.openmv_ae3 import OPENMV_AE3
from station.board.partition import Partition
from station.dfu.actions import DONE, Action, ControlIn, ControlOut, Data, Reply, SetInterface
from station.dfu.dfu_protocol import Request, State, Status, StatusCode
from station.flash.dfu_session import DfuSession
from station.flash.pipe import Link
from station.model.devices import Device, DeviceMode
from station.model.runs import ImagePlan
from station.usb.scripted import RESET, ScriptedTransport
from station.usb.scripted import Exchange as Exchange

BLOCK_BYTES = 4096
CAMERA = Device("1-1", 1, 5, 0x37C5, 0x96E3, "4F6A1C6A3381000000000001", 0x0103, DeviceMode.DFU)
APPLICATION = Device("1-1", 1, 6, 0x37C5, 0x16E3, "4F6A1C6A3381000000000001", 0x0200, DeviceMode.APPLICATION)
NAMES = [partition.name for partition in OPENMV_AE3.partitions]


def block_of(fill: int) -> bytes:
    """A block that no other `fill` has."""
    return bytes((fill,)) * 16 + bytes(range(256)) * 15 + bytes(BLOCK_BYTES - 16 - 256 * 15)


def contents(*fills: int) -> bytes:
    return b"".join(map(block_of, fills))


def plan_of(folder: Path, partition: Partition, content: bytes) -> ImagePlan:
    path = folder / f"{partition.name}.img"
    path.write_bytes(content)
    return ImagePlan(partition.name, partition.alt, str(path), len(content), hashlib.sha256(content).hexdigest())


# --- exchanges -----------------------------------------------------------------------------------------------------


def select(partition: Partition, reply: Reply = DONE) -> list[Exchange]:
    return [(SetInterface(partition.alt), reply)]


def upload(block: int, reply: Reply | bytes) -> list[Exchange]:
    return [(ControlIn(Request.UPLOAD, block, BLOCK_BYTES, 0), Data(reply) if isinstance(reply, bytes) else reply)]


def uploads(contents: Iterable[bytes], first: int = 0) -> list[Exchange]:
    return [exchange for number, block in enumerate(contents, first) for exchange in upload(number, block)]


def status(*states: State) -> list[Exchange]:
    return [(ControlIn(Request.GETSTATUS, 0, 6, 0), Data(Status(0, 0, state).encode())) for state in states]


def status_answered(reply: Reply) -> list[Exchange]:
    return [(ControlIn(Request.GETSTATUS, 0, 6, 0), reply)]


def sent(block: int, data: bytes, reply: Reply = DONE) -> list[Exchange]:
    """A DNLOAD alone."""
    return [(ControlOut(Request.DNLOAD, block, data, 0), reply)]


def download(block: int, data: bytes) -> list[Exchange]:
    return [*sent(block, data), *status(State.DFU_DNBUSY, State.DFU_DNLOAD_IDLE)]


def refused(block: int, data: bytes, code: StatusCode = StatusCode.ERR_WRITE) -> list[Exchange]:
    error = Data(Status(code, 0, State.DFU_ERROR).encode())
    cleared: Exchange = (ControlOut(Request.CLRSTATUS, 0, b"", 0), DONE)
    return [*sent(block, data), *status(State.DFU_DNBUSY), *status_answered(error), cleared]


def finish() -> list[Exchange]:
    return [*sent(0, b""), *status(State.DFU_MANIFEST, State.DFU_IDLE)]


def detach(reply: Reply = DONE) -> list[Exchange]:
    return [(ControlOut(Request.DETACH, 1000, b"", 0), reply)]


def reset() -> list[Exchange]:
    return [(RESET, DONE)]


def sizes() -> list[Exchange]:
    """What the identify phase asks of a camera with today's table."""
    asked: list[Exchange] = []
    for partition in OPENMV_AE3.partitions:
        if not partition.never_upload:
            blocks = partition.size_bytes // BLOCK_BYTES
            asked += select(partition) + upload(blocks - 1, bytes(BLOCK_BYTES)) + upload(blocks, bytes(4))
    return asked


def full_write(partition: Partition, content: bytes) -> list[Exchange]:
    """An image that is written whole, block after block, without a look before it."""
    blocks = [content[start : start + BLOCK_BYTES] for start in range(0, len(content), BLOCK_BYTES)]
    written = [exchange for number, block in enumerate(blocks) for exchange in download(number, block)]
    return [*select(partition), *written, *finish()]


def read_back(partition: Partition, content: bytes) -> list[Exchange]:
    blocks = [
        content[start : start + BLOCK_BYTES].ljust(BLOCK_BYTES, b"\xff") for start in range(0, len(content), 4096)
    ]
    return [*select(partition), *uploads(blocks)]


# --- sessions ------------------------------------------------------------------------------------------------------


def configuration(transfer_bytes: int = BLOCK_BYTES, settings: int = len(NAMES)) -> bytes:
    """The configuration descriptor with its DFU interface; the settings' names are the strings from 1."""
    each = (bytes((9, 4, 0, alt, 0, 0xFE, 0x01, 2, alt + 1)) for alt in range(settings))
    functional = bytes.fromhex("09 21 07 e803") + transfer_bytes.to_bytes(2, "little") + bytes.fromhex("0101")
    body = b"".join((*each, functional))
    return b"\x09\x02" + (9 + len(body)).to_bytes(2, "little") + b"\x01\x01\x00\x80\xfa" + body


class CameraAtPort(ScriptedTransport):
    """A camera that can leave: after each DETACH or reset the line tells its worker the next of `moves`."""

    line: Connection | None = None
    moves: Sequence[Sequence[object]] = ()

    def _answer(self, asked: Action | str) -> Reply:
        leaves = asked == RESET or (isinstance(asked, ControlOut) and asked.request is Request.DETACH)
        try:
            return super()._answer(asked)
        finally:
            if leaves and self.moves and self.line:
                now, *self.moves = self.moves
                for change in now:
                    self.line.send(change)


def transport(
    *exchanges: list[Exchange], descriptor: bytes | None = None, names: Sequence[str] = NAMES
) -> CameraAtPort:
    every = [exchange for some in exchanges for exchange in some]
    return CameraAtPort(every, configuration() if descriptor is None else descriptor, names)


@contextmanager
def camera(
    *exchanges: list[Exchange], descriptor: bytes | None = None, names: Sequence[str] = NAMES
) -> Iterator[DfuSession]:
    """A session with a camera that is asked exactly this; also where the body expects a failure."""
    scripted = transport(*exchanges, descriptor=descriptor, names=names)
    yield DfuSession(scripted, OPENMV_AE3)
    assert not scripted.left, f"never asked: {scripted.left[0][0]}"


@dataclass
class Bench:
    """A camera, a worker's link, and the line's end of it."""

    transport: CameraAtPort
    session: DfuSession
    link: Link
    line: Connection

    @property
    def heard(self) -> list[Any]:
        """All facts that the worker has sent, and that were not taken before."""
        facts = []
        while self.line.poll():
            facts.append(self.line.recv())
        return facts


@contextmanager
def bench(*exchanges: list[Exchange], moves: Sequence[Sequence[object]] = ()) -> Iterator[Bench]:
    """A camera that is asked exactly this, and its port. `moves`: see `CameraAtPort`."""
    scripted = transport(*exchanges)
    line, worker = multiprocessing.Pipe()
    scripted.line, scripted.moves = line, moves
    with line, worker:
        yield Bench(scripted, DfuSession(scripted, OPENMV_AE3), Link(worker), line)
    assert not scripted.left, f"never asked: {scripted.left[0][0]}"
