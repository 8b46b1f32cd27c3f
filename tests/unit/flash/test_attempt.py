"""One attempt over a scripted camera: every request in the recipe's order, and what the fields tell afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from station.board.openmv_ae3 import HE, OPENMV_AE3, RECOVERY, ROMFS0, RWFS
from station.board.partition import Partition
from station.dfu.actions import GONE, STALLED, TIMED_OUT
from station.dfu.dfu_protocol import State, StatusCode
from station.errors import BundleError, CameraError, StationError
from station.flash.attempt import REUSED, Attempt
from station.flash.messages import CancelRun, HoldWanted, PortChanged, Progressed
from station.flash.pipe import Cancelled
from station.model.recipes import Recipe, Step, StepKind
from station.model.runs import Outcome, RunOptions, RunPlan
from station.model.verdicts import ended_by
from station.problem import Sentence
from tests.unit.flash.exchanges import (
    APPLICATION,
    BLOCK_BYTES,
    CAMERA,
    Bench,
    Exchange,
    bench,
    block_of,
    contents,
    detach,
    download,
    finish,
    full_write,
    plan_of,
    read_back,
    refused,
    select,
    sent,
    sizes,
    status,
    status_answered,
    upload,
)

HE_IMAGE, ROMFS0_IMAGE = contents(1, 2), contents(3) + b"the rest"
ROMFS0_BLOCKS = (block_of(3), b"the rest")
BOOTS = [[PortChanged(None), PortChanged(APPLICATION)]]
ALL = RunOptions(write="all", boot_timeout_s=30, boot_stays_s=0.01, return_window_s=0.01)
assert OPENMV_AE3.recovery is not None
KEY = OPENMV_AE3.recovery.key
INIT = [*select(RECOVERY), *download(0, KEY), *finish()]


def recipe(*steps: Partition | StepKind) -> Recipe:
    return Recipe(
        "r", tuple(Step(step) if isinstance(step, StepKind) else Step(StepKind.WRITE, step.name) for step in steps)
    )


class Made:
    """What an attempt is made of; images lie in `folder`."""

    def __init__(self, folder: Path, options: RunOptions = ALL, *, check_first: bool = False) -> None:
        self.folder, self.options, self.check_first = folder, options, check_first
        self.recipe = recipe(HE, ROMFS0)
        self.images = {HE.name: HE_IMAGE, ROMFS0.name: ROMFS0_IMAGE}
        self.number, self.mram_done = 1, False

    def attempt(self, at: Bench) -> Attempt:
        plans = tuple(
            plan_of(self.folder, OPENMV_AE3.partition(name), self.images[name]) for name in self.recipe.partitions
        )
        plan = RunPlan("r1", CAMERA.serial, self.recipe, plans, self.options, self.check_first)
        return Attempt(plan, CAMERA, "1.0.3", at.link, at.session, self.number, mram_done=self.mram_done)

    def run(self, *exchanges: list[Exchange], moves: Sequence[Sequence[object]] = BOOTS) -> Attempt:
        """The attempt, after it passed."""
        with bench(sizes(), *exchanges, moves=moves) as at:
            attempt = self.attempt(at)
            assert attempt.run()
        return attempt

    def fails(self, *exchanges: list[Exchange]) -> tuple[Attempt, StationError]:
        """The attempt, and what it raised."""
        with bench(sizes(), *exchanges) as at:
            attempt = self.attempt(at)
            with pytest.raises(StationError) as caught:
                attempt.run()
        return attempt, caught.value


def test_everything_is_written_then_everything_read_back_then_it_boots(tmp_path: Path) -> None:
    written = [*full_write(HE, HE_IMAGE), *full_write(ROMFS0, ROMFS0_IMAGE)]
    attempt = Made(tmp_path).run(written, read_back(HE, HE_IMAGE), read_back(ROMFS0, ROMFS0_IMAGE), detach())
    assert (attempt.phase, attempt.verified, attempt.boot_confirmed, attempt.notes) == ("boot", True, True, [])
    assert attempt.application_serial == APPLICATION.serial
    digests = [(image.partition, image.readback_sha256, image.blocks_written) for image in attempt.images]
    assert digests == [
        ("HE", hashlib.sha256(HE_IMAGE).hexdigest(), 2),
        ("ROMFS0", hashlib.sha256(ROMFS0_IMAGE).hexdigest(), 2),
    ]


def test_the_line_hears_of_each_phase_and_when_a_camera_must_not_be_held_any_more(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.recipe = recipe(HE)
    with bench(sizes(), full_write(HE, HE_IMAGE), read_back(HE, HE_IMAGE), detach(), moves=BOOTS) as at:
        assert made.attempt(at).run()
        facts = at.heard
    phases = [fact.progress.phase if isinstance(fact, Progressed) else fact for fact in facts]
    assert list(dict.fromkeys(phases)) == ["identify", "write", "verify", "boot", HoldWanted(False)]
    of_images = {
        (fact.progress.image_number, fact.progress.image_count, fact.progress.total_bytes)
        for fact in facts
        if isinstance(fact, Progressed) and fact.progress.partition
    }
    assert of_images == {(1, 1, len(HE_IMAGE))}


@pytest.mark.parametrize("spoiled", [False, True])
def test_what_was_proven_before_a_later_image_was_mended_is_read_once_more(tmp_path: Path, spoiled: bool) -> None:
    """A write may spoil what lies elsewhere, and this one comes after the reading of the first image."""
    made = Made(tmp_path, replace(ALL, write="changed"))
    made.images[ROMFS0.name] = image = contents(3, 3, 3, 3, 3)  # all alike: nothing to see a wrapping chip by
    looked = [*read_back(HE, HE_IMAGE), *select(ROMFS0)]
    looked += [exchange for number in (0, 1, 3, 4) for exchange in upload(number, block_of(3))]
    found = [*read_back(HE, HE_IMAGE), *read_back(ROMFS0, contents(3, 3, 9, 3, 3))]
    repaired = [*download(2, block_of(3)), *finish(), *read_back(ROMFS0, image)]
    if spoiled:
        _, error = made.fails(looked, found, repaired, read_back(HE, contents(1, 9)))
        assert error.code == "verify.mismatch"
    else:
        assert made.run(looked, found, repaired, read_back(HE, HE_IMAGE), detach()).verified


def test_nothing_is_read_back_where_that_is_off_and_then_nothing_is_called_verified(tmp_path: Path) -> None:
    made = Made(tmp_path, replace(ALL, verify=False))
    attempt = made.run(full_write(HE, HE_IMAGE), full_write(ROMFS0, ROMFS0_IMAGE), detach())
    assert not attempt.verified


def test_a_damaged_image_is_found_before_anything_is_written(tmp_path: Path) -> None:
    made = Made(tmp_path)
    with bench(sizes()) as at:
        attempt = made.attempt(at)
        (tmp_path / "ROMFS0.img").write_bytes(ROMFS0_IMAGE[:-1] + b"x")
        with pytest.raises(BundleError) as caught:
            attempt.run()
    assert caught.value.code == "bundle.corrupt"


def test_a_partition_that_could_not_be_read_is_written_without_a_look(tmp_path: Path) -> None:
    made = Made(tmp_path, replace(ALL, write="changed"))
    made.recipe = recipe(ROMFS0)
    blocks = ROMFS0.size_bytes // BLOCK_BYTES
    failing = [*upload(blocks - 1, TIMED_OUT), *status(State.DFU_IDLE), *select(ROMFS0)]
    with bench(
        sizes()[:-2], failing, full_write(ROMFS0, ROMFS0_IMAGE), read_back(ROMFS0, ROMFS0_IMAGE), detach(), moves=BOOTS
    ) as at:
        attempt = made.attempt(at)
        assert attempt.run()
    assert attempt.unreadable == {ROMFS0.alt}


# --- the MRAM initialization ---------------------------------------------------------------------------------------


def test_an_mram_that_refuses_its_first_block_is_initialized_once_and_the_image_written_whole(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.recipe = recipe(ROMFS0)
    attempt = made.run(
        [*select(ROMFS0), *refused(0, ROMFS0_BLOCKS[0])],
        INIT,
        full_write(ROMFS0, ROMFS0_IMAGE),
        read_back(ROMFS0, ROMFS0_IMAGE),
        detach(),
    )
    assert (attempt.mram_initialized, attempt.mram_done) == (True, True)


def test_a_later_block_that_is_refused_while_the_first_is_taken_is_a_bad_block(tmp_path: Path) -> None:
    made = Made(tmp_path, replace(ALL, write="changed"))
    made.recipe = recipe(ROMFS0)
    looked = [*select(ROMFS0), *upload(0, ROMFS0_BLOCKS[0]), *upload(1, block_of(9))]
    attempt, error = made.fails(
        [*looked, *refused(1, ROMFS0_BLOCKS[1])], [*select(ROMFS0), *download(0, ROMFS0_BLOCKS[0])]
    )
    assert (error.code, attempt.mram_initialized, attempt.phase) == ("dfu.err_write", False, "write")


def test_a_later_block_that_is_refused_as_the_first_is_means_an_uninitialized_mram(tmp_path: Path) -> None:
    made = Made(tmp_path, replace(ALL, write="changed"))
    made.recipe = recipe(ROMFS0)
    looked = [*select(ROMFS0), *upload(0, ROMFS0_BLOCKS[0]), *upload(1, block_of(9))]
    attempt = made.run(
        [*looked, *refused(1, ROMFS0_BLOCKS[1])],
        [*select(ROMFS0), *refused(0, ROMFS0_BLOCKS[0])],
        INIT,
        full_write(ROMFS0, ROMFS0_IMAGE),
        read_back(ROMFS0, ROMFS0_IMAGE),
        detach(),
    )
    assert attempt.mram_initialized


@pytest.mark.parametrize("mram_done", [False, True])
def test_a_refusal_after_the_initialization_fails_the_camera(tmp_path: Path, mram_done: bool) -> None:
    made = Made(tmp_path)
    made.recipe, made.mram_done = recipe(ROMFS0), mram_done
    again = [] if mram_done else [*INIT, *select(ROMFS0), *refused(0, ROMFS0_BLOCKS[0])]
    attempt, error = made.fails([*select(ROMFS0), *refused(0, ROMFS0_BLOCKS[0])], again)
    assert (error.code, attempt.mram_initialized) == ("dfu.err_write", not mram_done)


@pytest.mark.parametrize(
    ("options", "partition", "code"),
    [
        (replace(ALL, mram="never"), ROMFS0, StatusCode.ERR_WRITE),
        (ALL, HE, StatusCode.ERR_WRITE),
        (ALL, ROMFS0, StatusCode.ERR_PROG),
    ],
)
def test_nothing_is_initialized_for_another_refusal(
    tmp_path: Path, options: RunOptions, partition: Partition, code: StatusCode
) -> None:
    made = Made(tmp_path, options)
    made.recipe = recipe(partition)
    first = HE_IMAGE[:BLOCK_BYTES] if partition is HE else ROMFS0_BLOCKS[0]
    attempt, error = made.fails(select(partition), refused(0, first, code))
    assert error.code.startswith("dfu.err_")
    assert not attempt.mram_initialized


def test_always_initializes_before_the_image_and_for_no_other(tmp_path: Path) -> None:
    attempt = Made(tmp_path, replace(ALL, mram="always")).run(
        full_write(HE, HE_IMAGE),
        INIT,
        full_write(ROMFS0, ROMFS0_IMAGE),
        read_back(HE, HE_IMAGE),
        read_back(ROMFS0, ROMFS0_IMAGE),
        detach(),
    )
    assert attempt.mram_initialized


def test_a_recipe_may_initialize_first_and_it_is_done_once(tmp_path: Path) -> None:
    made = Made(tmp_path, replace(ALL, mram="always"))
    made.recipe = recipe(StepKind.INITIALIZE_MRAM, ROMFS0)
    made.run(INIT, full_write(ROMFS0, ROMFS0_IMAGE), read_back(ROMFS0, ROMFS0_IMAGE), detach())


def test_a_key_that_is_refused_is_told_as_a_failed_initialization(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.recipe = recipe(StepKind.INITIALIZE_MRAM, ROMFS0)
    attempt, error = made.fails(select(RECOVERY), refused(0, KEY))
    assert (error.code, attempt.phase, attempt.mram_done) == ("mram.init_failed", "init", False)


# --- the filesystem ------------------------------------------------------------------------------------------------


def test_the_filesystem_is_erased_by_one_blank_block_and_that_is_proven_too(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.recipe = recipe(StepKind.ERASE_FILESYSTEM)
    blank = bytes(OPENMV_AE3.erase_unit_bytes)
    attempt = made.run(full_write(RWFS, blank), read_back(RWFS, blank), detach())
    assert [(image.partition, image.blocks_written) for image in attempt.images] == [("RWFS", 1)]


def test_an_initialization_that_would_erase_the_blank_block_again_comes_before_it(tmp_path: Path) -> None:
    made = Made(tmp_path, replace(ALL, mram="always"))
    made.recipe = recipe(StepKind.ERASE_FILESYSTEM, ROMFS0)
    blank = bytes(OPENMV_AE3.erase_unit_bytes)
    made.run(
        INIT,
        full_write(RWFS, blank),
        full_write(ROMFS0, ROMFS0_IMAGE),
        read_back(RWFS, blank),
        read_back(ROMFS0, ROMFS0_IMAGE),
        detach(),
    )


def test_an_image_that_stands_in_the_filesystem_too_fails_after_it_was_proven(tmp_path: Path) -> None:
    made = Made(tmp_path)
    made.recipe = recipe(ROMFS0)
    made.images[ROMFS0.name] = image = contents(1, 2)
    shown = [*select(RWFS), *upload(1, block_of(2)), *upload(0, block_of(1))]
    attempt, error = made.fails(full_write(ROMFS0, image), read_back(ROMFS0, image), shown)
    assert (error.code, attempt.phase, attempt.verified) == ("mram.wrapped", "verify", False)
    assert attempt.images[0].readback_sha256 == hashlib.sha256(image).hexdigest()


# --- a unit that passed already ------------------------------------------------------------------------------------


def test_a_unit_that_holds_the_images_is_let_go_and_boots(tmp_path: Path) -> None:
    made = Made(tmp_path, check_first=True)
    held = [*read_back(HE, HE_IMAGE), *read_back(ROMFS0, ROMFS0_IMAGE)]
    with bench(sizes(), held, detach(), moves=[[PortChanged(None)]]) as at:
        attempt = made.attempt(at)
        assert not attempt.run()
        assert HoldWanted(False) in at.heard
    assert (attempt.images, attempt.notes, attempt.phase) == ((), [], "check")


def test_one_that_holds_something_else_is_run_and_the_serial_is_doubted(tmp_path: Path) -> None:
    made = Made(tmp_path, check_first=True)
    made.recipe = recipe(HE)
    attempt = made.run(
        [*select(HE), *upload(0, block_of(9))], full_write(HE, HE_IMAGE), read_back(HE, HE_IMAGE), detach()
    )
    assert attempt.notes == [REUSED]


def test_one_that_cannot_be_read_is_run_and_nothing_is_doubted(tmp_path: Path) -> None:
    made = Made(tmp_path, check_first=True)
    made.recipe = recipe(HE)
    unread = [*select(HE), *upload(0, STALLED), *status(State.DFU_IDLE), *select(HE)]
    attempt = made.run(unread, full_write(HE, HE_IMAGE), read_back(HE, HE_IMAGE), detach())
    assert REUSED not in attempt.notes


def test_it_is_asked_at_the_first_attempt_only(tmp_path: Path) -> None:
    made = Made(tmp_path, check_first=True)
    made.recipe, made.number = recipe(HE), 2
    made.run(full_write(HE, HE_IMAGE), read_back(HE, HE_IMAGE), detach())


def test_one_of_whose_partitions_one_cannot_be_read_is_not_asked(tmp_path: Path) -> None:
    made = Made(tmp_path, check_first=True)
    made.recipe = recipe(ROMFS0)
    blocks = ROMFS0.size_bytes // BLOCK_BYTES
    failing = [*upload(blocks - 1, TIMED_OUT), *status(State.DFU_IDLE), *select(ROMFS0)]
    written = [*full_write(ROMFS0, ROMFS0_IMAGE), *read_back(ROMFS0, ROMFS0_IMAGE)]
    with bench(sizes()[:-2], failing, written, detach(), moves=BOOTS) as at:
        assert made.attempt(at).run()


# --- what ends it --------------------------------------------------------------------------------------------------


def test_a_camera_that_leaves_in_the_middle_tells_how_far_it_came(tmp_path: Path) -> None:
    attempt, error = Made(tmp_path).fails(select(HE), download(0, block_of(1)), sent(1, block_of(2), GONE))
    assert (error.code, attempt.phase) == ("usb.disconnected", "write")
    assert [(image.partition, image.blocks_written, image.readback_sha256) for image in attempt.images] == [
        ("HE", 1, None)
    ]


def test_a_camera_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    silent = [*sent(0, block_of(1)), *status_answered(TIMED_OUT), *status_answered(TIMED_OUT)]
    attempt, error = Made(tmp_path).fails(select(HE), silent)
    assert isinstance(error, CameraError)
    assert (error.code, attempt.phase) == ("usb.timeout", "write")


def test_a_cancellation_is_heard_at_the_next_phase(tmp_path: Path) -> None:
    with bench() as at:
        at.line.send(CancelRun(ended_by(Outcome.ABORTED, "operator.cancelled", Sentence("cancelled"))))
        with pytest.raises(Cancelled):
            Made(tmp_path).attempt(at).run()
