"""How much a share of a few cameras says: an interval for a yield, and whether one slot is worse than the others.

Three textbook formulas, written out: the library that has them (SciPy) brings a hundred megabytes and half a second of
start-up for what `math` and `statistics` can do in a few lines; the tests compare them with exact fractions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
_MANY = 500
_NEGLIGIBLE = 1e-18
"""A term so small beside its sum changes no digit that anybody prints."""


def wilson_interval(part: int, whole: int) -> tuple[float, float] | None:
    """Wilson's 95 % score interval for the share `part` / `whole`, both ends 0 to 1; None of nothing."""
    if not whole:
        return None
    share, square = part / whole, _Z * _Z / whole
    middle = (share + square / 2) / (1 + square)
    reach = _Z / (1 + square) * math.sqrt(share * (1 - share) / whole + square / (4 * whole))
    # At the very ends rounding would leave a share just outside its own interval.
    return (0.0 if part == 0 else max(middle - reach, 0.0)), (1.0 if part == whole else min(middle + reach, 1.0))


def yield_beside(passed: int, whole: int, target: float) -> int:
    """Whether a yield of `passed` of `whole` units is below (-1) or above (1) a target (0 to 1), or neither can be said
    of so few units (0): the exact binomial test, 2.5 % on each side; of many units, Wilson's interval says the same."""
    if whole > _MANY:
        interval = wilson_interval(passed, whole) or (0.0, 1.0)
        return -1 if interval[1] < target else 1 if interval[0] > target else 0
    level, failed = (1 - CONFIDENCE) / 2, whole - passed
    chances = [math.comb(whole, bad) * (1 - target) ** bad * target ** (whole - bad) for bad in range(failed + 1)]
    if 1 - sum(chances[:-1]) < level:
        return -1
    return 1 if whole and sum(chances) < level else 0


def fisher_worse(bad: int, good: int, other_bad: int, other_good: int) -> float:
    """Fisher's exact test, one-sided: how likely so many `bad` or more are here if this place is like the others.

    With the counts of all bad and of all here fixed, the number of bad ones here follows the hypergeometric
    distribution; the result is its upper tail, 0 to 1.
    """
    here, all_bad, all_good = bad + good, bad + other_bad, good + other_good
    most = min(here, all_bad)
    log_first = _log_choose(all_bad, bad) + _log_choose(all_good, here - bad) - _log_choose(all_bad + all_good, here)
    term = total = 1.0
    for count in range(bad, most):
        term *= (all_bad - count) * (here - count) / ((count + 1) * (all_good - here + count + 1))
        total += term
        if term < total * _NEGLIGIBLE:
            break
    return min(math.exp(log_first + math.log(total)), 1.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for their number by Holm's step-down method, in the order given.

    With them, the chance of one false alarm or more among all comparisons stays below the level they are compared with.
    """
    corrected = [0.0] * len(p_values)
    floor = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        floor = max(floor, min(p_values[index] * (len(p_values) - rank), 1.0))
        corrected[index] = floor
    return corrected


def _log_choose(whole: int, part: int) -> float:
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)
