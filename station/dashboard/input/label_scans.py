"""Labels that were scanned, and which camera each is bound to. Wrong order never binds a wrong pair:

1. A label waits, and the screen says so in large letters. It is bound to the one camera that comes next, to the one
   whose slot or serial is scanned, or to the selected one with Enter; Escape drops it, and so does time.
2. A slot that is scanned first waits for its label in the same way.
3. A second label while one waits drops both: nobody knows which of them is in the operator's hand. Scanned twice, it is
   one label.
4. Where two cameras come at once, neither is taken: the slot is to be scanned. So the first one is looked at for
   `SETTLES_S` before it is taken.
5. It is bound when the line says that the log has it. What is asked names slot and serial, and the line refuses it
   where another camera is there by then. A line that ended meanwhile says nothing: that, too, is waited for only so
   long.

Pure but for what is handed in: the clock, and the way to the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from station.control.wire import LineAbout
from station.dashboard.language import tr
from station.model.serials import canonical_serial, reversed_serial
from station.model.slots import SlotState, SlotView
from station.model.unit_marks import UnitMarks
from station.problem import Problem
from station.terminal_text import printable

SETTLES_S = 1.0
SAID_S = 8.0
"""How long the screen says what became of a label."""
NOBODY = frozenset({SlotState.EMPTY, SlotState.NOT_A_SLOT, SlotState.TAKEN_OUT})

Tone = Literal["wait", "done", "refused"]
Place = tuple[str, str]
"""A port path, and the serial that is shown there."""
Ask = Callable[..., bool]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a scanned text says of a unit: its product serial, or a value by key."""

    product_serial: str | None = None
    key: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What the screen says of labels now: `large` in large letters where there is room."""

    tone: Tone
    large: str
    text: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What was scanned and is bound to no camera yet. `seen`: cameras that were there, none of which is the next."""

    until_s: float
    product_serial: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    slot: SlotView | None = None
    seen: frozenset[Place] = frozenset()
    came: Place | None = None
    came_at_s: float = 0.0
    asked: bool = False

    @property
    def has_label(self) -> bool:
        return self.product_serial is not None or bool(self.values)

    @property
    def name(self) -> str:
        return self.product_serial or ", ".join(f"{key} {value}" for key, value in self.values)


def mark_of(text: str, marks: UnitMarks) -> Mark | Problem | None:
    """What a scanned text says of a unit; a problem where it is nearly that; None where it is something else."""
    for key in marks.keys:
        if key.prefix and text.startswith(key.prefix):
            value = text.removeprefix(key.prefix).strip()
            return key.problem_of(value) or Mark(key=key.name, value=value)
    if not marks.scans_products:
        return None
    problem = marks.rule.problem_of(text)
    if problem is None:
        return Mark(product_serial=text)
    return problem if problem.code == "product.check_digit" else None


def place_of(label: str, slots: Iterable[SlotView]) -> SlotView | None:
    """The slot of this name, or the one with the camera of this serial, in either byte order."""
    serials = {canonical_serial(label), reversed_serial(label)} - {None, ""}
    views = list(slots)
    named = (view for view in views if view.slot.casefold() == label.casefold())
    held = (view for view in views if view.serial and canonical_serial(view.serial) in serials)
    return next(named, None) or next(held, None)


