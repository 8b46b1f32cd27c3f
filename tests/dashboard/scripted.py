"""A line that always says the same, over the real socket: for pictures that must not change."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from station.control.server import listening_socket
from station.control.wire import LineAbout, LineStatus, Snapshot
from station.dashboard.log_port import Records
from station.model.runs import AttemptRecord, ImageRecord, Outcome, RunRecord
from station.model.slots import Progress, SlotState, SlotView
from station.model.units import FailedUnit, FinishedRun, RunLine, UnitStory
from station.problem import sentence
from station.yields.balance import summary_of
from station.yields.counting import Rates, summarize

PLANNED = 100
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
IMAGES = (("HP", 2_400_000), ("HE", 120_000), ("ROMFS1", 900_000), ("ROMFS0", 12_000_000))
ABOUT = LineAbout("bench-3", "ae3-4.8.1", "v4.8.1", "full", "L42", "ann", NOON - timedelta(hours=2), IMAGES, PLANNED)


def serial(number: int) -> str:
    """A serial whose last six digits are all different."""
    return f"3A0F5C77B1D2E4960011{0x2A91 + 4099 * number:04X}"


def view(number: int, state: SlotState, code: str | None = None, message: str = "", **more: Any) -> SlotView:
    """Slot A1, A2, … in a state."""
    empty = state is SlotState.EMPTY
    return SlotView(
        f"A{number}", f"1-1.{number}", state, "" if empty else serial(number), "", code, message, more.get("progress"),
        more.get("started_at_s"), more.get("duration_s"), more.get("attempts", 0),
    )  # fmt: skip


def running(number: int, phase: str, partition: str, share: float, elapsed_s: float, attempt: int = 1) -> SlotView:
    """A slot in the middle of an image; `started_at_s` is before second 0 of the picture's clock."""
    names = [name for name, _ in IMAGES]
    size = dict(IMAGES)[partition]
    progress = Progress(phase, attempt, partition, names.index(partition) + 1, 4, int(share * size), size)
    return view(number, SlotState.RUNNING, progress=progress, started_at_s=-elapsed_s)


DIED = sentence("the worker process of this slot ended unexpectedly")
SAID = {
    "boot.timeout": sentence("no application within {seconds} s", seconds=30),
    "verify.mismatch": sentence(
        "{partition}: {wrong} of {total} blocks read back wrong (block {blocks})",
        partition="HP",
        wrong=2,
        total=586,
        blocks="3, 9",
    ),
}
EVERY_STATE = (
    view(1, SlotState.PASSED, duration_s=28.4, attempts=1),
    running(2, "write", "ROMFS0", 0.4, 12.07),  # with what is left, 29.04 s: a slow machine draws the same second
    view(3, SlotState.FAILED, "boot.timeout", SAID["boot.timeout"], duration_s=118.0, attempts=2),
    running(4, "verify", "HP", 0.8, 25.4, attempt=2),
    view(5, SlotState.WAITING, started_at_s=-3.4),
    view(6, SlotState.SKIPPED, "unit.already_passed", sentence("this unit already passed with this bundle and recipe")),
    view(7, SlotState.ERROR, "worker.died", DIED),
    view(8, SlotState.EMPTY),
    view(9, SlotState.ABORTED, "operator.unplugged", sentence("the camera was unplugged during the run")),
    view(10, SlotState.NOT_A_SLOT, None, sentence("this port is not a slot: the camera is left alone")),
    view(11, SlotState.HOLDING),
    view(12, SlotState.RECORDING),
)
ERRORS = sentence(
    "{count} station errors in a row, the last one {error}",
    count=3,
    error=sentence("{code}: {what}", code="worker.died", what=DIED),
)
STOPPED = LineStatus(False, False, False, "line.stopped", ERRORS)


