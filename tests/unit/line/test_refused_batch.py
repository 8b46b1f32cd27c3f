"""What a line does when the log could not take its batch."""

from __future__ import annotations

from datetime import UTC, datetime

from station.line.dispatcher import Dispatcher
from station.line.listeners import Listeners
from station.line.pool import Pool
from station.model.batches import Batch
from station.model.events import BatchNotCommitted
from tests.unit.line.quiet_line import NO_LOG, PROGRAMS, SETUP

BATCH = Batch("b1", "s1", "L42", 5, "ann", datetime(2026, 1, 1, tzinfo=UTC))


def test_a_batch_that_is_not_in_the_log_stops_the_line_and_every_screen_says_why() -> None:
    dispatcher = Dispatcher(SETUP, NO_LOG, Pool(PROGRAMS, 0), Listeners(lambda run: None))
    try:
        dispatcher.ledger_replied(BatchNotCommitted(BATCH, "database is locked"))
        status = dispatcher.status()
    finally:
        dispatcher.close()
    assert (status.accepting, status.code) == (False, "ledger.write_failed")
    assert status.message == "batch L42 could not be written to the log: database is locked"
