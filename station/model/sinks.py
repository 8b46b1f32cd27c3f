"""The factory's systems that hear of finished runs, and what waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from station.model.runs import Outcome

Kind = Literal["folder", "http", "tcp", "mqtt", "hook", "zpl"]
ALL_OUTCOMES = tuple(Outcome)
UNBOUND = "label.unbound"
"""Why a label waits: something that it prints of its camera is not known yet."""


@dataclass(frozen=True, slots=True)
class Sink:
    """One system, as it is configured. Durations are seconds.

    `to` is a folder, a URL (`http://`, `https://`, `tcp://HOST:PORT`, `mqtt://`, `mqtts://`) or a command line. A
    secret's file is read when it is used.
    """

    name: str
    kind: Kind
    to: str
    outcomes: tuple[Outcome, ...] = ALL_OUTCOMES
    """The runs of which it hears."""
    timeout_s: float = 10.0
    """How long it may take for one record."""
    retry_s: float = 1.0
    """The pause after the first failure; it doubles with each one more, up to `retry_limit_s`."""
    retry_limit_s: float = 300.0
    secret_file: str = ""
    """The key that HTTP requests are signed with, or MQTT's password."""
    username: str = ""
    topic: str = "station/runs"
    template: str = ""
    """The file that a label is made from (`zpl`)."""
    max_age_s: float = 600.0
    """A label that waited longer is not printed any more: it would come out beside another camera (`zpl`)."""
    printer_answers: bool = True
    """Whether the printer says how it is when it is asked (`~HS`)."""
    expects_product_serial: bool = False
    """Whether every product is to have a serial: then a label that shows one waits for it, whatever else it could
    show (`zpl`)."""

    @property
    def is_printer(self) -> bool:
        """Whether what it is sent comes out of it: then nothing is ever sent twice."""
        return self.kind == "zpl"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record was not delivered. `refused`: the system answered, and does not take this record; else it could not
    be reached, or did not answer, and says nothing of this record."""

    code: str
    message: str
    refused: bool = False

    @property
    def is_unbound(self) -> bool:
        """Nothing failed: a label waits until something of its camera is known."""
        return self.code == UNBOUND


@dataclass(frozen=True, slots=True)
class Tried:
    """One try to deliver a run to a sink: how it ended, None for delivered."""

    sink: str
    run_id: str
    at: datetime
    failure: Failure | None = None
    again_at: datetime | None = None
    """When it is tried again."""
    queued_at: datetime | None = None
    """Since when it waited, as it was read: what was queued anew meanwhile is not put off."""


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that is to be delivered now, how often that was tried, and its record as `station export` writes it."""

    run_id: str
    tries: int
    record: Mapping[str, Any]
    queued_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """A finished run that a sink has not taken yet."""

    sink: str
    run_id: str
    serial: str
    outcome: str
    queued_at: datetime
    tries: int
    tried_at: datetime | None
    next_at: datetime
    code: str | None
    message: str

    def to_json(self) -> dict[str, Any]:
        """The row as `station outbox --json` prints it."""
        return {
            "sink": self.sink,
            "run_id": self.run_id,
            "serial": self.serial,
            "outcome": self.outcome,
            "queued_at": self.queued_at.isoformat(),
            "tries": self.tries,
            "tried_at": self.tried_at.isoformat() if self.tried_at else None,
            "next_at": self.next_at.isoformat(),
            "code": self.code,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class LostLabel:
    """A label that was not printed, or of which nobody knows: `code` says which. It is not printed again by itself."""

    sink: str
    run_id: str
    serial: str
    queued_at: datetime
    dropped_at: datetime
    code: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """The row as `station label --json` prints it."""
        return {
            "sink": self.sink,
            "run_id": self.run_id,
            "serial": self.serial,
            "queued_at": self.queued_at.isoformat(),
            "dropped_at": self.dropped_at.isoformat(),
            "code": self.code,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one sink; `code` and `message` say why the run that was tried last was not taken."""

    sink: str
    waiting: int
    oldest_at: datetime
    failing: int = 0
    """So many of them were tried and not taken."""
    tries: int = 0
    """The most that one of them was tried."""
    code: str | None = None
    message: str = ""

    def lag(self, now: datetime) -> timedelta:
        """How long the oldest one waits."""
        return max(now - self.oldest_at, timedelta())