def run(number: int, outcome: Outcome, code: str | None = None) -> RunRecord:
    """A finished run, `number` minutes before noon."""
    started_at = NOON - timedelta(minutes=number)
    images = tuple(
        ImageRecord(name, 1, size, "aa", "aa", size // 4096, size // 4096, size / 1e6, size / 2e6)
        for name, size in IMAGES
    )
    attempt = AttemptRecord(f"a{number}", 1, outcome, code, "boot", started_at, 26.0, images=images)
    record = RunRecord(
        run_id=f"r{number}",
        station_id="bench-3",
        serial=serial(number),
        identified=True,
        slot=f"A{number % 4 + 1}",
        port_path=f"1-1.{number % 4 + 1}",
        batch="L42",
        operator="ann",
        recipe="full",
        bundle="ae3-4.8.1",
        bundle_sha256="cc",
        bootloader="1.0.3",
        started_at=started_at,
        attempts=(attempt,),
    )
    finished_at = started_at + timedelta(seconds=28)
    message = SAID.get(code or "", "")
    return replace(record, finished_at=finished_at, duration_s=28.0, outcome=outcome, code=code, message=message)


RUNS = (
    *(run(number, Outcome.PASS) for number in range(5, 90)),
    run(3, Outcome.FAIL, "boot.timeout"),
    run(4, Outcome.FAIL, "verify.mismatch"),
    run(2, Outcome.FAIL, "boot.timeout"),
)


def failed_unit(record: RunRecord) -> FailedUnit:
    """The list's line of a failed run."""
    return FailedUnit(
        record.serial,
        True,
        record.batch,
        record.code,
        record.message,
        record.slot,
        record.port_path,
        record.finished_at,
        1,
        record.bundle,
        record.recipe,
        record.run_id,
    )


def listed(runs: Sequence[RunRecord]) -> list[RunLine]:
    """Lines of a list of runs, newest first."""
    newest = sorted(runs, key=lambda run: run.started_at, reverse=True)
    return [RunLine(run.run_id, run.serial, run.outcome, run.code, run.slot, run.started_at) for run in newest]


def ended(run: RunRecord) -> FinishedRun:
    """How a run of a list ended."""
    assert run.outcome is not None
    assert run.finished_at is not None
    return FinishedRun(
        run.run_id, run.serial, run.slot, run.outcome, run.code, run.message, run.finished_at, run.duration_s
    )


RECORDS = Records(
    summary=lambda batch, since: summarize([run for run in RUNS if batch in (None, run.batch)], batch=batch),
    finished=lambda station, since, limit: [ended(run) for run in RUNS if run.started_at >= since][:limit],
    unit=lambda asked: UnitStory(asked.upper(), tuple(run for run in RUNS if run.serial == asked.upper())),
    failed=lambda batch, since: [failed_unit(run) for run in RUNS if run.outcome is Outcome.FAIL],
    batch_summary=lambda batch: summary_of(batch, replace(summarize(RUNS), planned=PLANNED)),
    rates=lambda since: Rates(summarize(RUNS).images, 28.0),
    newest=lambda batch, since, limit: listed(RUNS)[:limit],
    near_batches=lambda name: [],
    found=lambda text, limit: listed([run for run in RUNS if text.upper() in run.serial])[:limit],
)


@contextmanager
def scripted_line(
    data_dir: Path,
    slots: Sequence[SlotView],
    status: LineStatus,
    about: LineAbout = ABOUT,
    runs: Sequence[RunRecord] = (),
    run_every: int = 0,
) -> Iterator[list[Mapping[str, Any]]]:
    """Serve this snapshot for ever, after telling of these runs; yields the requests other than for snapshots.

    With `run_every`, one more run is told as finished after so many snapshots, again and again.
    """
    heard: list[Mapping[str, Any]] = []
    listener = listening_socket(data_dir)
    answer = {"snapshot": Snapshot(status, tuple(slots)).to_json(0.0)}

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rwb", buffering=0) as lines:
            lines.write(json.dumps({"about": about.to_json()}).encode() + b"\n")
            for finished in runs:
                lines.write(json.dumps({"run": finished.to_json()}).encode() + b"\n")
            for number, line in enumerate(lines):
                request = json.loads(line)
                if "role" in request:
                    continue
                if request["do"] == "snapshot":
                    lines.write(json.dumps(answer).encode() + b"\n")
                    if run_every and number % run_every == 0:
                        lines.write(json.dumps({"run": RUNS[0].to_json()}).encode() + b"\n")
                else:
                    heard.append(request)

    def accept() -> None:
        with suppress(OSError):  # it was shut down
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

    connections: list[socket.socket] = []
    threads = [threading.Thread(target=accept, daemon=True)]
    threads[0].start()
    try:
        yield heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        for connection in connections:
            with suppress(OSError):  # the dashboard has closed it
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(60)
        listener.close()
