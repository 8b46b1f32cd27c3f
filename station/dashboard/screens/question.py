"""A question with a few answers: by key, by mouse, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button

from station.dashboard.keys import translated
from station.dashboard.language import tr
from station.dashboard.widgets.plain_text import Plain


class Question(ModalScreen[str]):
    """Ask `text`; the result is the key of the answer, "" for none. Answers are (key, label); the first is focused."""

    DEFAULT_CSS = """
    Question { align: center middle; }
    Question Vertical {
        width: 64; max-width: 95%; height: auto; padding: 1 2; background: $panel; border: heavy $primary;
    }
    Question Horizontal { height: auto; margin-top: 1; align-horizontal: center; }
    Question #back { width: 1fr; text-align: center; }
    Question Button { margin: 0 1; min-width: 12; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", "back"),
        Binding("left", "app.focus_previous", "previous", show=False),
        Binding("right", "app.focus_next", "next", show=False),
    ]

    def __init__(self, text: str, answers: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._text = text
        self._answers = tuple(answers)

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that work now, named in the operator's language."""
        return translated(super().active_bindings)

    def compose(self) -> ComposeResult:
        """Lay out the question."""
        with Vertical():
            yield Plain(self._text)
            with Horizontal():
                for key, label in self._answers:
                    yield Button(f"{key.upper()}  {label}", id=f"answer-{key}")
            yield Plain(tr("Esc  back"), id="back")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer was clicked, or chosen with Enter."""
        self.dismiss((event.button.id or "").removeprefix("answer-"))

    def on_key(self, event: events.Key) -> None:
        """An answer's own key."""
        if event.key.lower() in dict(self._answers):
            event.stop()
            self.dismiss(event.key.lower())


class UnarmedQuestion(Question):
    """A question that comes by itself: no answer has the focus, so that the Enter of a scanner is no answer."""

    AUTO_FOCUS = ""
