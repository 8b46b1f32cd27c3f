"""The formulas against tables, exact fractions and what must hold for any counts."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.yields.inference import fisher_worse, holm, wilson_interval, yield_beside


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3 (score without continuity correction).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_against_the_published_table(part: int, whole: int, low: float, high: float) -> None:
    interval = wilson_interval(part, whole)
    assert interval is not None
    assert interval == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_wilson_of_nothing() -> None:
    assert wilson_interval(0, 0) is None


@given(st.integers(1, 10**6), st.data())
def test_a_share_is_inside_its_interval(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    interval = wilson_interval(part, whole)
    assert interval is not None
    assert 0 <= interval[0] <= part / whole <= interval[1] <= 1
    assert interval[1] > interval[0]


def exact(bad: int, good: int, other_bad: int, other_good: int) -> Fraction:
    here, all_bad, all_good = bad + good, bad + other_bad, good + other_good
    ways = sum(comb(all_bad, k) * comb(all_good, here - k) for k in range(bad, min(here, all_bad) + 1))
    return Fraction(ways, comb(all_bad + all_good, here))


def test_fisher_and_the_lady_tasting_tea() -> None:
    assert fisher_worse(3, 1, 1, 3) == pytest.approx(17 / 70)
    assert fisher_worse(4, 0, 0, 4) == pytest.approx(1 / 70)
    assert fisher_worse(0, 4, 4, 0) == 1.0


@given(*[st.integers(0, 60)] * 4)
def test_fisher_against_exact_fractions(bad: int, good: int, other_bad: int, other_good: int) -> None:
    expected = float(exact(bad, good, other_bad, other_good))
    assert fisher_worse(bad, good, other_bad, other_good) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_fisher_of_a_year() -> None:
    assert fisher_worse(4200, 120_800, 28_000, 847_000) == pytest.approx(0.0015, rel=0.5)
    assert fisher_worse(0, 125_000, 32_000, 843_000) == 1.0
    assert fisher_worse(30_000, 95_000, 2_000, 873_000) == 0.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=30))
def test_holm_only_raises_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, corrected, strict=True))
    ranked = sorted(range(len(p_values)), key=lambda index: p_values[index])
    assert [corrected[index] for index in ranked] == sorted(corrected)


@given(st.integers(1, 60), st.integers(1, 99), st.data())
def test_a_yield_beside_its_target_against_exact_fractions(whole: int, per_cent: int, data: st.DataObject) -> None:
    passed = data.draw(st.integers(0, whole))
    target, level, failed = Fraction(per_cent, 100), Fraction(25, 1000), whole - passed
    chances = [comb(whole, bad) * (1 - target) ** bad * target ** (whole - bad) for bad in range(whole + 1)]
    few, many = sum(chances[: failed + 1]), sum(chances[failed:])
    if min(abs(few - level), abs(many - level)) > Fraction(1, 10**9):
        assert yield_beside(passed, whole, per_cent / 100) == (-1 if many < level else 1 if few < level else 0)


def test_one_failure_of_eight_says_nothing_of_a_target_and_many_units_do() -> None:
    assert [yield_beside(passed, 8, 0.98) for passed in (8, 7, 6, 5)] == [0, 0, -1, -1]
    assert [yield_beside(passed, 200, 0.98) for passed in (200, 196, 190)] == [1, 0, -1]
    assert [yield_beside(passed, 10**6, 0.98) for passed in (981_000, 980_010, 979_000)] == [1, 0, -1]
    assert (yield_beside(0, 0, 0.98), yield_beside(9, 10, 1.0), yield_beside(10, 10, 1.0)) == (0, -1, 0)
