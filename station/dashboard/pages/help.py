"""Keys, colours, and what each code means."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from station.dashboard.face import LOOKS
from station.dashboard.language import mark, tr
from station.dashboard.pages.page import Page
from station.dashboard.wrapping import pad
from station.errors import HINTS

KEYS = (
    ("1 2 3 4 5 ?", mark("line, units, failures, yield, log, help")),
    (mark("arrows, mouse"), mark("select a slot")),
    ("p", mark("pause the line: running cameras finish, new ones are held and wait; p again goes on")),
    ("c", mark("cancel the selected slot (asks while it is writing)")),
    ("r", mark("re-run the camera in the selected slot")),
    ("R", mark("re-run every camera that failed and is still in its slot")),
    ("b", mark("begin, change or end a batch: type or scan its name, the operator, the quantity planned")),
    ("s", mark("sound and flash on or off: one for a pass, two for a failure")),
    ("t", mark("light or dark")),
    ("l", mark("another language")),
    ("Ctrl+P", mark("every command by name")),
    ("q", mark("leave; asks whether the line goes on")),
)
MEANINGS = (
    ("PASS", mark("The camera is proven and in the log. Take it out.")),
    ("FAIL", mark("The camera did not pass: do what the tile says.")),
    ("STATION ERROR", mark("The station's fault, not the camera's: it does not count.")),
    ("ENDED EARLY", mark("It was cancelled or pulled out: it does not count.")),
    ("SKIPPED", mark("It was left alone, untouched; the tile says why.")),
)
AT_THE_BENCH = ("usb.", "dfu.", "verify.", "boot.", "identity.", "mram.", "unit.", "operator.", "worker.", "ledger.")


class HelpPage(Page):
    """What the keys do, what the words mean, and what to do for each code."""

    FOCUS = "VerticalScroll"

    def compose(self) -> ComposeResult:
        """One long text."""
        with VerticalScroll():
            yield Static("\n".join(help_lines()), id="help-text", markup=False)

    def words_changed(self) -> None:
        """Write the text again."""
        self.query_one("#help-text", Static).update("\n".join(help_lines()))


def help_lines() -> Iterator[str]:
    """The text of the screen."""
    yield tr("KEYS")
    for key, meaning in KEYS:
        yield f"  {pad(tr(key), 15)} {tr(meaning)}"
    glyphs = {look.word: look.glyph for look in LOOKS.values()}
    yield "\n" + tr("STATES")
    for word, meaning in MEANINGS:
        yield f"  {glyphs[word]} {pad(tr(word), 15)} {tr(meaning)}"
    yield "\n" + tr("CODES, AND WHAT TO DO NOW")
    for code, hint in HINTS.items():
        if code.startswith(AT_THE_BENCH):
            yield f"  {code}\n      {tr(hint)}"