class LabelScans:
    """The labels of one screen. All calls are to be made in the app's thread."""

    def __init__(self, ask: Ask, about: Callable[[], LineAbout | None], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._about = about
        self._clock = clock
        self._waiting: _Waiting | None = None
        self._said: tuple[float, Words] | None = None

    @property
    def marks(self) -> UnitMarks:
        """What the line's configuration says of labels."""
        about = self._about()
        return about.marks if about is not None else UnitMarks()

    @property
    def waits(self) -> bool:
        """Whether a label or a slot waits for the other."""
        return self._waiting is not None

    @property
    def has_label(self) -> bool:
        """Whether a label waits for its camera."""
        return self._waiting is not None and self._waiting.has_label

    # --- what is scanned and pressed ----------------------------------------------------------------------------------

    def label(self, mark: Mark, slots: Iterable[SlotView]) -> None:
        """A label was scanned."""
        self._said = None
        waiting = self._waiting
        if waiting is not None and waiting.asked:
            self._say("refused", mark.product_serial or mark.value, tr("Wait: the label before is not in the log yet."))
            return
        if waiting is None:
            waiting = _Waiting(0.0, seen=frozenset(map(_place, slots)))
        if _contradicts(waiting, mark):
            self._waiting = None
            text = tr("Two labels, {first} and this one: neither is bound. Scan the one of the camera in your hand.")
            self._say("refused", mark.product_serial or mark.value, text.format(first=printable(waiting.name)))
            return
        self._waiting = self._renewed(_with(waiting, mark))
        if waiting.slot is not None:
            self._bind_to_slot(waiting.slot, list(slots))

    def _bind_to_slot(self, before: SlotView, slots: list[SlotView]) -> None:
        """The slot was scanned first: it must still have the camera that it had then."""
        now = next((one for one in slots if one.port_path == before.port_path), before)
        if before.serial and now.serial != before.serial:
            self._waiting = None
            text = tr("Another camera is in slot {slot} now, or none: nothing was bound. Scan both again.")
            self._say("refused", printable(before.slot), text.format(slot=printable(before.slot)))
        else:
            self.place(now, slots)

    def place(self, view: SlotView, slots: Iterable[SlotView]) -> None:
        """A slot, or the camera in it, was scanned or chosen."""
        now = next((one for one in slots if one.port_path == view.port_path), view)
        waiting = self._waiting
        if waiting is not None and waiting.asked:
            return
        if waiting is None or not waiting.has_label:
            if self.marks.scans_products or self.marks.keys:
                self._said = None
                self._waiting = self._renewed(_Waiting(0.0, slot=now))
        elif now.serial and now.state not in NOBODY:
            self._bind(waiting, now)
        else:
            self._waiting = self._renewed(replace(waiting, slot=now, came=None))

    def refuse(self, problem_text: str, label: str) -> None:
        """A label is none that can be bound; what waits goes on to wait."""
        self._say("refused", label, problem_text)

    def drop(self) -> bool:
        """Forget it; whether there was anything."""
        there = self._waiting is not None or self._said is not None
        self._waiting = self._said = None
        return there

    # --- what the line tells ------------------------------------------------------------------------------------------

    def look(self, slots: Iterable[SlotView]) -> None:
        """The newest state of the slots: a camera came, or time is over."""
        waiting, now_s = self._waiting, self._clock()
        if waiting is None:
            return
        if now_s >= waiting.until_s:
            self._waiting = None
            if waiting.asked:
                self._say(
                    "refused",
                    waiting.name,
                    tr("No answer came: look at Units whether it is bound; else scan it again."),
                )
            elif waiting.has_label:
                self._say("refused", waiting.name, tr("No camera came, and nothing was bound: scan it again."))
        elif waiting.has_label and not waiting.asked:
            self._waiting = self._look_for_camera(waiting, list(slots), now_s)

    def _look_for_camera(self, waiting: _Waiting, slots: list[SlotView], now_s: float) -> _Waiting:
        there = {_place(view): view for view in slots if view.serial and view.state not in NOBODY}
        waiting = replace(waiting, seen=waiting.seen & there.keys())
        port = waiting.slot.port_path if waiting.slot is not None else None
        came = [place for place in there if place not in waiting.seen and port in (None, place[0])]
        if len(came) > 1:
            text = tr("Several cameras came at once: scan the slot of the one that has this label.")
            self._say("refused", waiting.name, text)
            return self._renewed(replace(waiting, seen=frozenset(there), came=None))
        if not came:
            return replace(waiting, came=None)
        if waiting.came != came[0]:
            return replace(waiting, came=came[0], came_at_s=now_s)
        if now_s - waiting.came_at_s < SETTLES_S:
            return waiting
        self._bind(waiting, there[came[0]])
        return self._waiting or waiting

    def bound(self, fact: Mapping[str, Any], slots: Iterable[SlotView]) -> None:
        """The log has it."""
        waiting, self._waiting = self._waiting, None
        product, values = fact.get("product_serial"), dict(fact.get("unit_values") or {})
        place = next((view for view in slots if view.port_path == fact.get("port_path")), None)
        name = printable(place.slot if place else str(fact.get("serial")))
        what = ", ".join([*([str(product)] if product else []), *(f"{key} {value}" for key, value in values.items())])
        text = tr("{slot}: {what} is bound, and in the log.").format(slot=name, what=printable(what))
        self._say("done", waiting.name if waiting else what, text)

    def refused(self, text: str, hint: str) -> None:
        """The line or the log refused it: it is bound to nothing."""
        waiting, self._waiting = self._waiting, None
        self._say("refused", waiting.name if waiting else "", f"{text}. {hint}".strip())

    # --- what the screen says -----------------------------------------------------------------------------------------

    def words(self) -> Words | None:
        """What there is to say now; None for nothing."""
        said, waiting = self._said, self._waiting
        if said is not None and self._clock() < said[0]:
            return said[1]
        if waiting is None:
            return None
        slot = printable(waiting.slot.slot) if waiting.slot is not None else ""
        if waiting.asked:
            return Words("wait", waiting.name, tr("It is being bound."))
        left_s = max(0, round(waiting.until_s - self._clock()))
        if not waiting.has_label:
            text = tr("Slot {slot}: scan the label of its camera. Escape drops it ({seconds} s).")
            return Words("wait", slot, text.format(slot=slot, seconds=left_s))
        if slot:
            text = tr("{label} is for slot {slot}: plug its camera in there. Escape drops it ({seconds} s).")
        else:
            text = tr(
                "{label} waits: plug its camera in, or scan its slot, or select it and press Enter. "
                "Escape drops it ({seconds} s)."
            )
        return Words("wait", waiting.name, text.format(label=printable(waiting.name), slot=slot, seconds=left_s))

    def _say(self, tone: Tone, large: str, text: str) -> None:
        self._said = self._clock() + SAID_S, Words(tone, printable(large[:80]), text)

    def _renewed(self, waiting: _Waiting) -> _Waiting:
        return replace(waiting, until_s=self._clock() + self.marks.scan_waits_s)

    def _bind(self, waiting: _Waiting, view: SlotView) -> None:
        self._said = None
        given = {"serial": view.serial, "product_serial": waiting.product_serial, "values": list(waiting.values)}
        sent = self._ask("bind_unit", port_path=view.port_path, **given)
        self._waiting = self._renewed(replace(waiting, slot=view, asked=True)) if sent else None


def _place(view: SlotView) -> Place:
    return view.port_path, view.serial


def _contradicts(waiting: _Waiting, mark: Mark) -> bool:
    if mark.product_serial is not None:
        return waiting.product_serial not in (None, mark.product_serial)
    return dict(waiting.values).get(mark.key, mark.value) != mark.value


def _with(waiting: _Waiting, mark: Mark) -> _Waiting:
    if mark.product_serial is not None:
        return replace(waiting, product_serial=mark.product_serial)
    return replace(waiting, values=tuple(sorted({**dict(waiting.values), mark.key: mark.value}.items())))
