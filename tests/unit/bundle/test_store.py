from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle.store import BundleStore
from station.errors import BundleError
from station.model.bundles import Bundle
from station.wiring.bundle_choice import demo_bundle

FILES = ("firmware_M55_HP.bin", "firmware_M55_HE.bin", "romfs1.img", "romfs0.img")


def test_a_folder_is_imported_as_it_is(store: BundleStore, release: Path) -> None:
    bundle = store.import_path(release)
    assert [(image.partition, image.alt, image.file) for image in bundle.images] == [
        ("HP", 1, "firmware_M55_HP.bin"),
        ("HE", 2, "firmware_M55_HE.bin"),
        ("ROMFS1", 3, "romfs1.img"),
        ("ROMFS0", 6, "romfs0.img"),
    ]
    for image in bundle.images:
        content = (release / image.file).read_bytes()
        assert (image.size_bytes, image.sha256) == (len(content), sha256(content).hexdigest())
        assert store.image_path(image).read_bytes() == content
    assert bundle.version == "OpenMV v1; MicroPython v1"
    assert bundle.name == f"v1-{bundle.sha256[:8]}"
    assert datetime.now(UTC) - bundle.imported_at < timedelta(minutes=5)
    assert bundle.imported_at.utcoffset() == timedelta(0)


def test_the_fingerprint_covers_partition_size_and_digest(store: BundleStore, release: Path) -> None:
    bundle = store.import_path(release)
    lines = "".join(f"{image.partition} {image.size_bytes} {image.sha256}\n" for image in bundle.images)
    assert bundle.sha256 == sha256(lines.encode()).hexdigest()


def test_an_archive_is_the_same_bundle_as_its_folder(store: BundleStore, release: Path, archive: Path) -> None:
    assert store.import_path(archive) == store.import_path(release)
    assert len(store.list()) == 1


def test_other_entries_of_an_archive_are_ignored_and_named(store: BundleStore, archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("firmware_M55_HP.elf", b"symbols")
        opened.writestr("doc/readme.txt", b"text")
        opened.writestr("doc/more.txt", b"text")
    notes: list[str] = []
    bundle = store.import_path(archive, note=notes.append)
    assert len(bundle.images) == 4
    assert notes == [f"{archive.name}: no image of a release, and ignored: firmware_M55_HP.elf, doc/"]


def test_a_second_import_gives_the_first_bundle(store: BundleStore, release: Path, data_dir: Path) -> None:
    first = store.import_path(release)
    files = {path: path.stat().st_mtime_ns for path in data_dir.rglob("*") if path.is_file()}
    assert store.import_path(release) == first
    assert store.import_path(release, name=first.name) == first
    assert {path: path.stat().st_mtime_ns for path in data_dir.rglob("*") if path.is_file()} == files


def test_another_name_for_the_same_content_shares_its_images(store: BundleStore, release: Path, data_dir: Path) -> None:
    first = store.import_path(release)
    other = store.import_path(release, name="golden")
    assert (other.name, other.sha256, other.images) == ("golden", first.sha256, first.images)
    assert len(list((data_dir / "bundles/objects").iterdir())) == 4
    assert {bundle.name for bundle in store.list()} == {first.name, "golden"}


def test_a_name_is_not_given_to_another_release(
    store: BundleStore, make_release: Callable[[int], Path], data_dir: Path
) -> None:
    store.import_path(make_release(1), name="golden")
    before = sorted(data_dir.rglob("*"))
    with pytest.raises(BundleError) as caught:
        store.import_path(make_release(2), name="golden")
    assert caught.value.code == "bundle.name_taken"
    assert sorted(data_dir.rglob("*")) == before
    assert store.import_path(make_release(2), name="silver").version == "OpenMV v2; MicroPython v2"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/x", "a/b", "a b", "ä", "-x", ".x", "x" * 65, "x\n", "x\0"])
def test_a_name_is_safe_as_a_file_name(store: BundleStore, release: Path, data_dir: Path, name: str) -> None:
    with pytest.raises(BundleError) as caught:
        store.import_path(release, name=name)
    assert caught.value.code == "bundle.name_invalid"
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("label", "version", "name"),
    [
        (b"OpenMV v4.7.0-12-gabc; MicroPython v1.26", "OpenMV v4.7.0-12-gabc; MicroPython v1.26", "v4.7.0-12-gabc"),
        (b"OpenMV ../../x; MicroPython v1.26", "OpenMV ../../x; MicroPython v1.26", "x"),
        (b"OpenMV $(halt); MicroPython v1", "OpenMV $(halt); MicroPython v1", "halt"),
        (b"no label at all, a long text......", "unknown", "unknown"),
    ],
)
def test_the_label_in_hp_names_the_bundle(
    store: BundleStore, release: Path, label: bytes, version: str, name: str
) -> None:
    for file in FILES[:2]:
        content = (release / file).read_bytes()
        old = b"OpenMV v1; MicroPython v1\0"
        assert content.count(old) == 1
        (release / file).write_bytes(content.replace(old, label + b"\0"))
    bundle = store.import_path(release)
    assert (bundle.version, bundle.name) == (version, f"{name}-{bundle.sha256[:8]}")


