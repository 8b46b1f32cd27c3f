"""Writing an image and reading it back, over a scripted camera: which blocks are asked for, in which order."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest

from station.board.openmv_ae3 import HP, ROMFS0
from station.board.partition import Partition
from station.clock import monotonic_s
from station.dfu.actions import DONE, GONE, STALLED, TIMED_OUT, Broken, ControlOut
from station.dfu.dfu_protocol import Request, State, StatusCode
from station.errors import BundleError, CameraError, VerifyError
from station.flash.dfu_session import DfuSession
from station.flash.images import ImageJob, Tick, Transfer, opened
from station.model.runs import ImagePlan, ImageRecord
from tests.unit.flash.exchanges import (
    BLOCK_BYTES,
    Exchange,
    block_of,
    camera,
    contents,
    download,
    finish,
    full_write,
    plan_of,
    read_back,
    refused,
    select,
    sent,
    status,
    status_answered,
    upload,
    uploads,
)

IMAGE = contents(1, 2, 3) + b"the rest"
BLOCKS = [block_of(1), block_of(2), block_of(3), b"the rest"]
REST = b"the rest".ljust(BLOCK_BYTES, b"\xff")
OTHER = block_of(9)


def job(
    session: DfuSession,
    partition: Partition = ROMFS0,
    content: bytes = IMAGE,
    *,
    readable: bool = True,
    notes: list[str] | None = None,
    sha256: str | None = None,
) -> ImageJob:
    sha256 = sha256 or hashlib.sha256(content).hexdigest()
    plan = ImagePlan(partition.name, partition.alt, "", len(content), sha256)
    return ImageJob(session, plan, partition, content, [] if notes is None else notes, readable=readable)


def write_whole(image: ImageJob, tick: Tick = lambda _: None) -> None:
    image.write(only_changed=False, read_all=False, tick=tick)


def write_changed(image: ImageJob, *, read_all: bool = False) -> None:
    image.write(only_changed=True, read_all=read_all, tick=lambda _: None)


def test_everything_is_written_without_a_look_where_it_is_asked_for() -> None:
    done: list[int] = []
    with camera(full_write(ROMFS0, IMAGE)) as session:
        image = job(session)
        write_whole(image, done.append)
    assert done == [4096, 8192, 12288, 16384]
    assert (image.record.blocks_written, image.record.blocks_total, image.record.readback_sha256) == (4, 4, None)


def test_nothing_is_sent_where_every_sample_is_right() -> None:
    with camera(read_back(ROMFS0, IMAGE)) as session:
        image = job(session)
        write_changed(image)
    assert image.record.blocks_written == 0


def test_only_the_block_that_differs_is_written() -> None:
    looked = [*select(ROMFS0), *uploads([block_of(1), OTHER, block_of(3), REST])]
    with camera(looked, download(1, block_of(2)), finish()) as session:
        image = job(session)
        write_changed(image)
    assert image.written == {1}


def test_block_0_goes_first_where_it_lifts_a_protection() -> None:
    looked = [*select(HP), *uploads([block_of(1), OTHER, block_of(3), REST])]
    with camera(looked, download(0, block_of(1)), download(1, block_of(2)), finish()) as session:
        write_changed(job(session, HP))


def test_an_image_of_which_nothing_is_there_is_written_whole() -> None:
    looked = [*select(ROMFS0), *uploads([OTHER] * 4)]
    with camera(looked, full_write(ROMFS0, IMAGE)[1:]) as session:
        write_changed(job(session))


def stretch(fills: list[int]) -> tuple[bytes, list[bytes]]:
    blocks = [block_of(fill) for fill in fills]
    return b"".join(blocks), blocks


SAMPLES = (0, 3, 6, 9)
"""Of ten blocks."""


def samples(blocks: list[bytes], wrong: int | None = None) -> list[Exchange]:
    looked = select(ROMFS0)
    for number in SAMPLES:
        looked += upload(number, OTHER if number == wrong else blocks[number])
    return looked


def test_blocks_beside_a_wrong_sample_are_read_and_others_presumed_right() -> None:
    content, blocks = stretch(list(range(10, 20)))
    read = [*upload(7, blocks[7]), *upload(8, OTHER)]
    with camera(samples(blocks, wrong=9), read, download(8, blocks[8]), download(9, blocks[9]), finish()) as session:
        write_changed(job(session, content=content))


def test_every_block_is_read_where_no_complete_reading_follows() -> None:
    content, blocks = stretch(list(range(10, 20)))
    read = [one for number in (1, 2, 4, 5, 7, 8) for one in upload(number, OTHER if number == 4 else blocks[number])]
    with camera(samples(blocks), read, download(4, blocks[4]), finish()) as session:
        write_changed(job(session, content=content), read_all=True)


def test_an_external_memory_that_cannot_be_read_is_written_whole_with_a_note() -> None:
    failed = [*select(ROMFS0), *upload(0, TIMED_OUT), *status(State.DFU_IDLE)]
    with camera(failed, full_write(ROMFS0, IMAGE)) as session:
        notes: list[str] = []
        write_changed(job(session, notes=notes))
    assert len(notes) == 1
    assert notes[0].startswith("ROMFS0 could not be read before it was written")


def test_nor_is_it_tried_again_when_the_image_is_written_once_more() -> None:
    failed = [*select(ROMFS0), *upload(0, TIMED_OUT), *status(State.DFU_IDLE)]
    with camera(failed, full_write(ROMFS0, IMAGE), full_write(ROMFS0, IMAGE)) as session:
        image = job(session)
        write_changed(image)
        write_changed(image)


def test_a_block_that_could_not_be_read_is_the_one_that_is_repeated() -> None:
    """What it brings proves nothing: that it is read at all is what the repetition asks."""
    last = len(BLOCKS) - 1
    read = [*select(ROMFS0), *uploads(BLOCKS[:last]), *upload(last, STALLED)]
    with camera(read, select(ROMFS0), upload(last, REST)) as session:
        image = job(session)
        with pytest.raises(CameraError):
            image.verify(lambda _: None)
        image.repeat(session)


def test_the_times_of_an_image_are_those_of_all_its_tries() -> None:
    with camera(full_write(ROMFS0, IMAGE), full_write(ROMFS0, IMAGE), read_back(ROMFS0, IMAGE)) as session:
        image = job(session)
        write_whole(image)
        first_s = image.record.write_s
        write_whole(image)
        image.verify(lambda _: None)
    assert 0 < first_s < image.record.write_s < 60
    assert 0 < image.record.verify_s < 60


def test_one_that_was_found_unreadable_before_is_not_tried_again() -> None:
    with camera(full_write(ROMFS0, IMAGE)) as session:
        write_changed(job(session, readable=False))


def test_an_on_chip_memory_that_cannot_be_read_fails_the_camera_and_is_not_written() -> None:
    with camera(select(HP), upload(0, STALLED)) as session, pytest.raises(CameraError) as caught:
        write_changed(job(session, HP))
    assert caught.value.code == "usb.stall"


def test_a_camera_that_leaves_while_it_is_looked_at_is_gone() -> None:
    with camera(select(ROMFS0), upload(0, GONE)) as session, pytest.raises(CameraError) as caught:
        write_changed(job(session))
    assert caught.value.code == "usb.disconnected"


def test_a_refused_block_is_told_with_what_was_written_before_it() -> None:
    with camera(select(ROMFS0), download(0, BLOCKS[0]), refused(1, BLOCKS[1])) as session:
        image = job(session)
        with pytest.raises(CameraError) as caught:
            write_whole(image)
    assert caught.value.code == "dfu.err_write"
    assert image.written == {0}


def test_block_0_is_tried_again_to_see_whether_the_memory_refuses_everything() -> None:
    with camera(select(ROMFS0), refused(0, BLOCKS[0]), select(ROMFS0), download(0, BLOCKS[0])) as session:
        image = job(session)
        assert image.refuses_block_0()
        assert not image.written
        assert not image.refuses_block_0()
        assert image.written == {0}


def test_another_error_at_block_0_is_raised() -> None:
    with (
        camera(select(ROMFS0), refused(0, BLOCKS[0], StatusCode.ERR_PROG)) as session,
        pytest.raises(CameraError) as caught,
    ):
        job(session).refuses_block_0()
    assert caught.value.code == "dfu.err_prog"


def test_what_was_read_back_has_the_digest_of_the_image_without_its_padding() -> None:
    done: list[int] = []
    with camera(read_back(ROMFS0, IMAGE)) as session:
        image = job(session)
        image.verify(done.append)
    assert image.readback_sha256 == hashlib.sha256(IMAGE).hexdigest()
    assert done == [4096, 8192, 12288, len(IMAGE)]


def test_a_block_that_was_written_and_reads_back_wrong_fails_the_camera() -> None:
    with camera(full_write(ROMFS0, IMAGE), select(ROMFS0), uploads([BLOCKS[0], OTHER, BLOCKS[2], REST])) as session:
        image = job(session)
        write_whole(image)
        with pytest.raises(VerifyError) as caught:
            image.verify(lambda _: None)
    assert (caught.value.code, str(caught.value)) == (
        "verify.mismatch",
        "ROMFS0: 1 of 4 blocks read back wrong (block 1)",
    )
    assert image.readback_sha256 not in (None, image.record.sha256)


@pytest.mark.parametrize("short", [b"", bytes(4)])
def test_a_block_that_ends_early_is_a_wrong_one(short: bytes) -> None:
    wrong = [*select(ROMFS0), *upload(0, BLOCKS[0]), *upload(1, short), *upload(2, BLOCKS[2]), *upload(3, REST)]
    with camera(full_write(ROMFS0, IMAGE), wrong) as session:
        image = job(session)
        write_whole(image)
        with pytest.raises(VerifyError):
            image.verify(lambda _: None)
    read = BLOCKS[0] + BLOCKS[2] + b"the rest"
    assert image.readback_sha256 == hashlib.sha256(read).hexdigest(), "of what was read, and of nothing else"


def test_a_block_that_was_presumed_right_is_written_and_everything_read_once_more() -> None:
    wrong = [*select(ROMFS0), *uploads([BLOCKS[0], OTHER, BLOCKS[2], REST])]
    with camera(wrong, download(1, BLOCKS[1]), finish(), read_back(ROMFS0, IMAGE)) as session:
        image = job(session)
        image.verify(lambda _: None)
    assert image.written == {1}
    assert image.readback_sha256 == image.record.sha256


def test_where_a_written_block_is_wrong_as_well_nothing_is_written_after_it() -> None:
    looked = [*select(ROMFS0), *uploads([BLOCKS[0], OTHER, BLOCKS[2], REST])]
    wrong = [*select(ROMFS0), *uploads([OTHER, OTHER, BLOCKS[2], REST])]
    with camera(looked, download(1, BLOCKS[1]), finish(), wrong) as session:
        image = job(session)
        write_changed(image)
        with pytest.raises(VerifyError):
            image.verify(lambda _: None)


def test_it_is_written_once_and_not_for_ever() -> None:
    wrong = [*select(ROMFS0), *uploads([BLOCKS[0], OTHER, BLOCKS[2], REST])]
    with camera(wrong, download(1, BLOCKS[1]), finish(), wrong) as session, pytest.raises(VerifyError):
        job(session).verify(lambda _: None)


def test_bytes_that_are_not_those_imported_are_no_fault_of_the_camera() -> None:
    with camera(read_back(ROMFS0, IMAGE)) as session:
        image = job(session, sha256="0" * 64)
        with pytest.raises(BundleError) as caught:
            image.verify(lambda _: None)
    assert caught.value.code == "bundle.corrupt"


def test_a_silent_camera_is_asked_once_more_and_then_given_up() -> None:
    silent = [*select(ROMFS0), *sent(0, BLOCKS[0]), *status_answered(TIMED_OUT), *status_answered(TIMED_OUT)]
    with camera(silent) as session, pytest.raises(CameraError) as caught:
        write_whole(job(session))
    assert caught.value.code == "usb.timeout"


def test_a_cancellation_ends_the_writing_at_the_next_block() -> None:
    def cancel(_: int) -> None:
        raise KeyboardInterrupt

    with camera(select(ROMFS0), download(0, BLOCKS[0])) as session, pytest.raises(KeyboardInterrupt):
        write_whole(job(session), cancel)


def test_an_image_file_is_read_as_it_is_now_and_refused_where_it_is_not_what_was_imported(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ROMFS0, IMAGE)
    with opened(plan) as content:
        assert bytes(content) == IMAGE
    Path(plan.path).write_bytes(IMAGE[:-1] + b"x")
    with pytest.raises(BundleError) as caught, opened(plan):
        raise AssertionError("opened")
    assert caught.value.code == "bundle.corrupt"


def test_the_record_says_which_image_it_was_and_what_was_read() -> None:
    begun_s = monotonic_s()
    with camera(full_write(ROMFS0, IMAGE), read_back(ROMFS0, IMAGE)) as session:
        image = job(session)
        assert image.record == ImageRecord(
            "ROMFS0", ROMFS0.alt, len(IMAGE), hashlib.sha256(IMAGE).hexdigest(), None, 4, 0, 0.0, 0.0
        )
        write_whole(image)
        image.verify(lambda _: None)
    took_s = monotonic_s() - begun_s
    found = image.record
    assert (found.partition, found.alt, found.size_bytes) == ("ROMFS0", ROMFS0.alt, len(IMAGE))
    assert found.readback_sha256 == found.sha256 == hashlib.sha256(IMAGE).hexdigest()
    assert 0 < found.write_s + found.verify_s <= took_s


@pytest.mark.parametrize("blocks", [1, 2])
def test_an_image_of_whole_blocks_has_no_block_more(blocks: int) -> None:
    content = contents(*range(1, blocks + 1))
    with camera(full_write(ROMFS0, content), read_back(ROMFS0, content)) as session:
        image = job(session, content=content)
        write_whole(image)
        image.verify(lambda _: None)
    assert (image.record.blocks_total, image.record.blocks_written) == (blocks, blocks)


def test_a_block_that_failed_is_forgotten_when_the_image_is_written_again() -> None:
    with camera(select(ROMFS0), refused(0, BLOCKS[0]), full_write(ROMFS0, IMAGE)) as session:
        image = job(session)
        with pytest.raises(CameraError):
            write_whole(image)
        assert image.failed == Transfer(0, ((0, BLOCKS[0]),))
        write_whole(image)
        assert image.failed is None
        image.repeat(session)


def test_what_is_repeated_of_a_protected_partition_begins_with_its_block_0() -> None:
    dropped: list[Exchange] = [(ControlOut(Request.ABORT, 0, b"", 0), DONE)]
    failing = [*select(HP), *download(0, BLOCKS[0]), *sent(1, BLOCKS[1], Broken(5)), *dropped]
    again = [*select(HP), *download(0, BLOCKS[0]), *download(1, BLOCKS[1])]
    with camera(failing, again) as session:
        image = job(session, HP)
        with pytest.raises(CameraError):
            write_whole(image)
        assert image.failed == Transfer(1, ((0, BLOCKS[0]), (1, BLOCKS[1])))
        assert image.written == {0}
        image.repeat(session)


def test_progress_counts_what_need_not_be_written_as_done() -> None:
    done: list[int] = []
    looked = [*select(ROMFS0), *uploads([OTHER, BLOCKS[1], BLOCKS[2], OTHER])]
    with camera(looked, download(0, BLOCKS[0]), download(3, BLOCKS[3]), finish()) as session:
        job(session).write(only_changed=True, read_all=False, tick=done.append)
    assert done == [0, 0, 0, 0, 12288, 16384]


@pytest.mark.parametrize("at_look", [1, 5])
def test_a_cancellation_is_heard_while_blocks_are_looked_at(at_look: int) -> None:
    """Of four samples, and of the blocks between them."""
    content, blocks = stretch(list(range(10, 20)))
    asked: list[int] = []

    def cancel(done: int) -> None:
        asked.append(done)
        if len(asked) == at_look:
            raise KeyboardInterrupt

    looked = samples(blocks)[: 1 + min(at_look, 4)]
    if at_look > 4:
        looked += upload(1, blocks[1])
    with camera(looked) as session, pytest.raises(KeyboardInterrupt):
        job(session, content=content).write(only_changed=True, read_all=True, tick=cancel)


def test_a_cancellation_ends_the_reading_back_at_the_next_block() -> None:
    def cancel(_: int) -> None:
        raise KeyboardInterrupt

    with camera(select(ROMFS0), upload(0, BLOCKS[0])) as session:
        image = job(session)
        with pytest.raises(KeyboardInterrupt):
            image.verify(cancel)
    assert image.readback_sha256 is None, "half a reading has no digest"


def test_a_short_block_is_wrong_where_the_image_is_looked_at_before_it_is_written() -> None:
    """One block of four zero bytes is no match for one that begins with them."""
    content = bytes(4) + IMAGE[4:]
    blocks = [content[:BLOCK_BYTES], *BLOCKS[1:]]
    looked = [*select(ROMFS0), *upload(0, bytes(4)), *uploads([*BLOCKS[1:3], REST], first=1)]
    with camera(looked, download(0, blocks[0]), finish()) as session:
        image = job(session, content=content)
        write_changed(image)
    assert image.written == {0}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (4, "ROMFS0: 4 of 6 blocks read back wrong (block 0, 1, 2, 3)"),
        (5, "ROMFS0: 5 of 6 blocks read back wrong (block 0, 1, 2, 3 …)"),
    ],
)
def test_the_first_four_wrong_blocks_are_named(wrong: int, said: str) -> None:
    content, blocks = stretch(list(range(10, 16)))
    read = [*select(ROMFS0), *uploads([OTHER] * wrong + blocks[wrong:])]
    with camera(full_write(ROMFS0, content), read) as session:
        image = job(session, content=content)
        write_whole(image)
        with pytest.raises(VerifyError) as caught:
            image.verify(lambda _: None)
    assert str(caught.value) == said


def test_what_is_only_read_is_not_repaired() -> None:
    wrong = [*select(ROMFS0), *uploads([BLOCKS[0], OTHER, BLOCKS[2], REST])]
    with camera(wrong) as session, pytest.raises(VerifyError):
        job(session).verify(lambda _: None, repair=False)


def test_an_image_says_whether_it_was_repaired() -> None:
    wrong = [*select(ROMFS0), *uploads([BLOCKS[0], OTHER, BLOCKS[2], REST])]
    with camera(wrong, download(1, BLOCKS[1]), finish(), read_back(ROMFS0, IMAGE)) as session:
        assert job(session).verify(lambda _: None) is True
    with camera(read_back(ROMFS0, IMAGE)) as session:
        assert job(session).verify(lambda _: None) is False


def test_an_image_file_of_another_length_is_refused_whatever_its_digest(tmp_path: Path) -> None:
    plan = replace(plan_of(tmp_path, ROMFS0, IMAGE), size_bytes=len(IMAGE) - 1)
    with pytest.raises(BundleError) as caught, opened(plan):
        raise AssertionError("opened")
    assert (caught.value.code, str(caught.value)) == (
        "bundle.corrupt",
        f"{plan.path} is not what was imported for ROMFS0",
    )


def test_nothing_between_the_samples_is_read_where_none_of_them_is_right() -> None:
    content, _ = stretch(list(range(10, 20)))
    looked = [*select(ROMFS0), *[one for number in SAMPLES for one in upload(number, OTHER)]]
    with camera(looked, full_write(ROMFS0, content)[1:]) as session:
        image = job(session, content=content)
        write_changed(image, read_all=True)
    assert len(image.written) == 10


def test_the_time_of_reading_back_is_that_of_all_readings() -> None:
    with camera(read_back(ROMFS0, IMAGE), read_back(ROMFS0, IMAGE)) as session:
        image = job(session)
        image.verify(lambda _: sleep(0.001))
        first_s = image.record.verify_s
        image.verify(lambda _: None)
    assert first_s > 0.004
    assert image.record.verify_s > first_s
