"""An engine that is given the AE3's rules, written out a second time."""

from __future__ import annotations

from collections.abc import Collection

from station.dfu.engine import Engine


def ae3_engine(never_written: Collection[int] = (0, 4)) -> Engine:
    """Eight alternate settings of blocks of 4,096 bytes: who may not be written, nor read, and who is locked."""
    return Engine(
        alts=range(8), never_written=never_written, never_uploaded=(7,), protected=(1, 2, 3), transfer_size_bytes=4096
    )
