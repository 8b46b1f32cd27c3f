"""The dialog in which an engineer says who it is and gives the PIN."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from station.dashboard.language import tr
from station.dashboard.widgets.plain_text import Plain
from station.model.batches import NAME_LIMIT

PIN_LIMIT = 128


@dataclass(frozen=True, slots=True)
class PinGiven:
    """Who, and the PIN."""

    name: str
    pin: str = field(repr=False)


class PinDialog(ModalScreen[PinGiven | None]):
    """Two fields, the PIN's letters hidden. Enter moves on, and confirms on the last. None for nobody."""

    DEFAULT_CSS = """
    PinDialog { align: center middle; }
    PinDialog #dialog {
        width: 64; max-width: 95%; height: auto; padding: 0 2; background: $panel; border: heavy $warning;
    }
    PinDialog Input { border-title-color: $foreground; border-title-style: bold; }
    PinDialog Static { text-style: bold; }
    PinDialog #wrong { color: $text-error; height: auto; }
    PinDialog Horizontal { height: auto; align-horizontal: center; }
    PinDialog Button { margin: 0 1; min-width: 12; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("up", "app.focus_previous", "previous", show=False),
        Binding("down", "app.focus_next", "next", show=False),
    ]

    def __init__(self, name: str, wrong: str = "") -> None:
        super().__init__()
        self._given, self._wrong = name, wrong

    def compose(self) -> ComposeResult:
        """Lay out the fields."""
        with Vertical(id="dialog"):
            yield Plain(tr("Only an engineer may do this."))
            name = Input(self._given, id="name", max_length=NAME_LIMIT)
            name.border_title = tr("engineer: your name")
            yield name
            pin = Input(id="pin", password=True, max_length=PIN_LIMIT)
            pin.border_title = tr("PIN")
            yield pin
            yield Plain(self._wrong, id="wrong")
            with Horizontal():
                yield Button(tr("Enter  go on"), id="confirm", variant="primary")
                yield Button(tr("Esc  back"), id="back")

    def on_mount(self) -> None:
        """Who is known types the PIN at once."""
        if self._given:
            self.query_one("#pin", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field: on to the PIN, or all is said."""
        if event.input.id == "pin":
            self._confirm()
        elif event.value.strip():
            self.query_one("#pin", Input).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """By mouse."""
        if event.button.id == "back":
            self.dismiss(None)
        else:
            self._confirm()

    def _confirm(self) -> None:
        name, pin = (self.query_one(f"#{field}", Input).value for field in ("name", "pin"))
        if not name.strip():
            self.query_one("#wrong", Plain).say(tr("The audit has a name for each act: type yours."))
            self.query_one("#name", Input).focus()
        elif pin:
            self.dismiss(PinGiven(name.strip(), pin))
