"""Releases in every shape that they come in: OpenMV's own builds, openmv-ota's, and what people make of them."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from station.board.openmv_ae3 import HE, HP, ROMFS0, ROMFS1
from station.bundle import folder as folder_module
from station.bundle.release_images import NO_CHOICES, Choices
from station.bundle.store import BundleStore
from station.errors import BundleError
from station.model.bundles import Bundle

FILES = ("firmware_M55_HP.bin", "firmware_M55_HE.bin", "romfs1.img", "romfs0.img")
OTA_FILES = (
    "OPENMV_AE3-firmware-M55_HP.bin",
    "OPENMV_AE3-firmware-M55_HE.bin",
    "OPENMV_AE3-coprocessor-romfs.img",
    "OPENMV_AE3-factory-romfs.img",
)
STRANGERS = {
    "bootloader.bin": b"boot",
    "bootloader.elf": b"\x7fELF",
    "firmware_M55_HP.elf": b"\x7fELF",
    "firmware_M55_HE.elf": b"",
    "firmware.toc": b"toc",
    "firmware_pad.toc": b"toc",
    "romfs0.stamp": b"",
    "romfs1.stamp": b"",
}
OTHER_BOARDS = {"OPENMV_N6/firmware.bin": b"n6", "OPENMV_N6/romfs0.img": b"\xd2\xcd\x31\x00", "CYW4343/x.bin": b""}
Refused = Callable[[Path, str], str]
Wrapped = Callable[[Mapping[str, bytes]], Path]


def in_folder(release: Path, prefix: str = "", files: tuple[str, ...] = FILES) -> dict[str, bytes]:
    return {f"{prefix}{name}": (release / file).read_bytes() for name, file in zip(files, FILES, strict=True)}


@pytest.fixture(params=["archive", "folder"])
def wrapped(request: pytest.FixtureRequest, tmp_path: Path) -> Wrapped:
    """The same names as a zip archive and as a folder."""

    def wrap(content: Mapping[str, bytes]) -> Path:
        if request.param == "archive":
            return zipped(tmp_path / "some.zip", content)
        for name, raw in content.items():
            path = tmp_path / "some" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
        return tmp_path / "some"

    return wrap


def zipped(path: Path, content: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, raw in content.items():
            opened.writestr(name, raw)
    return path


@pytest.fixture
def plain(store: BundleStore, release: Path) -> Bundle:
    """The release as it lies in its folder: what every other shape must give, too."""
    return store.import_path(release, name="plain")


def check_same(store: BundleStore, path: Path, plain: Bundle, choices: Choices = NO_CHOICES) -> Bundle:
    found = store.import_path(path, name="found", choices=choices)
    assert [(one.partition, one.sha256) for one in found.images] == [
        (one.partition, one.sha256) for one in plain.images
    ]
    assert (found.sha256, found.version, found.mixed) == (plain.sha256, plain.version, False)
    store.verify(found)
    return found


def test_the_strangers_of_a_real_build_are_no_fault(
    store: BundleStore, release: Path, plain: Bundle, wrapped: Wrapped
) -> None:
    check_same(store, wrapped(in_folder(release) | STRANGERS), plain)


def test_a_tagged_release_has_a_folder_for_each_board(
    store: BundleStore, release: Path, make_release: Callable[[int], Path], plain: Bundle, wrapped: Wrapped
) -> None:
    """Another board's folder with the same file names is left aside, too."""
    strangers = {f"OPENMV_AE3/{name}": raw for name, raw in STRANGERS.items()}
    content = in_folder(make_release(2), "OPENMV_AE9/") | OTHER_BOARDS | strangers | in_folder(release, "OPENMV_AE3/")
    notes: list[str] = []
    path = wrapped(content)
    check_same(store, path, plain)
    store.import_path(path, note=notes.append)
    assert f"{path.name}: the files were taken from OPENMV_AE3/" in notes
    assert len(notes) <= 2


