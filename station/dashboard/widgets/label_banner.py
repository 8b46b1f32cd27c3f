"""The label that waits for its camera, and what became of one: in letters to be read with both hands full."""

from __future__ import annotations

from station.dashboard.input.label_scans import Words
from station.dashboard.tiles.large_letters import largest
from station.dashboard.widgets.plain_text import Plain

LARGE_FROM = 30
"""Lines of a terminal from which on there is room for large letters."""
LARGE_ROWS = 5


class LabelBanner(Plain):
    """Yellow while it waits, green when it is bound, red where it was refused."""

    DEFAULT_CSS = """
    LabelBanner { display: none; width: 1fr; height: auto; max-height: 9; padding: 0 1; text-style: bold; }
    LabelBanner.wait { display: block; background: $warning; color: #000000; }
    LabelBanner.done { display: block; background: #0b6b2e; color: #ffffff; }
    LabelBanner.refused { display: block; background: $error; color: #ffffff; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Words | None, int, int] = (None, 0, 0)

    def show(self, words: Words | None) -> None:
        """Show it; nothing is drawn where nothing changed."""
        width, height = self.app.size
        shown = (words, width, height)
        if shown == self._shown:
            return
        before, self._shown = self._shown[0], shown
        for tone in ("wait", "done", "refused"):
            self.set_class(words is not None and words.tone == tone, tone)
        if words is not None:
            rows = largest(words.large, width - 4, LARGE_ROWS) if height >= LARGE_FROM else None
            same = before is not None and before.large == words.large and len(before.text) == len(words.text)
            self.say("\n".join(filter(None, [*(rows or (words.large,)), words.text])), rows_change=not same)
