"""One batch that is typed or scanned in two ways, and batches that are two."""

from __future__ import annotations

import pytest

from station.model.near_names import is_nearly, near_names


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("2026'47", "2026-47"),
        ("l42", "L42"),
        ("2026_47", "2026-47"),
        ("2026 47", "2026-47"),
        ("202647", "2026-47"),
        (" L42", "L42"),
        ("L42.", "L42"),
        ("2026ß47", "2026-47"),
        ("LOT-ZY7", "LOT-YZ7"),
        ("2026+47", "2026-47"),
        ("éàé-)'è", "2026-47"),
        ("LOT/ABC-7", "LOT/QBC-7"),
        ("ＬＯＴ７", "lot7"),  # noqa: RUF001
        ("Straße 7", "STRASSE-7"),
    ],
)
def test_one_batch(name: str, other: str) -> None:
    assert is_nearly(name, other)
    assert is_nearly(other, name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("2026-47", "2026-48"),
        ("L42", "L43"),
        ("1-12", "11-2"),
        ("L42", "L42a"),
        ("A", "B"),
        ("W1", "Y1"),
        ("-", "'"),
        ("L", "L"),
    ],
)
def test_two_batches(name: str, other: str) -> None:
    assert not is_nearly(name, other)


def test_a_known_batch_is_nearly_none() -> None:
    """Both were begun, for whatever reason: going on with either is no question."""
    assert near_names("l42", ["L42", "l42", "x"]) == []
    assert near_names("l42", ["L42", "L-42", "x"]) == ["L-42", "L42"]
