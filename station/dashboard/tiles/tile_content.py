"""What a tile says about a slot: words, a glyph, a tone and numbers. Pure: a view in, a face out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from station.dashboard.eta import Pace
from station.dashboard.language import mark, tr, translated
from station.errors import HINTS
from station.model.slots import Progress, SlotState, SlotView
from station.terminal_text import printable

BAR_STEPS = 400
"""The bar moves in so many steps: a tile is not drawn again for less."""


@dataclass(frozen=True, slots=True)
class Look:
    """A state as glyph, word and tone: each of the three alone tells it apart.

    `sign` is what testers say of it in every country, in letters that can be drawn large; "" for none.
    """

    glyph: str
    word: str
    tone: str
    sign: str = ""


LOOKS: Mapping[SlotState, Look] = {
    SlotState.EMPTY: Look("·", mark("empty"), "idle"),
    SlotState.APPLICATION: Look("○", mark("runs its application"), "idle"),
    SlotState.ENTERING: Look("↺", mark("TO THE BOOTLOADER"), "waiting"),
    SlotState.NOT_A_SLOT: Look("⊘", mark("not a slot"), "idle"),
    SlotState.TAKEN_OUT: Look("⊗", mark("TAKEN OUT"), "error"),
    SlotState.HOLDING: Look("◌", mark("HOLDING"), "waiting"),
    SlotState.WAITING: Look("◑", mark("WAITING"), "waiting"),
    SlotState.RUNNING: Look("▶", mark("RUNNING"), "running"),
    SlotState.RECORDING: Look("●", mark("RECORDING"), "running"),
    SlotState.PASSED: Look("✓", mark("PASS"), "passed", "PASS"),
    SlotState.FAILED: Look("✗", mark("FAIL"), "failed", "FAIL"),
    SlotState.ERROR: Look("!", mark("STATION ERROR"), "error", "ERROR"),
    SlotState.ABORTED: Look("■", mark("ENDED EARLY"), "aborted"),
    SlotState.SKIPPED: Look("»", mark("SKIPPED"), "skipped"),
}
PHASES: Mapping[str, str] = {
    "hold": mark("HOLDING"),
    "identify": mark("IDENTIFYING"),
    "init": mark("INITIALIZING MRAM"),
    "write": mark("WRITING"),
    "verify": mark("READING BACK"),
    "boot": mark("STARTING"),
    "test": mark("TESTING"),
}
OUTCOMES: Mapping[str, str] = {
    "PASS": mark("PASS"),
    "FAIL": mark("FAIL"),
    "ERROR": mark("ERROR"),
    "ABORTED": mark("ABORTED"),
    "SKIPPED": mark("SKIPPED"),
    "OPEN": mark("OPEN"),
    "NOTICE": mark("NOTICE"),
}
"""How a run ended, as the log says it; OPEN for one that has not."""
FINISHED = frozenset({SlotState.PASSED, SlotState.FAILED, SlotState.ERROR, SlotState.ABORTED, SlotState.SKIPPED})


@dataclass(frozen=True, slots=True)
class Face:
    """All that a tile shows. `filled` is the bar, 0 to BAR_STEPS; None for no bar."""

    name: str
    look: Look
    word: str
    serial: str = ""
    image: str = ""
    filled: int | None = None
    times: str = ""
    attempt: int = 0
    details: tuple[str, ...] = ()


def face_of(view: SlotView, pace: Pace, images: tuple[tuple[str, int], ...], now_s: float) -> Face:
    """The face of a slot at a moment of this process's monotonic clock."""
    look = LOOKS[view.state]
    serial = printable(view.serial[-6:])
    if view.state is SlotState.RUNNING and view.progress is not None:
        return _running(view, look, view.progress, pace, images, now_s)
    if view.state is SlotState.PASSED:
        return Face(printable(view.slot), look, tr(look.word), serial, details=(tr("Take it out."),))
    times = clock(now_s - view.started_at_s) if view.started_at_s is not None else ""
    return Face(printable(view.slot), look, tr(look.word), serial, times=times, details=_why(view))


def _running(
    view: SlotView, look: Look, progress: Progress, pace: Pace, images: tuple[tuple[str, int], ...], now_s: float
) -> Face:
    filled = BAR_STEPS * progress.done_bytes // progress.total_bytes if progress.total_bytes else None
    image = f"{progress.partition} {progress.image_number}/{progress.image_count}" if progress.image_number else ""
    elapsed_s = now_s - view.started_at_s if view.started_at_s is not None else 0.0
    remaining_s = pace.remaining_s(progress, images)
    times = clock(elapsed_s)
    if remaining_s is not None:
        times = tr("{elapsed}, {remaining} left").format(elapsed=times, remaining=clock(remaining_s))
    word = tr(PHASES.get(progress.phase, look.word))
    return Face(printable(view.slot), look, word, printable(view.serial[-6:]), image, filled, times, progress.attempt)


def _why(view: SlotView) -> tuple[str, ...]:
    """What happened and what to do now: the hint first where room is short, so it is what stays."""
    message = printable(translated(view.message))
    if view.state is SlotState.TAKEN_OUT:
        return (tr("Check its cable, port and hub. u uses the slot again."), message)
    if not view.code:
        return (message,) if message else ()
    return tuple(part for part in (tr(HINTS.get(view.code, "")), f"{view.code}: {message}") if part)


def clock(seconds: float) -> str:
    """Seconds as 0:42, or 1:02:03."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes >= 60:
        return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
    return f"{minutes}:{rest:02}"
