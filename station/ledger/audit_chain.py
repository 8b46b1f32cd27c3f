"""The audit's chain: every row carries the hash of the row before it. Pure.

1. A row's hash is the SHA-256 of its JSON: keys sorted, no blanks, UTF-8, with the hash of the row before (of the
   station's first row: "").
2. So a row that is changed, taken out or put in between others breaks the chain at its place, unless every later hash
   is computed again. Against that, and against rows cut off at the end, a `Head` is kept in a second place.
3. A head names the last row, and the one that is just being written: a power cut between the two places leaves one of
   the two there, and is no finding.
4. Not found is what was done to both places at once by somebody who computed every hash again. A copy of the last hash
   elsewhere (`station db check` prints it) finds that too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

BROKEN = "broken_chain"
"""What a row's details have where the row was added to a chain whose end was not as the second place has it."""
FIRST = ""
"""Stands for the hash before a station's first row."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row. `at` is UTC, ISO 8601 with offset; `details` are JSON as text."""

    station_id: str
    number: int
    at: str
    who: str
    role: str
    act: str
    subject: str
    details: str
    previous_hash: str
    hash: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row as `station audit --json` prints it; details that are no JSON any more as their text."""
        try:
            details = json.loads(self.details)
        except ValueError:
            details = self.details
        return {**asdict(self), "details": details}

    @property
    def name(self) -> str:
        """How a finding names it."""
        return f"audit row {self.number} of station {self.station_id} ({self.act} by {self.who or '-'} at {self.at})"


@dataclass(frozen=True, slots=True)
class Head:
    """What the second place says of a station's chain: its last row, and the one that was about to follow it."""

    number: int = 0
    hash: str = FIRST
    next_hash: str = ""


def canonical_json(value: object) -> str:
    """JSON in the one form that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def hash_of(row: AuditRow) -> str:
    """The hash that belongs to a row."""
    given = asdict(row)
    del given["hash"]
    return hashlib.sha256(canonical_json(given).encode("utf-8", "backslashreplace")).hexdigest()


def problems(rows: Sequence[AuditRow], heads: Mapping[str, Head]) -> list[str]:
    """What is wrong with the chains of all stations, one line each. `rows` are by station and number; `heads` are what
    the second place says, by station."""
    found: list[str] = []
    last: dict[str, AuditRow] = {}
    for station_id, chain in groupby(rows, lambda row: row.station_id):
        links = list(chain)
        found += _broken_links(links)
        last[station_id] = links[-1]
    for station_id in sorted({*last, *heads}):
        found += against_head(station_id, last.get(station_id), heads.get(station_id))
    return found


def _broken_links(chain: Sequence[AuditRow]) -> Iterator[str]:
    number, before = 0, FIRST
    for row in chain:
        if row.number != number + 1:
            yield f"audit rows {number + 1} to {row.number - 1} of station {row.station_id} are missing"
        elif row.previous_hash != before:
            yield f"{row.name} does not follow the row before it: one of the two was changed, put in or taken out"
        if hash_of(row) != row.hash:
            yield f"{row.name} was changed: its hash does not fit"
        elif f'"{BROKEN}":' in row.details:
            yield f"when {row.name} was added: {'; '.join(json.loads(row.details)[BROKEN])}"
        number, before = row.number, row.hash


def against_head(station_id: str, last: AuditRow | None, head: Head | None) -> list[str]:
    """What is wrong with the end of a station's chain, going by the second place; None where that knows no such one."""
    number, hashed = (last.number, last.hash) if last else (0, FIRST)
    if head is None:
        said = f"the last hash of station {station_id}'s audit is in no second place: the file was taken away"
        return [said] if last else []
    # The other one: written, and cut off before the second place was told.
    if (number, hashed) in ((head.number, head.hash), (head.number + 1, head.next_hash)):
        return []
    if number < head.number:
        return [f"audit rows {number + 1} to {head.number} of station {station_id} are missing at the end"]
    if number > head.number:
        return [f"audit rows {head.number + 1} to {number} of station {station_id} were put in by hand"]
    return [f"audit row {number} of station {station_id} is not the one that was written: it was replaced"]
