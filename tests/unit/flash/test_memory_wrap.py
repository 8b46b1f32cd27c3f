"""Does an image stand in the filesystem too? Over a scripted camera."""

from __future__ import annotations

import pytest

from station.board.board import Wrapping
from station.board.openmv_ae3 import OPENMV_AE3, ROMFS0, RWFS
from station.dfu.actions import GONE, STALLED, TIMED_OUT, Reply
from station.dfu.dfu_protocol import State
from station.errors import CameraError, MramError
from station.flash.steps.memory_wrap import chosen_witnesses, refuse_wrapped
from tests.unit.flash.exchanges import BLOCK_BYTES, Exchange, block_of, camera, contents, select, status, upload

EIGHT_MIB = Wrapping("ROMFS0", "RWFS", (8 << 20,))
IMAGE = contents(1, 2, 3, 4, 5)
"""ROMFS0 begins at 8 MiB: a chip of 8 MiB shows its block n in RWFS block n."""


def read(*blocks: tuple[int, bytes | Reply]) -> list[Exchange]:
    return [*select(RWFS), *(one for number, reply in blocks for one in upload(number, reply))]


def notes_of(*exchanges: list[Exchange], content: bytes = IMAGE, wrapping: Wrapping = EIGHT_MIB) -> list[str]:
    notes: list[str] = []
    with camera(*exchanges) as session:
        refuse_wrapped(session, wrapping, content, notes)
    return notes


def test_the_newest_blocks_are_the_witnesses() -> None:
    assert chosen_witnesses(OPENMV_AE3, EIGHT_MIB, IMAGE, 8 << 20) == [(4, 4), (3, 3), (2, 2)]


def test_blank_and_repeated_blocks_prove_nothing() -> None:
    image = contents(1, 2) + bytes(BLOCK_BYTES) + b"\xff" * BLOCK_BYTES + contents(2) + b"a short one"
    assert chosen_witnesses(OPENMV_AE3, EIGHT_MIB, image, 8 << 20) == [(4, 4), (0, 0)]


def test_a_memory_that_shows_them_all_is_too_small() -> None:
    shown = read((4, block_of(5)), (3, block_of(4)), (2, block_of(3)))
    with pytest.raises(MramError, match=r"has 8 MiB and ROMFS0 lies over RWFS: blocks 4, 3, 2 of ROMFS0") as caught:
        notes_of(shown)
    assert (caught.value.code, caught.value.retryable) == ("mram.wrapped", False)


@pytest.mark.parametrize("other", [block_of(9), bytes(4), b""])
def test_one_that_does_not_is_enough_for_a_sound_memory(other: bytes) -> None:
    assert notes_of(read((4, block_of(5)), (3, other))) == []


def test_an_image_with_one_witness_is_not_asked_about() -> None:
    assert notes_of(content=contents(1) + bytes(2 * BLOCK_BYTES)) == []


def test_every_size_of_chip_is_asked_about() -> None:
    fills = {number: number % 250 + 1 for number in range(2049)}
    content = b"".join(block_of(fills[number]) if number in (0, 1, 2048) else bytes(4096) for number in range(2049))
    # 16 MiB: its block 2,048 stands 16 MiB into the memory, and is RWFS block 0 again; one witness is too few.
    assert chosen_witnesses(OPENMV_AE3, EIGHT_MIB, content, 16 << 20) == [(2048, 0)]
    two = Wrapping("ROMFS0", "RWFS", (8 << 20, 16 << 20))
    assert notes_of(read((1, block_of(9))), content=content, wrapping=two) == []


@pytest.mark.parametrize("reply", [STALLED, TIMED_OUT])
def test_a_filesystem_that_cannot_be_read_is_a_note(reply: Reply) -> None:
    recovered = [*status(State.DFU_IDLE), *select(RWFS)]
    notes = notes_of(read((4, reply)), recovered)
    assert len(notes) == 1
    assert notes[0].startswith("RWFS could not be read, to see whether the external memory wraps")


def test_a_camera_that_leaves_is_gone() -> None:
    with pytest.raises(CameraError) as caught:
        notes_of(read((4, GONE)))
    assert caught.value.code == "usb.disconnected"
    assert ROMFS0.start == 8 << 20
