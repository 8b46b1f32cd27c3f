"""Records from elsewhere: a line of an export or of the journal is a run, or it is refused; the log stays as it is."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from station.errors import HINTS, StationError
from station.json_lines import object_of
from station.ledger import schema_version
from station.ledger.integrity import check
from station.ledger.journal import read
from station.ledger.reader import Reader
from station.ledger.run_import import import_runs
from station.model.run_json import run_from_json
from tests.fuzz.mutations import broken_bytes, broken_json, fuzzed, refusal
from tests.unit.ledger.builders import a_run, an_attempt

SOUND = a_run(attempts=(an_attempt(1), an_attempt(2))).to_json()
LINE = json.dumps(SOUND).encode()


@contextmanager
def a_log() -> Iterator[Path]:
    """A log of its own for each example: what an earlier one left behind decides nothing."""
    with tempfile.TemporaryDirectory() as name:
        schema_version.create_or_check(Path(name))
        yield Path(name)


@fuzzed
@given(broken_json(SOUND))
def test_any_run_of_an_export(given_run: Any) -> None:
    try:
        run = run_from_json(object_of(json.dumps(given_run)))
    except ValueError:
        return
    with a_log() as folder:
        error = refusal(lambda: import_runs(folder, [run]), StationError)
        if isinstance(error, StationError):
            assert error.code in HINTS
        else:
            with closing(Reader(folder)) as reader:
                kept = [each.to_json() for each in reader.runs()]
            assert len(kept) == (run.outcome is not None)
            json.dumps(kept)
        assert check(folder).problems == ()


@fuzzed
@given(broken_bytes(b"\n".join([LINE, LINE])) | st.binary(max_size=100))
def test_any_line(raw: bytes) -> None:
    for line in raw.splitlines():
        with suppress(ValueError):
            run_from_json(object_of(line))


JOURNAL = json.dumps({"journaled_at": "2026-11-25T00:00:00+00:00", "reason": "locked", "run": SOUND}).encode() + b"\n"


@fuzzed
@given(broken_bytes(JOURNAL * 2))
def test_any_journal(raw: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        found = read(Path(file.name))
    lines = [line for line in raw.splitlines() if line.strip()]
    assert len(found.runs) + len(found.waiting) + found.unreadable_lines == len(lines)
