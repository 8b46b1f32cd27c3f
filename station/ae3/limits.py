"""Time limits of the AE3, in seconds.

Each is far above what a sound camera needs. A transfer that is given up may leave the chip's endpoint 0 dead until a
bus reset, which ends the session; so a limit only bounds the wait for a camera that will not answer any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from station.ae3.partitions import BOOT, TABLE, Medium, Partition

REQUEST_S: Final = 10.0
"""A short request: answered within a millisecond, or within a second or two on a loaded host with many cameras."""
ON_CHIP_WRITE_S: Final = 10.0
"""A block of on-chip MRAM: about a millisecond, a plain copy."""
EXTERNAL_WRITE_S: Final = 30.0
"""A block of external memory: tens of milliseconds on NOR flash. A chip that refuses writes is polled a million times
over a slow bus before the bootloader says errWRITE, which takes seconds, and that answer is worth waiting for."""
RECOVERY_WRITE_S: Final = 120.0
"""The MRAM initialization: several erases of the whole chip within one block."""
MANIFEST_S: Final = 10.0
"""The end of an image only puts the write protection back."""
UPLOAD_S: Final = 10.0
"""A block is a memory copy on the chip and 2 to 3 ms from the external memory."""
BOOT_UPLOAD_S: Final = 5.0
"""A block of BOOT, the one that holds the camera: one that has not answered by then has left its bootloader, and other
cameras may be waiting their turn to be held."""
DETACH_S: Final = 5.0
"""DETACH: the camera often vanishes before it answers, and what it answers proves nothing."""

HOLD_TOTAL_S: Final = 4.0
"""How long to try to hold a camera that answers with errors: the bootloader waits 1.0 s to be configured and listens
1.5 s after that; the rest is for a host that is slow to configure it."""
HOLD_RETRY_S: Final = 0.5
"""How long to try to hold a camera that is not there: it is announced a moment before its node can be used."""


@dataclass(frozen=True, slots=True)
class PartitionLimits:
    """The limits of one partition, one for each kind of request."""

    request_s: float
    write_s: float
    manifest_s: float
    upload_s: float
    detach_s: float


_WRITE_S: Final = {
    Medium.ON_CHIP: ON_CHIP_WRITE_S,
    Medium.EXTERNAL: EXTERNAL_WRITE_S,
    Medium.NONE: RECOVERY_WRITE_S,
}
_UPLOAD_S: Final = {BOOT.alt: BOOT_UPLOAD_S}
_LIMITS: Final = {
    partition.alt: PartitionLimits(
        request_s=REQUEST_S,
        write_s=_WRITE_S[partition.medium],
        manifest_s=MANIFEST_S,
        upload_s=_UPLOAD_S.get(partition.alt, UPLOAD_S),
        detach_s=DETACH_S,
    )
    for partition in TABLE
}


def limits_for(partition: Partition) -> PartitionLimits:
    """The limits to work on a partition with."""
    return _LIMITS[partition.alt]
