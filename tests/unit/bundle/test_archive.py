"""Archives that no honest release is."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from station.bundle.store import BundleStore
from station.bundle.suffix import SUFFIX_BYTES
from station.errors import BundleError

FILES = ("firmware_M55_HP.bin", "firmware_M55_HE.bin", "romfs1.img", "romfs0.img")
ROOT = Path(__file__).parents[3]
Refused = Callable[[Path, str], str]


def add(archive: Path, name: str, content: bytes = b"x", *, mode: int = 0, method: int = zipfile.ZIP_STORED) -> None:
    entry = zipfile.ZipInfo("placeholder")
    entry.filename = entry.orig_filename = name  # past ZipInfo's own tidying
    entry.external_attr = mode << 16
    entry.compress_type = method
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(entry, content)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "//server/share",
        "../evil",
        "a/../../evil",
        "a/..",
        "..",
        "./romfs0.img",
        "a//b",
        "C:/evil",
        "C:evil",
        "..\\evil",
        "line\nbreak",
        "escape\x1b[2J",
    ],
)
def test_a_path_that_leads_elsewhere(archive: Path, refused: Refused, name: str) -> None:
    add(archive, name)
    refused(archive, "bundle.archive_unsafe")


def test_a_name_with_a_zero_byte(archive: Path, refused: Refused) -> None:
    add(archive, "nameXbyte")
    archive.write_bytes(archive.read_bytes().replace(b"nameXbyte", b"name\0byte"))
    refused(archive, "bundle.archive_unsafe")


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o060644, 0o140644])
@pytest.mark.parametrize("name", ["link", "folder/link"])
def test_links_and_devices(archive: Path, refused: Refused, mode: int, name: str) -> None:
    add(archive, name, b"/etc/passwd", mode=mode)
    refused(archive, "bundle.archive_unsafe")


@pytest.mark.parametrize("name", [*FILES, "ROMFS0.IMG", "Firmware_m55_hp.bin"])
def test_an_entry_that_is_there_twice(archive: Path, refused: Refused, name: str) -> None:
    if name in FILES:
        with pytest.warns(UserWarning, match="Duplicate name"):
            add(archive, name)
    else:
        add(archive, name)
    assert "twice" in refused(archive, "bundle.archive_unsafe")


def test_names_that_differ_by_their_unicode_form_only(archive: Path, refused: Refused) -> None:
    add(archive, "caf\u00e9")
    add(archive, "cafe\u0301")
    assert "twice" in refused(archive, "bundle.archive_unsafe")


def test_a_file_and_a_folder_of_one_name(archive: Path, refused: Refused) -> None:
    add(archive, "romfs0.img/")
    assert "twice" in refused(archive, "bundle.archive_unsafe")


def patched(archive: Path, name: str, offset: int, layout: str, value: int) -> None:
    """Change a field of an entry in the archive's directory; offsets are the ZIP specification's, section 4.3.12."""
    raw = bytearray(archive.read_bytes())
    at = raw.rfind(name.encode()) - 46
    assert raw[at : at + 4] == b"PK\x01\x02"
    struct.pack_into(layout, raw, at + offset, value)
    archive.write_bytes(raw)


@pytest.mark.parametrize("flags", [0x1, 0x41, 0x2001])
def test_an_encrypted_entry(archive: Path, refused: Refused, flags: int) -> None:
    patched(archive, FILES[0], 8, "<H", flags)
    refused(archive, "bundle.archive_encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_whose_memory_is_not_bounded(archive: Path, release: Path, refused: Refused, method: int) -> None:
    with zipfile.ZipFile(archive, "w", method) as opened:
        for file in FILES:
            opened.write(release / file, file)
    refused(archive, "bundle.archive_unsupported")


def test_an_unknown_method(archive: Path, refused: Refused) -> None:
    patched(archive, FILES[0], 10, "<H", 77)
    refused(archive, "bundle.archive_unsupported")


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_entry(archive: Path, refused: Refused, file: str) -> None:
    with zipfile.ZipFile(archive) as opened:
        entry = opened.getinfo(file)
    raw = bytearray(archive.read_bytes())
    raw[entry.header_offset + 30 + len(file) + entry.compress_size // 2] ^= 0x10
    archive.write_bytes(raw)
    refused(archive, "bundle.archive_corrupt")


def test_an_archive_that_is_cut_off(archive: Path, refused: Refused) -> None:
    archive.write_bytes(archive.read_bytes()[:-30])
    refused(archive, "bundle.archive_corrupt")


def test_a_directory_that_points_nowhere(archive: Path, refused: Refused) -> None:
    raw = archive.read_bytes()
    archive.write_bytes(raw[:-22] + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 4, 4, 4000, 0, 0))
    refused(archive, "bundle.archive_corrupt")


def zeros(archive: Path, name: str, size_bytes: int, release: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for file in FILES:
            if file != name:
                opened.write(release / file, file)
        with opened.open(name, "w") as target:
            for _ in range(size_bytes >> 20):
                target.write(bytes(1 << 20))


@pytest.mark.parametrize("name", [FILES[0], "readme.txt"])
def test_a_bomb(archive: Path, release: Path, refused: Refused, name: str) -> None:
    zeros(archive, name, 65 << 20, release)
    assert archive.stat().st_size < 1 << 20
    refused(archive, "bundle.archive_bomb")


@pytest.mark.parametrize("content", [random.Random(0).randbytes(0x15E000), b""], ids=["random", "padding alone"])
def test_an_image_a_little_too_large(archive: Path, release: Path, refused: Refused, content: bytes) -> None:
    """However well it is packed: an image that is padded for another board is no attack."""
    (release / FILES[1]).write_bytes(content.ljust(0x15E000 + SUFFIX_BYTES + 1, b"\xff"))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for file in FILES:
            opened.write(release / file, file)
    refused(archive, "bundle.image_too_large")


def test_an_image_that_packs_well_is_no_bomb(archive: Path, release: Path, store: BundleStore) -> None:
    """Erased memory packs a thousand times: the limit of the partition is what counts."""
    with (release / FILES[3]).open("ab") as file:
        file.write(b"\xff" * (20 << 20))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in FILES:
            opened.write(release / name, name)
    assert store.import_path(archive).images[3].size_bytes > 20 << 20


def test_an_entry_that_lies_about_its_size(archive: Path, release: Path, refused: Refused) -> None:
    """The directory says 9,000 bytes, the data unpack to 64 MiB: no more than what is allowed is ever unpacked."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(64 << 20)) + packer.flush()
    honest = io.BytesIO()
    with zipfile.ZipFile(honest, "w") as opened:
        opened.writestr(FILES[0], packed)
        for file in FILES[1:]:
            opened.write(release / file, file)
    archive.write_bytes(honest.getvalue())
    patched(archive, FILES[0], 10, "<H", zipfile.ZIP_DEFLATED)
    patched(archive, FILES[0], 24, "<L", 9000)
    refused(archive, "bundle.archive_corrupt")


