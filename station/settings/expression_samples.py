"""Texts that fit a regular expression, or nearly, with which it is tried how long it takes.

How Python reads an expression is private to it: a version that has other modules for that raises ImportError here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from re import _constants as words  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_REPEATS = (words.MAX_REPEAT, words.MIN_REPEAT, words.POSSESSIVE_REPEAT)
_EXAMPLES = {words.CATEGORY_DIGIT: "0", words.CATEGORY_SPACE: " "}
_BRANCHES = 2


def samples(pattern: str, longest: int) -> tuple[str, ...]:
    """One for each of the first alternatives, of about `longest` characters where it may be so long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = parser.parse(pattern)
    return tuple("".join(_text_of(tree, branch, longest)) for branch in range(_BRANCHES))


def _text_of(tree: Sequence[Any], branch: int, longest: int) -> Iterator[str]:
    """A text that fits, or nearly: what may be repeated is, as often as a label has room for it."""
    for kind, given in tree:
        if kind is words.LITERAL:
            yield chr(given)
        elif kind in (words.ANY, words.NOT_LITERAL):
            yield "A"
        elif kind is words.IN:
            yield _member(given)
        elif kind in _REPEATS:
            once = "".join(_text_of(given[-1], branch, longest))
            yield (once * min(longest, given[1]))[:longest]
        elif kind is words.SUBPATTERN:
            yield from _text_of(given[-1], branch, longest)
        elif kind is words.BRANCH:
            yield from _text_of(given[1][min(branch, len(given[1]) - 1)], branch, longest)


def _member(members: Sequence[Any]) -> str:
    kind, given = members[0]
    if kind is words.LITERAL:
        return chr(given)
    if kind is words.RANGE:
        return chr(given[0])
    return _EXAMPLES.get(given, "A")
