"""What the log answers, taken in: to its slot, to who said something of a unit, or to the whole line."""

from __future__ import annotations

from collections.abc import Callable

from station.clock import monotonic_s
from station.errors import LedgerError
from station.line.log_waits import LogWaits
from station.line.run_rules import DISK_FULL, LOG_LOCKED
from station.line.slot_events import SlotEvent, UnitMarked
from station.line.stop_reasons import Stopping
from station.line.unit_bindings_asked import BindingsAsked
from station.model.events import (
    BatchNotCommitted,
    BindingCommitted,
    BindingRefused,
    DiskFull,
    LedgerReply,
    LogLocked,
)
from station.model.notices import Notice
from station.problem import sentence

WAITS = {LogLocked: ("notice.log_locked", LOG_LOCKED), DiskFull: ("notice.disk_full", DISK_FULL)}


class LogReplies:
    """Takes in one reply after the other, in the dispatcher's thread."""

    def __init__(
        self,
        bindings: BindingsAsked,
        stopping: Stopping,
        on_notice: Callable[[Notice], None],
        feed: Callable[[str, SlotEvent], None],
        feed_all: Callable[[SlotEvent], None],
    ) -> None:
        self._bindings = bindings
        self._stopping = stopping
        self._on_notice = on_notice
        self._feed = feed
        self._feed_all = feed_all
        self._waits = LogWaits()

    def take_in(self, reply: LedgerReply) -> None:
        """A batch that could not be written stops the line: nothing brings it again."""
        if isinstance(reply, BatchNotCommitted):
            text = sentence(
                "batch {name} could not be written to the log: {reason}", name=reply.batch.name, reason=reply.reason
            )
            self._stopping.stop_because(LedgerError("ledger.write_failed", text))
        elif isinstance(reply, BindingCommitted):
            self._feed_all(UnitMarked(reply.unit))
            self._bindings.replied(reply)
        elif isinstance(reply, BindingRefused):
            self._bindings.replied(reply)
        elif isinstance(reply, LogLocked | DiskFull):
            self._feed_all(reply)
            if self._waits.is_new(type(reply), monotonic_s()):
                self._on_notice(Notice("", "", *WAITS[type(reply)]))
        else:
            self._feed(reply.run.port_path, reply)
