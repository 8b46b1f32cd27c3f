"""What a qualified bench teaches goes into the configuration, and nothing else in the file changes."""

from __future__ import annotations

import tomllib
from difflib import ndiff
from pathlib import Path

import pytest

from station.errors import SettingsError
from station.settings import load_settings, write_values
from station.settings.values_file import Value, with_values

SHIPPED = Path(__file__).parents[2] / "config" / "station.toml"
TAUGHT: dict[str, Value] = {
    "run.boot_timeout_s": 31.0,
    "run.serial_forms": ["reversed"],
    "test.sensor_ids": [0x7936, 0x2642],
}


def test_of_the_shipped_file_only_the_taught_lines_change(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(SHIPPED.read_text())
    write_values(file, TAUGHT)
    changed = [
        line for line in ndiff(SHIPPED.read_text().splitlines(), file.read_text().splitlines()) if line[0] == "+"
    ]
    assert changed == [
        "+ boot_timeout_s = 31.0",
        '+ serial_forms = ["reversed"]',
        "+ sensor_ids = [0x7936, 0x2642]",
    ]
    settings = load_settings(file)
    assert (settings.run.boot_timeout_s, settings.test.sensor_ids) == (31.0, [0x7936, 0x2642])
    assert [str(form) for form in settings.board.serial.expected] == ["reversed"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[run] # runs\nverify = false # ours\n\n# about slots\n[slots]\nA1 = '1-1'\n",
        "run.verify = false # ours\ntest = {sensor = 'off'} # inline\n",
        "[run]\nboot_timeout_s = 5 # why\n[test]\n",
        "# only a comment\n",
    ],
)
def test_whatever_the_file_is_like(text: str) -> None:
    after = with_values(text, TAUGHT, "f")
    before, now = tomllib.loads(text), tomllib.loads(after)
    assert now["run"] == {**before.get("run", {}), "boot_timeout_s": 31.0, "serial_forms": ["reversed"]}
    assert now["test"] == {**before.get("test", {}), "sensor_ids": [0x7936, 0x2642]}
    assert {key: now[key] for key in before if key not in ("run", "test")} == {
        key: value for key, value in before.items() if key not in ("run", "test")
    }
    comments = [part.partition("#")[2] for part in text.splitlines() if "#" in part]
    assert [comment for comment in comments if f"#{comment}" not in after] == []
    if "about slots" in text:
        assert "# about slots\n[slots]" in after, "what is said of a table stays above it"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("run = 3", TAUGHT),
        ("not toml", TAUGHT),
        ("", {"run.no_such_key": 1}),
        ("", {"run.boot_timeout_s": -1.0}),
        ("[[run]]\nverify = true", TAUGHT),
    ],
)
def test_what_cannot_be_kept_is_refused(text: str, values: dict[str, Value]) -> None:
    with pytest.raises(SettingsError) as refused:
        with_values(text, values, "our.toml")
    assert refused.value.code == "settings.invalid"
    assert "our.toml" in refused.value.message
    assert "\n" not in refused.value.message