def test_too_many_entries(tmp_path: Path, refused: Refused) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as opened:
        for number in range(1001):
            opened.writestr(f"{number}.txt", b"")
    refused(tmp_path / "many.zip", "bundle.archive_bomb")


IMPORT = """
import resource, sys
from pathlib import Path
from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle.store import BundleStore
from station.bundle.suffix import SUFFIX_BYTES
from station.errors import BundleError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    BundleStore(Path(sys.argv[1]), OPENMV_AE3).import_path(Path(sys.argv[2]))
except BundleError as error:
    print(error.code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
"""Says the code and by how many KiB the process grew."""


@pytest.mark.parametrize(("entries", "announced"), [(60_000, 1), (66_000, None)], ids=["lying count", "zip64"])
def test_a_directory_of_any_size_is_not_read_into_memory(tmp_path: Path, entries: int, announced: int | None) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for number in range(entries):
            opened.writestr(f"{number:06}", b"")
    if announced is not None:
        raw = path.read_bytes()
        path.write_bytes(raw[:-14] + struct.pack("<2H", announced, announced) + raw[-10:])
    command = [sys.executable, "-c", IMPORT, str(tmp_path / "data"), str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    code, grown_kib = done.stdout.split()
    assert code == "bundle.archive_bomb"
    assert int(grown_kib) < 10_000


@pytest.mark.parametrize("file", FILES)
def test_a_missing_or_empty_image(archive: Path, release: Path, refused: Refused, file: str) -> None:
    with zipfile.ZipFile(archive, "w") as opened:
        for other in FILES:
            if other != file:
                opened.write(release / other, other)
    assert file in refused(archive, "bundle.image_missing")


@pytest.mark.parametrize("seed", range(8))
def test_random_damage_never_escapes_as_another_error(archive: Path, store: BundleStore, seed: int) -> None:
    """Forty archives a seed, each with a few bytes changed, mostly in the headers."""
    good = archive.read_bytes()
    chance = random.Random(seed)
    for _ in range(40):
        raw = bytearray(good)
        for _ in range(chance.randint(1, 6)):
            headers = chance.random() < 0.7
            raw[chance.randrange(max(len(raw) - 400, 0) if headers else 0, len(raw))] = chance.randrange(256)
        archive.write_bytes(raw)
        with contextlib.suppress(BundleError):
            store.import_path(archive)
    assert not store.broken()
    for bundle in store.list():
        store.verify(bundle)
