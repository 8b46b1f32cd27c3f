"""A small file system for the data folder, that is full when it is to be. As root, who may mount."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

ROOM_MIB = 1024
"""More than the log of an hour; only what is written takes memory."""


class SmallDisk:
    """A tmpfs at a folder: full is where its size is what is in it."""

    def __init__(self, folder: Path, room_mib: int = ROOM_MIB) -> None:
        self._folder = folder
        self._room = f"{room_mib}m"
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._room}", "data", str(folder)]
        subprocess.run(command, check=True, capture_output=True)

    def fill(self, seconds: float) -> bool:
        """No room for so long, or until `free`. False where somebody wrote in that very moment."""
        with self._lock:
            if self._timer is not None:
                return True
            if not self.fill_up():
                return False
            self._timer = threading.Timer(seconds, self.free)
            self._timer.daemon = True
            self._timer.start()
            return True

    def fill_up(self) -> bool:
        """No room from now on; again, where somebody gave some up. False where somebody wrote in that very moment."""
        found = os.statvfs(self._folder)
        used = (found.f_blocks - found.f_bfree) * found.f_frsize
        return self._resize(f"{used >> 10}k")

    def empty(self) -> None:
        """There is room again, after `fill_up`."""
        assert self._resize(self._room)

    def unmount(self) -> None:
        """It is gone, whoever still has a file open."""
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)

    def free(self) -> None:
        """There is room again."""
        with self._lock:
            if self._timer is None:
                return
            self._timer.cancel()
            self._timer = None
            self.empty()

    def _resize(self, size: str) -> bool:
        command = ["mount", "-o", f"remount,size={size}", str(self._folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
