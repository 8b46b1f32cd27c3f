"""A small file system for the data folder, that is full when it is to be. Runs in the guest, as root."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

ROOM_MIB = 1024
"""More than the log of an hour; only what is written takes memory."""


class SmallDisk:
    """A tmpfs at a folder: full is where its size is what is in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM_MIB}m", "data", str(folder)], check=True)

    def fill(self, seconds: float) -> bool:
        """No room for so long, or until `free`. False where somebody wrote in that very moment."""
        with self._lock:
            if self._timer is not None:
                return True
            found = os.statvfs(self._folder)
            used = (found.f_blocks - found.f_bfree) * found.f_frsize
            if not self._resize(f"{used >> 10}k"):
                return False
            self._timer = threading.Timer(seconds, self.free)
            self._timer.daemon = True
            self._timer.start()
            return True

    def free(self) -> None:
        """There is room again."""
        with self._lock:
            if self._timer is None:
                return
            self._timer.cancel()
            self._timer = None
            assert self._resize(f"{ROOM_MIB}m")

    def _resize(self, size: str) -> bool:
        command = ["mount", "-o", f"remount,size={size}", str(self._folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
