"""What a camera's bootloader can store and how: MPU protection, tail rounding, sector erase, MRAM initialization.

Facts from the public bootloader sources (board port and its SPI driver): the MPU makes every on-chip partition
read-only at power-up; a download of its block 0 lifts that, its manifest restores it, and a write while it is in force
is a memory fault. On-chip writes go in 16-byte units; external ones erase a 4 KiB sector first.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from station.dfu.dfu_protocol import StatusCode
from station.sim.memory import Memory
from station.sim.partitions import (
    BLOCK_BYTES,
    BOOT_HEADER_MAGIC,
    BOOT_HEADER_OFFSET_BYTES,
    Medium,
    Partition,
    alt_of,
)
from station.sim.spec import CameraSpec

RECOVERY_KEY = bytes.fromhex("159e7d42961a71eb73a326292b08090e")
_ONCHIP_UNIT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of one block: bStatus, seconds of silence, and whether the write was a memory fault."""

    status: StatusCode
    busy_s: float = 0.0
    hangs: bool = False


class Flash:
    """Both memories with their rules. What survives a power cut stays in it; `power_on` resets the rest."""

    def __init__(self, spec: CameraSpec) -> None:
        self.table = spec.partitions
        self.times = spec.times
        self.has_mram = spec.has_mram
        self._external_bytes = spec.external_bytes
        self.mram_initialized = spec.mram_initialized
        self.mram_initializations = 0
        self._memories = {Medium.ON_CHIP: Memory(), Medium.EXTERNAL: Memory()}
        self._protected: set[int] = set()
        self._recovered = False
        self._write_bootloader(spec.version)
        for content in spec.initial_contents():
            self._load(content.partition, content.file, content.fraction)
        self.power_on()

    def power_on(self) -> None:
        """Every on-chip partition is protected again, and an initialization may be run again."""
        self._protected = {alt for alt, part in enumerate(self.table) if part.medium is Medium.ON_CHIP}
        self._recovered = False

    def protect(self, alt: int) -> None:
        """What a manifest does; nothing for the external memory."""
        if self.table[alt].medium is Medium.ON_CHIP:
            self._protected.add(alt)

    def memory_of(self, partition: Partition) -> Memory:
        """The memory that holds a partition; KeyError for RECOVERY, which stores nothing."""
        return self._memories[partition.medium]

    def read(self, partition: Partition, block: int, length: int) -> tuple[bytes, float] | None:
        """`length` bytes of a block and the seconds that took; 4 zero bytes past the limit; None where nothing is."""
        address = partition.start + block * BLOCK_BYTES
        if address + length > partition.limit:
            return bytes(4), 0.0
        if partition.medium is Medium.RECOVERY:
            return None
        times = self.times
        whole_s = times.onchip_read_s if partition.medium is Medium.ON_CHIP else times.external_read_s
        return self._memories[partition.medium].read(self._stored_at(partition, address), length), (
            whole_s * length / BLOCK_BYTES
        )

    def write(self, alt: int, block: int, buffer: bytearray, length: int) -> Written:
        """Store the first `length` bytes of the transfer buffer (on-chip: rounded up by what lies behind them)."""
        partition = self.table[alt]
        address = partition.start + block * BLOCK_BYTES
        if partition.read_only:
            return Written(StatusCode.ERR_WRITE)
        if block == 0:
            self._protected.discard(alt)
        if address + length > partition.limit:
            return Written(StatusCode.ERR_ADDRESS)
        if partition.medium is Medium.RECOVERY:
            return self._initialize_mram(bytes(buffer[:length]))
        if partition.medium is Medium.ON_CHIP:
            if alt in self._protected:
                return Written(StatusCode.OK, hangs=True)
            rounded = -(-length // _ONCHIP_UNIT_BYTES) * _ONCHIP_UNIT_BYTES
            self._memories[Medium.ON_CHIP].overwrite(address, bytes(buffer[:rounded]))
            return Written(StatusCode.OK, self.times.onchip_write_s)
        if self.has_mram and not self.mram_initialized:
            return Written(StatusCode.ERR_WRITE, self.times.mram_poll_s)
        self._memories[Medium.EXTERNAL].replace_sector(self._stored_at(partition, address), bytes(buffer[:length]))
        return Written(StatusCode.OK, self.times.external_write_s)

    def _stored_at(self, partition: Partition, address: int) -> int:
        """Where the external chip puts an address: a small one ignores the bits that it does not have."""
        wraps = partition.medium is Medium.EXTERNAL and self._external_bytes
        return address % self._external_bytes if wraps and self._external_bytes else address

    def damage(self, alt: int, block: int, offset: int, mask: int) -> None:
        """Flip bits of one stored byte (a fault)."""
        partition = self.table[alt]
        if partition.medium is Medium.RECOVERY:
            return
        address = partition.start + block * BLOCK_BYTES + offset
        memory = self._memories[partition.medium]
        memory.overwrite(address, bytes((memory.read(address, 1)[0] ^ mask & 0xFF,)))

    def application_can_start(self, requires_he: bool) -> bool:
        """Whether the word that the bootloader jumps through is a Thumb address inside the firmware's own range."""
        cores = [part for part in self.table if part.medium is Medium.ON_CHIP and not part.read_only]
        return all(map(self._vector_inside, cores[: 2 if requires_he else 1]))

    def _vector_inside(self, core: Partition) -> bool:
        (vector,) = struct.unpack("<I", self._memories[Medium.ON_CHIP].read(core.start + 4, 4))
        return bool(vector & 1) and core.start <= vector < core.limit

    def _initialize_mram(self, data: bytes) -> Written:
        """Seconds inside one block, once a session; the chip is blank afterwards."""
        if self._recovered or len(data) < len(RECOVERY_KEY) or not data.startswith(RECOVERY_KEY):
            return Written(StatusCode.ERR_WRITE)
        if not self.has_mram:
            return Written(StatusCode.ERR_WRITE)
        self._memories[Medium.EXTERNAL].erase()
        self.mram_initialized = True
        self.mram_initializations += 1
        self._recovered = True
        return Written(StatusCode.OK, self.times.recovery_s)

    def _write_bootloader(self, version: tuple[int, int, int]) -> None:
        """The running bootloader's own bytes: a header from 1.0.1 on."""
        if version >= (1, 0, 1):
            header = struct.pack("<I3B25x", BOOT_HEADER_MAGIC, *version)
            self._memories[Medium.ON_CHIP].overwrite(self.table[0].start + BOOT_HEADER_OFFSET_BYTES, header)

    def _load(self, name: str, file: str, fraction: float) -> None:
        partition = self.table[alt_of(self.table, name)]
        with open(file, "rb") as opened:
            data = opened.read(partition.size_bytes)
        self.memory_of(partition).overwrite(partition.start, data[: int(len(data) * fraction)])
