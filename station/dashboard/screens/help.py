"""Keys, colours, and what each code means."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from station.dashboard.face import LOOKS
from station.dashboard.language import tr
from station.dashboard.screens.base import StationScreen
from station.errors import HINTS

KEYS = (
    ("1 2 3 4 5 ?", "line, units, failures, yield, log, help"),
    ("arrows, mouse", "select a slot"),
    ("p", "pause the line: running cameras finish, new ones are held and wait; p again goes on"),
    ("c", "cancel the selected slot (asks while it is writing)"),
    ("r", "re-run the camera in the selected slot"),
    ("R", "re-run every camera that failed and is still in its slot"),
    ("b", "begin, change or end a batch: type or scan its name, the operator, the quantity planned"),
    ("s", "sounds on or off: one for a pass, two for a failure"),
    ("t", "light or dark"),
    ("Ctrl+P", "every command by name"),
    ("q", "leave; asks whether the line goes on"),
)
MEANINGS = (
    ("PASS", "The camera is proven and in the log. Take it out."),
    ("FAIL", "The camera did not pass: do what the tile says."),
    ("STATION ERROR", "The station's fault, not the camera's: it does not count."),
    ("ENDED EARLY", "It was cancelled or pulled out: it does not count."),
    ("SKIPPED", "It was left alone, untouched; the tile says why."),
)
AT_THE_BENCH = ("usb.", "dfu.", "verify.", "boot.", "identity.", "mram.", "unit.", "operator.", "worker.", "ledger.")


class HelpScreen(StationScreen):
    """What the keys do, what the words mean, and what to do for each code."""

    AUTO_FOCUS = "VerticalScroll"

    def body(self) -> ComposeResult:
        """One long text."""
        with VerticalScroll():
            yield Static("\n".join(help_lines()), markup=False)


def help_lines() -> Iterator[str]:
    """The text of the screen."""
    yield tr("KEYS")
    for key, meaning in KEYS:
        yield f"  {key:<15} {tr(meaning)}"
    glyphs = {look.word: look.glyph for look in LOOKS.values()}
    yield "\n" + tr("STATES")
    for word, meaning in MEANINGS:
        yield f"  {glyphs[word]} {tr(word):<15} {tr(meaning)}"
    yield "\n" + tr("CODES, AND WHAT TO DO NOW")
    for code, hint in HINTS.items():
        if code.startswith(AT_THE_BENCH):
            yield f"  {code}\n      {tr(hint)}"
