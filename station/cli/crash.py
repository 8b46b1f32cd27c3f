"""Where the traceback of a mistake of ours goes: into a file, never onto an operator's screen."""

from __future__ import annotations

import os
import platform
import shlex
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from station import __version__


def save_traceback(error: Exception, words: Sequence[str]) -> Path:
    """Write the traceback, the command line and the versions to a new file and return its path.

    The file goes to `logs` in the data folder that the command line or the environment names; where there is none or it
    cannot be written, to the folder for temporary files. The configuration is not asked: reading it may be what failed.
    """
    text = "\n".join(
        (
            f"station {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"command: station {shlex.join(words)}",
            f"at: {datetime.now(UTC).isoformat()}",
            "",
            "".join(traceback.format_exception(error)),
        )
    )
    for folder in _folders(words):
        try:
            return _write(folder, text)
        except OSError:
            continue
    return Path("(nowhere: no folder could be written)")


def _folders(words: Sequence[str]) -> list[Path]:
    folders = [Path(tempfile.gettempdir())]
    data_dir = _named_data_dir(words)
    if data_dir is not None and data_dir.is_dir():
        folders.insert(0, data_dir / "logs")
    return folders


def _named_data_dir(words: Sequence[str]) -> Path | None:
    for number, word in enumerate(words):
        if word == "--data-dir" and number + 1 < len(words):
            return Path(words[number + 1])
        if word.startswith("--data-dir="):
            return Path(word.partition("=")[2])
    from_environment = os.environ.get("STATION_DATA_DIR")
    return Path(from_environment) if from_environment else None


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    handle, path = tempfile.mkstemp(prefix="station-crash-", suffix=".txt", dir=folder, text=True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return Path(path)
