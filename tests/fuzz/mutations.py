"""What comes from outside, broken: bytes and JSON that were right once, and are not quite any more.

How many examples: `FUZZ_EXAMPLES`, 100 in CI. By hand, for some minutes each:
FUZZ_EXAMPLES=100000 tests/run tests/fuzz --timeout 0
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
fuzzed: Callable[[Any], Any] = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**400, -(10**400)]),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["", "\0", "\ud800", "\x1b[2J", "1-1", "PASS", "2026-11-25T00:00:00+00:00", "9999-12-31T23:59:59-14:00"]
    ),
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
"""Any value of JSON."""


def refusal(call: Callable[[], object], *errors: type[Exception]) -> Exception | None:
    """What it was refused with, None where it was taken. Whatever else is raised is a finding."""
    try:
        call()
    except errors as error:
        return error
    return None


def broken_bytes(sound: bytes) -> st.SearchStrategy[bytes]:
    """`sound` with some stretches overwritten, cut out or put in, and perhaps cut off."""
    places = st.integers(0, len(sound))
    changes = st.lists(st.tuples(places, st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=6)

    def broken(changes: list[tuple[int, int, bytes]], end: int) -> bytes:
        raw = sound
        for at, length, new in changes:
            raw = raw[:at] + new + raw[at + length :]
        return raw[:end]

    return st.builds(broken, changes, st.just(len(sound) + 64) | places)


def broken_json(sound: Any) -> st.SearchStrategy[Any]:
    """`sound` with some of its values, at any depth, replaced by others, or left out."""
    paths = list(_paths(sound))
    changes = st.lists(st.tuples(st.sampled_from(paths), st.just(...) | anything), min_size=1, max_size=3)

    def broken(changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
        value = json.loads(json.dumps(sound))
        for path, new in changes:
            _replace(value, path, new)
        return value

    return st.builds(broken, changes)


def _paths(value: Any) -> Any:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (key,)
        yield from ((key, *rest) for rest in _paths(each))


def _replace(value: Any, path: tuple[Any, ...], new: Any) -> None:
    *above, last = path
    try:
        for key in above:
            value = value[key]
        if new is ...:
            del value[last]
        else:
            value[last] = new
    except (KeyError, IndexError, TypeError):
        pass  # another change took it away
