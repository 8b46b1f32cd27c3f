"""SIGKILL in the middle of writing: what was told as committed is there, what was open is closed at the next start."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from station.ledger.integrity import check
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.model.runs import Outcome

WRITER = Path(__file__).with_name("endless_writer.py")
ROOT = Path(__file__).resolve().parents[3]


def test_sigkill_loses_no_committed_run(data_dir: Path, new_recorder: Callable[..., Recorder]) -> None:
    command = [sys.executable, str(WRITER), str(data_dir)]
    committed: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)}) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            committed.append(line.strip())
            if len(committed) == 60:
                writer.send_signal(signal.SIGKILL)
        # What it said between the decision and its death counts as well.
        assert writer.wait(120) == -signal.SIGKILL
    assert len(committed) >= 60
    assert check(data_dir).problems == ()

    reader = Reader(data_dir)
    before = {run.run_id: run for run in reader.runs()}
    assert all(before[run_id].outcome is Outcome.PASS and before[run_id].attempts for run_id in committed)
    left_open = {run_id for run_id, run in before.items() if run.outcome is None}
    assert left_open

    recovery = new_recorder().close_interrupted()
    assert recovery.interrupted_runs == len(left_open)
    after = {run.run_id: run for run in reader.runs()}
    assert {run_id for run_id, run in after.items() if run.code == "station.interrupted"} == left_open
    assert all(after[run_id] == before[run_id] for run_id in committed)
    reader.close()
