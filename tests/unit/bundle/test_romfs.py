"""Against mpremote's own ROMFS builder, with real files."""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path

import pytest
from mpremote.romfs import VfsRomWriter, make_romfs

from station.bundle import romfs
from station.bundle.store import BundleStore
from tests.releases import make_demo_release

FILE_SETS: list[list[tuple[str, bytes]]] = [
    [],
    [("a.txt", b"")],
    [("a.txt", b"x")],
    [("a.txt", b"x" * 127), ("b.txt", b"y" * 128)],
    [("name" * 40, b"long name")],
    *[[("data.bin", bytes(size_bytes))] for size_bytes in (100, 101, 16370, 16384, 16385, 1 << 21)],
]


@pytest.mark.parametrize("files", FILE_SETS, ids=lambda files: f"{len(files)}x{sum(len(data) for _, data in files)}")
def test_our_images_are_those_of_mpremote(files: list[tuple[str, bytes]]) -> None:
    writer = VfsRomWriter()
    for name, content in files:
        writer.mkfile(name, content)
    theirs = writer.finalise()
    assert romfs.build(files) == theirs
    assert romfs.declared_bytes(theirs) == len(theirs)


@pytest.mark.parametrize("padding", range(13))
def test_a_header_padded_as_openmv_does_it(padding: int) -> None:
    """Its builder aligns the payload to 16 bytes with bytes that carry nothing."""
    image = b"\xd2\xcd\x31" + b"\x80" * padding + b"\x05" + b"abcde"
    assert romfs.declared_bytes(image) == len(image)


def test_a_declared_size_may_pass_the_end() -> None:
    assert romfs.declared_bytes(b"\xd2\xcd\x31\x87\x68") == 5 + 1000
    assert romfs.declared_bytes(b"\xd2\xcd\x31\x87") is None
    assert romfs.declared_bytes(b"\xd2\xcd\x31") is None


@pytest.fixture
def real_release(tmp_path: Path) -> Path:
    """A release with the standard library of this Python in its ROMFS images, folders and all."""
    library = Path(sysconfig.get_path("stdlib"))
    folder = tmp_path / "real"
    make_demo_release(folder)
    for image, package in (("romfs0.img", "asyncio"), ("romfs1.img", "json")):
        source = tmp_path / package
        for file in sorted((library / package).glob("*.py")):
            target = source / "lib" / package / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        (source / "config.json").write_text(json.dumps({"python": sys.version_info[:2]}))
        (folder / image).write_bytes(make_romfs(str(source), mpy_cross=False))
    return folder


def test_real_images_are_imported(real_release: Path, store: BundleStore) -> None:
    bundle = store.import_path(real_release)
    store.verify(bundle)
    for image in bundle.images[2:]:
        content = store.image_path(image).read_bytes()
        assert content == (real_release / image.file).read_bytes()
        assert len(content) > 10_000


@pytest.mark.parametrize("size_bytes", [1024, 1025, 16384, 16388, 16389, 20000, 20001, 1 << 20])
def test_demo_images_are_as_large_as_asked(tmp_path: Path, size_bytes: int) -> None:
    make_demo_release(
        tmp_path, hp_bytes=size_bytes, he_bytes=size_bytes, romfs0_bytes=size_bytes, romfs1_bytes=size_bytes
    )
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes.pop("firmware_M55_HP.bin") == sizes.pop("firmware_M55_HE.bin") == size_bytes
    assert sizes.keys() == {"romfs0.img", "romfs1.img"}
    assert all(size_bytes - 4 <= size <= size_bytes for size in sizes.values())
