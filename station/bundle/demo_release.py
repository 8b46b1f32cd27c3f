"""A made-up release of real sizes, for virtual cameras: right on the outside, noise within; it starts no camera."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from pathlib import Path

from station.board.board import Board
from station.board.partition import Partition
from station.bundle import romfs

DEMO_VERSION = "v0.0.0-demo"
"""In the label of every made-up release that is given no other version; no real one has it."""
_STACK_TOP = 0x00040000
"""As in real ones: the stack ends with the 256 KiB of the core's own instruction memory."""
_RESET_OFFSET = 0x400
_VECTORS = 64
_LABEL_OFFSET = 0x200
_THUMB = 1


def make_demo_release(
    folder: Path,
    board: Board,
    *,
    version: str = DEMO_VERSION,
    sizes_bytes: Mapping[str, int] | None = None,
    seed: int = 0,
) -> None:
    """Write the files of a board's release into a folder, made if need be; the same arguments, the same bytes.

    `version` becomes the id of the label in the firmware images, without blanks. `sizes_bytes` by partition, the usual
    ones where none is given: exact for firmware and at most two bytes less for a ROMFS; from 1,024 bytes up to the
    partition's size.
    """
    noise = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    label = f"OpenMV {version}; MicroPython {version}".encode("ascii")
    others = sorted((each for each in board.images if each not in board.cores), key=lambda each: each.name)
    for partition in (*board.cores, *others):
        assert partition.image is not None
        size_bytes = (sizes_bytes or {}).get(partition.name, partition.image.usual_bytes)
        is_core = partition in board.cores
        content = _firmware(partition, size_bytes, label, noise) if is_core else _romfs(size_bytes, label, noise)
        (folder / partition.image.file).write_bytes(content)


def _firmware(partition: Partition, size_bytes: int, label: bytes, noise: random.Random) -> bytes:
    """A vector table that starts within the image, the label, and noise."""
    reset = partition.start + _RESET_OFFSET | _THUMB
    vectors = struct.pack(f"<{_VECTORS}I", _STACK_TOP, *[reset] * (_VECTORS - 1))
    head = vectors.ljust(_LABEL_OFFSET, b"\0") + label + b"\0"
    return head + noise.randbytes(size_bytes - len(head))


def _romfs(size_bytes: int, label: bytes, noise: random.Random) -> bytes:
    """A few files, the last of them as long as there is room."""
    files = [("version.txt", label + b"\n"), ("labels.txt", b"person\nno person\n")]
    room = size_bytes - len(romfs.build([*files, ("model.tflite", b"")]))
    while True:  # the lengths' own lengths grow with the content, by a few bytes
        overlong = len(romfs.build([*files, ("model.tflite", bytes(room))])) - size_bytes
        if overlong <= 0:
            return romfs.build([*files, ("model.tflite", noise.randbytes(room))])
        room -= overlong
