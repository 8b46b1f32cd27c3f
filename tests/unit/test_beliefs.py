"""The table of beliefs: every row is held by a test that exists, and the README leads to it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.beliefs import GREEN, ROWS, Row, counts

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.belief)
def test_every_belief_has_its_test(row: Row) -> None:
    file, _, name = row.test.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_no_belief_makes_a_false_green_and_none_without_a_source_hides() -> None:
    assert not [row.belief for row in ROWS if row.now is GREEN]
    assert len({row.belief for row in ROWS}) == len(ROWS)
    assert all(row.source in {"-", "D", "B", "T", "H", "S"} for row in ROWS)


def test_the_readme_leads_to_the_table_and_says_its_figures() -> None:
    before, now = counts()
    readme = (ROOT / "README.md").read_text()
    assert "tests/beliefs.py" in readme
    assert f"{len(ROWS)} beliefs" in readme
    assert f"{before} before, {now} now" in readme
