"""The two lines at the top of every screen, and the banner below them."""

from __future__ import annotations

from datetime import datetime

from rich.cells import cell_len

from station.control.wire import LineAbout, LineStatus
from station.dashboard.language import tr, translated
from station.dashboard.text_wrap import cut
from station.dashboard.widgets.plain_text import Plain
from station.errors import HINTS
from station.yields.counting import YieldReport


class StatusLines(Plain):
    """Station, batch, bundle, operator; units passed and failed, first-pass yield, units per hour, clock."""

    DEFAULT_CSS = """
    StatusLines { height: 2; width: 1fr; background: $panel; color: $foreground; padding: 0 1; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown = ""

    def show(self, about: LineAbout | None, report: YieldReport | None, now: datetime) -> None:
        """Show the newest; nothing is drawn where nothing changed."""
        width = max(20, self.size.width - 2)
        clock = now.astimezone().strftime("%H:%M:%S")
        text = _ends(what_runs(about, report), clock, width) + "\n" + _ends(figures(report), _bundle(about), width)
        if text != self._shown:
            self._shown = text
            self.say(text)


def what_runs(about: LineAbout | None, report: YieldReport | None) -> str:
    """Station, batch with how many of its planned units have a result, and operator."""
    if about is None:
        return ""
    parts = [about.station_id]
    parts += [tr("batch {name}").format(name=about.batch)] if about.batch else [tr("no batch")]
    if about.planned and report is not None and report.batch == about.batch:
        parts[-1] += tr(" ({done} of {planned})").format(done=report.units_with_result, planned=about.planned)
    parts += [about.operator] if about.operator else []
    return " · ".join(parts)


def _bundle(about: LineAbout | None) -> str:
    if about is None:
        return ""
    version = f" ({about.bundle_version})" if about.bundle_version not in ("", about.bundle) else ""
    recipe = f" · {about.recipe}" if about.recipe != "full" else ""
    return f"{about.bundle}{version}{recipe}"


def figures(report: YieldReport | None) -> str:
    """Units passed and failed, first-pass yield, units per hour."""
    if report is None:
        return ""
    first = "-" if report.first_pass_yield is None else f"{100 * report.first_pass_yield:.1f} %"
    rate = "-" if report.units_per_hour is None else f"{report.units_per_hour:.0f}"
    failed = report.units_failed
    return tr("✓ {passed} passed  ✗ {failed} failed  first pass {first}  {rate}/h").format(
        passed=report.units_passed, failed=failed, first=first, rate=rate
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
    Banner.alarm { display: block; background: $error; color: $text; }
    Banner.note { display: block; background: $warning; color: $text; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[str, str] = ("", "")

    def show(self, status: LineStatus) -> None:
        """Show how the line stands."""
        shown = banner_of(status)
        if shown != self._shown:
            self._shown = shown
            self.set_class(shown[0] == "alarm", "alarm")
            self.set_class(shown[0] == "note", "note")
            self.say(shown[1])


def banner_of(status: LineStatus) -> tuple[str, str]:
    """The kind of banner ("alarm", "note" or "") and its text."""
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
    if status.paused:
        return "note", "‖ " + tr("PAUSED: running cameras finish, new ones are held and wait. Press p to go on.")
    if status.verification_due:
        text = tr("TO BE VERIFIED: {slots}. Run station verify-slots with the reference camera.")
        return "note", text.format(slots=status.verification_due)
    return "", ""
