"""By which names a browser may ask for this machine, and which pages may."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from station.dashboard.web import host_names
from station.dashboard.web.host_names import OwnNames, own_names


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Bench-PC")
    monkeypatch.setattr(socket, "getfqdn", lambda: "bench-pc.plant.example")


def names(tmp_path: Path, configured: Iterable[str] = (), served: str = "127.0.0.1") -> OwnNames:
    resolver, hosts = tmp_path / "resolv.conf", tmp_path / "hosts"
    resolver.write_text("# search not.example\nnameserver 10.0.0.1\nsearch factory.example line2.factory.example\n")
    own = "127.0.1.1 bench-pc.hall.example bench-pc # bench-pc.no.example"
    hosts.write_text(f"127.0.0.1 localhost\n{own}\n10.0.0.2 other\n")
    return own_names(served, configured, resolver, hosts)


@pytest.mark.parametrize("port", ["", ":8000"])
@pytest.mark.parametrize(
    "name",
    [
        "bench-pc", "BENCH-PC", "bench-pc.local", "Bench-PC.Local", "bench-pc.local.", "bench-pc.lan", "localhost",
        "bench-pc.factory.example", "bench-pc.line2.factory.example", "bench-pc.hall.example", "bench-pc.plant.example",
        "127.0.0.1", "10.1.2.3", "[::1]", "[fe80::1]",
    ],
)  # fmt: skip
def test_names_of_this_machine(tmp_path: Path, name: str, port: str) -> None:
    assert names(tmp_path).has(name + port)


@pytest.mark.parametrize(
    "name",
    ["elsewhere.example", "bench-pc.evil.example", "bench-pc.local.evil.example", "xbench-pc", "other", "", "[::1",
     "local", "bench-pc.no.example", "bench-pc.not.example"],
)  # fmt: skip
def test_names_that_somebody_else_may_give_away(tmp_path: Path, name: str) -> None:
    assert not names(tmp_path).has(name)


def test_names_of_the_configuration(tmp_path: Path) -> None:
    own = names(tmp_path, [" Line3.Example.com. ", ""])
    assert own.has("line3.example.com:443")
    assert not own.has("")
    assert names(tmp_path, served="front.example").has("front.example:8000")


@pytest.mark.parametrize(
    ("origin", "host", "may"),
    [
        ("http://bench-pc:8000", "bench-pc:8000", True),
        ("http://bench-pc:9000", "bench-pc:8000", False),
        ("https://line3.example.com", "127.0.0.1:8000", True),
        ("https://line3.example.com", "line3.example.com", True),
        ("https://evil.example", "line3.example.com", False),
        ("null", "bench-pc:8000", False),
        ("https://[", "bench-pc:8000", False),
    ],
)
def test_pages_that_may_ask(tmp_path: Path, origin: str, host: str, *, may: bool) -> None:
    assert names(tmp_path, ["line3.example.com"]).may_ask(origin, host) is may


def test_a_name_server_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Event

    answers = Event()
    monkeypatch.setattr(socket, "getfqdn", lambda: answers.wait() and "late.example")
    try:
        assert host_names._resolved(0.01) == set()
    finally:
        answers.set()
