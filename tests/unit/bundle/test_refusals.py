"""What must not reach a camera is refused with its code, and leaves the store as it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from station.bundle.store import BundleStore
from tests.releases import make_demo_release

FILES = ("firmware_M55_HP.bin", "firmware_M55_HE.bin", "romfs1.img", "romfs0.img")
LIMITS = {FILES[0]: 0x300000, FILES[1]: 0x15E000, FILES[2]: 0x100000, FILES[3]: 0x1800000}
Refused = Callable[[Path, str], str]


@pytest.mark.parametrize("file", FILES)
def test_a_missing_image(release: Path, refused: Refused, file: str) -> None:
    (release / file).unlink()
    assert file in refused(release, "bundle.image_missing")


def test_all_missing_images_are_named(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "empty").mkdir()
    message = refused(tmp_path / "empty", "bundle.image_missing")
    assert "found: no file" in message
    assert all(file in message for file in FILES)


@pytest.mark.parametrize("file", FILES)
def test_an_empty_image(release: Path, refused: Refused, file: str) -> None:
    (release / file).write_bytes(b"")
    assert file in refused(release, "bundle.image_empty")


@pytest.mark.parametrize("file", FILES)
def test_an_image_larger_than_its_partition_by_one_byte(release: Path, refused: Refused, file: str) -> None:
    os.truncate(release / file, LIMITS[file] + 1)
    assert file in refused(release, "bundle.image_too_large")


def test_images_that_fill_their_partitions_are_taken(release: Path, store: BundleStore) -> None:
    for file in FILES:
        os.truncate(release / file, LIMITS[file])
    assert [image.size_bytes for image in store.import_path(release).images] == list(LIMITS.values())


@pytest.mark.parametrize("file", FILES[2:])
@pytest.mark.parametrize("start", [b"\xd2\xcd\x30", b"\xd2\xcd", b"\0\0\0\0\0", b"\xff" * 16])
def test_a_romfs_without_its_magic(release: Path, refused: Refused, file: str, start: bytes) -> None:
    (release / file).write_bytes(start + (release / file).read_bytes()[len(start) :] if len(start) > 2 else start)
    assert file in refused(release, "bundle.not_romfs")


@pytest.mark.parametrize("file", FILES[2:])
@pytest.mark.parametrize("kept_bytes", [3, 4, 1000, -1])
def test_a_romfs_that_is_cut_off(release: Path, refused: Refused, file: str, kept_bytes: int) -> None:
    (release / file).write_bytes((release / file).read_bytes()[:kept_bytes])
    assert file in refused(release, "bundle.romfs_truncated")


@pytest.mark.parametrize("body", [b"\x80" * 4096, b"\xff" * 4096, b"\x90\x80\x00" + b"\x6b" * 4096])
def test_other_bytes_behind_the_magic_are_said_and_taken(release: Path, store: BundleStore, body: bytes) -> None:
    (release / FILES[2]).write_bytes(b"\xd2\xcd\x31" + body)
    said: list[str] = []
    image = next(image for image in store.import_path(release, note=said.append).images if image.file == FILES[2])
    assert image.size_bytes == 3 + len(body)
    assert [line for line in said if FILES[2] in line]


def test_swapped_cores(release: Path, refused: Refused) -> None:
    one, two = (release / file for file in FILES[:2])
    one_content, two_content = one.read_bytes(), two.read_bytes()
    one.write_bytes(two_content)
    two.write_bytes(one_content)
    assert "for HE, not for HP" in refused(release, "bundle.wrong_core")


def test_one_firmware_for_both_cores(release: Path, refused: Refused) -> None:
    (release / FILES[1]).write_bytes((release / FILES[0]).read_bytes())
    assert "for HP, not for HE" in refused(release, "bundle.wrong_core")


@pytest.mark.parametrize("word", [0, 0x00040000, 0x20010000, 0xFFFFFFFF])
def test_where_the_stack_begins_is_no_business_of_ours(release: Path, store: BundleStore, word: int) -> None:
    for file in FILES[:2]:
        (release / file).write_bytes(word.to_bytes(4, "little") + (release / file).read_bytes()[4:])
    store.import_path(release)


def test_the_demo_begins_as_real_firmware_does(release: Path) -> None:
    assert [(release / file).read_bytes()[:4] for file in FILES[:2]] == [bytes.fromhex("00000400")] * 2


def with_vector(path: Path, vector: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4] + vector.to_bytes(4, "little") + content[8:])


@pytest.mark.parametrize(
    ("file", "vector"),
    [
        (FILES[0], 0),
        (FILES[0], 0xFFFFFFFF),
        (FILES[0], 0x80000401),  # the bootloader's own memory
        (FILES[0], 0x8001FFFF),
        (FILES[0], 0x80020400),  # no Thumb bit
        (FILES[1], 0x8047E001),
        (FILES[1], 0x8047E000),
    ],
)
def test_a_reset_vector_outside_its_partition(release: Path, refused: Refused, file: str, vector: int) -> None:
    with_vector(release / file, vector)
    assert f"{vector:#010x}" in refused(release, "bundle.bad_vector")


@pytest.mark.parametrize(
    ("file", "vector"),
    [(FILES[0], 0x80020001), (FILES[0], 0x8031FFFF), (FILES[1], 0x80320001), (FILES[1], 0x8047DFFF)],
)
def test_a_reset_vector_at_the_ends_of_its_partition(release: Path, store: BundleStore, file: str, vector: int) -> None:
    with_vector(release / file, vector)
    store.import_path(release)


@pytest.mark.parametrize(("vector", "core"), [(0x8031FFFF, "HP"), (0x80320001, "HE")])
def test_the_border_between_the_cores(release: Path, refused: Refused, vector: int, core: str) -> None:
    file = FILES[1] if core == "HP" else FILES[0]
    with_vector(release / file, vector)
    assert f"for {core}, not for" in refused(release, "bundle.wrong_core")


def test_a_firmware_shorter_than_its_vector_table(release: Path, refused: Refused) -> None:
    (release / FILES[0]).write_bytes((release / FILES[0]).read_bytes()[:7])
    assert "it has none" in refused(release, "bundle.bad_vector")


def test_cores_of_two_releases(release: Path, make_release: Callable[[int], Path], refused: Refused) -> None:
    (release / FILES[1]).write_bytes((make_release(2) / FILES[1]).read_bytes())
    message = refused(release, "bundle.mixed_release")
    assert "OpenMV v1; MicroPython v1" in message
    assert "OpenMV v2; MicroPython v2" in message


def test_a_pipe_is_refused_and_not_waited_for(release: Path, refused: Refused) -> None:
    (release / FILES[0]).unlink()
    os.mkfifo(release / FILES[0])
    refused(release, "bundle.not_a_file")


def test_a_folder_in_place_of_an_image(release: Path, refused: Refused) -> None:
    (release / FILES[0]).unlink()
    (release / FILES[0]).mkdir()
    refused(release, "bundle.not_a_file")


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/passwd", "../release99/firmware_M55_HP.bin"])
def test_a_link_out_of_the_folder(
    release: Path, make_release: Callable[[int], Path], refused: Refused, target: str
) -> None:
    make_release(99)
    (release / FILES[0]).unlink()
    (release / FILES[0]).symlink_to(target)
    refused(release, "bundle.link_outside")


def test_a_link_within_the_folder_is_followed(release: Path, store: BundleStore) -> None:
    (release / FILES[0]).rename(release / "build.bin")
    (release / FILES[0]).symlink_to("build.bin")
    assert store.import_path(release).images[0].file == FILES[0]


@pytest.mark.parametrize("target", ["nowhere", FILES[0]])
def test_a_link_to_nothing(release: Path, refused: Refused, target: str) -> None:
    (release / FILES[0]).unlink()
    (release / FILES[0]).symlink_to(target)
    refused(release, "bundle.unreadable")


def test_a_file_that_gives_an_error(release: Path, refused: Refused) -> None:
    (release / FILES[0]).unlink()
    (release / FILES[0]).symlink_to(release / "x" / ".." / ("y" * 300))  # a name too long for any file system
    refused(release, "bundle.unreadable")


def test_a_file_without_permission(release: Path, data_dir: Path, store: BundleStore) -> None:
    """Root may read everything, so the reading is done as nobody."""
    import contextlib

    from station.errors import BundleError

    (release / FILES[0]).chmod(0)
    for folder in (release, *release.parents):
        with contextlib.suppress(PermissionError):
            if folder.is_relative_to(release.parents[2]):
                folder.chmod(0o755)
    effective = os.geteuid()
    if effective == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(BundleError) as caught:
            store.import_path(release)
    finally:
        os.seteuid(effective)
    assert caught.value.code == "bundle.unreadable"
    assert not data_dir.exists()


def test_no_such_path(tmp_path: Path, refused: Refused) -> None:
    assert "nothing-here" in refused(tmp_path / "nothing-here", "bundle.not_found")


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_a_device_is_no_release(refused: Refused, path: str) -> None:
    refused(Path(path), "bundle.not_a_release")


def test_a_pipe_is_no_release(tmp_path: Path, refused: Refused) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "bundle.not_a_release")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x1f\x8b" + b"x" * 1000, b"PK\x05\x06", b"x" * 200_000])
def test_a_file_that_is_no_archive(tmp_path: Path, refused: Refused, content: bytes) -> None:
    (tmp_path / "release.zip").write_bytes(content)
    refused(tmp_path / "release.zip", "bundle.not_a_release")


def test_the_demo_release_has_the_sizes_of_a_real_one(tmp_path: Path, store: BundleStore) -> None:
    make_demo_release(tmp_path / "demo")
    bundle = store.import_path(tmp_path / "demo")
    assert [image.size_bytes for image in bundle.images] == [5 << 19, 1 << 20, 1 << 18, 12 << 20]
    assert bundle.version == "OpenMV v0.0.0-demo; MicroPython v0.0.0-demo"
    make_demo_release(tmp_path / "again")
    assert store.import_path(tmp_path / "again") == bundle
