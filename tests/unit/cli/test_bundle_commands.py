from __future__ import annotations

from pathlib import Path

import pytest

from station.bundle.demo import make_demo_release
from tests.unit.cli.conftest import Station

FILES = {
    "HP": ("firmware_M55_HP.bin", 1),
    "HE": ("firmware_M55_HE.bin", 2),
    "ROMFS1": ("romfs1.img", 3),
    "ROMFS0": ("romfs0.img", 6),
}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    make_demo_release(folder, version="v4.8.1", hp_bytes=8192, he_bytes=4096, romfs0_bytes=12288, romfs1_bytes=4096)
    return folder


def test_the_life_of_a_bundle(station: Station, release: Path) -> None:
    imported = station("bundle", "import", release, "--name", "v4", "--json")
    assert imported.exit_code == 0
    manifest = imported.json
    assert set(manifest) == {"bundle", "bundle_sha256", "version", "imported_at", "images"}
    assert manifest["bundle"] == "v4"
    assert manifest["version"] == "OpenMV v4.8.1; MicroPython v4.8.1"
    assert {image["partition"]: (image["file"], image["alt"]) for image in manifest["images"]} == FILES
    assert set(manifest["images"][0]) == {"partition", "alt", "file", "size_bytes", "sha256"}
    assert station("bundle", "show", "v4", "--json").json == manifest
    assert station("bundle", "verify", "v4", "--json").json == manifest
    assert station("bundle", "list", "--json").json == [manifest]
    assert "in use" not in station("bundle", "list").out
    assert station("bundle", "use", "v4").exit_code == 0
    assert "in use" in station("bundle", "list").out


def test_json_is_all_that_stdout_has(station: Station, release: Path) -> None:
    told = station("bundle", "import", release, "--json")
    name = told.json["bundle"]
    assert told.err == f"imported {name}; to flash it from now on: station bundle use {name}\n"


def test_for_people(station: Station, release: Path) -> None:
    station("bundle", "import", release, "--name", "v4")
    text = station("bundle", "show", "v4").out
    assert "version   OpenMV v4.8.1; MicroPython v4.8.1" in text
    assert "romfs0.img" in text


def test_a_release_that_is_refused_leaves_nothing(station: Station, release: Path, data_dir: Path) -> None:
    (release / "romfs0.img").unlink()
    told = station("bundle", "import", release)
    assert (told.exit_code, told.out) == (3, "")
    assert told.err.startswith("bundle.")
    assert len(told.err.splitlines()) == 1
    assert list(data_dir.iterdir()) == []


def test_a_bundle_whose_bytes_changed(station: Station, release: Path, data_dir: Path) -> None:
    sha256 = station("bundle", "import", release, "--name", "v4", "--json").json["images"][0]["sha256"]
    image = data_dir / "bundles/objects" / sha256
    image.chmod(0o644)
    image.write_bytes(image.read_bytes()[::-1])
    for command in ("verify", "use"):
        told = station("bundle", command, "v4")
        assert (told.exit_code, told.out) == (3, "")
        assert told.err.startswith("bundle.corrupt: bundle v4: firmware_M55_HP.bin")


@pytest.mark.parametrize("command", ["show", "verify", "use"])
def test_a_bundle_that_is_not_there(station: Station, command: str) -> None:
    told = station("bundle", command, "v9")
    assert (told.exit_code, told.out) == (3, "")
    assert told.err.startswith("bundle.unknown: ")


def test_no_bundle_yet(station: Station) -> None:
    assert station("bundle", "list", "--json").json == []
    assert "station bundle import" in station("bundle", "list").err


def test_a_manifest_that_is_damaged_is_told_and_the_others_are_listed(
    station: Station, release: Path, data_dir: Path
) -> None:
    station("bundle", "import", release, "--name", "v4")
    (data_dir / "bundles/manifests/v5.json").write_text("{")
    told = station("bundle", "list", "--json")
    assert [bundle["bundle"] for bundle in told.json] == ["v4"]
    assert told.err.startswith("bundle.manifest_invalid: ")
