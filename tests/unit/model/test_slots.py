from __future__ import annotations

from station.model.slots import slot_order


def test_people_count_2_before_10_and_a_hub_before_its_ports() -> None:
    paths = ["1-10", "2-1", "1-2.10", "1-2.9", "1-2", "10-1"]
    assert sorted(paths, key=slot_order) == ["1-2", "1-2.9", "1-2.10", "1-10", "2-1", "10-1"]


def test_any_names_have_an_order() -> None:
    assert sorted(["B1", "A10", "a2", "", "7", "A2"], key=slot_order) == ["", "A2", "a2", "A10", "B1", "7"]
