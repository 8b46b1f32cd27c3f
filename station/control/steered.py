"""What the line's server asks of the line, and of the hands that move virtual cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from station.control.wire import LineStatus
from station.model.slots import RerunWay, SlotView
from station.model.unit_values import OnBound, SaidOfUnit


class Steered(Protocol):
    """What is asked of a line. Every call returns at once and may come from any thread."""

    def status(self) -> LineStatus:
        """How the line stands."""
        ...

    def views(self) -> list[SlotView]:
        """The newest state of every port."""
        ...

    def pause(self) -> None:
        """Start no camera from now on."""
        ...

    def resume(self) -> None:
        """Start what waits."""
        ...

    def stop(self, *, abort: bool = False) -> None:
        """Take no new camera; end running ones too with `abort`."""
        ...

    def cancel(self, port_path: str) -> None:
        """End one slot's run."""
        ...

    def rerun(self, port_paths: Sequence[str]) -> Mapping[RerunWay, Sequence[str]]:
        """Run the cameras in these slots once more; what becomes of it as things stand, by the slots' names."""
        ...

    def restore_slot(self, place: str) -> None:
        """Take cameras again in a slot that was taken out."""
        ...

    def begin_batch(self, name: str, operator: str | None, planned: int | None) -> None:
        """The next runs are of this batch."""
        ...

    def end_batch(self, name: str) -> None:
        """End the batch, if it is the one at the bench."""
        ...

    def go_on_with_batch(self, name: str) -> None:
        """Let the batch have more units than planned."""
        ...

    def count_batch(self, name: str) -> None:
        """Another program wrote results of the batch into the log: count them."""
        ...

    def bind(self, said: SaidOfUnit, on_bound: OnBound) -> None:
        """Somebody says what a unit is. `on_bound` is called once, in another thread."""
        ...

    def cuts_short(self, name: str | None, planned: int | None) -> bool:
        """Whether the batch at the bench would be cut short, were the next runs of this batch with this plan; None for
        no batch."""
        ...


class Hands(Protocol):
    """What moves virtual cameras."""

    def move(self, move: str, port_path: str, views: Sequence[SlotView]) -> None:
        """Carry out a MoveCamera, with the newest state of every port. Returns at once."""
        ...
