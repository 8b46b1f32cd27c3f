from __future__ import annotations

import inspect

import pytest

from station.ae3.limits import HOLD_RETRY_S, HOLD_TOTAL_S, limits_for
from station.ae3.partitions import BOOT, HP, RECOVERY, ROMFS0, RWFS, TABLE, TRANSFER_BYTES, Partition
from station.ae3.recovery import RECOVERY_KEY
from station.dfu.actions import DONE
from station.dfu.engine import Engine, drive
from station.dfu.limits import SameForAll, TimeLimits


@pytest.mark.parametrize("partition", TABLE, ids=lambda partition: partition.name)
def test_every_partition_has_limits_that_the_engine_takes(partition: Partition) -> None:
    limits: TimeLimits = limits_for(partition)
    drive(Engine().select(partition.alt, partition.name, limits), lambda action: DONE)
    assert all(getattr(limits, name) >= 1.0 for name in SameForAll.__slots__)


def test_slow_work_has_long_limits() -> None:
    """Common DFU tools give up after 5 s, which an MRAM's initialization and a chip that refuses writes both exceed."""
    assert limits_for(RECOVERY).write_s >= 120.0
    assert limits_for(ROMFS0).write_s == limits_for(RWFS).write_s >= 30.0
    assert limits_for(HP).write_s > 5.0


def test_holding_is_tried_for_the_whole_window() -> None:
    assert HOLD_TOTAL_S >= 1.0 + 1.5
    assert HOLD_RETRY_S < HOLD_TOTAL_S
    assert limits_for(BOOT).upload_s < limits_for(HP).upload_s


def test_the_key_is_one_block_of_16_bytes_and_zeros() -> None:
    assert len(RECOVERY_KEY) == RECOVERY.size_bytes == 4096
    assert RECOVERY_KEY[:16].hex(" ") == "15 9e 7d 42 96 1a 71 eb 73 a3 26 29 2b 08 09 0e"
    assert not any(RECOVERY_KEY[16:])


def test_the_engines_defaults_are_this_cameras() -> None:
    """The engine may not know the AE3, but what it does unless it is told otherwise must be safe for it."""
    defaults = {name: value.default for name, value in inspect.signature(Engine).parameters.items()}
    assert list(defaults["alts"]) == [partition.alt for partition in TABLE]
    assert set(defaults["never_written"]) == {partition.alt for partition in TABLE if not partition.writable}
    assert set(defaults["never_uploaded"]) == {partition.alt for partition in TABLE if partition.never_upload}
    assert set(defaults["protected"]) == {p.alt for p in TABLE if p.write_protected and p.writable}
    assert defaults["transfer_size_bytes"] == TRANSFER_BYTES
