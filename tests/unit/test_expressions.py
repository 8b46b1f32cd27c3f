"""Regular expressions of the configuration: what is wrong with one is said in our words, and none holds up the line."""

from __future__ import annotations

import re
import sys
import warnings
from pathlib import Path

import pytest

from station.errors import SettingsError
from station.settings import load_settings
from station.settings.expressions import expression

UNREADABLE = {
    "(": 1, "P-([": 4, "P-([0-9]{6}": 3, "*": 1, "P-**": 4, "x\\": 2, r"\q": 1, "(?P<x": 5, "a{5,2}": 3, r"(a)\7": 5,
    "(?<=a+)b": None, "a{99999999999999}": None, "(" * 200: 200, "a(?i)": 2,
}  # fmt: skip
PYTHON = re.compile("unterminated|subpattern|position|quantifier|escape|group|nothing to repeat|Overflow|character set")
SLOW = [
    "([A-Z0-9]+-?)+", "(a+)+", "P-([0-9]+)+", "(x*)*y", r"([a-z]+)*\.", "(.|x)+z", "(a|aa)+b", "([A-Z]{1,10}-?){1,80}",
    "(?:[0-9]+)*-[0-9]", r"(\w+\s?)*!",
]  # fmt: skip
QUICK = [
    "", "P-[0-9]{6}-[0-9]", r"(OMV|AE3)-\d{4}(-[A-Z]{2,4})*", "[A-Z0-9-]+", ".*", r"\w+-\w+-\w+", "(?i)abc.*", "[[0-9]",
    ".*-.*-.*", "[0-9]{1,80}", r"(?=.*\d)[A-Z0-9]{8,20}", "([A-Z]{2}[0-9]{2})+", "(" * 100 + ")" * 100,
]  # fmt: skip


def refusal(file: Path, table: str, pattern: str) -> str:
    file.write_text(f"[{table}]\npattern = '{pattern}'\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert caught.value.code == "settings.invalid"
    return str(caught.value.message)


@pytest.mark.parametrize("pattern", UNREADABLE)
@pytest.mark.parametrize("table", ["product_serial", "unit_values.lens"])
def test_one_that_is_none_is_refused_in_one_clear_sentence(tmp_path: Path, table: str, pattern: str) -> None:
    said = refusal(tmp_path / "station.toml", table, pattern)
    assert f"{table}.pattern" in said
    assert "is no regular expression" in said
    assert not PYTHON.search(said.partition("; ")[2])
    place = UNREADABLE[pattern]
    assert (f"what begins at its character {place} cannot be read" in said) is (place is not None)


@pytest.mark.parametrize("pattern", SLOW)
def test_one_that_would_hold_up_the_line_is_refused(tmp_path: Path, pattern: str) -> None:
    assert "takes far too long" in refusal(tmp_path / "station.toml", "product_serial", pattern)


@pytest.mark.parametrize("pattern", QUICK)
def test_others_are_taken_as_they_are(pattern: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert expression(pattern) == pattern


def test_a_python_that_does_not_tell_how_it_reads_one_takes_what_it_can_compile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "station.settings.expression_samples", None)
    assert expression("P-[0-9]{6}") == "P-[0-9]{6}"
