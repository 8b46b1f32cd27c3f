"""The question to the factory's system: what counts as a yes, as a no, and that all else is silence."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from station.factory.permission_ways import AskedSystem, asking
from station.model.permission import Answer, FlashQuestion, Permission
from tests.receivers import HttpSystem, TcpSystem, free_port
from tests.unit.factory.test_record_sinks import program

QUESTION = FlashQuestion("r1", "s1", "3A0F", None, "PN-7", "A1", "L1", None, "full", "b", "b1", "4.7.0")


def asked(kind: str, to: str, timeout_s: float = 10.0, secret_file: str = "") -> Permission:
    return asking(AskedSystem(kind, to, timeout_s, secret_file))(QUESTION)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "body", "answer", "words"),
    [
        (200, b'{"allow": true}', Answer.YES, ""),
        (201, b'{"allow": false, "reason": "order 7 is closed"}', Answer.NO, "order 7 is closed"),
        (200, b'{"allow": false}', Answer.NO, ""),
        (403, b'{"reason": "no"}', Answer.NO, "no"),
        (409, b"not\x1b[31m now\r\n", Answer.NO, "not [31m now"),
        (200, b'{"allow": "true"}', Answer.SILENT, "neither yes nor no"),
        (200, b"yes", Answer.SILENT, "neither yes nor no"),
        (200, b"[" * 3000, Answer.SILENT, "neither yes nor no"),
        (204, b"", Answer.SILENT, "neither yes nor no"),
        (200, b'{"allow": 1}', Answer.SILENT, "neither yes nor no"),
        (200, b'[{"allow": true}]', Answer.SILENT, "neither yes nor no"),
        (200, b'{"allow": true}{"allow": true}', Answer.SILENT, "neither yes nor no"),
        (200, b'{"allow": false, "allow": true}', Answer.SILENT, "neither yes nor no"),
        (200, b'{"allow": true, "x": "' + b"y" * 10_000 + b'"}', Answer.SILENT, "neither yes nor no"),
        (200, b'{"allow": true, "serial": "3a0f", "run_id": "r1", "product_serial": null}', Answer.YES, ""),
        (200, b'{"allow": true, "serial": "FFFF"}', Answer.SILENT, "about another camera"),
        (200, b'{"allow": false, "run_id": "r2", "reason": "no"}', Answer.SILENT, "about another camera"),
        (200, b'{"allow": true, "product_serial": "it knows one, and we none"}', Answer.YES, ""),
        (409, b'{"reason": "no", "serial": "FFFF"}', Answer.SILENT, "about another camera"),
        (200, b'{"allow": false, "reason": ["a", "b"]}', Answer.NO, '["a", "b"]'),
        (200, b'{"allow": false, "reason": null}', Answer.NO, ""),
        (200, b"\xff\xfe{", Answer.SILENT, "neither yes nor no"),
        (404, b'{"allow": true}', Answer.SILENT, "404"),
        (500, b"oops", Answer.SILENT, "500: oops"),
    ],
)
def test_http(status: int, body: bytes, answer: Answer, words: str) -> None:
    system = HttpSystem()
    system.answer = lambda record: (status, body)
    with system.serving() as url:
        permission = asked("http", url)
    assert permission.answer is answer
    assert words in permission.words
    assert permission.words.isprintable()


def test_the_question_is_posted_and_signed(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    system = HttpSystem()
    system.answer = lambda record: (200, b'{"allow": true}')
    with system.serving() as url:
        asked("http", url, secret_file=str(tmp_path / "key"))
    assert system.records == [QUESTION.to_json()]
    assert system.headers[0]["webhook-signature"].startswith("v1,")


def test_a_long_reason_is_cut() -> None:
    system = HttpSystem()
    system.answer = lambda record: (403, b"x" * 3000)
    with system.serving() as url:
        assert len(asked("http", url).words) == 200


def test_http_that_is_dead_or_slow() -> None:
    assert asked("http", f"http://127.0.0.1:{free_port()}/").answer is Answer.SILENT
    release = threading.Event()
    system = HttpSystem()
    system.answer = lambda record: (200 if release.wait(60) else 500, b'{"allow": true}')
    with system.serving() as url:
        permission = asked("http", url, timeout_s=0.2)
        release.set()
    assert permission.answer is Answer.SILENT
    assert "in time" in permission.words


@pytest.mark.parametrize(
    ("line", "answer", "words"),
    [
        ("OK", Answer.YES, ""),
        ("ok.", Answer.YES, ""),
        ("NO unknown unit", Answer.NO, "unknown unit"),
        ("no: unknown", Answer.NO, "unknown"),
        ("NOTHING", Answer.SILENT, "neither"),
        ("", Answer.SILENT, "neither"),
    ],
)
def test_tcp(line: str, answer: Answer, words: str) -> None:
    system = TcpSystem()
    system.answer = lambda record: line
    with system.serving() as url:
        permission = asked("tcp", url)
    assert permission.answer is answer
    assert words in permission.words


def test_tcp_that_accepts_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        permission = asked("tcp", f"tcp://127.0.0.1:{server.getsockname()[1]}", timeout_s=0.2)
    assert permission.answer is Answer.SILENT


@pytest.mark.parametrize(
    ("script", "answer", "words"),
    [
        ('grep -q "PN-7" && exit 0; exit 1', Answer.YES, ""),
        ("echo closed; exit 1", Answer.NO, "closed"),
        ("echo closed >&2; exit 1", Answer.NO, "closed"),
        ("exit 2", Answer.SILENT, "ended with 2"),
        ("kill -9 $$", Answer.SILENT, "ended by the signal SIGKILL"),
        ("sleep 600", Answer.SILENT, "did not end"),
    ],
)
def test_hook(tmp_path: Path, script: str, answer: Answer, words: str) -> None:
    limit_s = 0.5 if script.startswith("sleep") else 60.0
    permission = asked("hook", program(tmp_path, script), timeout_s=limit_s)
    assert permission.answer is answer
    assert words in permission.words


def test_a_secret_that_is_missing_is_silence(tmp_path: Path) -> None:
    assert asked("http", "http://127.0.0.1:1/", secret_file=str(tmp_path / "none")).answer is Answer.SILENT
