"""Text on the screen."""

from __future__ import annotations

from textual.widgets import Static

from station.terminal_text import printable_lines


class Plain(Static):
    """A text as it is: no part of it is markup, and none can steer the terminal, whatever a camera calls itself."""

    def __init__(self, text: str = "", *, id: str | None = None) -> None:
        super().__init__(printable_lines(text), id=id, markup=False)

    def say(self, text: str, *, rows_change: bool = True) -> None:
        """Another text; the screen is laid out anew where it may have more or fewer rows."""
        self.update(printable_lines(text), layout=rows_change)
