"""The identify phase: is this a camera with the partition table that the images were made for? Nothing is written.

What decides, by what is known (`AE3` facts: the bootloader's sources, and what people did with real cameras):

1. Names, their number and the transfer size are the table's, or the camera is refused. So is a size that another table
   has: a whole block where the partition should end, or the end where it should go on.
2. A probe that fails tells nothing about the table. Whole blocks of the on-chip firmware partitions have been read from
   real cameras, so that a failure there is a failure of this one. Nobody has reported an UPLOAD of the external flash,
   of TOC, or past an end: a failure there is a note, and the reading after the write remains the proof.
3. A short answer of another length than the end frame's is a note where nothing better is known, and a refusal where a
   block of a partition that is known to be readable was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from station.ae3.partitions import (
    BLOCK_BYTES,
    BOOT,
    END_FRAME_BYTES,
    HE,
    HP,
    ROMFS1,
    SIZE_PROBES,
    TABLE,
    TRANSFER_BYTES,
    SizeProbe,
    built,
    partition_at,
)
from station.dfu.descriptors import DfuInterface, parse_dfu_interface
from station.dfu.engine import ShortFrame
from station.errors import CameraError, IdentityError
from station.flash.session import DfuSession

WRONG = "identity.wrong_partitions"
SEEN_READ = frozenset({BOOT.alt, HP.alt, HE.alt, ROMFS1.alt})
"""The partitions whose blocks have been read from real cameras."""


@dataclass
class Identified:
    """`notes` on what was not as expected and decides nothing, and the `unreadable` alts: their UPLOAD failed."""

    notes: list[str] = field(default_factory=list)
    unreadable: set[int] = field(default_factory=set)


def identify(session: DfuSession) -> Identified:
    """Check names, count, transfer size and sizes of the partitions; IdentityError says what was found and expected.

    The names alone prove nothing: boards of spring 2025 have the same eight names over other sizes. Sizes are read by
    asking for the last block of a partition and for the one after it, which must be the 4-byte end of an upload.
    """
    interface = _interface(session)
    if interface.transfer_size_bytes != TRANSFER_BYTES:
        found = interface.transfer_size_bytes
        raise IdentityError(WRONG, f"transfer size {found} found, {TRANSFER_BYTES} expected")
    names = [session.transport.string(index) for index in interface.alt_name_indices]
    expected = [partition.name for partition in TABLE]
    if names != expected:
        text = f"partitions {' '.join(names)} found, {' '.join(expected)} expected"
        raise IdentityError(WRONG, text + _board(built(names, {})))
    found_all = Identified()
    answers = _sizes(session, found_all)
    _judge_sizes(names, answers, found_all)
    return found_all


def _interface(session: DfuSession) -> DfuInterface:
    raw = session.transport.configuration_descriptor_raw()
    try:
        return parse_dfu_interface(raw)
    except ValueError as error:
        text = f"the configuration descriptor makes no sense: {error}"
        raise IdentityError("identity.not_an_ae3", text) from error


def _sizes(session: DfuSession, found: Identified) -> dict[tuple[int, int], int]:
    """How many bytes each probe brought, by alt and block; where a partition's reading fails the rest is left out."""
    answers: dict[tuple[int, int], int] = {}
    selected = None
    for probe in SIZE_PROBES:
        if probe.alt in found.unreadable:
            continue
        partition = partition_at(probe.alt)
        if partition is not selected:
            session.select(partition)
            selected = partition
        try:
            brought = session.upload(probe.block, BLOCK_BYTES)
        except CameraError as error:
            if _seen_read(probe):
                raise
            session.recover(partition, error)
            found.unreadable.add(probe.alt)
            found.notes.append(f"the size of {partition.name} could not be read: {error}")
        else:
            answers[probe.alt, probe.block] = brought.size_bytes if isinstance(brought, ShortFrame) else len(brought)
    return answers


def _seen_read(probe: SizeProbe) -> bool:
    return probe.alt in SEEN_READ and probe.expected_bytes == BLOCK_BYTES


def _judge_sizes(names: list[str], answers: Mapping[tuple[int, int], int], found: Identified) -> None:
    wrong: list[str] = []
    for probe in SIZE_PROBES:
        brought = answers.get((probe.alt, probe.block), probe.expected_bytes)
        if brought == probe.expected_bytes:
            continue
        name = partition_at(probe.alt).name
        text = f"{name} block {probe.block}: {brought} bytes found, {probe.expected_bytes} expected"
        another_table = brought in (BLOCK_BYTES, END_FRAME_BYTES)
        (wrong if another_table or _seen_read(probe) else found.notes).append(text)
    if wrong:
        raise IdentityError(WRONG, "; ".join(wrong) + _board(built(names, answers)))


def _board(when: str | None) -> str:
    return f" (a board built {when})" if when else ""
