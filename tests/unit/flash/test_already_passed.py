"""Does a camera that the log calls passed hold the images? Over a scripted one, with the blocks that are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from station.board.openmv_ae3 import HE, HP, OPENMV_AE3, ROMFS0
from station.board.partition import Partition
from station.dfu.actions import GONE, STALLED, TIMED_OUT, Reply
from station.dfu.dfu_protocol import State
from station.errors import CameraError
from station.flash.dfu_session import DfuSession
from station.flash.steps.already_passed import BY_CHANCE, blocks_to_check, holds_images
from tests.unit.flash.exchanges import (
    BLOCK_BYTES,
    Exchange,
    block_of,
    camera,
    contents,
    plan_of,
    read_back,
    select,
    status,
    upload,
)

HE_IMAGE, ROMFS0_IMAGE = contents(1, 2), contents(3) + b"the rest"


def holds(folder: Path, *exchanges: list[Exchange]) -> tuple[bool | None, list[str]]:
    """What is found where these are asked; both images are so small that every block of them is."""
    notes: list[str] = []
    plans = (plan_of(folder, HE, HE_IMAGE), plan_of(folder, ROMFS0, ROMFS0_IMAGE))
    with camera(*exchanges) as session:
        return holds_images(session, plans, notes), notes


def test_first_and_last_the_label_and_some_by_chance_are_read() -> None:
    chosen = blocks_to_check(1000, {7, 8})
    assert {0, 999, 7, 8} <= set(chosen)
    assert chosen == sorted(set(chosen))
    assert 4 <= len(chosen) <= 4 + BY_CHANCE
    assert blocks_to_check(1) == [0]


def test_by_chance_is_not_always_the_same() -> None:
    assert len({tuple(blocks_to_check(100_000)) for _ in range(5)}) > 1


def test_a_camera_that_holds_every_image_is_left_as_it_is(tmp_path: Path) -> None:
    assert holds(tmp_path, read_back(HE, HE_IMAGE), read_back(ROMFS0, ROMFS0_IMAGE)) == (True, [])


def test_one_wrong_block_of_the_last_image_is_enough(tmp_path: Path) -> None:
    wrong = [*select(ROMFS0), *upload(0, block_of(3)), *upload(1, block_of(4))]
    assert holds(tmp_path, read_back(HE, HE_IMAGE), wrong) == (False, [])


def test_another_version_at_the_place_of_the_label_is_seen(tmp_path: Path) -> None:
    """Two builds may differ in little more: its block is read in every case, whatever else is chosen by chance."""
    label = b"OpenMV 5.0.0; MicroPython 1.26"
    fills = [*range(1, 200)]
    content = contents(*fills[:100]) + label.ljust(BLOCK_BYTES, b"\0") + contents(*fills[100:])
    asked: list[int] = []

    class Holds:
        """Every block is right."""

        board = OPENMV_AE3

        def select(self, _partition: Partition) -> None: ...

        def upload(self, block: int, _length: int) -> bytes:
            asked.append(block)
            return content[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES]

    for _ in range(5):
        asked.clear()
        assert holds_images(cast(DfuSession, Holds()), (plan_of(tmp_path, HP, content),), []) is True
        assert {0, 100, 199} <= set(asked)


def test_after_a_wrong_block_nothing_more_is_read(tmp_path: Path) -> None:
    assert holds(tmp_path, select(HE), upload(0, block_of(9))) == (False, [])


def test_a_block_that_ends_early_is_a_wrong_one(tmp_path: Path) -> None:
    assert holds(tmp_path, select(HE), upload(0, bytes(4))) == (False, [])


@pytest.mark.parametrize("reply", [STALLED, TIMED_OUT])
def test_a_reading_that_fails_says_neither_and_is_a_note(tmp_path: Path, reply: Reply) -> None:
    found, notes = holds(tmp_path, select(HE), upload(0, reply), status(State.DFU_IDLE), select(HE))
    assert found is None
    assert [note.partition(":")[0] for note in notes] == ["what HE holds could not be read before the run"]


def test_a_camera_that_leaves_is_gone(tmp_path: Path) -> None:
    with pytest.raises(CameraError) as caught:
        holds(tmp_path, select(HE), upload(0, GONE))
    assert caught.value.code == "usb.disconnected"


def test_with_no_image_there_is_nothing_to_say() -> None:
    with camera() as session:
        assert holds_images(session, (), []) is None
