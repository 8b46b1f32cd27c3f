"""The dialog in which a batch is begun or changed, and the summary with which it is closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from station.dashboard.language import tr, tr_count
from station.dashboard.screens.form import FormDialog, form_field
from station.dashboard.widgets.plain_text import Plain
from station.model.batches import PLANNED_LIMIT
from station.yields.balance import BatchSummary


@dataclass(frozen=True, slots=True)
class BatchWanted:
    """What was typed or scanned; `planned` is None for no quantity."""

    name: str
    operator: str | None
    planned: int | None


class BatchDialog(FormDialog[BatchWanted]):
    """Three fields. Enter, with which a scanner ends, moves to the next; on the last it confirms. None for no batch."""

    DEFAULT_CSS = "BatchDialog #wrong { height: 1; }"

    def __init__(self, title: str, name: str, operator: str, planned: int | None) -> None:
        super().__init__()
        self._title = title
        self._given = (name, operator, "" if planned is None else str(planned))

    def compose(self) -> ComposeResult:
        """Lay out the fields."""
        name, operator, planned = self._given
        with Vertical(id="dialog"):
            yield Plain(self._title)
            yield form_field("name", tr("batch: type or scan it"), name)
            yield form_field("operator", tr("operator"), operator)
            yield form_field("planned", tr("planned units; empty for no plan"), planned)
            yield from self.ends(tr("Enter  begin"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field: on to the next, or all is said."""
        if event.input.id == "planned":
            self.confirm()
        elif event.input.id == "name" and not event.value.strip():
            self.say(tr("A batch has a name."))
        else:
            self.focus_next(Input)

    def on_input_changed(self, event: Input.Changed) -> None:
        """What is no number is said at once, not after the last Enter."""
        if event.input.id == "planned":
            typed = event.value.strip()
            self.say(_no_count() if typed and _count(typed) is None else "")

    def confirm(self) -> None:
        """Leave with all three."""
        name, operator, planned = (self.query_one(f"#{field}", Input).value.strip() for field in FIELDS)
        if not name:
            self.say(tr("A batch has a name."), "name")
        elif planned and _count(planned) is None:
            self.say(_no_count(), "planned")
        else:
            self.dismiss(BatchWanted(name, operator or None, _count(planned) if planned else None))


FIELDS = ("name", "operator", "planned")


def _no_count() -> str:
    return tr("Planned units: a whole number from 1 to {limit}.").format(limit=PLANNED_LIMIT)


def _count(text: str) -> int | None:
    """How many units were planned; None for what is no number of them. No letter is passed over: L1A4 is not 14."""
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(PLANNED_LIMIT))
    return int(text) if digits and 0 < int(text) <= PLANNED_LIMIT else None


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
