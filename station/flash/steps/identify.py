"""The identify phase: is this a camera with the partition table that the images were made for? Nothing is written.

What decides, by what is known of the board (the bootloader's sources, and what people did with real cameras):

1. Names, their number and the transfer size are the table's, or the camera is refused. So is a size that another table
   has: a whole block where the partition should end, or the end where it should go on.
2. A probe that fails tells nothing about the table. Of some partitions whole blocks have been read from real cameras
   (`seen_read`), so that a failure there is a failure of this one. Elsewhere, and past every end, a failure is a note,
   and the reading after the write remains the proof.
3. A short answer of another length than the end frame's is a note where nothing better is known, and a refusal where a
   block of a partition that is known to be readable was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from station.board.board import Board
from station.board.partition import SizeProbe
from station.dfu.dfu_descriptors import DfuInterface, parse_dfu_interface
from station.dfu.engine import ShortFrame
from station.errors import CameraError, IdentityError
from station.flash.dfu_session import DfuSession
from station.problem import Sentence, joined, sentence

WRONG = "identity.wrong_partitions"
MOST_NAMES = 32
"""A table with more partitions is refused by their number alone."""
LONGEST_NAME = 24


@dataclass
class Identified:
    """`notes` on what was not as expected and decides nothing, and the `unreadable` alts: their UPLOAD failed."""

    notes: list[str] = field(default_factory=list)
    unreadable: set[int] = field(default_factory=set)
    transfer_bytes: int = 0
    probes: int = 0
    unlike: int = 0
    """How many of the probes were not answered as expected."""


def identify(session: DfuSession) -> Identified:
    """Check names, count, transfer size and sizes of the partitions; IdentityError says what was found and expected.

    The names alone prove nothing: boards of spring 2025 have the same eight names over other sizes. Sizes are read by
    asking for the last block of a partition and for the one after it, which must be the 4-byte end of an upload.
    """
    board, interface = session.board, _interface(session)
    if interface.transfer_size_bytes != board.transfer_bytes:
        found = interface.transfer_size_bytes
        raise IdentityError(
            WRONG,
            sentence("transfer size {found} found, {expected} expected", found=found, expected=board.transfer_bytes),
        )
    expected = [partition.name for partition in board.partitions]
    count = len(interface.alt_name_indices)
    if count > MOST_NAMES:
        # Any device may call itself a camera: to ask two hundred names of one that answers slowly takes minutes.
        text = sentence("{found} partitions found, {expected} expected", found=count, expected=len(expected))
        raise IdentityError(WRONG, text)
    names = [_shortened(session.transport.string(index)) for index in interface.alt_name_indices]
    if names != expected:
        text = sentence(
            "partitions {found} found, {expected} expected", found=" ".join(names), expected=" ".join(expected)
        )
        raise IdentityError(WRONG, _dated(text, board.built_by(names, {})))
    found_all = Identified(transfer_bytes=interface.transfer_size_bytes, probes=len(board.size_probes))
    answers = _sizes(session, found_all)
    _judge_sizes(board, names, answers, found_all)
    return found_all


def _shortened(name: str) -> str:
    """A name as far as a message has room for it; a device may show 126 characters of anything."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def _interface(session: DfuSession) -> DfuInterface:
    raw = session.transport.configuration_descriptor_raw()
    try:
        return parse_dfu_interface(raw)
    except ValueError as error:
        text = sentence("the configuration descriptor makes no sense: {error}", error=error)
        raise IdentityError("identity.not_an_ae3", text) from error


def _sizes(session: DfuSession, found: Identified) -> dict[tuple[int, int], int]:
    """How many bytes each probe brought, by alt and block; where a partition's reading fails the rest is left out."""
    answers: dict[tuple[int, int], int] = {}
    selected = None
    for probe in session.board.size_probes:
        partition = probe.partition
        if partition.alt in found.unreadable:
            continue
        if partition is not selected:
            session.select(partition)
            selected = partition
        try:
            brought = session.upload(probe.block, session.board.block_bytes)
        except CameraError as error:
            if _seen_read(session.board, probe):
                raise
            session.recover(partition, error)
            found.unreadable.add(partition.alt)
            found.notes.append(
                sentence("the size of {partition} could not be read: {error}", partition=partition.name, error=error)
            )
        else:
            answers[partition.alt, probe.block] = (
                brought.size_bytes if isinstance(brought, ShortFrame) else len(brought)
            )
    return answers


def _seen_read(board: Board, probe: SizeProbe) -> bool:
    return probe.partition.seen_read and probe.expected_bytes == board.block_bytes


def _judge_sizes(board: Board, names: list[str], answers: Mapping[tuple[int, int], int], found: Identified) -> None:
    wrong: list[Sentence] = []
    found.unlike = sum(
        answers.get((probe.partition.alt, probe.block)) != probe.expected_bytes for probe in board.size_probes
    )
    for probe in board.size_probes:
        brought = answers.get((probe.partition.alt, probe.block), probe.expected_bytes)
        if brought == probe.expected_bytes:
            continue
        text = sentence(
            "{partition} block {block}: {found} bytes found, {expected} expected",
            partition=probe.partition.name,
            block=probe.block,
            found=brought,
            expected=probe.expected_bytes,
        )
        another_table = brought in (board.block_bytes, board.end_frame_bytes)
        (wrong if another_table or _seen_read(board, probe) else found.notes).append(text)
    if wrong:
        raise IdentityError(WRONG, _dated(joined(wrong), board.built_by(names, answers)))


def _dated(found: Sentence, when: str | None) -> Sentence:
    return sentence("{found} (a board built {when})", found=found, when=when) if when else found
