"""Regular expressions of the configuration, which scanned texts are matched with: in the line, and in its screens.

One that backtracks without end would hold up the line at the first label that does not fit. So each is tried when it is
read: with texts that nearly fit, longer and longer, until one takes too long or is as long as any label.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator, Sequence
from re import _constants as words  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from station.settings.setting_rules import one_line

LONGEST = 80
SLOW_S = 0.02
"""What fits or does not at once takes some microseconds; a machine that does other work takes a look at the clock."""
TRIES = 3
_NEVER = "\x00"
_REPEATS = (words.MAX_REPEAT, words.MIN_REPEAT, words.POSSESSIVE_REPEAT)
_EXAMPLES = {words.CATEGORY_DIGIT: "0", words.CATEGORY_SPACE: " "}


def expression(value: str) -> str:
    """A regular expression that can be used, or empty; ValueError says what is wrong with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's plans for other versions of itself
            compiled = re.compile(one_line(value))
            tree = parser.parse(value)
    except re.error as error:
        raise ValueError(_unreadable(value, error.pos)) from None
    except (OverflowError, RecursionError):
        raise ValueError(_unreadable(value, None)) from None
    if value and any(_is_slow(compiled, tree, branch) for branch in range(2)):
        raise ValueError(
            "takes far too long for a text that does not fit: a part that is repeated repeats again, as in (A+)+"
        )
    return value


def _unreadable(value: str, place: int | None) -> str:
    where = "" if place is None or place >= len(value) else f": what begins at its character {place + 1} cannot be read"
    return f'is no regular expression{where}; for example "P-[0-9]{{6}}" is one'


def _is_slow(compiled: re.Pattern[str], tree: Any, branch: int) -> bool:
    """Whether a text that does not fit takes long. They grow by a character, so that the first slow one is not far from
    the last quick one."""
    text = "".join(_text_of(tree, branch))
    for length in range(1, min(len(text), LONGEST) + 1):
        if all(_took_s(compiled, text[:length] + _NEVER) > SLOW_S for _ in range(TRIES)):
            return True
    return False


def _took_s(compiled: re.Pattern[str], text: str) -> float:
    begun_s = time.thread_time()
    compiled.fullmatch(text)
    return time.thread_time() - begun_s


def _text_of(tree: Sequence[Any], branch: int) -> Iterator[str]:
    """A text that fits, or nearly: what may be repeated is, as often as a label has room for it."""
    for kind, given in tree:
        if kind is words.LITERAL:
            yield chr(given)
        elif kind in (words.ANY, words.NOT_LITERAL):
            yield "A"
        elif kind is words.IN:
            yield _member(given)
        elif kind in _REPEATS:
            once = "".join(_text_of(given[-1], branch))
            yield (once * min(LONGEST, given[1]))[:LONGEST]
        elif kind is words.SUBPATTERN:
            yield from _text_of(given[-1], branch)
        elif kind is words.BRANCH:
            yield from _text_of(given[1][min(branch, len(given[1]) - 1)], branch)


def _member(members: Sequence[Any]) -> str:
    kind, given = members[0]
    if kind is words.LITERAL:
        return chr(given)
    if kind is words.RANGE:
        return chr(given[0])
    return _EXAMPLES.get(given, "A")
