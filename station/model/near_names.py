"""Whether two names of batches are likely one that was typed or scanned in two ways.

1. Case, width (full-width letters), and which signs and blanks stand between letters and digits make no other batch.
2. A scanner is a keyboard, and mostly set to the American layout: on a machine that is set to another one, the same
   label gives other characters (the key of "-" gives "'" in Spanish, German Y and Z are exchanged). A name is also read
   as the keys of the American layout that give it.
3. Without signs at all (202647) it is the same, but 1-12 and 11-2 are two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_FRENCH_DIGITS = str.maketrans("&é\"'(-è_çà)", "1234567890-")
_LAYOUTS = (
    str.maketrans("ß'-?yzYZ", "-_/_zyZY"),  # German
    str.maketrans("'¡-?ñ", "-=/_;"),  # Spanish, Latin American, Italian, Portuguese
    str.maketrans("'-?yzYZ", "-/_zyZY"),  # Swiss
    str.maketrans("+-?", "-/_"),  # Nordic
    {**_FRENCH_DIGITS, **str.maketrans("aqzwAQZW,m", "qawzQAWZm;")},  # French, digits without the shift key
    str.maketrans("aqzwAQZW,m)", "qawzQAWZm;-"),  # French, digits with it
)
"""What a character is on the American layout, by the layout of the machine."""


def is_nearly(name: str, other: str) -> bool:
    """Whether they differ only in how one name is typed or scanned; False for the same name."""
    if name == other:
        return False
    misread = _folded(name) in _readings(other) or _folded(other) in _readings(name)
    return misread or _is_same_unsigned(name, other)


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """The known names that are nearly this one; none where it is known itself."""
    names = set(known)
    return [] if name in names else sorted(one for one in names if is_nearly(name, one))


def _readings(name: str) -> frozenset[str]:
    return frozenset(_folded(one) for one in (name, *(name.translate(layout) for layout in _LAYOUTS))) - {""}


def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\W_]+", "-", plain).strip("-")


def _is_same_unsigned(name: str, other: str) -> bool:
    one, two = _folded(name), _folded(other)
    return ("-" not in one or "-" not in two) and one.replace("-", "") == two.replace("-", "") != ""
