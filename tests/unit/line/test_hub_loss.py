"""When cameras that leave at one moment left with their hub, and when not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.line.hub_loss import HubLosses, Loss
from station.line.slot import Phase, Slot
from station.model.devices import Device, DeviceMode


def slot_at(path: str, phase: Phase = Phase.RUNNING, *, fickle: bool = False) -> Slot:
    device = Device(path, 1, 1, 0x37C5, 0x96E3, "S" + path, 0x0103, DeviceMode.DFU)
    return Slot(path, path, phase=phase, device=device, fickle=fickle)


def gone(slots: list[Slot], *moments: tuple[str, float]) -> list[Loss | None]:
    """What each departure tells."""
    losses, by_path = HubLosses(), {slot.path: slot for slot in slots}
    found = []
    for path, at_s in moments:
        before = by_path[path]
        by_path[path] = replace(before, device=None)
        found.append(losses.left(before, by_path.values(), at_s))
    return found


def test_all_cameras_of_a_hub_at_one_moment() -> None:
    slots = [slot_at(f"1-1.4.{port}") for port in (1, 2, 3)]
    found = gone(slots, ("1-1.4.1", 5.0), ("1-1.4.2", 5.2), ("1-1.4.3", 5.4))
    assert found == [None, None, Loss("1-1.4", ("1-1.4.1", "1-1.4.2", "1-1.4.3"))]


def test_a_hub_of_two_chips_takes_both_along() -> None:
    slots = [slot_at("1-1.1"), slot_at("1-1.4.1"), slot_at("1-1.4.2")]
    moments = [("1-1.4.1", 0.0), ("1-1.4.2", 0.01), ("1-1.1", 0.02)]
    assert gone(slots, *moments)[-1] == Loss("1-1", ("1-1.4.1", "1-1.4.2", "1-1.1"))


def test_cameras_without_a_run_are_signs_too() -> None:
    slots = [slot_at("1-1.1"), slot_at("1-1.2", Phase.APPLICATION), slot_at("1-1.3", Phase.DONE)]
    assert gone(slots, ("1-1.2", 0.0), ("1-1.3", 0.0), ("1-1.1", 0.0))[-1] is not None


@pytest.mark.parametrize(
    ("others", "moments"),
    [
        ([], [("1-1.1", 0.0)]),
        ([slot_at("1-1.2")], [("1-1.1", 0.0), ("1-1.2", 0.5)]),
        ([slot_at("1-1.2"), slot_at("1-1.3")], [("1-1.1", 0.0), ("1-1.2", 0.1)]),
        ([slot_at("1-2.1")], [("1-1.1", 0.0), ("1-2.1", 0.0)]),
        ([slot_at("1-2")], [("1-1.1", 0.0), ("1-2", 0.0)]),
        ([slot_at("2-1.2")], [("1-1.1", 0.0), ("2-1.2", 0.0)]),
        ([slot_at("1-1.2", Phase.AWAY)], [("1-1.1", 0.0), ("1-1.2", 0.0)]),
        ([slot_at("1-1.2", Phase.DONE, fickle=True)], [("1-1.1", 0.0), ("1-1.2", 0.0)]),
        ([slot_at("1-1.2")], [("1-1.1", 0.0), ("1-1.1", 0.1)]),
    ],
    ids=[
        "one alone",
        "one after another",
        "one stays",
        "different hubs",
        "in the machine itself",
        "different buses",
        "one was asked to leave",
        "one comes and goes",
        "one twice",
    ],
)
def test_what_is_no_lost_hub(others: list[Slot], moments: list[tuple[str, float]]) -> None:
    assert set(gone([slot_at("1-1.1"), *others], *moments)) == {None}


def test_nobody_was_in_a_run() -> None:
    slots = [slot_at("1-1.1", Phase.DONE), slot_at("1-1.2", Phase.APPLICATION)]
    assert gone(slots, ("1-1.1", 0.0), ("1-1.2", 0.0)) == [None, None]
