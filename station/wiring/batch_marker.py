"""A file that says to the rest of the machine that a batch is open: it must not go to sleep now.

Only a line that is a service has it, in the folder that systemd made for it ($RUNTIME_DIRECTORY) and removes with it.
The line itself may ask for nothing outside its folders; a unit of systemd watches the file and keeps the machine awake.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NAME = "batch-open"


def mark_batch(*, is_open: bool) -> None:
    """The file is there from now on, or is not. Where it cannot be written the line goes on."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if not os.path.isabs(folder):
        return
    marker = Path(folder) / NAME
    with suppress(OSError):
        if is_open:
            marker.touch()
        else:
            marker.unlink(missing_ok=True)
