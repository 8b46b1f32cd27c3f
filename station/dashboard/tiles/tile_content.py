"""What a tile says about a slot: words, a glyph, a tone and numbers. Pure: a view in, a face out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from station.dashboard.eta import Images, Pace
from station.dashboard.language import mark, tr, translated
from station.dashboard.tiles.acts import SCAN, act_for
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
    SlotState.TAKEN_OUT: Look("⊗", mark("TAKEN OUT"), "error", "OUT"),
    SlotState.HOLDING: Look("◌", mark("HOLDING"), "waiting", "HOLDING"),
    SlotState.WAITING: Look("◑", mark("WAITING"), "waiting", "WAITING"),
    SlotState.RUNNING: Look("▶", mark("RUNNING"), "running"),
    SlotState.RECORDING: Look("●", mark("RECORDING"), "running", "RECORDING"),
    SlotState.PASSED: Look("✓", mark("PASS"), "passed", "PASS"),
    SlotState.FAILED: Look("✗", mark("FAIL"), "failed", "FAIL"),
    SlotState.ERROR: Look("!", mark("ERROR"), "error", "ERROR"),
    SlotState.ABORTED: Look("■", mark("ABORTED"), "aborted", "ABORTED"),
    SlotState.SKIPPED: Look("»", mark("SKIPPED"), "skipped", "SKIPPED"),
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
_LOOKS_OF_OUTCOMES: Mapping[str, Look] = {
    **{look.word: look for look in LOOKS.values() if look.word in OUTCOMES},
    "OPEN": LOOKS[SlotState.RUNNING],
    "NOTICE": LOOKS[SlotState.NOT_A_SLOT],
}
FINISHED = frozenset({SlotState.PASSED, SlotState.FAILED, SlotState.ERROR, SlotState.ABORTED, SlotState.SKIPPED})


LATE_FROM_S = -2.0
"""An estimate that is used up by more says so; until then a second is left."""


@dataclass(frozen=True, slots=True)
class Face:
    """All that a tile shows, in the order of importance: `sign` as large as there is room, then the slot's `name`, then
    `act` (what to do, in a word or two), then the rest.

    `filled` is the bar over the whole run, 0 to BAR_STEPS; None for no bar. Of `details` the first says what to do.
    """

    name: str
    look: Look
    word: str
    serial: str = ""
    image: str = ""
    filled: int | None = None
    times: str = ""
    attempt: int = 0
    details: tuple[str, ...] = ()
    sign: tuple[str, ...] = ()
    """Large words of one meaning: the first that there are letters for is drawn."""
    act: str = ""
    acts: tuple[str, ...] = ()
    """The same for `act`."""
    unproven: str = ""
    """What the line does not prove, because the configuration turns it off."""


def face_of(view: SlotView, pace: Pace, images: Images, now_s: float) -> Face:
    """The face of a slot at a moment of this process's monotonic clock."""
    look = LOOKS[view.state]
    act = act_for(view)
    # That it waits is no news: what for is.
    face = Face(
        printable(view.slot), look, tr(look.word), printable(view.serial[-6:]), act=tr(act), acts=_spelled(act, act),
        sign=_spelled(SCAN, SCAN) if act == SCAN else _signs(look),
    )  # fmt: skip
    if view.state is SlotState.RUNNING and view.progress is not None:
        return _running(face, view, view.progress, pace, images, now_s)
    if view.state is SlotState.PASSED:
        face = replace(face, details=(tr("Take it out."),))
    else:
        face = replace(face, details=_why(view))
    face = replace(face, details=(*face.details, *_marks(view)))
    return replace(face, times=_times(view, now_s), attempt=view.attempts)


def outcome_text(outcome: str | None) -> tuple[str, str]:
    """An outcome of the log as a list shows it, glyph and word as on the tiles, and its tone; None for an open run."""
    outcome = outcome or "OPEN"
    look = _LOOKS_OF_OUTCOMES.get(outcome, LOOKS[SlotState.EMPTY])
    return f"{look.glyph} {tr(OUTCOMES.get(outcome, outcome))}", look.tone


def _signs(look: Look) -> tuple[str, ...]:
    """The large words of a state. A sign of its own stands alone: TAKEN OUT, a slot, is not to look like TAKE OUT."""
    return _spelled(look.word, look.sign) if look.sign == look.word else (look.sign,) if look.sign else ()


def _spelled(word: str, sign: str) -> tuple[str, ...]:
    """A word in the operator's language, and what is said of it everywhere."""
    return tuple(dict.fromkeys(text for text in (tr(word), sign) if text))


def _times(view: SlotView, now_s: float) -> str:
    if view.duration_s is not None:
        return clock(view.duration_s)
    return clock(now_s - view.started_at_s) if view.started_at_s is not None else ""


def _running(face: Face, view: SlotView, progress: Progress, pace: Pace, images: Images, now_s: float) -> Face:
    share = pace.share(progress, images)
    image = f"{progress.partition} {progress.image_number}/{progress.image_count}" if progress.image_number else ""
    elapsed_s = now_s - view.started_at_s if view.started_at_s is not None else 0.0
    remaining_s = pace.remaining_s(progress, images, elapsed_s)
    times = clock(elapsed_s)
    sign: tuple[str, ...] = () if share is None else (f"{100 * share:.0f}%",)
    if remaining_s is not None and remaining_s < LATE_FROM_S:
        times, sign = tr("{elapsed}, late").format(elapsed=times), _spelled(mark("LATE"), "LATE")
    elif remaining_s is not None:
        left = clock(max(1, ceil(remaining_s)))
        times, sign = tr("{elapsed}, {remaining} left").format(elapsed=times, remaining=left), (left,)
    word = tr(PHASES.get(progress.phase, face.look.word))
    filled = None if share is None else round(BAR_STEPS * share)
    return replace(
        face,
        details=_marks(view),
        word=word,
        image=image,
        filled=filled,
        times=times,
        attempt=progress.attempt,
        sign=sign,
    )


def _why(view: SlotView) -> tuple[str, ...]:
    """What to do now, then what happened: where room is short, the first is what stays."""
    message = printable(translated(view.message))
    if view.state is SlotState.TAKEN_OUT:
        return (tr("Check its cable, port and hub. u uses the slot again."), message)
    if not view.code:
        return (message,) if message else ()
    return tuple(part for part in (tr(HINTS.get(view.code, "")), f"{view.code}: {message}") if part)


def _marks(view: SlotView) -> tuple[str, ...]:
    """What the unit is called in the factory."""
    named = [view.product_serial] if view.product_serial else []
    return tuple(printable(text) for text in (*named, *(f"{key} {value}" for key, value in view.unit_values)))


def clock(seconds: float) -> str:
    """Seconds as 0:42, or 1:02:03."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes >= 60:
        return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
    return f"{minutes}:{rest:02}"
