"""The dialog in which a batch is begun or changed, and the summary with which it is closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from station.dashboard.language import tr, tr_count
from station.dashboard.widgets.plain_text import Plain
from station.model.batches import NAME_LIMIT, PLANNED_LIMIT
from station.yields.balance import BatchSummary


@dataclass(frozen=True, slots=True)
class BatchWanted:
    """What was typed or scanned; `planned` is None for no quantity."""

    name: str
    operator: str | None
    planned: int | None


class BatchDialog(ModalScreen[BatchWanted | None]):
    """Three fields. Enter, with which a scanner ends, moves to the next; on the last it confirms. None for no batch."""

    DEFAULT_CSS = """
    BatchDialog { align: center middle; }
    BatchDialog #dialog {
        width: 64; max-width: 95%; height: auto; padding: 0 2; background: $panel; border: heavy $primary;
    }
    BatchDialog Input { border-title-color: $foreground; border-title-style: bold; }
    BatchDialog Static { text-style: bold; }
    BatchDialog #wrong { color: $text-error; height: 1; }
    BatchDialog Horizontal { height: auto; align-horizontal: center; }
    BatchDialog Button { margin: 0 1; min-width: 12; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("up", "app.focus_previous", "previous", show=False),
        Binding("down", "app.focus_next", "next", show=False),
    ]

    def __init__(self, title: str, name: str, operator: str, planned: int | None) -> None:
        super().__init__()
        self._title = title
        self._given = (name, operator, "" if planned is None else str(planned))

    def compose(self) -> ComposeResult:
        """Lay out the fields."""
        name, operator, planned = self._given
        with Vertical(id="dialog"):
            yield Plain(self._title)
            yield _field("name", tr("batch: type or scan it"), name)
            yield _field("operator", tr("operator"), operator)
            yield _field("planned", tr("planned units; empty for no plan"), planned)
            yield Plain(id="wrong")
            with Horizontal():
                yield Button(tr("Enter  begin"), id="confirm", variant="primary")
                yield Button(tr("Esc  back"), id="back")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field: on to the next, or all is said."""
        if event.input.id == "planned":
            self._confirm()
        elif event.input.id == "name" and not event.value.strip():
            self._say(tr("A batch has a name."))
        else:
            self.focus_next(Input)

    def on_input_changed(self, event: Input.Changed) -> None:
        """What is no number is said at once, not after the last Enter."""
        if event.input.id == "planned":
            typed = event.value.strip()
            self._say(_no_count() if typed and _count(typed) is None else "")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """By mouse."""
        if event.button.id == "back":
            self.dismiss(None)
        else:
            self._confirm()

    def _confirm(self) -> None:
        name, operator, planned = (self.query_one(f"#{field}", Input).value.strip() for field in FIELDS)
        if not name:
            self._say(tr("A batch has a name."))
            self.query_one("#name", Input).focus()
        elif planned and _count(planned) is None:
            self._say(_no_count())
            self.query_one("#planned", Input).focus()
        else:
            self.dismiss(BatchWanted(name, operator or None, _count(planned) if planned else None))

    def _say(self, wrong: str) -> None:
        self.query_one("#wrong", Plain).say(wrong)


FIELDS = ("name", "operator", "planned")


def _no_count() -> str:
    return tr("Planned units: a whole number from 1 to {limit}.").format(limit=PLANNED_LIMIT)


def _count(text: str) -> int | None:
    """How many units were planned; None for what is no number of them. No letter is passed over: L1A4 is not 14."""
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(PLANNED_LIMIT))
    return int(text) if digits and 0 < int(text) <= PLANNED_LIMIT else None


def _field(field: str, label: str, value: str) -> Input:
    made = Input(value, id=field, max_length=NAME_LIMIT)
    made.border_title = label
    return made


def closing_lines(summary: BatchSummary, running: int) -> Iterator[str]:
    """The balance of a batch as text; `running` cameras are still at work."""
    yield tr("Batch {name}").format(name=summary.name) + "\n"
    width = 1 + len(str(summary.planned + summary.beyond))
    plan = tr("planned") if summary.is_planned else tr("begun (no quantity was planned)")
    yield f"    {summary.planned:>{width}}  {plan}"
    if summary.beyond:
        yield f"  + {summary.beyond:>{width}}  {tr('more than planned')}"
    yield f"  = {summary.passed:>{width}}  {tr('passed')}"
    if summary.passed_earlier:
        yield f"  + {summary.passed_earlier:>{width}}  {tr('passed earlier')}"
    yield f"  + {summary.open:>{width}}  {tr('open')}{_open_parts(summary)}"
    yield f"  + {summary.failed:>{width}}  {tr('failed')}{_scrapped(summary)}"
    yield ""
    yield _share(tr("first-pass yield"), summary.first_pass_yield)
    yield _share(tr("final yield"), summary.final_yield)
    if running:
        yield "\n" + tr_count(
            "{count} camera still runs: it stays in this batch.",
            "{count} cameras still run: they stay in this batch.",
            running,
        )


def _open_parts(summary: BatchSummary) -> str:
    if not summary.open:
        return ""
    parts = tr("{unfinished} without a result, {not_run} not run yet")
    return f" ({parts.format(unfinished=summary.unfinished, not_run=summary.not_run)})"


def _scrapped(summary: BatchSummary) -> str:
    return " " + tr("({count} of them scrapped)").format(count=summary.scrapped) if summary.scrapped else ""


def _share(name: str, share: float | None) -> str:
    return f"  {name}: " + ("-" if share is None else f"{100 * share:.1f} %")
