"""The identify phase: is this a camera with the partition table that the images were made for? Nothing is written."""

from __future__ import annotations

from station.ae3.partitions import BLOCK_BYTES, SIZE_PROBES, TABLE, TRANSFER_BYTES, built, partition_at
from station.dfu.descriptors import DfuInterface, parse_dfu_interface
from station.dfu.engine import ShortFrame
from station.errors import IdentityError
from station.flash.session import DfuSession

WRONG = "identity.wrong_partitions"


def identify(session: DfuSession) -> None:
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
    _check_sizes(session, names)


def _interface(session: DfuSession) -> DfuInterface:
    raw = session.transport.configuration_descriptor_raw()
    try:
        return parse_dfu_interface(raw)
    except ValueError as error:
        text = f"the configuration descriptor makes no sense: {error}"
        raise IdentityError("identity.not_an_ae3", text) from error


def _check_sizes(session: DfuSession, names: list[str]) -> None:
    answers: dict[tuple[int, int], int] = {}
    wrong: list[str] = []
    selected = None
    for probe in SIZE_PROBES:
        partition = partition_at(probe.alt)
        if partition is not selected:
            session.select(partition)
            selected = partition
        found = session.upload(probe.block, BLOCK_BYTES)
        brought = found.size_bytes if isinstance(found, ShortFrame) else len(found)
        answers[probe.alt, probe.block] = brought
        if brought != probe.expected_bytes:
            wrong.append(
                f"{partition.name} block {probe.block}: {brought} bytes found, {probe.expected_bytes} expected"
            )
    if wrong:
        raise IdentityError(WRONG, "; ".join(wrong) + _board(built(names, answers)))


def _board(when: str | None) -> str:
    return f" (a board built {when})" if when else ""
