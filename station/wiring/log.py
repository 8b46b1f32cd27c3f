"""The data folder and the log in it: held, opened for writing by a line, opened for reading by everybody else."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from station.errors import BusyError, LedgerError, UsageError
from station.file_lock import locked
from station.file_problems import named_reason
from station.line.setup import LineSetup, OpenLog
from station.model.batches import Batch
from station.model.events import LedgerReply
from station.model.serials import canonical_serial
from station.model.sinks import Sink
from station.model.units import RunFilter
from station.terminal_text import printable

if TYPE_CHECKING:
    from station.dashboard.log_port import Records
    from station.ledger.reader import Reader
    from station.ledger.recorder import Recovery

CLOCK_SLACK = timedelta(minutes=1)
"""How far the clocks of stations whose runs meet in one log may be apart."""
RECORDER_CLOSE_S = 15.0
"""How long the end of a station waits for the log to take what is queued."""


@contextmanager
def data_folder(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process; BusyError where another station has it."""
    with ExitStack() as held:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(data_dir / "station.lock"))
        except TimeoutError as error:
            raise BusyError("station.busy", f"another station works in the data folder {data_dir}") from error
        except OSError as error:
            raise LedgerError(
                "ledger.not_writable", f"the data folder {data_dir} cannot be used: {named_reason(error)}"
            ) from error
        yield


def units_named(data_dir: Path, serial: str) -> frozenset[str]:
    """The serials of bootloaders that a serial may stand for: its own, and that of the one unit whose application the
    log saw with it. A folder without a log knows none."""
    from station.ledger.reader import Reader

    try:
        with closing(Reader(data_dir)) as reader:
            unit = reader.unit_of_application(serial)
    except LedgerError:
        unit = None
    return frozenset(canonical_serial(name) for name in (serial, unit) if name)


def unit_to_look_at(data_dir: Path) -> str | None:
    """The serial of a unit whose story is worth reading: one that is not done, else the newest; None without a log."""
    from station.ledger.reader import Reader

    try:
        with closing(Reader(data_dir)) as reader:
            serials = [unit.serial for unit in reader.failed()] or [run.serial for run in reader.newest(RunFilter(), 1)]
    except LedgerError:
        return None
    return next((serial for serial in serials if serial), None)


@contextmanager
def open_records(data_dir: Path) -> Iterator[Records]:
    """What the log answers to a screen. LedgerError where there is no log, or its schema is out of date."""
    from station.ledger.reader import Reader

    with closing(Reader(data_dir)) as reader:
        yield records_of(reader)


def records_of(reader: Reader, station_id: str | None = None) -> Records:
    """What a log answers to a screen, of one station's runs or of all that are in it."""
    from station.dashboard.log_port import Records

    def selected(batch: str | None, since: datetime | None) -> RunFilter:
        return RunFilter(batch=batch, since=since, station_id=station_id)

    return Records(
        summary=lambda batch, since: reader.report(selected(batch, since)),
        rates=lambda since: reader.rates(selected(None, since)),
        newest=lambda batch, since, limit: reader.newest(selected(batch, since), limit),
        found=reader.found,
        finished=reader.finished,
        unit=reader.unit,
        failed=lambda batch, since: reader.failed(batch, since=since, station_id=station_id),
        batch_summary=reader.batch_summary,
        near_batches=reader.near_batches,
        backlogs=reader.backlogs,
        lost_labels=reader.lost_labels,
        unbound_labels=reader.unbound_labels,
    )


def refuse_nearly_another(data_dir: Path, batch: str | None, *, confirmed: bool) -> None:
    """UsageError usage.nearly_a_batch where a batch is to be begun whose name is nearly that of one in the log."""
    from station.ledger.reader import Reader

    if batch is None or confirmed:
        return
    try:
        with closing(Reader(data_dir)) as reader:
            near = reader.near_batches(batch)
    except LedgerError:
        return  # who opens it to write says what is wrong
    if near:
        named = ", ".join(printable(one) for one in near)
        raise UsageError(
            "usage.nearly_a_batch", f"the log has no batch {printable(batch)}, but one that is nearly the same: {named}"
        )


