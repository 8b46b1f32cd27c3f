"""How a failed upgrade puts its log back where an engineer's PIN is set, and nobody is there who knows it.

deploy/install, which is root, stops the line and names the backup in a file in /run, where only root may write; then it
starts `station db restore` as the station's user. Only that backup needs no PIN, and only while the file is there.
Whoever is root could take the PIN away.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

PERMIT = Path("/run/openmv-ae3-station.restore")
"""Its one line is the backup's absolute path. deploy/install has the name, too: older and newer releases share it."""
ROOT = 0
LONGEST_BYTES = 4096


def is_permitted(backup: Path) -> bool:
    """Whether root asks for this backup to be restored now."""
    with suppress(OSError):
        if not _is_roots(os.lstat(PERMIT.parent)):
            return False
        descriptor = os.open(PERMIT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            named = file.read(LONGEST_BYTES) if stat.S_ISREG(found.st_mode) and _is_roots(found) else b""
        return named.removesuffix(b"\n") == os.fsencode(os.path.abspath(backup))
    return False


def _is_roots(found: os.stat_result) -> bool:
    """Owned by root, and nobody else may write it."""
    return found.st_uid == ROOT and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