@pytest.mark.parametrize("top", ["firmware/", "a/b/c/", "firmware_v5.0.0/OPENMV_AE3/", "openmv_ae3/"])
def test_a_top_folder(store: BundleStore, release: Path, plain: Bundle, wrapped: Wrapped, top: str) -> None:
    content = in_folder(release, top) | {"a/readme.txt": b"", f"__MACOSX/{top}._{FILES[0]}": b"resource fork"}
    check_same(store, wrapped(content), plain)


def test_the_folder_that_is_whole_is_meant(store: BundleStore, release: Path, plain: Bundle, wrapped: Wrapped) -> None:
    check_same(store, wrapped(in_folder(release, "firmware/") | OTHER_BOARDS), plain)


@pytest.mark.parametrize(
    ("one", "two", "named"),
    [
        ("a/", "b/", "a/, b/"),
        ("old/OPENMV_AE3/", "new/OPENMV_AE3/", "new/OPENMV_AE3/, old/OPENMV_AE3/"),
        ("", "OPENMV_AE3/", "PATH itself, OPENMV_AE3/"),
    ],
)
def test_two_folders_that_match(
    release: Path,
    make_release: Callable[[int], Path],
    wrapped: Wrapped,
    refused: Refused,
    one: str,
    two: str,
    named: str,
) -> None:
    path = wrapped(in_folder(release, one) | in_folder(make_release(2), two))
    assert named in refused(path, "bundle.folder_ambiguous")


def test_a_flat_release_is_meant_before_copies_below_it(
    store: BundleStore, release: Path, make_release: Callable[[int], Path], plain: Bundle, wrapped: Wrapped
) -> None:
    check_same(store, wrapped(in_folder(release) | in_folder(make_release(2), "backup/")), plain)


def test_a_release_that_is_spread_over_folders(release: Path, wrapped: Wrapped, refused: Refused) -> None:
    """Nothing is pieced together: nobody can tell that the parts belong together."""
    content = in_folder(release)
    spread = {FILES[0]: content[FILES[0]]} | {f"more/{file}": content[file] for file in FILES[1:]}
    message = refused(wrapped(spread), "bundle.image_missing")
    assert "missing: firmware_M55_HE.bin, romfs1.img, romfs0.img; found: firmware_M55_HP.bin" in message


@pytest.mark.parametrize("top", ["", "OPENMV_AE3\\", "v5\\OPENMV_AE3\\"])
def test_backslashes_between_folders(
    store: BundleStore, release: Path, plain: Bundle, wrapped: Wrapped, top: str
) -> None:
    """As an archive, and as a folder that a tool unpacked which does not know them."""
    check_same(store, wrapped(in_folder(release, top) | {"OPENMV_N6\\romfs0.img": b"x"}), plain)


def test_a_folder_of_an_archive_with_a_backslash(
    store: BundleStore, release: Path, plain: Bundle, tmp_path: Path
) -> None:
    path = zipped(tmp_path / "some.zip", {"OPENMV_AE3\\": b""} | in_folder(release, "OPENMV_AE3\\"))
    check_same(store, path, plain)


@pytest.mark.parametrize(
    "name",
    [
        "..\\x",
        "..\\..\\x",
        "a\\..\\..\\x",
        "\\x",
        "\\\\server\\x",
        "C:\\x",
        "a\\\\b",
        ".\\x",
        "a/..\\x",
        "..\\firmware_M55_HP.bin",
    ],
)
def test_backslashes_that_lead_elsewhere(release: Path, tmp_path: Path, refused: Refused, name: str) -> None:
    refused(zipped(tmp_path / "some.zip", in_folder(release) | {name: b"x"}), "bundle.archive_unsafe")


