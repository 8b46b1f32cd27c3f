"""Running cameras once more: what is asked of the line, and what is said of its answer, slot by slot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from station.dashboard.language import tr, tr_count
from station.dashboard.line_port import LinePort
from station.model.slots import RerunWay, SlotState, SlotView
from station.terminal_text import printable

FAILED = frozenset({SlotState.FAILED, SlotState.ERROR, SlotState.ABORTED})


def rerun(line: LinePort, views: Iterable[SlotView]) -> None:
    """Run the cameras in these slots once more. What becomes of each is in the line's answer."""
    if paths := [view.port_path for view in views]:
        line.ask("rerun", port_paths=paths)


def rerun_failed(line: LinePort, views: Iterable[SlotView]) -> None:
    """Run every camera once more that failed and is still in its slot."""
    failed = [view for view in views if view.state in FAILED]
    if failed:
        rerun(line, failed)
    else:
        line.say(tr("No camera that failed is in a slot."))


def words_of(ways: Mapping[str, Sequence[str]]) -> str:
    """What became of a request, by the names of the slots for each way of `RerunWay`: which cameras run again, and
    which need a hand."""
    return ", ".join(_parts(ways)) + "." if any(ways.values()) else ""


def _parts(ways: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if again := ways.get(RerunWay.RERUN, ()):
        yield tr_count("{count} re-run", "{count} re-run", len(again))
    if entering := ways.get(RerunWay.ENTERING, ()):
        yield tr_count("{count} asked into its bootloader", "{count} asked into their bootloaders", len(entering))
    if replug := ways.get(RerunWay.REPLUG, ()):
        text = tr_count("{count} must be replugged", "{count} must be replugged", len(replug))
        yield f"{text}: {_named(replug)}"
    if running := ways.get(RerunWay.RUNNING, ()):
        yield f"{tr_count('{count} runs already', '{count} run already', len(running))}: {_named(running)}"
    if alone := ways.get(RerunWay.LEFT_ALONE, ()):
        yield f"{tr_count('{count} is left alone', '{count} are left alone', len(alone))}: {_named(alone)}"
    if empty := ways.get(RerunWay.EMPTY, ()):
        yield f"{tr_count('{count} is empty', '{count} are empty', len(empty))}: {_named(empty)}"


def _named(slots: Sequence[str]) -> str:
    return " ".join(printable(slot) for slot in slots)
