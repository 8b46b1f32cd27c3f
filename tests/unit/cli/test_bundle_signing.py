"""`station bundle sign` and `trust`, and that a station which requires signatures refuses at each door."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.bundle.bundle_signature import FILE
from station.ledger import audit, schema_version
from station.roles.pin_file import set_pin
from tests.releases import make_demo_release
from tests.unit.cli.conftest import Station

REQUIRED = {"STATION_BUNDLES__REQUIRE_SIGNATURE": "true"}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    make_demo_release(folder, version="v5", hp_bytes=8192, he_bytes=4096, romfs0_bytes=12288, romfs1_bytes=4096)
    return folder


@pytest.fixture
def key(tmp_path: Path, station: Station) -> Path:
    path = tmp_path / "release-key.pem"
    assert station("bundle", "sign", "--new-key", path).exit_code == 0
    return path


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_BUNDLES__REQUIRE_SIGNATURE", "true")


def refused(station: Station, code: str, *words: object) -> str:
    told = station(*words)
    assert (told.exit_code, told.out) == (3, ""), told
    assert told.err.splitlines()[-1].startswith(f"{code}: ")
    return told.err


def test_signed_here(station: Station, release: Path, key: Path) -> None:
    station("bundle", "import", release, "--name", "v5")
    assert "signed    no" in station("bundle", "show", "v5").out
    words = ("bundle", "sign", "v5", "--key", key, "--part-number", "P2", "--batch", "2026-*", "--batch", "T*")
    signature = station(*words, "--json").json["signature"]
    assert (signature["signed_by"], signature["trusted"]) == (None, False)
    assert (signature["part_numbers"], signature["batches"]) == (["P2"], ["2026-*", "T*"])
    assert "not trusted here" in station("bundle", "show", "v5").out
    assert "signed with a key that is not trusted" in station("bundle", "list").out
    station("bundle", "trust", f"{key}.pub", "--name", "factory")
    assert "signed by factory" in station("bundle", "list").out
    for command in ("show", "verify"):
        said = station("bundle", command, "v5").out
        assert "signed    by factory" in said
        assert "parts     only P2" in said
        assert "batches   only 2026-*, T*" in said
        assert station("bundle", command, "v5", "--json").json["signature"]["signed_by"] == "factory"


def test_every_kind_of_signing_prints_one_json_document(station: Station, release: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.pem"
    pair = station("bundle", "sign", "--new-key", fresh, "--json").json
    assert (pair["private"], pair["public"]) == (str(fresh), f"{fresh}.pub")
    words = ("bundle", "sign", release, "--name", "v5", "--key", fresh, "--part-number", "P2", "--json")
    on_disk = station(*words).json
    assert (on_disk["bundle"], on_disk["imported_at"], len(on_disk["images"])) == ("v5", None, 4)
    assert (on_disk["signature"]["key"], on_disk["signature"]["part_numbers"]) == (pair["key"], ["P2"])
    imported = station("bundle", "import", release, "--json").json
    assert {**imported, "imported_at": None} == {key: on_disk[key] for key in imported}
    both = station("bundle", "sign", "v5", "--new-key", tmp_path / "other.pem", "--json").json
    assert both["bundle"] == "v5"
    assert both["signature"]["key"] == both["key"] != pair["key"]


def test_keys_are_listed_and_removed(station: Station, key: Path) -> None:
    assert "no key is trusted" in station("bundle", "trust").err
    assert station("bundle", "trust", f"{key}.pub").exit_code == 0
    (listed,) = station("bundle", "trust", "--json").json
    assert listed["name"] == "release-key"
    assert listed["key"] in station("bundle", "trust").out
    assert station("bundle", "trust", "--remove", "release-key").exit_code == 0
    assert station("bundle", "trust", "--json").json == []
    told = station("bundle", "trust", "--remove", "release-key")
    assert (told.exit_code, told.err.split(":")[0]) == (2, "usage.unknown_key")


def test_whom_a_station_trusts_is_an_engineer_s_decision(
    station: Station, key: Path, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATION_ID", "bench-1")
    schema_version.create_or_check(data_dir)
    set_pin(data_dir, "engineer", "2580")
    told = station("bundle", "trust", f"{key}.pub", "--name", "factory")
    assert (told.exit_code, told.err.partition(":")[0]) == (2, "role.engineer_needed")
    assert station("bundle", "trust", "--json").json == [], "everybody may look"
    (tmp_path / "my-pin").write_text("2580\n")
    monkeypatch.setenv("STATION_PIN_FILE", str(tmp_path / "my-pin"))
    assert station("bundle", "trust", f"{key}.pub", "--name", "factory", "--by", "Ada").exit_code == 0
    monkeypatch.delenv("STATION_PIN_FILE")
    assert station("bundle", "trust", "--remove", "factory").exit_code == 2
    assert [row["name"] for row in station("bundle", "trust", "--json").json] == ["factory"]
    rows = [(row.act, row.subject, row.who, row.role) for row in audit.rows(data_dir, "bench-1")]
    assert rows == [("key.trusted", "factory", "Ada", "engineer")]


def test_what_is_missing_to_sign(station: Station, release: Path, key: Path) -> None:
    for words in ((), ("v5",), ("--key", key)):
        told = station("bundle", "sign", *words)
        assert (told.exit_code, told.err.split(":")[0]) == (2, "usage.sign")
    refused(station, "bundle.unknown", "bundle", "sign", "v5", "--key", key)
    refused(station, "bundle.key_invalid", "bundle", "sign", release, "--key", f"{key}.pub")
    refused(station, "bundle.key_invalid", "bundle", "trust", key)
    assert not (release / FILE).exists()


def test_a_list_goes_on_past_a_signature_that_does_not_fit(
    station: Station, release: Path, key: Path, data_dir: Path
) -> None:
    station("bundle", "import", release, "--name", "v5")
    station("bundle", "sign", "v5", "--key", key)
    (data_dir / "bundles/signatures/v5.json").write_text("{")
    told = station("bundle", "list")
    assert told.exit_code == 0
    assert "bundle.signature_invalid" in told.out
    assert station("bundle", "list", "--json").json[0]["signature"] == {"code": "bundle.signature_invalid"}


@pytest.mark.usefixtures("strict")
def test_every_door(station: Station, release: Path, key: Path, data_dir: Path) -> None:
    refused(station, "bundle.not_signed", "bundle", "import", release)
    assert list(data_dir.iterdir()) == []
    assert station("bundle", "sign", release, "--name", "v5", "--key", key).exit_code == 0
    refused(station, "bundle.key_not_trusted", "bundle", "import", release)
    station("bundle", "trust", f"{key}.pub", "--name", "factory")
    assert station("bundle", "import", release, "--json").json["bundle"] == "v5"
    assert station("bundle", "use", "v5").exit_code == 0
    station("bundle", "trust", "--remove", "factory")
    for words in (
        ("bundle", "verify", "v5"),
        ("bundle", "use", "v5"),
        ("run", "--headless"),
        ("flash", "v5"),
        ("flash", release),
        ("test", "--all"),
    ):
        refused(station, "bundle.key_not_trusted", *words)
    (finding,) = [each for each in station("doctor", "--json").json["checks"] if each["check"] == "bundle"]
    assert "not trusted" in finding["found"]
    assert station("bundle", "show", "v5").exit_code == 0, "it may be looked at"
    (data_dir / "bundles/signatures/v5.json").unlink()
    refused(station, "bundle.not_signed", "run", "--headless")


def test_a_part_number_that_it_is_not_for(station: Station, release: Path, key: Path) -> None:
    station("bundle", "sign", release, "--name", "v5", "--key", key, "--part-number", "P2")
    station("bundle", "import", release)
    refused(station, "bundle.not_for_this_part", "flash", "v5")
    refused(station, "bundle.not_for_this_part", "run", "--headless", "--bundle", "v5", "--part-number", "P1")
    assert "and here it is P1" in refused(station, "bundle.not_for_this_part", "flash", "v5", "--part-number", "P1")


def test_use_knows_the_part_number_that_is_configured(
    station: Station, release: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station("bundle", "sign", release, "--name", "v5", "--key", key, "--part-number", "P2")
    station("bundle", "import", release)
    monkeypatch.setenv("STATION_RUN__PART_NUMBER", "P1")
    refused(station, "bundle.not_for_this_part", "bundle", "use", "v5")
    monkeypatch.setenv("STATION_RUN__PART_NUMBER", "P2")
    assert station("bundle", "use", "v5").exit_code == 0


@pytest.mark.parametrize("batch", [("--batch", "2025-47"), ("--batch", "l2026-47"), ()], ids=repr)
def test_a_batch_that_it_is_not_for(station: Station, release: Path, key: Path, batch: tuple[str, ...]) -> None:
    station("bundle", "sign", release, "--name", "v5", "--key", key, "--batch", "2026-*")
    station("bundle", "import", release)
    refused(station, "bundle.not_for_this_batch", "flash", "v5", *batch)
    refused(station, "bundle.not_for_this_batch", "run", "--headless", "--bundle", "v5", *batch)