def test_one_file_spelled_with_both_separators(release: Path, tmp_path: Path, refused: Refused) -> None:
    content = in_folder(release, "OPENMV_AE3/") | {"OPENMV_AE3\\romfs0.img": b"x"}
    assert "twice" in refused(zipped(tmp_path / "some.zip", content), "bundle.archive_unsafe")


def test_one_file_spelled_with_both_separators_on_disk(release: Path, refused: Refused) -> None:
    shutil.copytree(release, release / "OPENMV_AE3")
    for file in FILES:
        (release / file).unlink()
    (release / "OPENMV_AE3\\romfs0.img").write_bytes(b"x")
    refused(release, "bundle.image_ambiguous")


def test_backslashes_that_lead_elsewhere_are_part_of_a_name_on_disk(
    store: BundleStore, release: Path, plain: Bundle, tmp_path: Path
) -> None:
    (tmp_path / FILES[3]).write_bytes(b"not this one")
    (release / f"..\\{FILES[3]}").write_bytes(b"nor this one")
    (release / f"\\{FILES[3]}").write_bytes(b"nor this one")
    check_same(store, release, plain)


def test_the_names_of_openmv_ota(store: BundleStore, release: Path, plain: Bundle, wrapped: Wrapped) -> None:
    found = check_same(store, wrapped(in_folder(release, files=OTA_FILES)), plain)
    assert tuple(image.file for image in found.images) == OTA_FILES


def test_openmv_ota_without_a_factory_image(store: BundleStore, release: Path, plain: Bundle, wrapped: Wrapped) -> None:
    check_same(store, wrapped(in_folder(release, files=(*OTA_FILES[:3], "OPENMV_AE3-romfs.img"))), plain)


def test_the_factory_image_is_for_the_factory(
    store: BundleStore, release: Path, make_release: Callable[[int], Path], plain: Bundle, wrapped: Wrapped
) -> None:
    """openmv-ota's `flash factory` writes it; the other one is for cameras that are updated."""
    update = (make_release(2) / FILES[3]).read_bytes()
    path = wrapped(in_folder(release, files=OTA_FILES) | {"OPENMV_AE3-romfs.img": update})
    notes: list[str] = []
    store.import_path(path, note=notes.append)
    assert [note for note in notes if "OPENMV_AE3-romfs.img was left aside" in note]
    check_same(store, path, plain)


def test_two_names_for_one_partition_must_agree(
    release: Path, make_release: Callable[[int], Path], wrapped: Wrapped, refused: Refused
) -> None:
    other = (make_release(2) / FILES[3]).read_bytes()
    refused(wrapped(in_folder(release) | {"OPENMV_AE3-romfs.img": other}), "bundle.image_ambiguous")


def test_case_is_no_fault(store: BundleStore, release: Path, plain: Bundle, wrapped: Wrapped) -> None:
    names = ("FIRMWARE_M55_HP.BIN", "firmware_m55_he.bin", "RomFS1.img", "ROMFS0.IMG")
    check_same(store, wrapped(in_folder(release, "x/", names)), plain)


def test_two_files_that_differ_in_case_alone(release: Path, refused: Refused) -> None:
    (release / "ROMFS0.IMG").write_bytes((release / FILES[3]).read_bytes() + b"\xff")
    refused(release, "bundle.image_ambiguous")


@pytest.mark.parametrize("top", ["", "OPENMV_AE3/"])
def test_an_empty_image_is_a_fault_in_any_shape(release: Path, wrapped: Wrapped, refused: Refused, top: str) -> None:
    path = wrapped(in_folder(release, top) | {f"{top}{FILES[0]}": b"", f"{top}romfs0.stamp": b""})
    assert f"{top}{FILES[0]} is empty" in refused(path, "bundle.image_empty")


def test_what_is_unknown_is_named_and_not_endlessly(wrapped: Wrapped, refused: Refused) -> None:
    message = refused(wrapped({f"build/part{number:03}.bin": b"x" for number in range(100)}), "bundle.image_missing")
    assert "found: build/part000.bin, build/part001.bin, " in message
    assert message.endswith("build/part011.bin and 88 more")


