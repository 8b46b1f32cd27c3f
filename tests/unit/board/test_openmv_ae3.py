from __future__ import annotations

import pytest

from station.board.openmv_ae3 import BOOT, HP, OPENMV_AE3, RECOVERY, ROMFS0, RWFS
from station.board.partition import Partition
from station.dfu.actions import DONE, Action
from station.dfu.engine import ProtocolMisuse, drive
from station.dfu.limits import SameForAll, TimeLimits
from station.flash.dfu_session import DfuSession
from tests.unit.dfu.ae3_engine import ae3_engine

assert OPENMV_AE3.recovery is not None
KEY = OPENMV_AE3.recovery.key


@pytest.mark.parametrize("partition", OPENMV_AE3.partitions, ids=lambda partition: partition.name)
def test_every_partition_has_limits_that_the_engine_takes(partition: Partition) -> None:
    limits: TimeLimits = partition.limits
    drive(ae3_engine().select(partition.alt, partition.name, limits), lambda action: DONE)
    assert all(getattr(limits, name) >= 1.0 for name in SameForAll.__slots__)


def test_slow_work_has_long_limits() -> None:
    """Common DFU tools give up after 5 s, which an MRAM's initialization and a chip that refuses writes both exceed."""
    assert RECOVERY.limits.write_s >= 120.0
    assert ROMFS0.limits.write_s == RWFS.limits.write_s >= 30.0
    assert HP.limits.write_s > 5.0


def test_holding_is_tried_for_the_whole_window() -> None:
    assert OPENMV_AE3.hold.total_s >= 1.0 + 1.5
    assert OPENMV_AE3.hold.retry_s < OPENMV_AE3.hold.total_s
    assert BOOT.limits.upload_s < HP.limits.upload_s


def test_the_key_is_one_block_of_16_bytes_and_zeros() -> None:
    assert len(KEY) == RECOVERY.size_bytes == 4096
    assert KEY[:16].hex(" ") == "15 9e 7d 42 96 1a 71 eb 73 a3 26 29 2b 08 09 0e"
    assert not any(KEY[16:])


class Agreeable:
    """A transport that answers everything with success and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[Action] = []

    def perform(self, action: Action) -> object:
        self.asked.append(action)
        return DONE

    def configuration_descriptor_raw(self) -> bytes:
        return b""

    def string(self, index: int) -> str:
        return str(index)

    def reset(self) -> None:
        return

    def close(self) -> None:
        return


def refused(partition: Partition, block: int, size_bytes: int, *, upload: bool = False) -> bool:
    """Whether a session on this board refuses a block before anything but the selection is sent."""
    transport = Agreeable()
    session = DfuSession(transport, OPENMV_AE3)  # type: ignore[arg-type]
    session.select(partition)
    try:
        session.upload(block, size_bytes) if upload else session.download(block, bytes(size_bytes))
    except ProtocolMisuse:
        return len(transport.asked) == 1
    except Exception:
        return False
    return False


def test_a_session_keeps_the_boards_rules() -> None:
    table = OPENMV_AE3.partitions
    assert [each.name for each in table if refused(each, 0, 4096)] == ["BOOT", "TOC"]
    assert [each.name for each in table if refused(each, 1, 4096)] == ["BOOT", "HP", "HE", "ROMFS1", "TOC"]
    assert [each.name for each in table if refused(each, 0, 4096, upload=True)] == ["RECOVERY"]
    assert [size for size in (1, 4096, 4097) if refused(ROMFS0, 0, size)] == [4097]
