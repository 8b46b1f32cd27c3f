"""A demo shift: 200 virtual units over eight slots, one of them with a bad cable, told to the log as a line tells it.

    python -m tests.bench.shift DATA_DIR

A bad cable shows as a broken USB link on cameras of any kind, and as slow writing. The other slots see what a good
line sees: a bad memory now and then, a boot that fails, a camera pulled out. Failed cameras are run again, mostly in
another slot, as an operator does who takes the next free one. The same seed gives the same shift.
"""

from __future__ import annotations

import queue
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from station.ledger import schema_version
from station.ledger.recorder import Recorder
from station.model.events import AttemptFinished, LedgerReply, RunCommitted, RunFinished, RunOpened
from station.model.ids import new_id
from station.model.runs import AttemptRecord, ImageRecord, Outcome, RunRecord

SLOTS = ("A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4")
BAD_SLOT = "B2"
BATCH = "2026-47"
UNITS = 200
BAD_UNITS = (37, 151)
"""Their memory is bad, whatever the slot."""
START = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
PARTITIONS = (
    ("HP", 1, 2_621_440, 11.0),
    ("HE", 2, 1_048_576, 4.6),
    ("ROMFS1", 3, 262_144, 1.2),
    ("ROMFS0", 4, 12_582_912, 20.5),
)
_BLOCK_BYTES = 4096


def record(data_dir: Path, seed: int = 5) -> list[RunRecord]:
    """Write the shift through the recorder and wait until all of it is committed."""
    schema_version.create_or_check(data_dir)
    replies: queue.SimpleQueue[LedgerReply] = queue.SimpleQueue()
    recorder = Recorder(data_dir, replies.put)
    runs = list(shift_runs(seed))
    for run in runs:
        recorder.submit(
            RunOpened(replace(run, outcome=None, finished_at=None, duration_s=None, code=None, attempts=()))
        )
        for attempt in run.attempts:
            recorder.submit(AttemptFinished(run.run_id, attempt))
        recorder.submit(RunFinished(run))
    told = [replies.get() for _ in range(2 * len(runs))] if recorder.close(240.0) else []
    if sum(isinstance(reply, RunCommitted) for reply in told) != len(runs):
        raise RuntimeError("the log did not take the shift")
    return runs


def serial_of(number: int) -> str:
    """The serial of a unit, counted from 0."""
    return f"{0x5A0C00000000000000000000 + number * 7919:024X}"


def shift_runs(seed: int) -> Iterator[RunRecord]:
    """The runs in the order in which they started."""
    chance = random.Random(seed)
    free_at = dict.fromkeys(SLOTS, START)
    waiting = [(serial_of(number), 0) for number in range(UNITS)]
    while waiting:
        serial, tried = waiting.pop(0)
        slot = min(SLOTS, key=lambda name: (free_at[name], name))
        run = _run(chance, serial, slot, free_at[slot])
        yield run
        free_at[slot] += timedelta(seconds=(run.duration_s or 0) + chance.uniform(6, 20))
        if run.outcome is not Outcome.PASS and tried < 2 and chance.random() < 0.9:
            # Back into the tray: run again after the dozen that are waiting in front of it.
            waiting.insert(min(12, len(waiting)), (serial, tried + 1))


def _run(chance: random.Random, serial: str, slot: str, started_at: datetime) -> RunRecord:
    attempts: list[AttemptRecord] = []
    at = started_at + timedelta(seconds=0.4)
    while not attempts or (attempts[-1].outcome is Outcome.FAIL and len(attempts) < 2):
        attempts.append(_attempt(chance, serial, slot, len(attempts) + 1, at))
        at += timedelta(seconds=attempts[-1].duration_s)
    last = attempts[-1]
    return RunRecord(
        run_id=new_id(),
        station_id="bench-1",
        serial=serial,
        identified=True,
        slot=slot,
        port_path=f"1-1.{SLOTS.index(slot) + 1}",
        batch=BATCH,
        operator="Ada" if started_at < START + timedelta(minutes=15) else "Bo",
        recipe="full",
        bundle="v4.7.0",
        bundle_sha256="6" * 64,
        bootloader="1.0.3",
        started_at=started_at,
        finished_at=at,
        duration_s=(at - started_at).total_seconds(),
        outcome=last.outcome,
        code=last.code,
        message=last.message,
        verified=last.outcome is Outcome.PASS,
        boot_confirmed=last.outcome is Outcome.PASS,
        attempts=tuple(attempts),
    )


def _attempt(chance: random.Random, serial: str, slot: str, number: int, at: datetime) -> AttemptRecord:
    outcome, code, message = _fate(chance.random(), bad_cable=slot == BAD_SLOT)
    if serial in _BAD_SERIALS and outcome is Outcome.PASS:
        outcome, code, message = Outcome.FAIL, "dfu.err_write", "block 612 of ROMFS0 was refused"
    written = len(PARTITIONS) if outcome is Outcome.PASS or code == "boot.timeout" else chance.randrange(1, 4)
    slowness = chance.uniform(0.97, 1.03) * (1.3 if slot == BAD_SLOT else 1.0)
    images = tuple(_image(position, slowness) for position in range(written))
    return AttemptRecord(
        attempt_id=new_id(),
        number=number,
        outcome=outcome,
        code=code,
        phase="boot" if written == len(PARTITIONS) else "write",
        started_at=at,
        duration_s=sum(image.write_s + image.verify_s for image in images) + (1.4 if outcome is Outcome.PASS else 5.0),
        message=message,
        images=images,
    )


def _image(position: int, slowness: float) -> ImageRecord:
    partition, alt, size_bytes, write_s = PARTITIONS[position]
    blocks, digest = size_bytes // _BLOCK_BYTES, f"{alt:064x}"
    return ImageRecord(
        partition, alt, size_bytes, digest, digest, blocks, blocks, write_s * slowness, write_s * slowness / 9
    )


def _fate(draw: float, *, bad_cable: bool) -> tuple[Outcome, str | None, str]:
    for limit, outcome, code, message in _BAD_CABLE if bad_cable else _GOOD_LINE:
        if draw < limit:
            return outcome, code, message
    return Outcome.PASS, None, ""


_BAD_SERIALS = frozenset(map(serial_of, BAD_UNITS))
_GOOD_LINE = (
    (0.008, Outcome.FAIL, "dfu.err_write", "block 612 of ROMFS0 was refused"),
    (0.018, Outcome.FAIL, "usb.io", "the transfer of block 93 broke off"),
    (0.024, Outcome.FAIL, "boot.timeout", "the application did not come back within 30 s"),
    (0.032, Outcome.ABORTED, "operator.unplugged", "the camera was pulled out"),
)
_BAD_CABLE = (
    (0.36, Outcome.FAIL, "usb.io", "the transfer of block 93 broke off"),
    (0.48, Outcome.FAIL, "usb.disconnected", "the camera vanished and came back by itself"),
    _GOOD_LINE[3],
)


if __name__ == "__main__":
    record(Path(sys.argv[1]))
