"""Writing that a power cut cannot halve."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

INCOMING = ".incoming-"
"""How the name of a file begins that is not whole yet."""


def write_durably(target: Path, content: bytes, mode: int, *, shared: bool = False) -> None:
    """Put a file in place, whole and on the disk, or leave things as they were; OSError where that fails.

    `shared`: the folder is somebody else's. It may be on a share or a stick that knows no modes and no `fsync` of a
    folder, or be one to drop files into that nobody else may read: where these fail, the file is in place all the same.
    """
    tolerated = contextlib.suppress(OSError) if shared else contextlib.nullcontext()
    descriptor, name = tempfile.mkstemp(prefix=INCOMING, dir=target.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            with tolerated:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    with tolerated:
        sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
