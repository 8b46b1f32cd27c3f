"""The two memories of a camera, sparse: 37.5 MiB of address space cost what was written to them.

Sectors are immutable 4,096-byte strings. Equal sectors are stored once for all cameras of a process, so that thirty-two
cameras with the same release cost little more than one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

SECTOR_BYTES = 4096
_BLANK = b"\xff" * SECTOR_BYTES
_POOL_LIMIT = 16384
_pool: dict[bytes, bytes] = {_BLANK: _BLANK}


def _shared(sector: bytes) -> bytes:
    """The one stored copy of these bytes. The pool forgets everything when full: only sharing suffers."""
    known = _pool.get(sector)
    if known is not None:
        return known
    if len(_pool) >= _POOL_LIMIT:
        _pool.clear()
        _pool[_BLANK] = _BLANK
    _pool[sector] = sector
    return sector


class Memory:
    """Bytes by address; what was never written reads FF."""

    def __init__(self) -> None:
        self._sectors: dict[int, bytes] = {}

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes from `address`, which need not be aligned."""
        index, offset = divmod(address, SECTOR_BYTES)
        if offset == 0 and length == SECTOR_BYTES:
            return self._sectors.get(index, _BLANK)
        if offset + length <= SECTOR_BYTES:
            return self._sectors.get(index, _BLANK)[offset : offset + length]
        return b"".join(self._pieces(address, length))

    def _pieces(self, address: int, length: int) -> Iterator[bytes]:
        while length:
            index, offset = divmod(address, SECTOR_BYTES)
            size = min(length, SECTOR_BYTES - offset)
            yield self._sectors.get(index, _BLANK)[offset : offset + size]
            address += size
            length -= size

    def replace_sector(self, address: int, data: bytes) -> None:
        """Erase the sector at the aligned `address` and program `data` from its start; the rest reads FF."""
        sector = data if len(data) == SECTOR_BYTES else data + _BLANK[len(data) :]
        self._sectors[address // SECTOR_BYTES] = _shared(sector)

    def overwrite(self, address: int, data: bytes) -> None:
        """Put `data` at `address` and leave everything around it (memory that needs no erase)."""
        done = 0
        while done < len(data):
            index, offset = divmod(address + done, SECTOR_BYTES)
            size = min(len(data) - done, SECTOR_BYTES - offset)
            old = self._sectors.get(index, _BLANK)
            self._sectors[index] = _shared(old[:offset] + data[done : done + size] + old[offset + size :])
            done += size

    def erase(self) -> None:
        """Everything reads FF again."""
        self._sectors.clear()

    def sha256(self, address: int, length: int) -> str:
        """Digest of a range, in hex."""
        digest = hashlib.sha256()
        for piece in self._pieces(address, length):
            digest.update(piece)
        return digest.hexdigest()

    @property
    def stored_sectors(self) -> int:
        """How many sectors were ever written."""
        return len(self._sectors)
