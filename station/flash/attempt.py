"""One attempt: one pass through the phases identify, init, write, verify, boot and test, in the recipe's order."""

from __future__ import annotations

import hashlib
import math
import mmap
from contextlib import ExitStack
from dataclasses import dataclass, field

from station.board.board import Board
from station.board.partition import Partition
from station.clock import monotonic_s
from station.errors import DfuError, MramError, UsbError
from station.flash.dfu_session import DfuSession
from station.flash.functional_test import functional_test
from station.flash.images import ImageJob, Tick, opened
from station.flash.pipe import Link
from station.flash.steps.already_passed import holds_images
from station.flash.steps.bench_facts_measured import at_boot, at_identify
from station.flash.steps.boot import BootJob
from station.flash.steps.identify import identify
from station.flash.steps.memory_wrap import refuse_wrapped
from station.model.devices import Device
from station.model.measurements import Measurement
from station.model.recipes import StepKind
from station.model.runs import ImagePlan, ImageRecord, RunPlan
from station.model.slots import Progress
from station.problem import sentence
from station.usb.access import UsbAccess

REUSED = sentence(
    "identity.serial_reused: the log says that it passed, its memory says otherwise: another camera "
    "with this serial, or flashed elsewhere"
)


@dataclass
class Attempt:
    """One attempt on one held camera. After `run`, or after it raised, the fields tell how far it came."""

    plan: RunPlan
    device: Device
    bootloader: str
    link: Link
    session: DfuSession
    number: int
    mram_done: bool = False
    phase: str = "hold"
    jobs: list[ImageJob] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    mram_initialized: bool = False
    verified: bool = False
    boot_confirmed: bool = False
    unreadable: set[int] = field(default_factory=set)
    application_serial: str | None = None
    until_s: float = math.inf
    """By when everything must be read back."""
    access: UsbAccess = field(default_factory=UsbAccess)
    """Where its application's serial port is."""

    @property
    def board(self) -> Board:
        """What kind of camera it is."""
        return self.session.board

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        """What happened to each image that was begun."""
        return tuple(job.record for job in self.jobs)

    @property
    def stopped(self) -> ImageJob | None:
        """The image that stopped in one of its blocks, where that is what ended the attempt."""
        stopped = (job for job in self.jobs if job.failed and self.phase in ("write", "verify"))
        return next(stopped, None)

    def run(self) -> bool:
        """Go through the phases; a camera's failure is raised, and `phase` says where.

        False where the log says that the unit passed and its memory says so too: it was left as it is, and boots.
        """
        if self.plan.options.attempt_limit_s:
            self.until_s = monotonic_s() + self.plan.options.attempt_limit_s
        self._enter("identify")
        found = identify(self.session)
        self.notes += found.notes
        self.unreadable = found.unreadable
        if self.plan.qualifies:
            self.measurements += at_identify(self.plan, self.device, found, first=self.number == 1)
        if self.plan.check_first and self.number == 1 and self._is_there_already():
            return False
        with ExitStack() as files:
            # All of them before the first write: a damaged one must not leave the camera with half a release.
            contents = {image.partition: files.enter_context(opened(image)) for image in self.plan.images}
            for step in self.plan.recipe.steps:
                if step.kind is StepKind.INITIALIZE_MRAM:
                    self._initialize_mram()
                elif step.kind is StepKind.ERASE_FILESYSTEM:
                    self._erase_filesystem()
                elif step.kind is StepKind.WRITE:
                    self._write(step.partition, contents[step.partition])
            self._verify()
        self._boot()
        self._test()
        return True

    def _is_there_already(self) -> bool:
        self._enter("check")
        if any(image.alt in self.unreadable for image in self.plan.images):
            return False
        holds = holds_images(self.session, self.plan.images, self.notes)
        if holds:
            self.link.want_hold(wanted=False)
            self._boot_job().let_go()
            return True
        if holds is False:
            self.notes.append(REUSED)
        return False

    def _enter(self, phase: str, job: ImageJob | None = None) -> Tick:
        """Begin a phase (of an image) and return the function that tells its progress."""
        self.phase = phase
        partition = job.partition.name if job else ""
        number = self.jobs.index(job) + 1 if job else 0
        total_bytes = job.record.size_bytes if job else 0
        image_count = max(len(self.plan.images), len(self.jobs))

        def progress(done_bytes: int) -> None:
            self.link.progress(
                Progress(phase, self.number, partition, number, image_count, min(done_bytes, total_bytes), total_bytes)
            )

        def tick(done_bytes: int) -> None:
            if job:
                self._refuse_slow(job)
            if self.link.tick_due():
                progress(done_bytes)

        progress(0)
        return tick

    def _refuse_slow(self, job: ImageJob) -> None:
        """UsbError `usb.too_slow` once the attempt has taken longer than it may: every answer came, and late."""
        if monotonic_s() <= self.until_s:
            return
        text = sentence(
            "{partition} was not done when the {seconds} s of an attempt were over",
            partition=job.partition.name,
            seconds=f"{self.plan.options.attempt_limit_s:g}",
        )
        raise UsbError("usb.too_slow", text, retryable=False)

    def _write(self, name: str, content: mmap.mmap) -> None:
        plan = next(image for image in self.plan.images if image.partition == name)
        partition = self.board.partition(name)
        if self._is_initialized_with(name) and self.plan.options.mram == "always" and not self.plan.read_only:
            self._initialize_mram()
        job = self._begin(plan, partition, content)
        if self.plan.read_only:
            return
        try:
            self._write_image(job, only_changed=self.plan.options.write == "changed")
        except DfuError as error:
            if not self._is_uninitialized_mram(error, job):
                raise
            self._initialize_mram()
            self._write_image(job, only_changed=False)

    def _begin(self, plan: ImagePlan, partition: Partition, content: mmap.mmap | bytes) -> ImageJob:
        readable = partition.alt not in self.unreadable
        job = ImageJob(self.session, plan, partition, content, self.notes, readable=readable)
        self.jobs.append(job)
        return job

    def _write_image(self, job: ImageJob, *, only_changed: bool) -> None:
        tick = self._enter("write", job)
        job.write(only_changed=only_changed, read_all=not self.plan.options.verify, tick=tick)

    def _is_initialized_with(self, name: str) -> bool:
        """Whether that image lies in the memory that the recovery initializes."""
        recovery = self.board.recovery
        return recovery is not None and recovery.image == name

    def _is_uninitialized_mram(self, error: DfuError, job: ImageJob) -> bool:
        """An MRAM that was never initialized refuses every block of its image, the first one too.

        Where only the blocks that differ are written, the one that was refused need not be the first: then the first
        is tried with what it holds already. A chip that takes it has a bad block, and is not to be erased for that.
        """
        return (
            error.code == "dfu.err_write"
            and self._is_initialized_with(job.partition.name)
            and not job.written
            and self.plan.options.mram == "auto"
            and not self.mram_done
            and (error.block == 0 or job.refuses_block_0())
        )

    def _initialize_mram(self) -> None:
        """Send the recovery key: one block that stays unanswered while the camera resets and erases its MRAM."""
        recovery = self.board.recovery
        if self.mram_done or recovery is None:
            return
        self._enter("init")
        self.session.select(self.board.partition(recovery.partition))
        try:
            self.session.download(0, recovery.key)
        except DfuError as error:
            raise MramError(
                "mram.init_failed", sentence("the camera refused the MRAM initialization: {error}", error=error)
            ) from error
        # A second initialization in one session is refused: whatever comes later, this one is done.
        self.mram_done = self.mram_initialized = True
        self.session.finish_image()

    def _erase_filesystem(self) -> None:
        """One block of zeros at its start: the next boot formats it."""
        if self.board.filesystem is None:
            return
        if self.plan.options.mram == "always" and any(map(self._is_initialized_with, self.plan.recipe.partitions)):
            self._initialize_mram()  # now: later it would erase what is written here
        partition = self.board.partition(self.board.filesystem)
        blank = bytes(self.board.erase_unit_bytes)
        plan = ImagePlan(partition.name, partition.alt, "", len(blank), hashlib.sha256(blank).hexdigest())
        job = self._begin(plan, partition, blank)
        self._write_image(job, only_changed=False)

    def _verify(self) -> None:
        """Read every image back after the last write of any, so that no write can spoil what was already proven."""
        if not self.plan.options.verify:
            return
        outdated = 0
        for number, job in enumerate(self.jobs):
            if job.verify(self._enter("verify", job), repair=not self.plan.read_only):
                outdated = number
            wrapping = self.board.wrapping
            if wrapping is not None and job.partition.name == wrapping.image:
                refuse_wrapped(self.session, wrapping, job.content, self.notes)
        for job in self.jobs[:outdated]:  # a later image was repaired after these were read
            job.verify(self._enter("verify", job), repair=False)
        self.verified = bool(self.jobs) and all(job.readback_sha256 == job.record.sha256 for job in self.jobs)

    def _boot(self) -> None:
        self._enter("boot")
        # From here on a camera in DFU mode on this port is on its way to the application: it must not be held.
        self.link.want_hold(wanted=False)
        boot = self._boot_job()
        try:
            self.boot_confirmed = boot.run()
        finally:
            self.application_serial = boot.application_serial
            if self.plan.qualifies:
                self.measurements += at_boot(boot, self.access)

    def _test(self) -> None:
        """Ask the application what the recipe wants to know."""
        if all(self.plan.tests.mode(name) == "off" for name in self.plan.recipe.tests):
            return
        tick = self._enter("test")
        test = functional_test(
            self.plan, self.board, self.access, self.device, self.bootloader, self.link, lambda: tick(0)
        )
        if test is None:
            return
        if not self.boot_confirmed:
            if not test.decides:
                text = sentence("the camera was not tested: its application was not waited for, or not seen")
                self.notes.append(text)
                return
            test.port_s = self.plan.options.boot_timeout_s
        try:
            test.run()
        finally:
            self.measurements += test.measurements
            self.notes += test.notes

    def close(self) -> None:
        """Give the bootloader's device back."""
        self.session.close()

    def _boot_job(self) -> BootJob:
        return BootJob(self.session, self.link, self.device, self.bootloader, self.plan.options, self.notes)
