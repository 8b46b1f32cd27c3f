"""Regular expressions of the configuration, which scanned texts are matched with: in the line, and in its screens.

One that backtracks without end would hold up the line at the first label that does not fit. So each is tried when it is
read: with texts that nearly fit, longer and longer, until one takes too long or is as long as any label.
"""

from __future__ import annotations

import re
import time
import warnings

from station.settings.setting_rules import one_line

LONGEST = 80
SLOW_S = 0.02
"""What fits or does not at once takes some microseconds; a machine that does other work takes a look at the clock."""
TRIES = 3
_NEVER = "\x00"


def expression(value: str) -> str:
    """A regular expression that can be used, or empty; ValueError says what is wrong with it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's plans for other versions of itself
            compiled = re.compile(one_line(value))
    except re.error as error:
        raise ValueError(_unreadable(value, error.pos)) from None
    except (OverflowError, RecursionError):
        raise ValueError(_unreadable(value, None)) from None
    if any(_is_slow(compiled, text) for text in _samples(value)):
        raise ValueError(
            "takes far too long for a text that does not fit: a part that is repeated repeats again, as in (A+)+"
        )
    return value


def _unreadable(value: str, place: int | None) -> str:
    where = "" if place is None or place >= len(value) else f": what begins at its character {place + 1} cannot be read"
    return f'is no regular expression{where}; for example "P-[0-9]{{6}}" is one'


def _samples(value: str) -> tuple[str, ...]:
    """Texts that fit, or nearly; none where this Python does not tell how it reads an expression."""
    try:
        from station.settings.expression_samples import samples
    except ImportError:
        return ()
    return samples(value, LONGEST) if value else ()


def _is_slow(compiled: re.Pattern[str], text: str) -> bool:
    """Whether a text that does not fit takes long. They grow by a character, so that the first slow one is not far from
    the last quick one."""
    for length in range(1, min(len(text), LONGEST) + 1):
        if all(_took_s(compiled, text[:length] + _NEVER) > SLOW_S for _ in range(TRIES)):
            return True
    return False


def _took_s(compiled: re.Pattern[str], text: str) -> float:
    begun_s = time.thread_time()
    compiled.fullmatch(text)
    return time.thread_time() - begun_s