class Replies:
    """What the log answers goes to the line, which is made after the log was opened."""

    def __init__(self) -> None:
        self._take: Callable[[LedgerReply], None] | None = None

    def go_to(self, take: Callable[[LedgerReply], None]) -> None:
        """Everything from now on goes there."""
        self._take = take

    def __call__(self, reply: LedgerReply) -> None:
        """One answer; there is none before a line has handed in a fact."""
        if self._take is not None:
            self._take(reply)


def open_log(
    data_dir: Path, setup: LineSetup, replies: Replies, opened: ExitStack, sinks: Sequence[Sink] = ()
) -> OpenLog:
    """The log of the data folder, made where there is none, what an earlier station left over settled. Its finished
    runs wait for these sinks."""
    from station.ledger import schema_version
    from station.ledger.reader import Reader
    from station.ledger.recorder import Recorder

    schema_version.create_or_check(data_dir)
    recorder = Recorder(data_dir, replies, sinks=sinks)
    opened.callback(recorder.close, RECORDER_CLOSE_S)
    tell_of(recorder.close_interrupted(), data_dir)
    reader = opened.enter_context(closing(Reader(data_dir)))
    _warn_of_a_clock_set_back(reader)
    begun = batch_going_on(setup, reader.open_batch(setup.station_id))
    left = None if begun is not None else _left_under_another_id(setup, reader)
    return OpenLog(
        recorder.submit,
        reader.history,
        reader.counted_units,
        reader.unit_of_application,
        recorder.hurry,
        begun,
        left,
        writes=lambda: recorder.writes,
    )


def batch_going_on(setup: LineSetup, begun: Batch | None) -> Batch | None:
    """The batch that was begun at the bench and not ended, unless another one is named, or the line flashes only what
    is plugged in or stays outside. An operator who is named takes it over."""
    if begun is None or setup.only_present or setup.outside_batches or setup.batch not in (None, begun.name):
        return None
    return replace(begun, operator=setup.operator or begun.operator)


def _left_under_another_id(setup: LineSetup, reader: Reader) -> Batch | None:
    """The batch that would go on if the station still had the id under which it was begun. It is said."""
    if setup.batch is not None or setup.only_present or setup.outside_batches:
        return None
    left = reader.open_elsewhere(setup.station_id)
    if left is not None:
        name, other, own = printable(left.name), printable(left.station_id), printable(setup.station_id)
        logging.getLogger(__name__).warning(
            "batch %s is open under the station id %s, and this station is %s now (its host was renamed, or its id was "
            'set): this line has no batch. To go on with it, set id = "%s" in [station] or STATION_ID; '
            "to begin it under the new id: station run --batch %s",
            *(name, other, own, other, shlex.quote(name)),
        )
    return left


def tell_of(left_over: Recovery, data_dir: Path) -> None:
    """Say what an earlier station left behind and what became of it: nobody else tells whoever starts the next one."""
    from station.ledger.journal import FOLDER, UNUSABLE

    log = logging.getLogger(__name__)
    where = f"--data-dir {shlex.quote(str(data_dir))}"
    if count := left_over.interrupted_runs:
        runs = "1 run was" if count == 1 else f"{count} runs were"
        log.warning("%s cut off when the station ended last: station failed %s names the cameras", runs, where)
    if count := left_over.journaled_runs:
        results = "1 result" if count == 1 else f"{count} results"
        log.warning("%s that waited in the journal went into the log", results)
    if count := left_over.unusable_lines:
        lines = "1 line" if count == 1 else f"{count} lines"
        kept = data_dir / FOLDER
        log.error("%s of the journal could not be read, and may be results: kept in %s (*%s)", lines, kept, UNUSABLE)


def _warn_of_a_clock_set_back(reader: Reader) -> None:
    """The time says which result of a unit is its latest, and many a small machine forgets it while it is off."""
    newest = reader.newest(RunFilter(), 1)
    if newest and newest[0].started_at > datetime.now(UTC) + CLOCK_SLACK:
        logging.getLogger(__name__).warning(
            "the clock of this machine is behind its log, whose newest run began at %s: set it (timedatectl), "
            "or reports take older results for the latest",
            newest[0].started_at.isoformat(timespec="seconds"),
        )
