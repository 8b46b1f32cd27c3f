"""One DFU session with one held camera: the pure engine and a transport, joined; failures raised as CameraError."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from station.board.board import Board
from station.board.partition import Partition
from station.dfu.actions import Action, Reply
from station.dfu.engine import DetachResult, Engine, ShortFrame, drive
from station.errors import CameraError


class Transport(Protocol):
    """What a session needs of a USB transport."""

    def perform(self, action: Action) -> Reply:
        """Carry one action out; conditions of the bus are replies, never exceptions."""
        ...

    def configuration_descriptor_raw(self) -> bytes:
        """The whole configuration descriptor."""
        ...

    def string(self, index: int) -> str:
        """A string descriptor, decoded."""
        ...

    def reset(self) -> None:
        """Reset the port."""
        ...

    def close(self) -> None:
        """Give the device back; safe to call twice."""
        ...


class DfuSession:
    """Blocking calls over one engine; every payload returned is valid until the next call."""

    def __init__(self, transport: Transport, board: Board) -> None:
        self.transport = transport
        self.board = board
        self._engine = Engine(
            alts=range(len(board.partitions)),
            never_written={each.alt for each in board.partitions if not each.writable},
            never_uploaded={each.alt for each in board.partitions if each.never_upload},
            protected={each.alt for each in board.partitions if each.locked},
            transfer_size_bytes=board.transfer_bytes,
        )
        self._perform: Callable[[Action], Reply] = transport.perform

    def select(self, partition: Partition) -> None:
        """Choose the partition that all following calls speak of."""
        drive(self._engine.select(partition.alt, partition.name, partition.limits), self._perform)

    def upload(self, block: int, length_bytes: int) -> memoryview | bytes | ShortFrame:
        """Read one block; a `ShortFrame` past the partition's end."""
        return drive(self._engine.upload_block(block, length_bytes), self._perform)

    def download(self, block: int, data: bytes) -> None:
        """Write one block and wait until the camera has stored it."""
        drive(self._engine.download_block(block, data), self._perform)

    def finish_image(self) -> None:
        """Tell the camera that the image is complete (manifest); this puts an on-chip partition's protection back."""
        drive(self._engine.finish_image(), self._perform)

    def detach(self) -> DetachResult:
        """Ask the camera to leave its bootloader. What it answers proves nothing: only the application does."""
        return drive(self._engine.detach(), self._perform)

    def recover(self, partition: Partition, failed: CameraError) -> None:
        """Go on after a reading that failed and proves nothing; raises `failed` where the camera does not follow.

        A device that was given up in silence is asked once more and patiently: GETSTATUS found such a one again where
        ABORT did not. SET_INTERFACE then puts its state machine back to dfuIDLE, status OK.
        """
        if failed.code == "usb.disconnected":
            raise failed
        try:
            with suppress(CameraError):
                drive(self._engine.get_status(), self._perform)
            self.select(partition)
        except CameraError as error:
            raise failed from error

    def close(self) -> None:
        """Give the device back; the camera stays held."""
        self.transport.close()
