"""What is listed is what mpremote's own builder put in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpremote.romfs import VfsRomWriter

from station.bundle.romfs_listing import rom_listing

MAGIC = b"\xd2\xcd\x31"


def test_names_and_sizes_of_files_and_the_names_of_folders() -> None:
    writer = VfsRomWriter()
    writer.mkfile("version.txt", b"v" * 19)
    writer.mkfile("empty", b"")
    writer.opendir("models")
    writer.mkfile("inside.tflite", bytes(300))
    writer.closedir()
    writer.mkfile("large.tflite", bytes(200_000))
    listing = rom_listing(writer.finalise())
    assert listing == {"version.txt": 19, "empty": 0, "models": None, "large.tflite": 200_000}


@pytest.mark.parametrize("content", [b"", b"no image", MAGIC, MAGIC + b"\x85", MAGIC + b"\x20\x05\x10"])
def test_what_is_no_whole_image_has_no_listing(content: bytes) -> None:
    assert rom_listing(content) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_survived(content: bytes) -> None:
    rom_listing(MAGIC + content)
