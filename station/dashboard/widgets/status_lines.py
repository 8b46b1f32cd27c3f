"""The two lines at the top of every screen, and the banner below them."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.cells import cell_len

from station.control.wire import CentralLag, LineAbout, LineStatus
from station.dashboard.language import mark, tr, translated
from station.dashboard.text_wrap import cut
from station.dashboard.widgets.plain_text import Plain
from station.errors import HINTS
from station.local_time import local, time_text, zone_names
from station.model.proof_settings import BOOT, VERIFY
from station.yields.counting import YieldReport

LEAST_BAR, MOST_BAR = 4, 40
SEPARATOR = " · "
DAY_H = 20.0
UNPROVEN = {VERIFY: mark("NOT READ BACK"), BOOT: mark("START NOT WAITED FOR")}
"""An end that is further away is no time of the day."""


class StatusLines(Plain):
    """Station, batch, bundle, operator; units passed and failed, first-pass yield, units per hour, clock."""

    DEFAULT_CSS = """
    StatusLines { height: 2; width: 1fr; background: $panel; color: $foreground; padding: 0 1; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown = ""

    def show(
        self,
        about: LineAbout | None,
        report: YieldReport | None,
        now: datetime,
        first: str = "",
        central: CentralLag | None = None,
    ) -> None:
        """Show the newest, with `first` before all else; nothing is drawn where nothing changed."""
        if not (width := self.size.width):
            return  # it has no place on the screen yet
        clock = f"{local(now):%H:%M:%S} {zone_names([now])}"
        room = width - cell_len(clock) - 2
        marks = SEPARATOR.join([*([first] if first else []), *unproven_words(about)])
        marks += SEPARATOR if marks else ""
        runs = what_runs(about, report, now, max(0, room - cell_len(marks)), central)
        text = f"{_ends(cut(marks + runs, room), clock, width)}\n{_ends(figures(report, about), _bundle(about), width)}"
        if text != self._shown:
            self._shown = text
            self.say(text, rows_change=False)  # two rows, always: the clock is no reason to lay the screen out


def unproven_words(about: LineAbout | None) -> list[str]:
    """What the line does not prove, because the configuration turns it off."""
    return [tr(UNPROVEN[name]) for name in (about.unproven if about else ()) if name in UNPROVEN]


def _no_batch(about: LineAbout) -> str:
    if about.left_open is None:
        return tr("no batch")
    name, station_id = about.left_open
    return tr("no batch: {name} is open under the id {station}").format(name=name, station=station_id)


def _central(lag: CentralLag) -> str:
    """Short: what waits is in this station's own log all the while."""
    if lag.away:
        return tr("central log away, {count} wait").format(count=lag.waiting)
    return tr("{count} wait for the central log").format(count=lag.waiting) if lag.waiting else tr("central log ✓")


def what_runs(
    about: LineAbout | None, report: YieldReport | None, now: datetime, room: int, central: CentralLag | None = None
) -> str:
    """Station, batch with how many of its planned units have a result, operator, how far the database of all stations
    is behind, and the batch's progress, whose bar is as long as `room` columns allow."""
    if about is None:
        return ""
    parts = [about.station_id]
    parts += [tr("batch {name}").format(name=about.batch)] if about.batch else [_no_batch(about)]
    planned = about.planned if report is not None and report.batch == about.batch else None
    if report is not None and planned:
        parts[-1] += tr(" ({done} of {planned})").format(done=report.units_with_result, planned=planned)
    parts += [about.operator] if about.operator else []
    parts += [] if central is None else [_central(central)]
    text = SEPARATOR.join(parts)
    if report is None or not planned:
        return text
    end = _end(report, planned, now)
    bar = room - cell_len(text) - cell_len(SEPARATOR) - cell_len(end)
    return text + SEPARATOR + _bar(report.units_with_result, planned, max(LEAST_BAR, min(MOST_BAR, bar))) + end


def _bar(done: int, planned: int, width: int) -> str:
    """How many planned units have a result; full only where all of them have."""
    filled = width * min(done, planned) // planned
    return "█" * filled + "─" * (width - filled)


def _end(report: YieldReport, planned: int, now: datetime) -> str:
    """About when the last planned unit will have its result."""
    left = planned - report.units_with_result
    if (rate := report.telling_rate) and left > 0:
        end = now + timedelta(hours=left / rate)
        if end - now < timedelta(hours=DAY_H):
            return " " + tr("done about {time}").format(time=time_text(end, "%H:%M"))
    return ""


def _bundle(about: LineAbout | None) -> str:
    if about is None:
        return ""
    version = f" ({about.bundle_version})" if about.bundle_version not in ("", about.bundle) else ""
    recipe = f" · {about.recipe}" if about.recipe != "full" else ""
    return f"{about.bundle}{version}{recipe}"


def figures(report: YieldReport | None, about: LineAbout | None) -> str:
    """Of the batch, or without one of what ran since the line's start: units passed and failed, first-pass yield, units
    per hour. Nothing while the figures are still another batch's."""
    if report is None or about is None or report.batch != about.batch:
        return ""
    first = "-" if report.first_pass_yield is None else f"{100 * report.first_pass_yield:.1f} %"
    rate = "-" if (an_hour := report.telling_rate) is None else f"{an_hour:.0f}"
    failed = report.units_failed
    scope = tr("this batch") if about.batch else tr("since the start")
    return tr("{scope}: ✓ {passed} passed  ✗ {failed} failed  first pass {first}  {rate}/h").format(
        scope=scope, passed=report.units_passed, failed=failed, first=first, rate=rate
    )


def _ends(left: str, right: str, width: int) -> str:
    room = width - cell_len(left) - 2
    if cell_len(right) > room:
        right = cut(right, room) if room > 8 else ""
    return left + " " * (width - cell_len(left) - cell_len(right)) + right


class Banner(Plain):
    """Red where the line stopped by itself, with why and what to do; quieter where it was asked to, or is paused."""

    DEFAULT_CSS = """
    Banner { display: none; width: 1fr; height: auto; max-height: 4; padding: 0 1; text-style: bold; }
    Banner.alarm { display: block; background: $error; color: #ffffff; }
    Banner.note { display: block; background: $warning; color: #000000; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[str, str] = ("", "")

    def show(self, status: LineStatus, about: LineAbout | None) -> None:
        """Show how the line stands."""
        shown = banner_of(status, has_batch=about is None or about.batch is not None)
        if shown != self._shown:
            self._shown = shown
            self.set_class(shown[0] == "alarm", "alarm")
            self.set_class(shown[0] == "note", "note")
            self.say(shown[1])


def banner_of(status: LineStatus, *, has_batch: bool = True) -> tuple[str, str]:
    """The kind of banner ("alarm", "note" or "") and its text: what is, and the key or the command that goes on."""
    if status.code is not None:
        hint = tr(HINTS.get(status.code, ""))
        text = tr("THE LINE STOPPED: {why}. {hint}").format(why=translated(status.message), hint=hint)
        return "alarm", f"■ {text}".strip()
    if status.ended:
        return "note", "■ " + tr("The line has ended. Press q to leave.")
    if not status.accepting:
        return "note", "■ " + tr("The line is stopping: running cameras finish, no new one starts.")
    if status.paused and status.paused_code is not None:
        # It says itself what to check; a camera's hint ("re-run it") is none for the bench, and pushes the key out.
        text = tr("THE LINE PAUSED: {why}. Press p to go on.")
        return "alarm", "‖ " + text.format(why=translated(status.paused_message))
    if status.plan_reached:
        return "note", "‖ " + tr("PLAN REACHED: new cameras are held and wait. Press b to go on, or to end the batch.")
    if status.paused and not has_batch:
        text = tr("PAUSED, and no batch is open. Press b to begin the next one, or p to go on without one.")
        return "note", "‖ " + text
    if status.paused:
        return "note", "‖ " + tr("PAUSED: running cameras finish, new ones are held and wait. Press p to go on.")
    if status.verification_due:
        text = tr("TO BE VERIFIED: {slots}. Run station verify-slots with the reference camera.")
        return "note", text.format(slots=status.verification_due)
    return "", ""
