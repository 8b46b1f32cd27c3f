"""A manifest may have been edited, damaged or planted: it is believed only as far as it can be checked."""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle import manifest
from station.bundle.store import BundleStore
from station.errors import BundleError
from station.model.bundles import Bundle

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def bundle(store: BundleStore, release: Path) -> Bundle:
    return store.import_path(release)


@pytest.fixture
def file(bundle: Bundle, data_dir: Path) -> Path:
    return data_dir / "bundles/manifests" / f"{bundle.name}.json"


def check_refused(store: BundleStore, name: str) -> None:
    with pytest.raises(BundleError) as caught:
        store.get(name)
    assert caught.value.code == "bundle.manifest_invalid"
    assert "\n" not in str(caught.value)
    assert store.list() == ()
    assert [error.code for error in store.broken()] == ["bundle.manifest_invalid"]
    with pytest.raises(BundleError):
        store.use(name)


def image(number: int, key: str, value: object) -> Change:
    return lambda table: table["images"][number].update({key: value})


def key(name: str, value: object) -> Change:
    return lambda table: table.update({name: value})


CHANGES: dict[str, Change] = {
    "image in another folder": image(0, "file", "../../../etc/passwd"),
    "image with an absolute path": image(0, "file", "/etc/passwd"),
    "image with a folder": image(0, "file", "a/b"),
    "hidden image": image(0, "file", ".x"),
    "digest that leads elsewhere": image(0, "sha256", "../../used"),
    "digest in upper case": image(0, "sha256", "A" * 64),
    "short digest": image(0, "sha256", "a" * 63),
    "digest of another image": image(0, "sha256", "a" * 64),
    "digest as a number": image(0, "sha256", 1),
    "alt of the bootloader": image(0, "alt", 0),
    "alt of the table of contents": image(1, "alt", 4),
    "alt of another partition": image(0, "alt", 2),
    "alt as text": image(0, "alt", "1"),
    "alt as truth": image(0, "alt", True),
    "alt as a fraction": image(0, "alt", 1.0),
    "partition that is never written": image(0, "partition", "BOOT"),
    "unknown partition": image(0, "partition", "XX"),
    "partition as a list": image(0, "partition", ["HP"]),
    "size zero": image(0, "size_bytes", 0),
    "negative size": image(0, "size_bytes", -1),
    "size over the limit": image(0, "size_bytes", 0x300001),
    "size as truth": image(0, "size_bytes", True),
    "other size": image(0, "size_bytes", 9001),
    "huge size": image(0, "size_bytes", 10**30),
    "more in an image": image(0, "more", 1),
    "less in an image": lambda table: table["images"][0].pop("alt"),
    "images missing": lambda table: table.pop("images"),
    "no images": key("images", []),
    "three images": lambda table: table["images"].pop(),
    "five images": lambda table: table["images"].append(table["images"][0]),
    "one image twice": lambda table: table["images"].__setitem__(1, table["images"][0]),
    "other order": lambda table: table["images"].reverse(),
    "images as a table": key("images", {}),
    "image as text": key("images", ["a", "b", "c", "d"]),
    "other name": key("bundle", "other"),
    "name that leads elsewhere": key("bundle", "../x"),
    "name as a number": key("bundle", 3),
    "other fingerprint": key("bundle_sha256", "0" * 64),
    "other format": key("format", 3),
    "format as truth": key("format", True),
    "earlier format with a new key": key("format", 1),
    "mixed as a number": key("mixed", 1),
    "mixed as text": key("mixed", "no"),
    "mixed missing": lambda table: table.pop("mixed"),
    "version as a number": key("version", 1),
    "empty version": key("version", ""),
    "version that draws on the screen": key("version", "\x1b[2J"),
    "endless version": key("version", "x" * 201),
    "time as a number": key("imported_at", 0),
    "no time": key("imported_at", "yesterday"),
    "time without offset": key("imported_at", "2026-01-01T00:00:00"),
    "more": key("more", 1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_manifest(store: BundleStore, bundle: Bundle, file: Path, change: Change) -> None:
    table = json.loads(file.read_text())
    original = copy.deepcopy(table)
    change(table)
    assert table != original or repr(table) != repr(original)
    file.write_text(json.dumps(table))
    check_refused(store, bundle.name)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"{" * 50_000,
        b"[" * 50_000,
        b"1" * 5000,
        b'{"a": 1, "a": 1}',
        b" " * 70_000,
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_what_is_no_manifest(store: BundleStore, bundle: Bundle, file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    check_refused(store, bundle.name)


def test_a_key_that_stands_there_twice(store: BundleStore, bundle: Bundle, file: Path) -> None:
    file.write_text(file.read_text().replace('"format": 2,', '"format": 2, "format": 2,'))
    check_refused(store, bundle.name)


def test_a_manifest_that_is_no_file(store: BundleStore, bundle: Bundle, file: Path) -> None:
    file.unlink()
    os.mkfifo(file)
    check_refused(store, bundle.name)


def test_a_manifest_that_is_a_link(store: BundleStore, bundle: Bundle, file: Path, tmp_path: Path) -> None:
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    check_refused(store, bundle.name)


def test_a_manifest_under_another_name(store: BundleStore, bundle: Bundle, file: Path) -> None:
    file.rename(file.with_name("other.json"))
    check_refused(store, "other")


def test_one_bad_manifest_does_not_hide_the_others(
    store: BundleStore, bundle: Bundle, file: Path, make_release: Callable[[int], Path]
) -> None:
    other = store.import_path(make_release(2))
    file.write_bytes(b"{")
    assert store.list() == (other,)
    assert store.get(other.name) == other
    assert len(store.broken()) == 1


def test_a_bad_manifest_keeps_its_name_and_its_images(
    store: BundleStore, bundle: Bundle, file: Path, make_release: Callable[[int], Path], data_dir: Path
) -> None:
    """Nobody can tell which images it names, so an import removes none, and does not write over it."""
    good = file.read_bytes()
    file.write_bytes(b"{")
    with pytest.raises(BundleError) as caught:
        store.import_path(make_release(2), name=bundle.name)
    assert caught.value.code == "bundle.manifest_invalid"
    store.import_path(make_release(2))
    file.write_bytes(good)
    store.verify(bundle)


def test_a_manifest_of_an_earlier_version_is_still_read(store: BundleStore, bundle: Bundle, file: Path) -> None:
    table = json.loads(file.read_text())
    del table["mixed"]
    file.write_text(json.dumps({**table, "format": 1}))
    assert store.get(bundle.name) == bundle
    store.verify(bundle)


def test_an_earlier_version_had_four_images(store: BundleStore, bundle: Bundle, file: Path) -> None:
    table = json.loads(file.read_text())
    del table["mixed"]
    images = bundle.images[:3]
    table |= {"format": 1, "images": table["images"][:3], "bundle_sha256": manifest.bundle_sha256(images)}
    file.write_text(json.dumps(table))
    check_refused(store, bundle.name)


def test_one_core_alone_is_not_mixed(store: BundleStore, bundle: Bundle, file: Path) -> None:
    table = json.loads(file.read_text())
    images = bundle.images[1:]
    table |= {"mixed": True, "images": table["images"][1:], "bundle_sha256": manifest.bundle_sha256(images)}
    file.write_text(json.dumps(table))
    check_refused(store, bundle.name)


def test_it_survives_a_round_trip(bundle: Bundle) -> None:
    assert manifest.decode(OPENMV_AE3, manifest.encode(bundle), bundle.name) == bundle


@given(raw=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(BundleError):
        manifest.decode(OPENMV_AE3, raw, "x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_in_any_place_is_refused_or_the_same_images(bundle: Bundle, data: st.DataObject) -> None:
    table = json.loads(manifest.encode(bundle))
    place = data.draw(st.sampled_from([table, *table["images"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    with contextlib.suppress(BundleError):
        found = manifest.decode(OPENMV_AE3, json.dumps(table).encode(), bundle.name)
        assert found.sha256 == bundle.sha256
        assert [one.sha256 for one in found.images] == [one.sha256 for one in bundle.images]
