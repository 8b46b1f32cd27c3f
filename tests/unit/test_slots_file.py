from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from station.errors import SettingsError
from station.settings.slots_file import name_problem, slots_file, with_slots, write_slots

SHIPPED = Path(__file__).parents[2] / "config" / "station.toml"
SLOTS = {"A1": "1-1.4.1", "rear left": "1-1.4.2"}


def test_the_shipped_file_keeps_every_line_and_gets_the_slots_below_their_heading() -> None:
    old = SHIPPED.read_text().splitlines()
    new = with_slots(SHIPPED.read_text(), SLOTS, "x").splitlines()
    added = ['A1 = "1-1.4.1"', '"rear left" = "1-1.4.2"']
    at = new.index(added[0])
    assert new[at : at + 2] == added
    assert new[:at] + new[at + 2 :] == old
    assert new[at - 1] == '# A2 = "1-1.4.2"'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[run]\nverify = false # never\n",
        '[slots]\n# mine\nA1 = "1-1" # left\ngone = "1-2"\n\n# what a run is\n[run]\nverify = true\n',
        'slots.A1 = "1-9"\n[run]\nverify = true\n',
        'slots = {A1 = "1-9"}\n[run]\nverify = true\n',
        '[slots]\r\nA1 = "1-9"\r\n[run]\r\nverify = true\r\n',
        "[slots]",
    ],
)
def test_the_slots_are_as_told_and_all_else_is_as_it_was(text: str) -> None:
    after = with_slots(text, SLOTS, "x")
    assert tomllib.loads(after) == {**tomllib.loads(text), "slots": SLOTS}
    for comment in ("# never", "# mine", "# left", "# what a run is"):
        assert (comment in after) == (comment in text)


@pytest.mark.parametrize(
    "text", ["", "[slots]\nA1 = '1-1'\n[controllers]\n# mine\n1 = 'a'\n2 = 'b'\n[run]\nverify = true\n"]
)
def test_controllers_are_written_beside_them(text: str) -> None:
    after = with_slots(text, SLOTS, "x", {"2": "c", "3": "d"})
    assert tomllib.loads(after) == {**tomllib.loads(text), "slots": SLOTS, "controllers": {"2": "c", "3": "d"}}
    assert ("# mine" in after) == ("# mine" in text)


def test_what_is_no_toml_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text("[slots\n")
    with pytest.raises(SettingsError) as refused:
        write_slots(file, SLOTS)
    assert refused.value.code == "settings.invalid"
    assert file.read_text() == "[slots\n"
    assert os.listdir(tmp_path) == ["station.toml"]


def test_a_file_is_replaced_behind_its_link_with_its_mode(tmp_path: Path) -> None:
    file, link = tmp_path / "real.toml", tmp_path / "station.toml"
    file.write_text("[run]\n")
    file.chmod(0o640)
    link.symlink_to(file)
    write_slots(link, SLOTS)
    assert link.is_symlink()
    assert tomllib.loads(file.read_text())["slots"] == SLOTS
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError) as refused:
        write_slots(tmp_path / "file" / "station.toml", SLOTS)
    assert refused.value.code == "settings.not_written"


def test_where_the_slots_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    user = tmp_path / "home" / "openmv-ae3-station" / "station.toml"
    assert slots_file(Path("mine.toml")) == Path("mine.toml")
    assert slots_file(None) == user
    (tmp_path / "config").mkdir()
    assert slots_file(None) == Path("config/station.toml")
    user.parent.mkdir(parents=True)
    user.touch()
    assert slots_file(None) == user


@pytest.mark.parametrize(("name", "problem"), [("", "1 to 24"), ("1-1.2", "port path"), ("a1", "A1"), ("B\n", "blank")])
def test_names_that_no_slot_can_have(name: str, problem: str) -> None:
    assert problem in str(name_problem(name, ["A1"]))
    assert name_problem("B1", ["A1"]) is None
