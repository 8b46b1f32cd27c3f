"""The codes are a promise to operators: each has its advice, and each is drawn where the code raises it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import station
from station import errors
from station.errors import HINTS, StationError

SOURCES = sorted(Path(station.__file__).parent.rglob("*.py"))
RAISED = re.compile(r'(?:[A-Z]\w*Error|_refused|refused|invalid)\(\s*"([a-z]+\.[a-z_0-9]+)"')
CODE = re.compile(r"[a-z]+\.[a-z]+(_[a-z0-9]+)*")


def raised_codes() -> set[str]:
    return {code for source in SOURCES for code in RAISED.findall(source.read_text())}


def test_the_search_finds_codes() -> None:
    assert {"station.busy", "usage.time", "ledger.missing", "bundle.corrupt"} <= raised_codes()


@pytest.mark.parametrize("code", sorted(raised_codes() | set(HINTS)))
def test_every_code_has_a_hint_of_one_line(code: str) -> None:
    assert CODE.fullmatch(code)
    hint = HINTS[code]
    assert hint == hint.strip()
    assert "\n" not in hint
    assert hint


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = dict(re.findall(r"[├└]── (\w+)\s+(\d)?", inspect.getdoc(errors) or ""))
    defined = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, StationError) and kind is not StationError
    }
    assert set(drawn) == set(defined)
    for name, exit_code in drawn.items():
        if exit_code:
            assert defined[name].exit_code == int(exit_code)
