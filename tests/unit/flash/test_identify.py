"""The identify phase over a scripted camera: what decides, and what is a note."""

from __future__ import annotations

import pytest

from station.board.openmv_ae3 import BOOT, HE, HP, OPENMV_AE3, ROMFS0, ROMFS1, RWFS, TOC
from station.board.partition import Partition
from station.dfu.actions import GONE, STALLED, TIMED_OUT, Broken, Reply
from station.dfu.dfu_protocol import State
from station.errors import CameraError, IdentityError
from station.flash.steps.identify import identify
from tests.unit.flash.exchanges import (
    BLOCK_BYTES,
    NAMES,
    Exchange,
    camera,
    configuration,
    select,
    sizes,
    status,
    upload,
)

BLOCK, END = bytes(BLOCK_BYTES), bytes(4)


def probed(partition: Partition, last: bytes | Reply = BLOCK, past: bytes | Reply = END) -> list[Exchange]:
    blocks = partition.size_bytes // BLOCK_BYTES
    return [*select(partition), *upload(blocks - 1, last), *upload(blocks, past)]


def all_but(partition: Partition, exchanges: list[Exchange]) -> list[Exchange]:
    """Every partition as it should be, and one as given."""
    readable = (each for each in OPENMV_AE3.partitions if not each.never_upload)
    return [one for each in readable for one in (exchanges if each is partition else probed(each))]


def refusal(*exchanges: list[Exchange], names: list[str] = NAMES, descriptor: bytes | None = None) -> str:
    with (
        camera(*exchanges, names=names, descriptor=descriptor) as session,
        pytest.raises(IdentityError) as caught,
    ):
        identify(session)
    assert not caught.value.retryable
    return f"{caught.value.code}: {caught.value}"


def test_todays_table_is_taken_and_recovery_is_never_read() -> None:
    with camera(sizes()) as session:
        found = identify(session)
    assert (found.notes, found.unreadable) == ([], set())


def test_a_descriptor_that_makes_no_sense_is_another_device() -> None:
    assert refusal(descriptor=b"\x09\x02").startswith("identity.not_an_ae3")


def test_another_transfer_size_is_refused_before_anything_is_read() -> None:
    text = refusal(descriptor=configuration(transfer_bytes=2048))
    assert text == "identity.wrong_partitions: transfer size 2048 found, 4096 expected"


def test_other_names_are_refused_with_the_table_that_has_them() -> None:
    swapped = [{"ROMFS0": "ROMFS1", "ROMFS1": "ROMFS0"}.get(name, name) for name in NAMES]
    text = refusal(names=swapped)
    assert text.startswith("identity.wrong_partitions: partitions BOOT HP HE ROMFS0 TOC RWFS ROMFS1 RECOVERY found")
    assert text.endswith("(a board built before 30 March 2025)")


def test_a_partition_too_few_is_refused() -> None:
    assert "RECOVERY expected" in refusal(descriptor=configuration(settings=7))


def test_an_older_tables_sizes_are_refused_although_its_names_are_todays() -> None:
    rwfs = probed(RWFS, past=BLOCK)
    romfs0 = probed(ROMFS0, last=END)
    table = [*[one for each in (BOOT, HP, HE, ROMFS1, TOC) for one in probed(each)], *rwfs, *romfs0]
    text = refusal(table)
    assert "RWFS block 2048: 4096 bytes found, 4 expected; ROMFS0 block 6143: 4 bytes found, 4096 expected" in text
    assert text.endswith("(a board built before 20 May 2025)")


def test_a_short_block_where_whole_ones_have_been_read_is_refused() -> None:
    assert "HP block 767: 7 bytes found, 4096 expected" in refusal(all_but(HP, probed(HP, last=bytes(7))))


@pytest.mark.parametrize("partition", [TOC, RWFS, ROMFS0])
def test_a_short_block_elsewhere_is_a_note(partition: Partition) -> None:
    with camera(all_but(partition, probed(partition, last=bytes(7)))) as session:
        found = identify(session)
    assert len(found.notes) == 1
    assert found.notes[0].startswith(f"{partition.name} block")
    assert "7 bytes found, 4096 expected" in found.notes[0]
    assert not found.unreadable


def test_an_end_of_another_length_is_a_note_even_where_blocks_have_been_read() -> None:
    with camera(all_but(HP, probed(HP, past=b""))) as session:
        found = identify(session)
    assert found.notes == ["HP block 768: 0 bytes found, 4 expected"]


@pytest.mark.parametrize("reply", [STALLED, TIMED_OUT, Broken(5)])
def test_a_reading_that_fails_where_nobody_has_read_makes_the_partition_unreadable(reply: Reply) -> None:
    blocks = RWFS.size_bytes // BLOCK_BYTES
    failing = [*select(RWFS), *upload(blocks - 1, reply), *status(State.DFU_IDLE), *select(RWFS)]
    with camera(all_but(RWFS, failing)) as session:
        found = identify(session)
    assert found.unreadable == {RWFS.alt}
    assert [note.partition(":")[0] for note in found.notes] == ["the size of RWFS could not be read"]


def test_a_reading_that_fails_past_an_end_is_a_note_too() -> None:
    blocks = BOOT.size_bytes // BLOCK_BYTES
    failing = [
        *select(BOOT),
        *upload(blocks - 1, BLOCK),
        *upload(blocks, STALLED),
        *status(State.DFU_IDLE),
        *select(BOOT),
    ]
    with camera(all_but(BOOT, failing)) as session:
        assert identify(session).unreadable == {BOOT.alt}


def test_a_reading_that_fails_where_real_cameras_have_been_read_fails_the_camera() -> None:
    blocks = BOOT.size_bytes // BLOCK_BYTES
    with camera(select(BOOT), upload(blocks - 1, STALLED)) as session, pytest.raises(CameraError) as caught:
        identify(session)
    assert caught.value.code == "usb.stall"


def test_a_camera_that_leaves_is_never_taken_for_one_that_cannot_be_read() -> None:
    blocks = TOC.size_bytes // BLOCK_BYTES
    table = [one for each in (BOOT, HP, HE, ROMFS1) for one in probed(each)]
    with camera(table, select(TOC), upload(blocks - 1, GONE)) as session, pytest.raises(CameraError) as caught:
        identify(session)
    assert caught.value.code == "usb.disconnected"


def test_a_camera_that_does_not_follow_after_a_failed_reading_fails_with_that_reading() -> None:
    blocks = RWFS.size_bytes // BLOCK_BYTES
    table = [one for each in (BOOT, HP, HE, ROMFS1, TOC) for one in probed(each)]
    after = [*select(RWFS), *upload(blocks - 1, TIMED_OUT), *status(State.DFU_IDLE), *select(RWFS, STALLED)]
    with camera(table, after) as session, pytest.raises(CameraError) as caught:
        identify(session)
    assert caught.value.code == "usb.timeout"
