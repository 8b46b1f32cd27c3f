from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from station.board.firmware_image import reset_vector, starts_in, version_label
from station.board.openmv_ae3 import HE, HP, ROMFS0
from station.bundle.romfs import ROMFS_MAGIC, is_romfs


def image(vector: int, text: bytes = b"") -> bytes:
    return (0x20000000).to_bytes(4, "little") + vector.to_bytes(4, "little") + text


@pytest.mark.parametrize(
    ("vector", "fits"),
    [
        (0x80020001, True),
        (0x80021235, True),
        (0x8031FFFF, True),
        (0x80021234, False),  # no Thumb bit
        (0x8001FFFF, False),  # in the bootloader
        (0x80320001, False),  # in HE
        (0x00000000, False),
        (0xFFFFFFFF, False),
    ],
)
def test_hp_starts_in_its_own_partition(vector: int, fits: bool) -> None:
    assert reset_vector(image(vector)) == vector
    assert starts_in(image(vector), HP) is fits


def test_the_cores_are_not_exchanged() -> None:
    hp, he = image(0x80020401), image(0x80320401)
    assert [starts_in(hp, HP), starts_in(hp, HE), starts_in(he, HP), starts_in(he, HE)] == [True, False, False, True]


@pytest.mark.parametrize("size", [0, 4, 7])
def test_a_cut_image_starts_nowhere(size: int) -> None:
    content = image(0x80020401)[:size]
    assert reset_vector(content) is None
    assert not starts_in(content, HP)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (b"\0OpenMV v5.0.1; MicroPython v1.28-r7; OPENMV AE3\0", "OpenMV v5.0.1; MicroPython v1.28-r7"),
        (b"OpenMV Cam\0OpenMV a1b2c3d; MicroPython v1.26.0-77\0", "OpenMV a1b2c3d; MicroPython v1.26.0-77"),
        (b"OpenMV v4.7.0-dirty; MicroPython 9c1ff5f", "OpenMV v4.7.0-dirty; MicroPython 9c1ff5f"),
        (b"OpenMV ; MicroPython v1\0", None),
        (b"OpenMV v1 v2; MicroPython v1\0", None),
        (b"OpenMV v1\xff; MicroPython v1\0", None),
        (b"OpenMV v5.0.1\0; MicroPython v1.28\0", None),
        (b"MicroPython v1.28", None),
        (b"", None),
    ],
)
def test_the_version_label(text: bytes, label: str | None) -> None:
    assert version_label(image(0x80020001, b"\xff" * 100 + text)) == label


def test_a_romfs_is_known_by_its_magic() -> None:
    assert is_romfs(ROMFS_MAGIC + b"\x80\0")
    assert not is_romfs(b"\xd2\xcd")
    assert not is_romfs(b"\0" + ROMFS_MAGIC)
    assert not is_romfs(b"")


def test_a_memory_map_will_do(tmp_path: Path) -> None:
    path = tmp_path / "hp.bin"
    path.write_bytes(image(0x80020001, b"OpenMV v5; MicroPython v1\0"))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        assert starts_in(content, HP)
        assert not starts_in(content, ROMFS0)
        assert version_label(content) == "OpenMV v5; MicroPython v1"
        assert not is_romfs(content)
    assert is_romfs(memoryview(ROMFS_MAGIC + b"x"))