def test_bundles_are_found_by_name_and_by_fingerprint(store: BundleStore, make_release: Callable[[int], Path]) -> None:
    bundles = [store.import_path(make_release(seed)) for seed in (1, 2)]
    for bundle in bundles:
        assert store.get(bundle.name) == store.get(bundle.sha256) == store.get(bundle.sha256[:6]) == bundle
    assert store.list() == tuple(bundles)
    for name in ("v1", bundles[0].sha256[:5], "", "..", "../x", "0" * 64, "x\0"):
        with pytest.raises(BundleError) as caught:
            store.get(name)
        assert caught.value.code == "bundle.unknown"
        assert bundles[0].name in str(caught.value)
        assert bundles[1].name in str(caught.value)


def test_an_empty_store_knows_nothing_and_makes_nothing(store: BundleStore, data_dir: Path) -> None:
    assert (store.list(), store.broken(), store.used()) == ((), (), None)
    with pytest.raises(BundleError, match="known: none"):
        store.get("x")
    with pytest.raises(BundleError):
        store.use("x")
    assert not data_dir.exists()


def test_the_list_is_ordered_by_time(data_dir: Path, make_release: Callable[[int], Path]) -> None:
    times = iter([datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)])
    store = BundleStore(data_dir, OPENMV_AE3, now=lambda: next(times))
    late, early = store.import_path(make_release(1)), store.import_path(make_release(2))
    assert store.list() == (early, late)


def test_the_bundle_in_use_is_remembered(
    store: BundleStore, data_dir: Path, make_release: Callable[[int], Path]
) -> None:
    one, two = store.import_path(make_release(1)), store.import_path(make_release(2))
    assert store.used() is None
    assert store.use(one.name) == one
    assert store.use(two.sha256[:8]) == two
    assert store.used() == BundleStore(data_dir, OPENMV_AE3).used() == two.name
    with pytest.raises(BundleError):
        store.use("nothing")
    assert store.used() == two.name


@pytest.mark.parametrize("content", [b"", b"../x\n", b"\xff\n", b"a\nb\n", b"x" * 100_000])
def test_a_damaged_note_of_the_bundle_in_use_is_said(
    store: BundleStore, release: Path, data_dir: Path, content: bytes
) -> None:
    store.import_path(release)
    (data_dir / "bundles/used").write_bytes(content)
    with pytest.raises(BundleError) as caught:
        store.used()
    assert caught.value.code == "bundle.manifest_invalid"


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def grow(path: Path) -> None:
    path.chmod(0o644)
    with path.open("ab") as file:
        file.write(b"\0")


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


DAMAGES = [flip, cut, grow, Path.unlink, become_a_pipe, become_a_link]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("number", range(4))
def test_verify_names_the_damaged_file(
    store: BundleStore, release: Path, number: int, damage: Callable[[Path], object]
) -> None:
    bundle = store.import_path(release)
    store.verify(bundle)
    damage(store.image_path(bundle.images[number]))
    with pytest.raises(BundleError, match=FILES[number]) as caught:
        store.verify(bundle)
    assert caught.value.code == "bundle.corrupt"
    with pytest.raises(BundleError):
        store.use(bundle.name)
    assert store.used() is None


@pytest.mark.parametrize("damage", DAMAGES)
def test_another_import_mends_a_damaged_image(
    store: BundleStore, release: Path, damage: Callable[[Path], object]
) -> None:
    bundle = store.import_path(release)
    damage(store.image_path(bundle.images[0]))
    assert store.import_path(release) == bundle
    store.verify(bundle)


def test_images_are_stored_read_only(store: BundleStore, release: Path) -> None:
    bundle: Bundle = store.import_path(release)
    assert {store.image_path(image).stat().st_mode & 0o777 for image in bundle.images} == {0o444}


def test_the_demo_of_an_earlier_version_keeps_its_name(store: BundleStore, make_release: Callable[[int], Path]) -> None:
    earlier = store.import_path(make_release(1), name="demo")
    demo = demo_bundle(store)
    assert demo.name == f"v0.0.0-demo-{demo.sha256[:8]}"
    assert demo_bundle(store) == demo
    assert store.get("demo") == earlier
