"""The client's end against whatever listens there: a line, or something that speaks no JSON."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from station.control.client import Bridge, ask
from station.control.requests import TakeSnapshot
from station.control.socket_path import note_socket
from station.errors import UsageError


@contextmanager
def listening(data_dir: Path, said: bytes) -> Iterator[None]:
    """Something that says this to whoever connects, and hangs up."""
    place = data_dir / "some.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(place))
        listener.listen()
        note_socket(data_dir, place)

        def answer() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(1)
                link.sendall(said)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield
        thread.join(60)


@pytest.mark.parametrize("said", [b"", b"hello\n", b"[]\n", b"{", b'{"about": {}}\n'])
def test_what_is_no_line_is_told_as_no_line(tmp_path: Path, said: bytes) -> None:
    with listening(tmp_path, said), pytest.raises(UsageError) as caught:
        ask(tmp_path, TakeSnapshot())
    assert caught.value.code == "usage.no_line"


@pytest.mark.parametrize("said", [b"", b"hello\n", b"[]\n", b"{"])
def test_a_screen_sees_the_end_of_what_is_no_line(tmp_path: Path, said: bytes) -> None:
    facts: list[tuple[str, dict[str, Any]]] = []
    bridge = Bridge(tmp_path, lambda name, value: facts.append((name, value)))
    with listening(tmp_path, said):
        asyncio.run(asyncio.wait_for(bridge.follow(), 20))
    assert [(name, value["code"]) for name, value in facts] == [("status", "line.gone")]
    assert bridge.snapshot.status.ended
