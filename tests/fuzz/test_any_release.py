"""Whatever a release on the disk holds, it is read, or refused with one line; nothing else happens."""

from __future__ import annotations

import io
import struct
import tempfile
import zipfile
import zlib
from functools import cache
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle.release_images import Choices, read_release
from station.bundle.romfs_listing import rom_listing
from station.bundle.suffix import without_suffix
from station.errors import HINTS, BundleError
from tests.fuzz.mutations import broken_bytes, fuzzed, refusal
from tests.releases import make_demo_release

FILES = ("firmware_M55_HP.bin", "firmware_M55_HE.bin", "romfs1.img", "romfs0.img")


@cache
def release() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        make_demo_release(
            Path(folder), version="v1", hp_bytes=2000, he_bytes=1500, romfs0_bytes=3000, romfs1_bytes=1000, seed=1
        )
        return {name: (Path(folder) / name).read_bytes() for name in FILES}


@cache
def archive(prefix: str = "", compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as opened:
        for name, content in release().items():
            opened.writestr(prefix + name, content)
    return file.getvalue()


archives = st.one_of(
    broken_bytes(archive()),
    broken_bytes(archive("OPENMV_AE3/", zipfile.ZIP_STORED)),
    st.binary(max_size=200).map(lambda raw: b"PK\x03\x04" + raw),
    st.binary(max_size=200),
)


@fuzzed
@given(archives, st.booleans())
def test_any_archive(raw: bytes, partial: bool) -> None:
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(raw)
        file.flush()
        choices = Choices(partial=partial, mixed=True)
        error = refusal(lambda: read_release(OPENMV_AE3, Path(file.name), lambda text: None, choices), BundleError)
    check(error)


def check(error: Exception | None) -> None:
    if isinstance(error, BundleError):
        assert error.code in HINTS
        assert "\n" not in error.message


@fuzzed
@given(st.sampled_from(FILES).flatmap(lambda name: st.tuples(st.just(name), broken_bytes(release()[name]))))
def test_any_image(changed: tuple[str, bytes]) -> None:
    name, content = changed
    with tempfile.TemporaryDirectory() as folder:
        for each, sound in release().items():
            (Path(folder) / each).write_bytes(content if each == name else sound)
        choices = Choices(mixed=True)
        check(refusal(lambda: read_release(OPENMV_AE3, Path(folder), lambda text: None, choices), BundleError))


SUFFIX = struct.pack("<HHHH3sB", 0x0100, 0x96E3, 0x37C5, 0x0100, b"UFD", 16)


def with_suffix(raw: bytes, suffix: bytes) -> bytes:
    whole = raw + suffix
    return whole + struct.pack("<I", zlib.crc32(whole) ^ 0xFFFFFFFF)


@fuzzed
@given(st.binary(max_size=64), broken_bytes(SUFFIX), st.booleans())
def test_any_dfu_suffix(raw: bytes, suffix: bytes, checksum: bool) -> None:
    given_file = with_suffix(raw, suffix) if checksum else raw + suffix
    error = refusal(lambda: without_suffix(given_file, "a.dfu", OPENMV_AE3.ids), BundleError)
    check(error)
    assert error or given_file[-8:-4] == b"UFD\x10"


@fuzzed
@given(broken_bytes(release()["romfs0.img"]))
def test_any_rom_file_system(raw: bytes) -> None:
    names = rom_listing(raw)
    assert names is None or all(size is None or size >= 0 for size in names.values())
