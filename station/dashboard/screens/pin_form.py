"""The dialog in which an engineer says who it is and gives the PIN."""

from __future__ import annotations

from dataclasses import dataclass, field

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from station.dashboard.language import tr
from station.dashboard.screens.form import FormDialog, form_field
from station.dashboard.widgets.plain_text import Plain

PIN_LIMIT = 128


@dataclass(frozen=True, slots=True)
class PinGiven:
    """Who, and the PIN."""

    name: str
    pin: str = field(repr=False)


class PinDialog(FormDialog[PinGiven]):
    """Two fields, the PIN's letters hidden. Enter moves on, and confirms on the last. None for nobody."""

    DEFAULT_CSS = "PinDialog #dialog { border: heavy $warning; }"

    def __init__(self, name: str, wrong: str = "") -> None:
        super().__init__()
        self._given, self._wrong = name, wrong

    def compose(self) -> ComposeResult:
        """Lay out the fields."""
        with Vertical(id="dialog"):
            yield Plain(tr("Only an engineer may do this."))
            yield form_field("name", tr("engineer: your name"), self._given)
            yield form_field("pin", tr("PIN"), limit=PIN_LIMIT, hidden=True)
            yield from self.ends(tr("Enter  go on"), self._wrong)

    def on_mount(self) -> None:
        """Who is known types the PIN at once."""
        if self._given:
            self.query_one("#pin", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field: on to the PIN, or all is said."""
        if event.input.id == "pin":
            self.confirm()
        elif event.value.strip():
            self.query_one("#pin", Input).focus()

    def confirm(self) -> None:
        """Leave with both."""
        name, pin = (self.query_one(f"#{field}", Input).value for field in ("name", "pin"))
        if not name.strip():
            self.say(tr("The audit has a name for each act: type yours."), "name")
        elif pin:
            self.dismiss(PinGiven(name.strip(), pin))
