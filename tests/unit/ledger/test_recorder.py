from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

import station.ledger.recorder
from station.errors import LedgerError
from station.ledger.database import FILE_NAME
from station.ledger.disk_room import LOG_RESERVE
from station.ledger.integrity import check
from station.ledger.journal import FOLDER, RESERVE, RESERVE_BYTES, journal_files, read
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder, Recovery
from station.model.batches import Batch
from station.model.events import (
    AttemptFinished,
    BatchNotCommitted,
    BatchNoted,
    DiskFull,
    LedgerReply,
    LogLocked,
    OpeningCommitted,
    OpeningNotCommitted,
    RunCommitted,
    RunFinished,
    RunNotCommitted,
    RunOpened,
)
from station.model.ids import new_id
from station.model.runs import Outcome
from tests.harness import wait_for
from tests.unit.ledger.builders import OTHER_SERIAL, SERIAL, START, a_run, an_attempt, opened
from tests.unit.ledger.conftest import LIMIT_S, Replies

NewRecorder = Callable[..., Recorder]


@contextmanager
def locked(data_dir: Path) -> Iterator[sqlite3.Connection]:
    """Another program holds the write lock."""
    with closing(sqlite3.connect(data_dir / FILE_NAME, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other
        if other.in_transaction:
            other.execute("ROLLBACK")


@contextmanager
def full_disk(data_dir: Path) -> Iterator[None]:
    """Every connection opened meanwhile finds no room for one page more."""
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]

    def limit(connection: sqlite3.Connection, _entry: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}").close()

    event.listen(Pool, "connect", limit)
    try:
        yield
    finally:
        event.remove(Pool, "connect", limit)


def count(data_dir: Path, table: str) -> int:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_run_goes_in_step_by_step_and_comes_out_whole(recorder: Recorder, reader: Reader, replies: Replies) -> None:
    first, second = an_attempt(1, Outcome.FAIL), an_attempt(2)
    run = a_run(attempts=(first, second))
    recorder.submit(RunOpened(opened(run)))
    recorder.submit(AttemptFinished(run.run_id, first))
    recorder.submit(RunFinished(run))
    assert replies.next_opening() == OpeningCommitted(opened(run))
    assert replies.next() == RunCommitted(run)
    assert list(reader.runs()) == [run]
    assert replies.none_left()


def test_an_open_run_and_its_attempt_are_there_before_it_ends(recorder: Recorder, data_dir: Path) -> None:
    attempt = an_attempt(1, Outcome.FAIL)
    run = a_run()
    recorder.submit(RunOpened(opened(run)))
    recorder.submit(AttemptFinished(run.run_id, attempt))
    assert recorder.close(LIMIT_S)
    found = list(Reader(data_dir).runs())
    assert found == [replace(opened(run), attempts=(attempt,))]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_finished_run_needs_no_opening(
    recorder: Recorder, reader: Reader, replies: Replies, outcome: Outcome
) -> None:
    run = a_run(outcome)
    recorder.submit(RunFinished(run))
    assert replies.next() == RunCommitted(run)
    assert list(reader.runs()) == [run]


def test_telling_everything_twice_changes_nothing(
    recorder: Recorder, reader: Reader, data_dir: Path, replies: Replies
) -> None:
    run = a_run(attempts=(an_attempt(1, Outcome.FAIL), an_attempt(2)))
    for _ in range(2):
        recorder.submit(RunOpened(opened(run)))
        for attempt in run.attempts:
            recorder.submit(AttemptFinished(run.run_id, attempt))
        recorder.submit(RunFinished(run))
        assert replies.next() == RunCommitted(run)
    assert list(reader.runs()) == [run]
    assert [count(data_dir, table) for table in ("units", "runs", "attempts", "images")] == [1, 1, 2, 4]


def test_an_attempt_of_an_unknown_run_is_left_to_its_run(recorder: Recorder, reader: Reader, replies: Replies) -> None:
    run = a_run()
    recorder.submit(AttemptFinished(run.run_id, run.attempts[0]))
    recorder.submit(RunFinished(run))
    assert replies.next() == RunCommitted(run)
    assert list(reader.runs()) == [run]


def test_the_reply_comes_after_the_commit(data_dir: Path) -> None:
    seen: list[int] = []
    told = threading.Event()

    def look(_reply: object) -> None:
        with closing(sqlite3.connect(f"file:{data_dir / FILE_NAME}?mode=ro", uri=True)) as other:
            seen.append(other.execute("SELECT count(*) FROM runs WHERE outcome = 'PASS'").fetchone()[0])
        told.set()

    recorder = Recorder(data_dir, look)
    recorder.submit(RunFinished(a_run()))
    assert told.wait(LIMIT_S)
    assert recorder.close(LIMIT_S)
    assert seen == [1]


def test_serials_that_name_no_unit_never_share_one(recorder: Recorder, data_dir: Path, replies: Replies) -> None:
    runs = [a_run(serial=serial, identified=False) for serial in ("", "", "0" * 24, "0" * 24, SERIAL)]
    known = [a_run(serial=SERIAL), a_run(serial=SERIAL.lower()), a_run(serial=OTHER_SERIAL)]
    for run in [*runs, *known]:
        recorder.submit(RunOpened(opened(run)))
        recorder.submit(RunFinished(run))
        assert replies.next() == RunCommitted(run)
    assert count(data_dir, "units") == len(runs) + 2


def test_a_run_that_loses_its_identity_leaves_its_unit(recorder: Recorder, data_dir: Path, replies: Replies) -> None:
    run = a_run(Outcome.FAIL, code="identity.duplicate_serial")
    recorder.submit(RunOpened(opened(run)))
    recorder.submit(RunFinished(replace(run, identified=False)))
    replies.next()
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        assert connection.execute("SELECT serial, identified FROM units").fetchall() == [(SERIAL, 0)]


def test_strings_that_no_database_can_hold_are_spelt_out(recorder: Recorder, reader: Reader, replies: Replies) -> None:
    recorder.submit(RunFinished(a_run(serial="AB\0CD\ud800", message="ok\udcff", identified=False)))
    assert isinstance(replies.next(), RunCommitted)
    (found,) = reader.runs()
    assert (found.serial, found.message) == ("AB\\x00CD\\ud800", "ok\\udcff")


def test_four_threads_submit_four_hundred_runs(recorder: Recorder, data_dir: Path, replies: Replies) -> None:
    def work(name: str) -> None:
        for number in range(100):
            run = a_run(minute=number, serial=f"{name}{number:023d}")
            recorder.submit(RunOpened(opened(run)))
            recorder.submit(AttemptFinished(run.run_id, run.attempts[0]))
            recorder.submit(RunFinished(run))

    threads = [threading.Thread(target=work, args=(name,)) for name in "ABCD"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    committed = [replies.next() for _ in range(400)]
    assert len({reply.run.run_id for reply in committed if isinstance(reply, RunCommitted)}) == 400
    assert [count(data_dir, table) for table in ("units", "runs", "attempts", "images")] == [400, 400, 400, 800]
    assert check(data_dir).ok


def test_submit_does_not_wait_for_a_locked_log(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies
) -> None:
    recorder = new_recorder()
    run = a_run()
    with locked(data_dir) as other:
        recorder.submit(RunOpened(opened(run)))
        recorder.submit(RunFinished(run))
        assert replies.none_left()
        other.execute("ROLLBACK")
        assert replies.next() == RunCommitted(run)
    assert list(reader.runs()) == [run]
    assert journal_files(data_dir) == []


def test_a_log_that_stays_locked_is_told_and_journaled(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies
) -> None:
    recorder = new_recorder(write_limit_s=0.2)
    first, second = a_run(), a_run(serial=OTHER_SERIAL)
    with locked(data_dir):
        for run in (first, second):
            recorder.submit(RunFinished(run))
            reply = replies.next()
            assert isinstance(reply, RunNotCommitted)
            assert reply.run == run
            assert "locked" in reply.reason
    after = a_run(minute=5)
    recorder.submit(RunFinished(after))
    assert replies.next() == RunCommitted(after)
    (file,) = journal_files(data_dir)
    assert [json.loads(line)["run"]["run_id"] for line in file.read_text().splitlines() if line] == [
        first.run_id,
        second.run_id,
    ]
    assert list(reader.runs()) == [after]


def test_a_batch_that_the_log_does_not_take_is_told(
    new_recorder: NewRecorder, data_dir: Path, replies: Replies
) -> None:
    recorder = new_recorder(write_limit_s=0.2)
    batch = Batch("b1", "bench-1", "L42", 5, "ann", START)
    with locked(data_dir):
        recorder.submit(BatchNoted(batch))
        reply = replies.next()
    assert isinstance(reply, BatchNotCommitted)
    assert reply.batch == batch
    assert "locked" in reply.reason


def test_the_start_writes_the_journal_as_what_the_operator_was_told(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies
) -> None:
    run = a_run(attempts=(an_attempt(1, Outcome.FAIL), an_attempt(2)))
    recorder = new_recorder(write_limit_s=0.2)
    recorder.submit(RunOpened(opened(run)))
    # Facts are taken in order: when this one is answered, the open run is in the log.
    recorder.submit(RunFinished(first := a_run(minute=-1)))
    assert replies.next() == RunCommitted(first)
    assert list(reader.runs()) == [first, opened(run)]
    with locked(data_dir):
        recorder.submit(RunFinished(run))
        assert isinstance(replies.next(), RunNotCommitted)
    (file,) = journal_files(data_dir)
    kept = file.read_bytes()
    again = new_recorder()
    assert again.close_interrupted() == Recovery(interrupted_runs=0, journaled_runs=1)
    _, found = reader.runs()
    assert (found.outcome, found.code) == (Outcome.ERROR, "ledger.write_failed")
    assert "was PASS" in found.message
    assert "locked" in found.message
    assert found.attempts == run.attempts
    assert journal_files(data_dir) == []
    # The power goes between the commit and the removal: the same once more.
    file.write_bytes(kept)
    assert again.close_interrupted().journaled_runs == 1
    assert list(reader.runs()) == [first, found]
    assert again.close_interrupted() == Recovery()


def test_a_journal_with_a_torn_line_is_used_and_put_aside(recorder: Recorder, data_dir: Path, reader: Reader) -> None:
    good, impossible = a_run(), a_run(attempts=(an_attempt(1), an_attempt(1)))
    lines = [json.dumps({"journaled_at": "", "reason": "full", "run": run.to_json()}) for run in (good, impossible)]
    folder = data_dir / FOLDER
    folder.mkdir()
    (folder / "0.jsonl").write_text(f"{lines[0][:200]}\n{lines[1]}\n\n{lines[0]}\n\xff{{")
    assert recorder.close_interrupted() == Recovery(0, 1, 3)
    assert [run.run_id for run in reader.runs()] == [good.run_id]
    assert [path.name for path in folder.iterdir()] == ["0.jsonl.unusable"]
    assert recorder.close_interrupted() == Recovery()


def test_a_full_disk_is_told_and_the_run_is_whole_afterwards(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies
) -> None:
    runs = [a_run(minute=minute, message="x" * 9000) for minute in range(3)]
    with full_disk(data_dir):
        recorder = new_recorder(write_limit_s=0.1)
        recorder.submit(RunOpened(opened(runs[0])))
        for run in runs:
            recorder.submit(RunFinished(run))
            while (reply := replies.next()) == DiskFull():
                pass
            assert isinstance(reply, RunNotCommitted)
            assert "full" in reply.reason
        assert journal_files(data_dir)
        assert recorder.close(LIMIT_S)
    assert all(run.outcome is None for run in reader.runs())
    assert check(data_dir).ok
    again = new_recorder()
    assert again.close_interrupted().journaled_runs == 3
    found = list(reader.runs())
    assert [run.run_id for run in found] == [run.run_id for run in runs]
    assert {run.code for run in found} == {"ledger.write_failed"}
    assert [run.attempts for run in found] == [run.attempts for run in runs]


def test_on_a_full_disk_the_reserve_makes_room_for_results(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full for log and journal alike, to the last block of what was reserved beforehand."""
    recorder, reserve, write = new_recorder(write_limit_s=0.1), data_dir / RESERVE, os.write
    recorder.close_interrupted()
    assert reserve.stat().st_blocks * 512 >= RESERVE_BYTES, "a file with holes reserves nothing"

    def no_room(descriptor: int, data: bytes) -> int:
        if reserve.exists() and FOLDER in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    run = a_run()
    with monkeypatch.context() as patch, locked(data_dir):
        patch.setattr(os, "write", no_room)
        recorder.submit(RunFinished(run))
        reply = replies.next()
    assert isinstance(reply, RunNotCommitted)
    assert "is kept in" in reply.reason
    assert not reserve.exists()
    assert recorder.close_interrupted().journaled_runs == 1
    assert [found.run_id for found in reader.runs()] == [run.run_id]
    assert reserve.exists(), "and for the next time"


class Disk:
    """A disk that is full for the log while it is; what a reserve takes away from it can be had."""

    def __init__(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        self.used: list[bool] = []
        reserve, commit = data_dir / LOG_RESERVE, Recorder._commit

        def try_to_commit(recorder: Recorder, work: Any) -> Any:
            if self.is_full and reserve.exists():
                raise OSError(errno.ENOSPC, "No space left on device")
            if self.is_full and len(self.used) >= 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.used += [True] if self.is_full else []
            return commit(recorder, work)

        free = shutil.disk_usage
        monkeypatch.setattr(Recorder, "_commit", try_to_commit)
        monkeypatch.setattr(
            shutil, "disk_usage", lambda path: free(path)._replace(free=0) if self.is_full else free(path)
        )


def test_results_are_written_into_the_reserve_and_openings_wait_for_room(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finished run is green at once, in room that was kept for it. One that would begin waits behind nothing, is not
    refused, and begins when there is room; so does the reserve."""
    disk, recorder = Disk(data_dir, monkeypatch), new_recorder()
    recorder.close_interrupted()
    done, also, next_one, after = (a_run(minute=minute) for minute in range(4))
    disk.is_full = True
    for run in (next_one, after):
        recorder.submit(RunOpened(opened(run)))
        assert replies.next() == DiskFull()
    for run in (done, also):
        recorder.submit(RunFinished(run))
        while (reply := replies.next()) == DiskFull():
            pass
        assert reply == RunCommitted(run)
    assert [run.run_id for run in reader.runs()] == [done.run_id, also.run_id]
    assert not (data_dir / LOG_RESERVE).exists()
    disk.is_full = False
    assert [replies.next_opening() for _ in (next_one, after)] == [
        OpeningCommitted(opened(next_one)),
        OpeningCommitted(opened(after)),
    ]
    assert (data_dir / LOG_RESERVE).exists(), "and for the next time"
    assert not journal_files(data_dir)


def test_a_result_that_the_reserve_had_no_room_for_waits_in_the_journal(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, recorder = Disk(data_dir, monkeypatch), new_recorder()
    recorder.close_interrupted()
    runs = [a_run(minute=minute) for minute in range(5)]
    disk.is_full = True
    for run in runs:
        recorder.submit(RunFinished(run))
    wait_for(lambda: journal_files(data_dir), "what does not fit is in the journal")
    (file,) = journal_files(data_dir)
    wait_for(lambda: len(read(file).waiting) == 3, "all of it")
    assert len(list(reader.runs())) == 2
    disk.is_full = False
    answers = [answer for answer in iter(replies.next, RunCommitted(runs[-1])) if answer != DiskFull()]
    assert answers == [RunCommitted(run) for run in runs[:-1]], "in order, none twice"
    assert [run.outcome for run in reader.runs()] == [Outcome.PASS] * 5
    wait_for(lambda: not journal_files(data_dir), "nothing is left of it")


def test_an_opening_that_waits_for_room_is_refused_when_nobody_makes_any(
    new_recorder: NewRecorder, data_dir: Path, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, recorder = Disk(data_dir, monkeypatch), new_recorder(write_limit_s=0.1)
    recorder.close_interrupted()
    disk.is_full, run = True, a_run()
    recorder.submit(RunOpened(opened(run)))
    assert replies.next_opening() == OpeningNotCommitted(opened(run), "the disk is full")


def test_the_end_of_a_run_whose_opening_waits_is_all_of_it(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was pulled out meanwhile: its opening does not come behind its end."""
    disk, recorder = Disk(data_dir, monkeypatch), new_recorder()
    recorder.close_interrupted()
    disk.is_full, run = True, a_run(Outcome.ABORTED)
    recorder.submit(RunOpened(opened(run)))
    recorder.submit(RunFinished(run))
    assert RunCommitted(run) in iter(replies.next, None)
    disk.is_full = False
    assert recorder.close(LIMIT_S)
    assert list(reader.runs()) == [run]


def test_a_line_is_not_begun_on_a_full_disk(
    new_recorder: NewRecorder, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(LedgerError) as refused:
        new_recorder().close_interrupted()
    assert refused.value.code == "ledger.disk_full"
    assert str(data_dir) in refused.value.message
    assert not list(data_dir.glob(".*reserve"))


def test_an_opening_that_failed_is_told_and_may_come_with_its_end(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies
) -> None:
    recorder = new_recorder(write_limit_s=0.1)
    stuck, run = a_run(serial=OTHER_SERIAL), a_run()
    with locked(data_dir):
        recorder.submit(RunOpened(opened(run)))
        recorder.submit(AttemptFinished(run.run_id, run.attempts[0]))
        recorder.submit(RunFinished(stuck))
        refused = replies.next_opening()
        assert isinstance(refused, OpeningNotCommitted)
        assert "locked" in refused.reason
        assert isinstance(replies.next(), RunNotCommitted)
    recorder.submit(RunFinished(run))
    assert replies.next() == RunCommitted(run)
    assert list(reader.runs()) == [run]


def test_when_the_journal_fails_too_the_reason_says_both(
    new_recorder: NewRecorder, data_dir: Path, replies: Replies
) -> None:
    recorder = new_recorder(write_limit_s=0.1)
    (data_dir / FOLDER).write_text("a file in the folder's place")
    with locked(data_dir):
        recorder.submit(RunFinished(a_run()))
        reply = replies.next()
    assert isinstance(reply, RunNotCommitted)
    assert "locked" in reply.reason
    assert "nor could the journal" in reply.reason


def test_a_record_that_cannot_be_stored_is_answered_and_the_next_one_is_stored(
    recorder: Recorder, replies: Replies
) -> None:
    bad, good = a_run(), a_run(serial=OTHER_SERIAL)
    recorder.submit(RunFinished(replace(bad, started_at=bad.started_at.replace(tzinfo=None))))
    reply = replies.next()
    assert isinstance(reply, RunNotCommitted)
    assert "offset" in reply.reason
    recorder.submit(RunFinished(good))
    assert replies.next() == RunCommitted(good)


def test_a_listener_that_fails_does_not_stop_the_log(data_dir: Path, replies: Replies) -> None:
    def fail_once(reply: object) -> None:
        if replies.none_left():
            replies(reply)  # type: ignore[arg-type]
            raise RuntimeError("the listener's own trouble")
        replies(reply)  # type: ignore[arg-type]

    recorder = Recorder(data_dir, fail_once)
    runs = [a_run(), a_run(minute=1)]
    for run in runs:
        recorder.submit(RunFinished(run))
    assert [replies.next() for _ in runs] == [RunCommitted(run) for run in runs]
    assert recorder.close(LIMIT_S)


def test_what_was_left_open_is_closed_with_what_is_known_of_it(
    new_recorder: NewRecorder, reader: Reader, replies: Replies
) -> None:
    before = new_recorder()
    held = a_run(minute=2, serial=OTHER_SERIAL)
    tried = a_run(minute=0)
    attempt = an_attempt(1, Outcome.FAIL)
    for run in (tried, held):
        before.submit(RunOpened(opened(run)))
    before.submit(AttemptFinished(tried.run_id, attempt))
    assert before.close(LIMIT_S)
    assert new_recorder().close_interrupted() == Recovery(interrupted_runs=2)
    first, second = reader.runs()
    for run in (first, second):
        assert (run.outcome, run.code) == (Outcome.ERROR, "station.interrupted")
        assert "stopped" in run.message
        # The station was last heard of when it held the second camera, and both were under way then.
        assert run.finished_at == held.started_at
    assert (first.duration_s, first.attempts) == (120.0, (attempt,))
    assert (second.duration_s, second.attempts) == (None, ())
    assert new_recorder().close_interrupted() == Recovery()
    assert list(reader.runs()) == [first, second]


@pytest.mark.parametrize(
    ("heard_by", "known_s"),
    [
        ("an attempt of its own", 13.25),
        ("a run that ended", 90.0),
        ("a run that ended and began an hour earlier", None),
        ("another station", None),
    ],
)
def test_an_interrupted_run_went_on_until_its_station_was_last_heard_of(
    recorder: Recorder, reader: Reader, replies: Replies, heard_by: str, known_s: float | None
) -> None:
    run = opened(a_run(minute=0))
    recorder.submit(RunOpened(run))
    ended = a_run(minute=0.5, serial=OTHER_SERIAL)
    match heard_by:
        case "an attempt of its own":
            recorder.submit(AttemptFinished(run.run_id, an_attempt(1, Outcome.FAIL)))
        case "a run that ended":
            recorder.submit(RunFinished(ended))
        case "a run that ended and began an hour earlier":
            recorder.submit(RunFinished(a_run(minute=-60, serial=OTHER_SERIAL)))
        case "another station":
            recorder.submit(RunFinished(replace(ended, station_id="bench-2")))
    assert recorder.close_interrupted().interrupted_runs == 1
    (found,) = (each for each in reader.runs() if each.run_id == run.run_id)
    assert found.duration_s == known_s
    assert found.finished_at == run.started_at + timedelta(seconds=known_s or 0)


def test_what_a_station_of_another_name_left_open_is_closed_too(new_recorder: NewRecorder, reader: Reader) -> None:
    before = new_recorder()
    renamed = a_run(minute=0, station_id="the-old-name")
    before.submit(RunOpened(opened(renamed)))
    before.submit(RunOpened(opened(a_run(minute=1, serial=OTHER_SERIAL))))
    assert before.close(LIMIT_S)
    assert new_recorder().close_interrupted() == Recovery(interrupted_runs=2)
    assert reader.open_runs() == 0
    found = next(reader.runs())
    assert (found.station_id, found.code) == ("the-old-name", "station.interrupted")


def test_a_night_between_a_crash_and_the_next_start_does_not_slow_the_line(
    recorder: Recorder, reader: Reader, replies: Replies
) -> None:
    for minute in (0, 2):
        recorder.submit(RunFinished(a_run(minute=minute, serial=str(minute))))
    recorder.submit(RunOpened(opened(a_run(minute=4))))
    recorder.close_interrupted()
    # Two units in the four minutes that are known of; the runs are long past.
    assert reader.report().units_per_hour == pytest.approx(30)


def test_close_interrupted_tells_what_is_wrong(new_recorder: NewRecorder, data_dir: Path) -> None:
    recorder = new_recorder(write_limit_s=0.1)
    with locked(data_dir), pytest.raises(LedgerError, match="locked"):
        recorder.close_interrupted()


def test_close_writes_what_is_queued_and_then_takes_no_more(
    new_recorder: NewRecorder, data_dir: Path, replies: Replies
) -> None:
    recorder = new_recorder()
    runs = [a_run(minute=minute) for minute in range(50)]
    for run in runs:
        recorder.submit(RunFinished(run))
    assert recorder.close(LIMIT_S)
    assert [replies.next() for _ in runs] == [RunCommitted(run) for run in runs]
    assert count(data_dir, "runs") == 50
    with pytest.raises(LedgerError):
        recorder.submit(RunFinished(a_run()))


def test_close_says_when_it_could_not_finish(new_recorder: NewRecorder, data_dir: Path, replies: Replies) -> None:
    recorder = new_recorder()
    with locked(data_dir):
        recorder.submit(RunFinished(a_run()))
        assert not recorder.close(0.05)
    assert recorder.close(LIMIT_S)
    assert isinstance(replies.next(), RunCommitted)


def test_a_lock_is_waited_for_and_what_waits_is_in_the_journal_until_the_log_has_it(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station.ledger.recorder, "JOURNAL_AFTER_S", 0.0)
    recorder = new_recorder(write_limit_s=30)
    first, second = a_run(), a_run(serial=OTHER_SERIAL)
    with locked(data_dir):
        for run in (first, second):
            recorder.submit(RunFinished(run))
        assert replies.next() == LogLocked()
        (file,) = journal_files(data_dir)
        wait_for(lambda: len(read(file).waiting) == 2, "both in the journal")
        kept = file.read_bytes()
        assert list(reader.runs()) == []
    told: list[LedgerReply] = []
    while len(told) < 2:
        if (reply := replies.next()) != LogLocked():
            told.append(reply)
    assert told == [RunCommitted(first), RunCommitted(second)]
    assert sorted(run.outcome or "" for run in reader.runs()) == [Outcome.PASS, Outcome.PASS]
    wait_for(lambda: journal_files(data_dir) == [], "the journal is not needed any more")
    # The power goes between the commit and the removal: what was shown as PASS stays one.
    file.write_bytes(kept)
    new_recorder().close_interrupted()
    assert sorted(run.outcome or "" for run in reader.runs()) == [Outcome.PASS, Outcome.PASS]


def test_what_waited_for_a_lock_when_the_station_died_is_no_pass(
    new_recorder: NewRecorder, data_dir: Path, reader: Reader, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has seen it green."""
    monkeypatch.setattr(station.ledger.recorder, "JOURNAL_AFTER_S", 0.0)
    run = a_run(attempts=())
    dying = new_recorder(write_limit_s=30)
    with locked(data_dir):
        dying.submit(RunFinished(run))
        assert replies.next() == LogLocked()
        (file,) = journal_files(data_dir)
        kept = file.read_bytes()
        dying.hurry()
    wait_for(lambda: list(reader.runs()), "the log has it")
    wait_for(lambda: journal_files(data_dir) == [], "the journal is not needed any more")
    file.write_bytes(kept.replace(run.run_id.encode(), (other := new_id()).encode()))
    new_recorder().close_interrupted()
    found = {each.run_id: each.outcome for each in reader.runs()}
    assert found == {run.run_id: Outcome.PASS, other: Outcome.ERROR}
