"""The line's socket: whatever a client sends, it is answered or refused, and a screen is never shown nonsense."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from station.control.authority import Unguarded
from station.control.requests import REQUESTS, parsed, to_json
from station.control.server import LineService, _Client
from station.control.wire import LineAbout
from station.errors import UsageError
from tests.fuzz.mutations import anything, broken_json, fuzzed, refusal
from tests.unit.control.test_roles import Line

ABOUT = LineAbout("bench-3", "b", "v1", "full", None, None, datetime(2026, 11, 22, tzinfo=UTC))
SOUND: list[dict[str, Any]] = [
    {"do": "pause"},
    {"do": "stop", "abort": True},
    {"do": "cancel", "port_path": "1-1"},
    {"do": "rerun", "port_paths": ["1-1", "1-2"]},
    {"do": "begin_batch", "name": "L1", "operator": "ann", "planned": 5},
    {"do": "move", "move": "pull", "port_path": "1-1"},
    {"do": "prove_engineer", "pin": "2580", "name": "Ada"},
]
fields = st.sampled_from(sorted({key for one in SOUND for key in one}))
objects = st.one_of(
    st.sampled_from(SOUND).flatmap(broken_json),
    st.builds(
        lambda do, rest: {**rest, "do": do}, st.sampled_from(sorted(REQUESTS)), st.dictionaries(fields, anything)
    ),
    st.dictionaries(st.text(max_size=8), anything),
)


@fuzzed
@given(objects)
def test_any_object(given_object: dict[str, Any]) -> None:
    error = refusal(lambda: json.dumps(to_json(parsed(given_object))), UsageError)
    if isinstance(error, UsageError):
        assert error.code in ("request.unknown", "request.invalid")
        assert len(error.message) < 200


@fuzzed
@given(st.lists(objects.map(lambda one: json.dumps(one).encode()) | st.binary(max_size=60), max_size=4))
def test_any_lines(lines: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        client, service = _Client(ours, Unguarded()), LineService(Path(), ABOUT)
        service._bell.close()
        service._answer(client, b'{"role": "steer"}', Line())
        for line in lines:
            answer = service._answer(client, line, Line())
            if answer is None:  # a PIN is tried in a thread of its own
                continue
            assert answer.keys() & {"done", "refused", "snapshot", "role", "log_writes"}
            json.dumps(answer)
