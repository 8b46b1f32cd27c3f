"""Text that comes from devices and files, as it may stand on a terminal: never trust it."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text without anything that could steer a terminal: every other character as its escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, text.split("\n")))
