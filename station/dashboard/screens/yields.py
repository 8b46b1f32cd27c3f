"""The yield of this line's batch, as numbers and bars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from station.dashboard.language import tr
from station.dashboard.screens.base import StationScreen
from station.dashboard.wrapping import pad
from station.model.runs import Outcome, RunRecord
from station.model.yields import YieldReport

BAR = 30
_EIGHTHS = " ▏▎▍▌▋▊▉"


class YieldScreen(StationScreen):
    """First-pass and final yield, units per hour of the day, each slot, and what failed most."""

    DEFAULT_CSS = "YieldScreen Static { height: auto; } YieldScreen #figures { padding: 1 2; }"
    AUTO_FOCUS = "VerticalScroll"

    def body(self) -> ComposeResult:
        """One text of bars."""
        with VerticalScroll():
            yield Static(id="figures", markup=False)

    def on_mount(self) -> None:
        """Ask the log."""
        self.facts_changed()

    def on_screen_resume(self) -> None:
        """The screen is looked at again."""
        self.facts_changed()

    def facts_changed(self) -> None:
        """Ask the log for the runs, in a thread."""
        about = self.dashboard.state.about
        if about is not None:
            since = None if about.batch else about.started_at
            self.dashboard.ask_log(lambda records: records.runs(about.batch, since), self._show_runs)

    def _show_runs(self, runs: list[RunRecord]) -> None:
        report = self.dashboard.state.report
        if report is not None:
            self.query_one("#figures", Static).update("\n".join(yield_lines(report, runs)))


def yield_lines(report: YieldReport, runs: Sequence[RunRecord]) -> Iterator[str]:
    """The figures of a report as text with bars."""
    yield _share(tr("first-pass yield"), report.first_pass_yield)
    yield _share(tr("final yield"), report.final_yield)
    yield "\n" + tr("Passed in each hour")
    yield from _counts(_per_hour(runs))
    yield "\n" + tr("First-pass yield of each slot")
    for slot in report.slots:
        yield _share(slot.slot, slot.first_pass_yield)
    yield "\n" + tr("What failed most")
    yield from _counts({failure.code: failure.count for failure in report.failures})


def _per_hour(runs: Sequence[RunRecord]) -> dict[str, int]:
    hours = [run.finished_at.astimezone() for run in runs if run.outcome is Outcome.PASS and run.finished_at]
    return dict(Counter(hour.strftime("%m-%d %H:00") for hour in sorted(hours)))


def _counts(counts: dict[str, int]) -> Iterator[str]:
    most = max(counts.values(), default=0)
    for name, count in counts.items():
        yield f"  {pad(name, 28)} {bar(count / most)} {count}"
    if not counts:
        yield "  -"


def _share(name: str, share: float | None) -> str:
    return f"  {pad(name, 28)} {bar(share or 0.0)} {'-' if share is None else f'{100 * share:.1f} %'}"


def bar(share: float) -> str:
    """A bar of BAR columns, `share` (0 to 1) of it filled."""
    whole, part = divmod(round(share * BAR * 8), 8)
    filled = "█" * whole + (_EIGHTHS[part] if part else "")
    return filled.ljust(BAR, "·")
