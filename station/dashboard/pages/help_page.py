"""Keys, colours, and what each code means."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult, RenderResult
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.widget import Widget

from station.dashboard.language import mark, tr
from station.dashboard.pages.page import Page
from station.dashboard.text_wrap import pad, wrap
from station.dashboard.tiles.tile_content import LOOKS
from station.errors import HINTS

KEYS = (
    ("1 2 3 4 5 ?", mark("line, units, failures, yield, log, help")),
    ("F1 F2 F3 F4 F5 F6", mark("the same pages, also while a field is typed into; F8 is another language there")),
    (mark("arrows, mouse"), mark("select a slot")),
    ("p", mark("pause the line: running cameras finish, new ones are held and wait; p again goes on")),
    ("c", mark("cancel the selected slot (asks while it is writing)")),
    ("r", mark("re-run the camera in the selected slot")),
    ("R", mark("re-run every camera that failed and is still in its slot")),
    ("u", mark("use the selected slot again that was taken out")),
    ("b", mark("begin, change or end a batch: type or scan its name, the operator, the quantity planned")),
    ("e", mark("be an engineer for some minutes, with the PIN, or be one no longer")),
    ("s", mark("sound and flash on or off: one for a pass, two for a failure")),
    ("t", mark("light or dark")),
    ("l", mark("another language")),
    ("Ctrl+P", mark("every command by name")),
    ("q", mark("leave; asks whether the line goes on")),
    (mark("a scan"), mark("opens the unit, batch or slot that it names, on every page; it never steers the line")),
    (
        mark("a label"),
        mark(
            "scanned: it waits, large, and is bound to the camera that is plugged in next, or whose slot is scanned, "
            "or to the selected one with Enter; Escape drops it"
        ),
    ),
)
MEANINGS = (
    ("PASS", mark("The camera is proven and in the log. Take it out.")),
    ("FAIL", mark("The camera did not pass: do what the tile says.")),
    ("ERROR", mark("The station's fault, not the camera's: it does not count.")),
    ("ABORTED", mark("It was cancelled or pulled out: it does not count.")),
    ("SKIPPED", mark("It was left alone, untouched; the tile says why.")),
    ("TAKEN OUT", mark("Several cameras in a row failed in this slot while others passed: look at its cable first.")),
)
BANNERS = (
    (
        mark("THE LINE PAUSED"),
        mark(
            "So many cameras in a row failed in one way: that is the bench or the bundle. Check what the banner names, "
            "then p goes on."
        ),
    ),
    (mark("THE LINE STOPPED"), mark("It cannot go on by itself: do what the banner says, then start it again.")),
)
"""What the red line at the top begins with."""
LEAST_WIDTH = 12
"""Of what is said beside a key, however narrow the terminal is."""
AT_THE_BENCH = (
    "usb.",
    "dfu.",
    "verify.",
    "boot.",
    "identity.",
    "mram.",
    "unit.",
    "product.",
    "unit_value.",
    "operator.",
    "worker.",
    "ledger.",
)


class HelpPage(Page):
    """What the keys do, what the words mean, and what to do for each code."""

    FOCUS = "VerticalScroll"

    def compose(self) -> ComposeResult:
        """One long text."""
        with VerticalScroll():
            yield HelpText()

    def words_changed(self) -> None:
        """Write the text again."""
        self.query_one(HelpText).refresh(layout=True)


class HelpText(Widget):
    """The text, in lines as long as the terminal has room for."""

    DEFAULT_CSS = "HelpText { height: auto; }"

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as its lines need."""
        return sum(1 for _ in help_lines(width))

    def render(self) -> RenderResult:
        """Its lines."""
        return Text("\n".join(help_lines(self.size.width)))


def help_lines(width: int) -> Iterator[str]:
    """The text of the page, no line wider than `width` columns where there is room at all."""
    yield tr("KEYS")
    for key, meaning in KEYS:
        yield from _beside(f"  {pad(tr(key), 15)} ", tr(meaning), width)
    glyphs = {look.word: look.glyph for look in LOOKS.values()}
    yield ""
    yield tr("STATES")
    for word, meaning in MEANINGS:
        yield from _beside(f"  {glyphs[word]} {pad(tr(word), 15)} ", tr(meaning), width)
    yield ""
    yield tr("THE RED BANNER")
    for word, meaning in BANNERS:
        yield from _beside(f"  {pad(tr(word), 17)} ", tr(meaning), width)
    yield ""
    yield tr("CODES, AND WHAT TO DO NOW")
    for code, hint in HINTS.items():
        if code.startswith(AT_THE_BENCH):
            yield f"  {code}"
            yield from _beside(" " * 6, tr(hint), width)


def _beside(head: str, text: str, width: int) -> Iterator[str]:
    """The text beside its head; what does not fit goes on below its own beginning."""
    indent = cell_len(head)
    for number, line in enumerate(wrap(text, max(LEAST_WIDTH, width - indent))):
        yield (" " * indent if number else head) + line
