"""A dialog with fields, as the batch's and the engineer's are: what is typed, what is wrong with it, two buttons."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from station.dashboard.language import tr
from station.dashboard.widgets.plain_text import Plain
from station.model.batches import NAME_LIMIT

Given = TypeVar("Given")


class FormDialog(ModalScreen[Given | None]):
    """Escape leaves it with None. Its fields and `ends` stand in a container with the id `dialog`."""

    DEFAULT_CSS = """
    FormDialog { align: center middle; }
    FormDialog #dialog {
        width: 64; max-width: 95%; height: auto; padding: 0 2; background: $panel; border: heavy $primary;
    }
    FormDialog Input { border-title-color: $foreground; border-title-style: bold; }
    FormDialog Static { text-style: bold; }
    FormDialog #wrong { color: $text-error; height: auto; }
    FormDialog Horizontal { height: auto; align-horizontal: center; }
    FormDialog Button { margin: 0 1; min-width: 12; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("up", "app.focus_previous", "previous", show=False),
        Binding("down", "app.focus_next", "next", show=False),
    ]

    def ends(self, confirm: str, wrong: str = "") -> ComposeResult:
        """What stands below the fields: what is wrong, and the buttons."""
        yield Plain(wrong, id="wrong")
        with Horizontal():
            yield Button(confirm, id="confirm", variant="primary")
            yield Button(tr("Esc  back"), id="back")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """By mouse."""
        if event.button.id == "back":
            self.dismiss(None)
        else:
            self.confirm()

    def confirm(self) -> None:
        """All is said: leave with it, or say what is wrong."""
        raise NotImplementedError

    def say(self, wrong: str, field: str = "") -> None:
        """Say what is wrong; the field is where to go on typing."""
        self.query_one("#wrong", Plain).say(wrong)
        if field:
            self.query_one(f"#{field}", Input).focus()


def form_field(field: str, label: str, value: str = "", *, limit: int = NAME_LIMIT, hidden: bool = False) -> Input:
    """A field; `hidden` shows no letter of it."""
    made = Input(value, id=field, max_length=limit, password=hidden)
    made.border_title = label
    return made
