from __future__ import annotations

from pathlib import Path

import pytest

from tests.releases import make_demo_release
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
    assert set(manifest) == {"bundle", "bundle_sha256", "version", "imported_at", "mixed", "images", "signature"}
    assert manifest["signature"] is None
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


def test_a_part_of_a_release_is_used_where_the_recipe_needs_no_more(
    station: Station, release: Path, tmp_path: Path
) -> None:
    for file in ("firmware_M55_HE.bin", "romfs0.img"):
        (release / file).unlink()
    refused = station("bundle", "import", release)
    assert refused.exit_code == 3
    assert refused.err.startswith("bundle.image_missing: ")
    assert "missing: firmware_M55_HE.bin, romfs0.img; found: firmware_M55_HP.bin, romfs1.img" in refused.err
    assert station("bundle", "import", release, "--partial", "--name", "part").exit_code == 0
    assert "only HP+ROMFS1" in station("bundle", "list").out
    unused = station("bundle", "use", "part")
    assert unused.exit_code == 3
    assert unused.err.startswith("bundle.incomplete: bundle part has no image for HE, ROMFS0")
    assert "in use" not in station("bundle", "list").out
    config = tmp_path / "hp.toml"
    config.write_text('[run]\nrecipe = "hp"\n')
    assert station("bundle", "use", "part", "--config", config).exit_code == 0
    assert "in use" in station("bundle", "list").out


def test_a_recipe_that_needs_more_is_refused(station: Station, release: Path, tmp_path: Path) -> None:
    (release / "romfs0.img").unlink()
    assert station("bundle", "import", release, "--partial", "--name", "part").exit_code == 0
    told = station("run", "--headless", "--simulate", "1", "--bundle", "part", "--stop-after", "1")
    assert told.exit_code == 3
    assert told.err.startswith("bundle.incomplete: bundle part has no image for ROMFS0")


def test_cores_of_two_releases(station: Station, release: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    make_demo_release(other, version="v5", hp_bytes=8192, he_bytes=4096, romfs0_bytes=12288, romfs1_bytes=4096)
    words = ("bundle", "import", release, "--name", "two", "--map", f"HE={other / 'firmware_M55_HE.bin'}", "--json")
    refused = station(*words)
    assert (refused.exit_code, refused.out) == (3, "")
    assert "--mixed" in refused.err
    assert station(*words, "--mixed").json["mixed"] is True
    assert station("bundle", "show", "two", "--json").json["mixed"] is True
    assert station("bundle", "list", "--json").json[0]["mixed"] is True
    assert "HP and HE are of two releases" in station("bundle", "show", "two").out
    assert "HP and HE are of two releases" in station("bundle", "list").out


@pytest.mark.parametrize(
    ("maps", "why"),
    [
        (["XX=a"], "there is no partition 'XX'; known: HP, HE, ROMFS1, ROMFS0"),
        (["BOOT=a"], "BOOT is not written from a release"),
        (["toc=a"], "TOC is not written from a release"),
        (["RWFS=a"], "RWFS is not written from a release"),
        (["HP=a", "hp=b"], "HP is mapped twice"),
        (["HP"], "it is not PARTITION=FILE"),
        (["HP="], "it is not PARTITION=FILE"),
        (["=a"], "it is not PARTITION=FILE"),
        (["XX\x1b[2J\n=a"], "there is no partition"),
    ],
)
def test_a_map_that_cannot_be_meant(station: Station, release: Path, maps: list[str], why: str) -> None:
    told = station("bundle", "import", release, *(word for one in maps for word in ("--map", one)))
    assert told.exit_code == 2
    assert told.err.startswith("usage.map: --map ")
    assert why in told.err
    assert told.err.isprintable() or told.err.replace("\n", "").isprintable()
    assert station("bundle", "list", "--json").json == []


def test_a_map_to_a_file_that_is_not_there(station: Station, release: Path) -> None:
    told = station("bundle", "import", release, "--map", "HP=nothing.bin")
    assert told.exit_code == 3
    assert told.err.startswith("bundle.not_found: HP: there is no file 'nothing.bin'")
