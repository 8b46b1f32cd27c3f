r"""ZPL II, as far as a label's fields go. The words are those of Zebra's "ZPL II Programming Guide".

1. A command is `^` or `~`, two characters, and its parameters up to the next `^` or `~`. Nothing quotes those two.
2. A field's data stand between `^FD` and `^FS`. With `^FH` before, `_` and two hexadecimal digits stand for a byte: so
   data can hold what would else be a command. What a record holds is written only so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

DATA = ("^FD", "^FV")
_SPECIAL = re.compile(r"[\^~_]|[^\x20-\x7e]")
_COMMAND = re.compile(r"([\^~][^\^~]{2})([^\^~]*)")


class Command(NamedTuple):
    """A command and what follows it. Of data `text` is what is printed, bytes that `^FH` gives as UTF-8."""

    name: str
    text: str
    is_data: bool = False


def escaped(value: str) -> str:
    """A text as data of a field that has `^FH`: it can neither end the field nor begin a command."""
    one_line = "".join(letter if letter.isprintable() else " " for letter in value)
    return _SPECIAL.sub(lambda found: "".join(f"_{byte:02X}" for byte in found[0].encode()), one_line)


def commands(label: str) -> Iterator[Command]:
    """The commands of a label in their order. ValueError for text that is none."""
    if label.strip() and not label.lstrip().startswith(("^", "~")):
        raise ValueError("it begins with something that is no command")
    indicator = ""
    for name, text in _COMMAND.findall(label):
        if name.upper() == "^FH":
            indicator = text.strip()[:1] or "_"
        elif name.upper() == "^FS":
            indicator = ""
        if name.upper() in DATA:
            yield Command(name.upper(), _bytes_of(text, indicator) if indicator else text, is_data=True)
        else:
            yield Command(name.upper(), text.strip())


def _bytes_of(text: str, indicator: str) -> str:
    one = re.compile((re.escape(indicator) + r"([0-9A-Fa-f]{2})").encode())
    return one.sub(lambda found: bytes([int(found[1], 16)]), text.encode()).decode("utf-8", "replace")
