from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.json_lines import JsonSocket, LineBuffer, line_of, object_of, text_line

values = st.dictionaries(st.text(max_size=4), st.none() | st.integers() | st.text(max_size=9), max_size=3)


@given(st.lists(values, max_size=4), st.lists(st.integers(1, 30), min_size=1, max_size=9))
def test_what_was_said_is_heard_however_it_is_cut(said: list[dict[str, Any]], sizes_bytes: list[int]) -> None:
    stream = b"".join(map(line_of, said))
    buffer, sizes = LineBuffer(), cycle(sizes_bytes)
    heard: list[dict[str, Any]] = []
    while stream:
        size_bytes = next(sizes)
        buffer.take(stream[:size_bytes])
        stream = stream[size_bytes:]
        heard += map(object_of, buffer.lines())
    assert heard == said


def test_a_line_is_ascii_and_has_one_line_feed() -> None:
    value = {"text": "é\n\u2028"}
    assert line_of(value) == text_line(value).encode() == b'{"text": "\\u00e9\\n\\u2028"}\n'


@pytest.mark.parametrize(
    "line", ["", "plug!", "{", "[]", "1", "null", '"text"', b"\xff", b"{\xff}", "[" * 100_000, '{"a":' * 100_000]
)
def test_what_is_no_object_is_refused(line: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which, is json's own
        object_of(line)


def test_half_a_line_is_waited_for() -> None:
    buffer = LineBuffer()
    buffer.take(b'{"a": 1}\n{"b"')
    assert list(buffer.lines()) == [b'{"a": 1}']
    assert list(buffer.lines()) == []
    buffer.take(b": 2}\n\n")
    assert list(buffer.lines()) == [b'{"b": 2}', b""]


@pytest.mark.parametrize("received", [b"x" * 11, b"x" * 11 + b"\n", b"{}\n" + b"x" * 11])
def test_a_line_that_is_too_long_is_refused_with_its_end_or_without(received: bytes) -> None:
    buffer = LineBuffer(10)
    buffer.take(received)
    with pytest.raises(ValueError, match="more than 10 bytes"):
        list(buffer.lines())


def test_the_limit_is_a_lines_and_not_the_connections() -> None:
    buffer = LineBuffer(10)
    for _ in range(100):
        buffer.take(b"x" * 10 + b"\n")
        assert list(buffer.lines()) == [b"x" * 10]


# --- over a socket -------------------------------------------------------------------------------------------------


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, JsonSocket]]:
    theirs, ours = socket.socketpair()
    ours.settimeout(10)
    with theirs, closing(JsonSocket(ours, 1000)) as link:
        yield theirs, link


def test_objects_go_both_ways(ends: tuple[socket.socket, JsonSocket]) -> None:
    theirs, link = ends
    link.send({"do": "state"})
    assert theirs.recv(100) == b'{"do": "state"}\n'
    theirs.sendall(b'{"a": 1}\n{"b": 2}\n{"c"')
    assert link.read() == {"a": 1}
    assert link.read() == {"b": 2}
    theirs.sendall(b": 3}\n")
    assert link.read() == {"c": 3}


def test_all_that_is_whole_is_received_at_once(ends: tuple[socket.socket, JsonSocket]) -> None:
    theirs, link = ends
    theirs.sendall(b'{"a": 1}\n{"b": 2}\n{"c"')
    assert link.receive() == [{"a": 1}, {"b": 2}]
    theirs.sendall(b": ")
    assert link.receive() == []
    theirs.close()
    assert link.receive() is None


def test_an_end_in_the_middle_of_a_line_is_an_end(ends: tuple[socket.socket, JsonSocket]) -> None:
    theirs, link = ends
    theirs.sendall(b'{"a": 1}\n{"b"')
    theirs.close()
    assert link.read() == {"a": 1}
    assert link.read() is None


def test_silence_is_a_time_limit_where_there_is_one() -> None:
    theirs, ours = socket.socketpair()
    ours.settimeout(0.01)
    with theirs, closing(JsonSocket(ours)) as link:
        with pytest.raises(TimeoutError):
            link.read()
        link.wait_without_limit()
        answer = threading.Timer(0.05, lambda: theirs.sendall(b"{}\n"))
        answer.start()
        assert link.read() == {}
        answer.join()


@pytest.mark.parametrize("said", [b"hello\n", b"[]\n", b"x" * 2000])
def test_a_line_that_is_refused_is_no_end(ends: tuple[socket.socket, JsonSocket], said: bytes) -> None:
    theirs, link = ends
    theirs.sendall(said)
    with pytest.raises(ValueError):  # noqa: PT011 - which, is tested above
        link.read()


def test_what_a_person_typed_is_one_line_whatever_it_is(ends: tuple[socket.socket, JsonSocket]) -> None:
    theirs, link = ends
    link.send_typed('{"do":\n  "state"}\n')
    assert theirs.recv(100) == b'{"do": "state"}\n'


def test_nobody_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        JsonSocket.connected(str(tmp_path / "none.sock"), 1)
