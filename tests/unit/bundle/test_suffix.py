from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle.store import BundleStore
from station.bundle.suffix import without_suffix
from station.errors import BundleError

FILES = ("firmware_M55_HP.bin", "firmware_M55_HE.bin", "romfs1.img", "romfs0.img")
Refused = Callable[[Path, str], str]

BY_DFU_SUFFIX = bytes.fromhex("68656c6c6f20646675ffffe396c537000155464410b774fb1f")
"""The text "hello dfu" after `dfu-suffix -v 37c5 -p 96e3 -a` (dfu-util 0.11)."""
BY_DFU_SUFFIX_ANY = bytes.fromhex("68656c6c6f20646675ffffffffffff00015546441077bc5639")
"""The same with no device named."""


def suffixed(
    content: bytes,
    vendor_id: int = 0x37C5,
    product_id: int = 0x96E3,
    version: int = 0x0100,
    signature: bytes = b"UFD",
    length: int = 16,
) -> bytes:
    body = content + struct.pack("<HHHH3sB", 0xFFFF, product_id, vendor_id, version, signature, length)
    return body + struct.pack("<I", zlib.crc32(body) ^ 0xFFFFFFFF)


def as_dfu(release: Path, file: str, **changes: int | bytes) -> Path:
    """Put a .dfu file in the place of a plain one."""
    plain = release / file
    path = plain.with_suffix(".dfu")
    path.write_bytes(suffixed(plain.read_bytes(), **changes))  # type: ignore[arg-type]
    plain.unlink()
    return path


def test_the_suffix_that_dfu_suffix_writes() -> None:
    assert without_suffix(BY_DFU_SUFFIX, "x.dfu", OPENMV_AE3.ids) == b"hello dfu"
    assert without_suffix(BY_DFU_SUFFIX_ANY, "x.dfu", OPENMV_AE3.ids) == b"hello dfu"
    assert suffixed(b"hello dfu") == BY_DFU_SUFFIX


@pytest.mark.parametrize("position", range(len(BY_DFU_SUFFIX)))
def test_any_changed_byte_is_noticed(position: int) -> None:
    raw = bytearray(BY_DFU_SUFFIX)
    raw[position] ^= 0x40
    with pytest.raises(BundleError) as caught:
        without_suffix(bytes(raw), "x.dfu", OPENMV_AE3.ids)
    assert caught.value.code == "bundle.dfu_suffix_invalid"


@pytest.mark.parametrize("length", range(16))
def test_a_file_too_short_for_a_suffix(length: int) -> None:
    with pytest.raises(BundleError) as caught:
        without_suffix(BY_DFU_SUFFIX[-length:] if length else b"", "x.dfu", OPENMV_AE3.ids)
    assert caught.value.code == "bundle.dfu_suffix_invalid"


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("ids", [(0x37C5, 0x96E3), (0xFFFF, 0xFFFF), (0x37C5, 0xFFFF)])
def test_a_right_suffix_is_taken_off(release: Path, store: BundleStore, file: str, ids: tuple[int, int]) -> None:
    plain = store.import_path(release)
    content = (release / file).read_bytes()
    name = as_dfu(release, file, vendor_id=ids[0], product_id=ids[1]).name
    bundle = store.import_path(release, name="suffixed")
    assert bundle.sha256 == plain.sha256
    image = bundle.images[FILES.index(file)]
    assert (image.file, store.image_path(image).read_bytes()) == (name, content)


@pytest.mark.parametrize("ids", [(0x37C5, 0x16E3), (0x1209, 0x96E3), (0x0483, 0xDF11), (0xFFFF, 0xDF11)])
def test_a_file_for_another_device(release: Path, refused: Refused, ids: tuple[int, int]) -> None:
    as_dfu(release, FILES[0], vendor_id=ids[0], product_id=ids[1])
    message = refused(release, "bundle.dfu_other_device")
    assert f"{ids[0]:04X}:{ids[1]:04X}" in message


@pytest.mark.parametrize("changes", [{"signature": b"DFU"}, {"length": 17}, {"length": 0}, {"version": 0x011A}])
def test_a_suffix_of_another_kind(release: Path, refused: Refused, changes: dict[str, int | bytes]) -> None:
    as_dfu(release, FILES[0], **changes)
    refused(release, "bundle.dfu_suffix_invalid")


def test_a_damaged_dfu_file(release: Path, refused: Refused) -> None:
    path = as_dfu(release, FILES[3])
    raw = bytearray(path.read_bytes())
    raw[1000] ^= 1
    path.write_bytes(raw)
    assert "CRC" in refused(release, "bundle.dfu_suffix_invalid")


def test_a_dfu_file_without_a_suffix(release: Path, refused: Refused) -> None:
    (release / FILES[0]).rename(release / "firmware_M55_HP.dfu")
    refused(release, "bundle.dfu_suffix_invalid")


def test_a_suffix_and_nothing_before_it(release: Path, refused: Refused) -> None:
    (release / FILES[0]).write_bytes(b"")
    as_dfu(release, FILES[0])
    refused(release, "bundle.image_empty")


def test_the_suffix_does_not_count_as_image(release: Path, store: BundleStore) -> None:
    full = (release / FILES[1]).read_bytes().ljust(0x15E000, b"\xff")
    (release / FILES[1]).write_bytes(full)
    as_dfu(release, FILES[1])
    assert store.import_path(release).images[1].size_bytes == 0x15E000


def test_an_image_too_large_before_its_suffix(release: Path, refused: Refused) -> None:
    (release / FILES[1]).write_bytes((release / FILES[1]).read_bytes().ljust(0x15E000 + 1, b"\xff"))
    as_dfu(release, FILES[1])
    refused(release, "bundle.image_too_large")


def test_a_plain_file_beside_a_different_dfu_file(release: Path, refused: Refused) -> None:
    content = (release / FILES[0]).read_bytes()
    as_dfu(release, FILES[0])
    (release / FILES[0]).write_bytes(content[:-1] + b"\0")
    refused(release, "bundle.image_ambiguous")


def test_a_plain_file_beside_its_dfu_file(release: Path, store: BundleStore) -> None:
    content = (release / FILES[0]).read_bytes()
    as_dfu(release, FILES[0])
    (release / FILES[0]).write_bytes(content)
    assert store.import_path(release).images[0].file == FILES[0]


@pytest.mark.parametrize("file", FILES)
def test_a_suffix_under_a_plain_name_is_taken_off(release: Path, store: BundleStore, file: str) -> None:
    """`dfu-suffix -a` leaves a file its name, and dfu-util takes a suffix off whatever the file is called."""
    plain = store.import_path(release)
    (release / file).write_bytes(suffixed((release / file).read_bytes()))
    assert store.import_path(release, name="suffixed").sha256 == plain.sha256


def test_a_plain_name_hides_no_other_device(release: Path, refused: Refused) -> None:
    (release / FILES[2]).write_bytes(suffixed((release / FILES[2]).read_bytes(), product_id=0x9206))
    assert FILES[2] in refused(release, "bundle.dfu_other_device")


def test_a_plain_name_hides_no_damage(release: Path, refused: Refused) -> None:
    raw = suffixed((release / FILES[2]).read_bytes())
    (release / FILES[2]).write_bytes(b"\0".join((raw[:500], raw[501:])))
    assert FILES[2] in refused(release, "bundle.dfu_suffix_invalid")
