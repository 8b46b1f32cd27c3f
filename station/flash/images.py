"""Writing one image and reading it back."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from station.board.partition import Medium, Partition
from station.clock import monotonic_s
from station.dfu.engine import ShortFrame
from station.errors import BundleError, CameraError, DfuError, VerifyError
from station.flash import blocks as choice
from station.flash.dfu_session import DfuSession
from station.model.runs import ImagePlan, ImageRecord
from station.problem import sentence

Tick = Callable[[int], None]
"""Called with the number of bytes done of the current image; raises to end the run."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One block's transfer. `blocks` are what is to be written for it, numbers and bytes; none where it was read."""

    block: int
    blocks: tuple[tuple[int, bytes], ...] = ()


class ImageJob:
    """One image of one attempt: what was written, what was read, and how long it took."""

    def __init__(
        self,
        session: DfuSession,
        plan: ImagePlan,
        partition: Partition,
        content: mmap.mmap | bytes,
        notes: list[str],
        *,
        readable: bool = True,
    ) -> None:
        self._session = session
        self._plan = plan
        self._notes = notes
        self._readable = readable
        self.content = content
        self.partition = partition
        self._block_bytes = session.board.block_bytes
        self.blocks_total = -(-plan.size_bytes // self._block_bytes)
        self.written: set[int] = set()
        self.write_s = 0.0
        self.verify_s = 0.0
        self.readback_sha256: str | None = None
        self.failed: Transfer | None = None
        """The block at which the image stopped, None where it did not."""

    @property
    def record(self) -> ImageRecord:
        """What happened so far, for the log."""
        plan = self._plan
        return ImageRecord(
            partition=plan.partition,
            alt=plan.alt,
            size_bytes=plan.size_bytes,
            sha256=plan.sha256,
            readback_sha256=self.readback_sha256,
            blocks_total=self.blocks_total,
            blocks_written=len(self.written),
            write_s=self.write_s,
            verify_s=self.verify_s,
        )

    def write(self, *, only_changed: bool, read_all: bool, tick: Tick) -> None:
        """Write the image: whole, or the blocks that differ. `read_all`: no complete reading will follow this.

        Where the external memory cannot be read beforehand the image is written whole: nobody has reported an UPLOAD of
        it, and the reading afterwards is the proof.
        """
        started_s = monotonic_s()
        self.failed = None
        try:
            self._session.select(self.partition)
            blocks: Iterable[int] = range(self.blocks_total)
            if only_changed and self._readable:
                blocks = self._differing_or_all(read_all=read_all, tick=tick)
            self._write_blocks(list(blocks), tick)
        finally:
            self.write_s += monotonic_s() - started_s

    def refuses_block_0(self) -> bool:
        """Whether the camera refuses even the image's first block with errWRITE."""
        self._session.select(self.partition)
        try:
            self._session.download(0, self._block(0))
        except DfuError as error:
            if error.code != "dfu.err_write":
                raise
            return True
        self.written.add(0)
        return False

    def verify(self, tick: Tick, *, repair: bool = True) -> bool:
        """Read the whole image back, compare every byte and keep the digest of what was read. True: it was repaired.

        Blocks that the writing presumed right and that are not are written now, where it is to `repair`; then all is
        read once more. VerifyError where a block that was written reads back wrong.
        """
        started_s = monotonic_s()
        repaired = False
        try:
            self._session.select(self.partition)
            wrong = self._read_back(tick)
            unwritten = [block for block in wrong if block not in self.written]
            if repair and unwritten and len(unwritten) == len(wrong):
                repaired = True
                self._write_blocks(unwritten, tick)
                self._session.select(self.partition)
                wrong = self._read_back(tick)
            if wrong:
                self._refuse(wrong)
        finally:
            self.verify_s += monotonic_s() - started_s
        if self.readback_sha256 != self._plan.sha256:
            text = sentence(
                "{partition} reads back as it was sent, but what was sent is not what was imported",
                partition=self.partition.name,
            )
            raise BundleError("bundle.corrupt", text)
        return repaired

    def _refuse(self, wrong: list[int]) -> None:
        blocks = ", ".join(map(str, wrong[:4])) + (" …" if len(wrong) > 4 else "")
        raise VerifyError(
            "verify.mismatch",
            sentence(
                "{partition}: {wrong} of {total} blocks read back wrong (block {blocks})",
                partition=self.partition.name,
                wrong=len(wrong),
                total=self.blocks_total,
                blocks=blocks,
            ),
        )

    def _block(self, block: int) -> bytes:
        start = block * self._block_bytes
        return self.content[start : start + self._block_bytes]

    def repeat(self, session: DfuSession) -> None:
        """Make the transfer that failed once more, with this session. CameraError where it fails again.

        What is read proves nothing here, and what is written is read back by the attempt that follows.
        """
        if self.failed is None:
            return
        session.select(self.partition)
        if not self.failed.blocks:
            session.upload(self.failed.block, self._block_bytes)
        for block, data in self.failed.blocks:
            session.download(block, data)

    def _upload(self, block: int) -> memoryview | bytes | ShortFrame:
        try:
            return self._session.upload(block, self._block_bytes)
        except CameraError:
            self.failed = Transfer(block)
            raise

    def _is_right(self, block: int) -> bool:
        wanted = self._block(block)
        found = self._upload(block)
        return not isinstance(found, ShortFrame) and bytes(found[: len(wanted)]) == wanted

    def _differing_or_all(self, *, read_all: bool, tick: Tick) -> list[int]:
        try:
            return self._differing(read_all=read_all, tick=tick)
        except CameraError as error:
            if self.partition.medium is not Medium.EXTERNAL:
                raise
            self._session.recover(self.partition, error)
            self._readable = False
            self.failed = None
            self._notes.append(
                sentence(
                    "{partition} could not be read before it was written: {error}",
                    partition=self.partition.name,
                    error=error,
                )
            )
            return list(range(self.blocks_total))

    def _differing(self, *, read_all: bool, tick: Tick) -> list[int]:
        samples: dict[int, bool] = {}
        for block in choice.sample_blocks(self.blocks_total):
            samples[block] = self._is_right(block)
            tick(0)
        if not choice.reading_pays(samples):
            return list(range(self.blocks_total))
        differing = [block for block, right in samples.items() if not right]
        for block in choice.unsampled_blocks(samples) if read_all else choice.doubtful_blocks(samples):
            if not self._is_right(block):
                differing.append(block)
            tick(0)
        return sorted(differing)

    def _write_blocks(self, blocks: list[int], tick: Tick) -> None:
        if not blocks:
            return
        done_bytes = (self.blocks_total - len(blocks)) * self._block_bytes
        for block in choice.with_block_0_first(blocks, protected=self.partition.locked):
            try:
                self._session.download(block, self._block(block))
            except CameraError:
                # Their bytes are kept: the image is not open any more when they are repeated.
                again = choice.with_block_0_first([block], protected=self.partition.locked)
                self.failed = Transfer(block, tuple((each, self._block(each)) for each in again))
                raise
            self.written.add(block)
            done_bytes += self._block_bytes
            tick(done_bytes)
        self._session.finish_image()

    def _read_back(self, tick: Tick) -> list[int]:
        """Read every block; the numbers of the wrong ones. The digest is of the image's exact length, no padding."""
        digest = hashlib.sha256()
        wrong: list[int] = []
        upload, size_bytes, block_bytes = self._upload, self._plan.size_bytes, self._block_bytes
        for block in range(self.blocks_total):
            start = block * block_bytes
            wanted = self.content[start : start + block_bytes]
            found = upload(block)
            payload = b"" if isinstance(found, ShortFrame) else bytes(found[: len(wanted)])
            digest.update(payload)
            if payload != wanted:
                wrong.append(block)
            tick(min(start + block_bytes, size_bytes))
        self.readback_sha256 = digest.hexdigest()
        return wrong


@contextmanager
def mapped(plan: ImagePlan) -> Iterator[mmap.mmap]:
    """An image file's bytes, mapped as they are on the disk now."""
    with Path(plan.path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content


@contextmanager
def opened(plan: ImagePlan) -> Iterator[mmap.mmap]:
    """An image file's bytes, mapped; BundleError `bundle.corrupt` where they are not the manifest's any more.

    The line hashed them when it started, which may be days ago. Nothing is written of what is damaged since.
    """
    with mapped(plan) as content:
        if len(content) != plan.size_bytes or hashlib.sha256(content).hexdigest() != plan.sha256:
            raise BundleError(
                "bundle.corrupt",
                sentence("{file} is not what was imported for {partition}", file=plan.path, partition=plan.partition),
            )
        yield content
