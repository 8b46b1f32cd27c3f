"""A made-up release of real sizes, for virtual cameras: right on the outside, noise within; it starts no camera."""

from __future__ import annotations

import random
import struct
from pathlib import Path

from station.ae3.partitions import HE, HP, ROMFS0, ROMFS1, Partition
from station.bundle import romfs

MIB = 1 << 20
_STACK_TOP = 0x00040000
"""As in real ones: the stack ends with the 256 KiB of the core's own instruction memory."""
_RESET_OFFSET = 0x400
_VECTORS = 64
_LABEL_OFFSET = 0x200
_THUMB = 1


def make_demo_release(
    folder: Path,
    *,
    version: str = "v0.0.0-demo",
    hp_bytes: int = 5 * MIB // 2,
    he_bytes: int = MIB,
    romfs0_bytes: int = 12 * MIB,
    romfs1_bytes: int = MIB // 4,
    seed: int = 0,
) -> None:
    """Write the four files of a release into a folder, which is made if need be; the same arguments, the same bytes.

    `version` becomes the id of the label in both firmware images, without blanks. Sizes are exact for the firmware and
    at most two bytes less for a ROMFS; from 1,024 bytes up to the partition's size.
    """
    noise = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    label = f"OpenMV {version}; MicroPython {version}".encode("ascii")
    for partition, size_bytes in ((HP, hp_bytes), (HE, he_bytes)):
        (folder / partition.image_file).write_bytes(_firmware(partition, size_bytes, label, noise))
    for partition, size_bytes in ((ROMFS0, romfs0_bytes), (ROMFS1, romfs1_bytes)):
        (folder / partition.image_file).write_bytes(_romfs(size_bytes, label, noise))


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
