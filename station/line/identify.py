"""The identify phase: is this a camera with the partition table that the images were made for? Nothing is written."""

from __future__ import annotations

from station.ae3.partitions import BLOCK_BYTES, TABLE, TRANSFER_BYTES, Partition
from station.dfu.descriptors import DfuInterface, parse_dfu_interface
from station.dfu.engine import ShortFrame
from station.errors import IdentityError
from station.line.session import DfuSession


def identify(session: DfuSession) -> None:
    """Check names, count, transfer size and sizes of the partitions; IdentityError says what was found and expected.

    The names alone prove nothing: boards of spring 2025 have the same eight names over other sizes. Sizes are read by
    asking for the last block of a partition and for the one after it, which must be the 4-byte end of an upload.
    """
    _check_interface(session)
    for partition in TABLE:
        if not partition.never_upload:
            _check_size(session, partition)


def _check_interface(session: DfuSession) -> None:
    raw = session.transport.configuration_descriptor_raw()
    try:
        interface = parse_dfu_interface(raw)
    except ValueError as error:
        raise IdentityError("identity.not_an_ae3", f"the configuration descriptor makes no sense: {error}") from error
    if interface.transfer_size_bytes != TRANSFER_BYTES:
        raise IdentityError(
            "identity.wrong_partitions",
            f"transfer size {interface.transfer_size_bytes} found, {TRANSFER_BYTES} expected",
        )
    found = _names(session, interface)
    expected = [partition.name for partition in TABLE]
    if found != expected:
        raise IdentityError(
            "identity.wrong_partitions", f"partitions {' '.join(found)} found, {' '.join(expected)} expected"
        )


def _names(session: DfuSession, interface: DfuInterface) -> list[str]:
    return [session.transport.string(index) for index in interface.alt_name_indices]


def _check_size(session: DfuSession, partition: Partition) -> None:
    session.select(partition)
    last, after = partition.blocks - 1, partition.blocks
    if isinstance(session.upload(last, BLOCK_BYTES), ShortFrame):
        raise _wrong_size(partition, "smaller")
    if not isinstance(session.upload(after, BLOCK_BYTES), ShortFrame):
        raise _wrong_size(partition, "larger")


def _wrong_size(partition: Partition, how: str) -> IdentityError:
    return IdentityError(
        "identity.wrong_partitions",
        f"partition {partition.name} is {how} than the expected {partition.size_bytes} bytes: another partition table",
    )
