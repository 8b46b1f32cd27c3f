"""A signal while a command still loads its code: it ends in order, and nobody sees a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import LIMIT_S


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("loaded", ["station.errors", "typer.exceptions", "station.settings", "station.wiring"])
def test_a_signal_while_the_code_is_loaded(tmp_path: Path, number: int, loaded: str) -> None:
    words = ["run", "--headless", "--simulate", "1", "--data-dir", str(tmp_path)]
    command = [sys.executable, "-X", "importtime", "-m", "station", *words]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stderr
        talk, sent = [], False
        for line in running.stderr:
            if line.split("|")[-1].strip() == loaded and not sent:
                sent = True
                # As Ctrl-C on a terminal does: to all of its processes.
                os.killpg(running.pid, number) if number == signal.SIGINT else running.send_signal(number)
            elif not line.startswith("import time:"):
                talk.append(line)
        code = running.wait(LIMIT_S)
    assert code == 130, talk
    assert "".join(talk) in ("", "station.interrupted: interrupted.\n")
