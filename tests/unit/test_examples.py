"""The examples in docstrings are what the code does."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

STATION = Path(__file__).parents[2] / "station"
WITH_EXAMPLES = [
    ".".join(file.relative_to(STATION.parent).with_suffix("").parts)
    for file in sorted(STATION.rglob("*.py"))
    if "    >>> " in file.read_text()
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


def test_some_module_has_examples() -> None:
    assert WITH_EXAMPLES
