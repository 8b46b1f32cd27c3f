"""Where the line of a data folder listens, and how its screens find it.

1. Not in the data folder itself: that may be on a shared or network file system, which has no room for sockets (one
   kind is known to hang on them), and its path may be longer than a socket's address.
2. In the folder that systemd made for the service ($RUNTIME_DIRECTORY) or for the session ($XDG_RUNTIME_DIR).
3. Else in a folder of this user's own under the temp folder, which nobody else may enter. Anybody may make a name in
   the temp folder, so one that is not this user's own is refused: its owner could stand between a line and its screens.
4. The line notes the place in its data folder, and screens read it there: a service, a session and a shell over ssh
   have different variables. A note that is left over names a socket where nobody answers.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from station.atomic_write import write_durably

ADDRESS_LIMIT_BYTES = 107
"""A Unix socket's address has 108 bytes (`sun_path`, man 7 unix), of which the last one is 0."""
OWN_FOLDER_MODE = 0o700


NOTE = "line.socket"
NOTE_MODE = 0o644


def noted_socket(data_dir: Path) -> Path:
    """Where the line of a data folder listens, or listened; OSError where none ever did."""
    return Path(os.fsdecode((data_dir / NOTE).read_bytes()))


def note_socket(data_dir: Path, path: Path) -> None:
    """Say in the data folder where its line listens; OSError where that cannot be written."""
    write_durably(data_dir / NOTE, os.fsencode(path), NOTE_MODE)


def socket_path(data_dir: Path) -> Path:
    """Where a line of a data folder that is started now listens. OSError where no folder for it can be had."""
    name = hashlib.sha256(os.path.abspath(data_dir).encode()).hexdigest()[:16]
    for folder in _given_folders():
        path = folder / f"ae3-station-{name}.sock"
        if len(os.fsencode(path)) <= ADDRESS_LIMIT_BYTES and os.access(folder, os.W_OK | os.X_OK):
            return path
    return _own_folder() / f"{name}.sock"


def _given_folders() -> list[Path]:
    """The folders that are made for this: absolute ones; a service may have several, divided by colons."""
    words = [*os.environ.get("RUNTIME_DIRECTORY", "").split(":"), os.environ.get("XDG_RUNTIME_DIR", "")]
    return [Path(word) for word in words if os.path.isabs(word)]


def _own_folder() -> Path:
    """A folder that is this user's and nobody else's; PermissionError where somebody else has its name."""
    folder = Path(tempfile.gettempdir()) / f"ae3-station-{os.geteuid()}"
    if len(os.fsencode(folder)) + 1 + len("0123456789abcdef.sock") > ADDRESS_LIMIT_BYTES:
        folder = Path("/tmp") / folder.name
    try:
        folder.mkdir(mode=OWN_FOLDER_MODE)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise PermissionError(f"{folder} is not a folder of this user's own: remove it") from None
    return folder
