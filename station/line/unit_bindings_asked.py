"""What people at the bench say of units: checked against what is in the slots, and handed to the log.

1. Who says it names the slot and the serial of the camera that was seen in it. Where another camera is there by now,
   nothing is bound: a camera may be pulled out between a scan and its end.
2. The answer is given when the log has it on the disk, or refuses it; once, in the dispatcher's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from station.clock import now
from station.errors import StationError
from station.line.setup import LineSetup
from station.line.slot import WORKING, Slot
from station.model.devices import DeviceMode
from station.model.events import BindingCommitted, BindingRefused, BindingSaid, LedgerFact
from station.model.ids import new_id
from station.model.serials import canonical_serial, is_identity
from station.model.unit_values import OnBound, SaidOfUnit, UnitBinding
from station.problem import Problem, sentence


class BindingsAsked:
    """Those that wait for the log's answer."""

    def __init__(self, submit: Callable[[LedgerFact], None]) -> None:
        self._submit = submit
        self._waiting: dict[str, OnBound] = {}

    def ask(self, said: SaidOfUnit, slots: Mapping[str, Slot], setup: LineSetup, on_bound: OnBound) -> None:
        """Hand it to the log, unless it is refused at once."""
        problem = setup.marks.problem_of(said.product_serial, said.values.to_json())
        if problem is None and said.port_path:
            problem = problem_with_camera(slots.get(said.port_path), said.serial)
        if problem is not None:
            on_bound(problem)
            return
        serial = canonical_serial(said.serial)
        binding = UnitBinding(serial, setup.station_id, now(), said.by, said.product_serial, said.values)
        ticket = new_id()
        self._waiting[ticket] = on_bound
        try:
            self._submit(BindingSaid(ticket, binding))
        except StationError as error:
            self._waiting.pop(ticket)(error.problem)

    def replied(self, reply: BindingCommitted | BindingRefused) -> None:
        """The log's answer."""
        on_bound = self._waiting.pop(reply.ticket, None)
        if on_bound is not None:
            on_bound(reply.unit if isinstance(reply, BindingCommitted) else reply.problem)


def problem_with_camera(slot: Slot | None, serial: str) -> Problem | None:
    """Why the unit of this serial cannot be bound by its slot; None where it is there, and is one unit."""
    here = slot.unit_serial if slot is not None else ""
    # While a worker has it, it comes and goes; else what is shown of a camera that was pulled out is not a camera.
    if (
        slot is None
        or (slot.device is None and slot.phase not in WORKING)
        or canonical_serial(here) != canonical_serial(serial)
    ):
        text = sentence("another camera is in that slot now, or none: nothing was bound")
        return Problem("product.camera_changed", text)
    if (slot.run is not None and not slot.run.identified) or not is_identity(here):
        return Problem("product.no_identity", sentence("the serial {serial} names no single unit", serial=repr(here)))
    application = slot.device is not None and slot.device.mode is DeviceMode.APPLICATION
    if application and slot.run is None and not slot.known_serial and slot.last is None:
        text = sentence("the log does not know whose application this is: its bootloader's serial is needed")
        return Problem("product.unknown_camera", text)
    return None