def test_a_link_to_a_folder_is_not_followed(release: Path, tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some/OPENMV_AE3").symlink_to(release)
    refused(tmp_path / "some", "bundle.image_missing")


def test_a_link_out_of_a_folder_below(
    release: Path, make_release: Callable[[int], Path], tmp_path: Path, refused: Refused
) -> None:
    make_release(99)
    shutil.copytree(release, tmp_path / "some/OPENMV_AE3")
    (tmp_path / "some/OPENMV_AE3" / FILES[0]).unlink()
    (tmp_path / "some/OPENMV_AE3" / FILES[0]).symlink_to(tmp_path / "release99" / FILES[0])
    refused(tmp_path / "some", "bundle.link_outside")


def test_a_folder_of_everything_is_not_searched_for_ever(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "NAMES_LIMIT", 20)
    for number in range(21):
        (tmp_path / f"home/f{number}").mkdir(parents=True)
        (tmp_path / f"home/f{number}/x").touch()
    assert "more than 20 files" in refused(tmp_path / "home", "bundle.not_a_release")


@pytest.mark.parametrize("there", [(0,), (1,), (3,), (0, 1), (0, 2, 3)])
def test_a_part_of_a_release(
    store: BundleStore, release: Path, plain: Bundle, wrapped: Wrapped, refused: Refused, there: tuple[int, ...]
) -> None:
    content = in_folder(release, "OPENMV_AE3/")
    path = wrapped({f"OPENMV_AE3/{FILES[number]}": content[f"OPENMV_AE3/{FILES[number]}"] for number in there})
    with pytest.raises(BundleError) as caught:
        store.import_path(path)
    assert caught.value.code == "bundle.image_missing"
    bundle = store.import_path(path, choices=Choices(partial=True))
    assert bundle.images == tuple(plain.images[number] for number in there)
    assert bundle.version == (plain.version if {0, 1} & set(there) else "unknown")
    assert bundle.sha256 != plain.sha256
    assert BundleStore.get(store, bundle.name) == bundle
    store.verify(bundle)


def test_another_boards_files_are_no_part(
    store: BundleStore, release: Path, make_release: Callable[[int], Path], plain: Bundle, wrapped: Wrapped
) -> None:
    """The release of another board has a romfs0.img, too: it must not reach an AE3."""
    other = {
        "OPENMV_N6/romfs0.img": (make_release(2) / FILES[3]).read_bytes(),
        "MPS3_AN547/romfs1.img": b"\xd2\xcd\x31",
        "OPENMV4/romfs0.img": b"\xd2\xcd\x31",
    }
    with pytest.raises(BundleError) as caught:
        store.import_path(wrapped(other), choices=Choices(partial=True))
    assert caught.value.code == "bundle.image_missing"
    path = wrapped(other | {f"new/{FILES[0]}": (release / FILES[0]).read_bytes()})
    assert store.import_path(path, choices=Choices(partial=True)).images == plain.images[:1]


def test_nothing_is_no_part(store: BundleStore, wrapped: Wrapped) -> None:
    with pytest.raises(BundleError) as caught:
        store.import_path(wrapped(STRANGERS), choices=Choices(partial=True))
    assert caught.value.code == "bundle.image_missing"
    assert "bootloader.bin" in str(caught.value)


def test_a_part_is_not_used_where_more_is_needed(store: BundleStore, release: Path) -> None:
    (release / FILES[0]).unlink()
    bundle = store.import_path(release, choices=Choices(partial=True))
    with pytest.raises(BundleError, match=r"no image for HP$") as caught:
        store.use(bundle.name, ("HP", "HE"))
    assert caught.value.code == "bundle.incomplete"
    assert store.used() is None
    assert store.use(bundle.name, ("HE", "ROMFS0")) == bundle


def test_cores_of_two_releases_are_taken_where_they_are_meant(
    store: BundleStore, release: Path, make_release: Callable[[int], Path], wrapped: Wrapped
) -> None:
    path = wrapped(in_folder(release) | {FILES[1]: (make_release(2) / FILES[1]).read_bytes()})
    with pytest.raises(BundleError) as caught:
        store.import_path(path)
    assert caught.value.code == "bundle.mixed_release"
    notes: list[str] = []
    bundle = store.import_path(path, choices=Choices(mixed=True), note=notes.append)
    assert bundle.mixed
    assert bundle.to_json()["mixed"] is True
    assert store.get(bundle.name).mixed
    assert bundle.version == "OpenMV v1; MicroPython v1"
    assert [note for note in notes if "OpenMV v2" in note]
    assert not store.import_path(release, choices=Choices(mixed=True)).mixed


def test_files_that_are_named(
    store: BundleStore, release: Path, plain: Bundle, wrapped: Wrapped, tmp_path: Path
) -> None:
    """One in the release, one below the folder that is taken, one on the disk; the rest by its names."""
    content = in_folder(release, "OPENMV_AE3/")
    moved = {
        "builds/hp v5.bin": content.pop("OPENMV_AE3/firmware_M55_HP.bin"),
        "OPENMV_AE3/he/latest.bin": content.pop("OPENMV_AE3/firmware_M55_HE.bin"),
    }
    disk = tmp_path / "-my files.img"
    disk.write_bytes(content.pop("OPENMV_AE3/romfs1.img"))
    maps = {HP: "builds\\hp v5.bin", HE: "he/latest.bin", ROMFS1: str(disk)}
    found = check_same(store, wrapped(content | moved), plain, Choices(maps=maps))
    assert [image.file for image in found.images] == ["hp-v5.bin", "latest.bin", "my-files.img", "romfs0.img"]


def test_a_file_that_was_named_is_not_called_ignored(store: BundleStore, release: Path, tmp_path: Path) -> None:
    content = in_folder(release, "OPENMV_AE3/")
    content["OPENMV_AE3/he/latest.bin"] = content.pop("OPENMV_AE3/firmware_M55_HE.bin")
    path, notes = zipped(tmp_path / "some.zip", content | {"note.txt": b""}), list[str]()
    store.import_path(path, choices=Choices(maps={HE: ".\\he\\latest.bin"}), note=notes.append)
    assert notes == [
        "some.zip: the files were taken from OPENMV_AE3/",
        "some.zip: no image of a release, and ignored: note.txt",
    ]


def test_all_files_named(
    store: BundleStore, release: Path, make_release: Callable[[int], Path], plain: Bundle, wrapped: Wrapped
) -> None:
    """Which of two folders is meant is then no question."""
    content = in_folder(release, "a/") | in_folder(make_release(2), "b/")
    maps = {partition: f"a/{file}" for partition, file in zip((HP, HE, ROMFS1, ROMFS0), FILES, strict=True)}
    check_same(store, wrapped(content), plain, Choices(maps=maps))


def test_what_is_named_is_checked_as_everything(store: BundleStore, release: Path, wrapped: Wrapped) -> None:
    path = wrapped(in_folder(release) | {"empty.bin": b""})
    for partition, file, code in (
        (HP, "firmware_M55_HE.bin", "bundle.wrong_core"),
        (ROMFS0, "firmware_M55_HP.bin", "bundle.not_romfs"),
        (HP, "empty.bin", "bundle.image_empty"),
        (HP, "nothing.bin", "bundle.not_found"),
        (HP, "../nothing.bin", "bundle.not_found"),
        (HP, "/dev/zero", "bundle.not_a_file"),
    ):
        with pytest.raises(BundleError) as caught:
            store.import_path(path, choices=Choices(maps={partition: file}))
        assert caught.value.code == code
    assert store.list() == ()
