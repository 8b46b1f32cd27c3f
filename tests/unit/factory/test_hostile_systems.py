"""Systems that answer slowly, half, or what nobody can read; programs that never end, or print without end. Each has so
long as it was given, no longer; its trouble is said in one line of our words; and what is half is not delivered."""

from __future__ import annotations

import gc
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from station.factory.delivery_error import DeliveryError
from station.factory.hook import KEPT_BYTES, run_hook
from station.factory.permission_ways import AskedSystem, asking
from station.factory.record_sinks import record_sink
from station.model.permission import Answer
from station.model.sinks import Sink
from tests.unit.factory.test_permission_ways import QUESTION
from tests.unit.factory.test_record_sinks import RECORD, deliver, refused, sink

PYTHONS_WORDS = re.compile(r"Exception|Error|IncompleteRead|\('|_ssl|HTTPConnection|Errno|Traceback|\[ssl|object at")
SLOW_S, LONG_S = 0.5, 20.0
"""The limit, and what nobody may take: as long as the slow ones go on."""
Talk = Callable[[socket.socket], None]


def request(link: socket.socket) -> None:
    """Read what was posted."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += link.recv(65536) or b"\r\n\r\n"
    head, _, body = heard.partition(b"\r\n\r\n")
    size = int((re.search(rb"(?i)content-length: (\d+)", head) or [b"", b"0"])[1])
    while len(body) < size:
        body += link.recv(65536) or b" " * size


def says(*parts: bytes, reads: bool = True) -> Talk:
    def talk(link: socket.socket) -> None:
        if reads:
            request(link)
        for part in parts:
            link.sendall(part)

    return talk


def drips(before: bytes, drop: bytes) -> Talk:
    def talk(link: socket.socket) -> None:
        request(link)
        link.sendall(before)
        for _ in range(int(LONG_S / 0.1)):
            link.sendall(drop)
            time.sleep(0.1)

    return talk


def says_nothing(link: socket.socket) -> None:
    threading.Event().wait(LONG_S)


def hangs_up_one_way(link: socket.socket) -> None:
    request(link)
    link.shutdown(socket.SHUT_WR)
    threading.Event().wait(LONG_S)


@contextmanager
def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port where everybody is talked to so."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def one(link: socket.socket) -> None:
            with suppress(OSError), tls.wrap_socket(link, server_side=True) if tls else link as inner:
                talk(inner)

        def take() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


SLOW = {
    "headers": drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "body": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n", b"x"),
    "chunks": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "continue": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "nothing": says_nothing,
}


@pytest.mark.parametrize("kind", SLOW)
def test_the_limit_is_for_the_whole_answer(kind: str) -> None:
    with serving(SLOW[kind]) as port:
        begun_s = time.monotonic()
        error = refused(sink("http", f"http://127.0.0.1:{port}/", timeout_s=SLOW_S))
        asked = asking(AskedSystem("http", f"http://127.0.0.1:{port}/", SLOW_S))(QUESTION)
        assert time.monotonic() - begun_s < LONG_S / 2
    assert (error.code, error.refused) == ("outbox.no_answer", False)
    assert (asked.answer, "did not answer in time" in asked.words) == (Answer.SILENT, True)


UNREADABLE = {
    "garbage": (says(b"\x00\xff" * 1000), "what it answers is no HTTP"),
    "mail": (says(b"220 mail ESMTP\r\n", reads=False), "what it answers is no HTTP"),
    "headers without end": (says(b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 200), "what it answers is no HTTP"),
    "a header without end": (says(b"HTTP/1.1 200 OK\r\nX: ", b"y" * 100_000), "what it answers is no HTTP"),
    "packed wrongly": (
        says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde"), "no HTTP",
    ),
    "half a body": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), "hung up in the middle"),
    "half closed": (hangs_up_one_way, "it hung up without an answer"),
    "a chunk that is none": (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"), "it hung up"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_said_and_is_not_delivered(kind: str) -> None:
    talk, words = UNREADABLE[kind]
    with serving(talk) as port:
        error = refused(sink("http", f"http://127.0.0.1:{port}/"))
    assert (error.code, error.refused) == ("outbox.unreachable", False)
    assert words in error.message
    assert not PYTHONS_WORDS.search(error.message), error.message


@pytest.mark.parametrize("host", ["nosuch.invalid", "a" * 70 + ".example", "xn--.."])
@pytest.mark.parametrize("kind", ["http", "tcp", "mqtt"])
def test_a_name_that_nobody_knows(kind: str, host: str) -> None:
    error = refused(sink(kind, f"{kind}://{host}:9", timeout_s=60.0))  # type: ignore[arg-type]
    assert (error.code, error.refused) == ("outbox.unreachable", False)
    assert not PYTHONS_WORDS.search(error.message), error.message


def test_a_redirect_names_the_place_and_is_not_followed() -> None:
    moved = says(b"HTTP/1.1 308 Moved\r\nLocation: https://new.example/runs\r\nContent-Length: 0\r\n\r\n")
    with serving(moved) as port:
        error = refused(sink("http", f"http://127.0.0.1:{port}/"))
        asked = asking(AskedSystem("http", f"http://127.0.0.1:{port}/", 10.0))(QUESTION)
    assert error.code == "outbox.unusable"
    assert error.message == asked.words == "it answered 308: it has moved to https://new.example/runs"
    assert asked.answer is Answer.SILENT


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one that nobody else signed, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    words += " -keyout key.pem -out cert.pem"
    subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


def refused_secure(target: Sink) -> DeliveryError:
    """paho leaves the socket of a handshake that failed to the collector."""
    error = refused(target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error.__traceback__ = error.__cause__ = error.__context__ = None
        gc.collect()
    return error


@pytest.mark.parametrize(("kind", "scheme"), [("http", "https"), ("mqtt", "mqtts")])
def test_a_certificate_that_nobody_signed(tls: ssl.SSLContext, kind: str, scheme: str) -> None:
    with serving(says_nothing, tls) as port:
        error = refused_secure(sink(kind, f"{scheme}://localhost:{port}"))  # type: ignore[arg-type]
    assert error.code == "outbox.unreachable"
    assert "its certificate is not accepted: self-signed certificate" in error.message


@pytest.mark.parametrize("kind", ["headers", "body", "nothing"])
def test_the_limit_holds_behind_tls_too(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    with serving(SLOW[kind], tls) as port:
        begun_s = time.monotonic()
        error = refused(sink("http", f"https://localhost:{port}/", timeout_s=1.0))
        assert time.monotonic() - begun_s < LONG_S / 2
    assert error.code == "outbox.no_answer"


def test_what_it_hung_up_on_is_seen_by_the_other_side() -> None:
    """No handle of ours keeps a connection open that is done with."""
    ended = threading.Event()

    def talk(link: socket.socket) -> None:
        request(link)
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 50_000)
        with suppress(OSError):
            while link.recv(65536):
                pass
        ended.set()

    with serving(talk) as port:
        way = record_sink(sink("http", f"http://127.0.0.1:{port}/"), lambda _sink, _run_id: True)
        way.deliver(RECORD)
        assert ended.wait(LONG_S)
        way.close()


@pytest.mark.parametrize(("kind", "scheme"), [("http", "https"), ("mqtt", "mqtts")])
def test_one_that_speaks_no_tls(kind: str, scheme: str) -> None:
    with serving(says(b"220 mail ESMTP\r\n", reads=False)) as port:
        error = refused_secure(sink(kind, f"{scheme}://localhost:{port}"))  # type: ignore[arg-type]
    assert error.code == "outbox.unreachable"
    assert not PYTHONS_WORDS.search(error.message), error.message


# ---- brokers


def broker(connected: int = 0, acknowledges: int | None = 0, largest: int = 0) -> Talk:
    """A broker that answers so; None: it hangs up in the middle of what is published."""
    limit = b"\x05\x27" + largest.to_bytes(4, "big") if largest else b"\x00"

    def talk(link: socket.socket) -> None:
        link.recv(4096)
        link.sendall(bytes([0x20, 2 + len(limit), 0, connected]) + limit)
        packet = link.recv(4096)
        if acknowledges is None or not packet:
            return
        at = next(place for place in range(1, 5) if packet[place] < 0x80) + 1
        at += 2 + int.from_bytes(packet[at : at + 2], "big")
        link.sendall(b"\x40\x03" + packet[at : at + 2] + bytes([acknowledges]))
        threading.Event().wait(LONG_S)

    return talk


@pytest.mark.parametrize(
    ("talk", "code", "is_refused", "words"),
    [
        (broker(connected=0x86), "outbox.unusable", False, "Bad user name or password"),
        (broker(connected=0x84), "outbox.unusable", False, "Unsupported protocol version"),
        (broker(connected=0x88), "outbox.unreachable", False, "Server unavailable"),
        (broker(connected=0x80), "outbox.unreachable", False, "Unspecified error"),
        (broker(acknowledges=0x87), "outbox.unusable", False, "Not authorized"),
        (broker(acknowledges=0x90), "outbox.unusable", False, "Topic name invalid"),
        (broker(acknowledges=0x97), "outbox.unreachable", False, "Quota exceeded"),
        (broker(acknowledges=0x99), "outbox.refused", True, "Payload format invalid"),
        (broker(acknowledges=None), "outbox.unreachable", False, "the connection was lost"),
        (broker(largest=100), "outbox.refused", True, "it is larger than the broker takes (100 bytes)"),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n", reads=False), "outbox.unreachable", False, "connection was lost"),
        (says_nothing, "outbox.no_answer", False, "did not answer in time"),
    ],
)
def test_what_a_broker_refuses_is_the_records_fault_or_not(talk: Talk, code: str, is_refused: bool, words: str) -> None:
    with serving(talk) as port:
        error = refused(sink("mqtt", f"mqtt://127.0.0.1:{port}", timeout_s=2.0))
    assert (error.code, error.refused) == (code, is_refused)
    assert words in error.message


def test_a_secure_broker_that_never_answers_the_handshake() -> None:
    with serving(says_nothing) as port:
        assert refused_secure(sink("mqtt", f"mqtts://localhost:{port}", timeout_s=1.0)).code == "outbox.no_answer"


# ---- programs


def program(folder: Path, script: str) -> str:
    file = folder / "hook.sh"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize("script", ["cat /dev/zero", "cat /dev/zero >&2", "while :; do echo no; echo no >&2; done"])
def test_a_program_that_prints_without_end_fills_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no such folder"))
    error = refused(sink("hook", program(tmp_path, script), timeout_s=1.0))
    assert error.code == "outbox.no_answer"


def test_of_a_gigabyte_the_first_and_the_last_line_are_known(tmp_path: Path) -> None:
    much = "head -c 300000000 /dev/zero"
    script = f"echo first; {much}; {much} >&2; echo last >&2; exit 3"
    end = run_hook(program(tmp_path, script), RECORD, 60.0)
    assert (end.status, end.said) == (3, "first")
    assert len(end.complained) <= KEPT_BYTES
    assert end.complained.endswith("…") or end.complained.endswith("last")


def test_a_child_that_goes_on_printing_is_not_waited_for(tmp_path: Path) -> None:
    begun_s = time.monotonic()
    script = "(while :; do echo more; echo more >&2; done) & echo mine; exit 4"
    end = run_hook(program(tmp_path, script), RECORD, LONG_S)
    assert end.status == 4
    assert time.monotonic() - begun_s < LONG_S / 2


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("kill -SEGV $$", "the program was ended by the signal SIGSEGV: -"),
        ("echo no lens >&2; kill -9 $$", "the program was ended by the signal SIGKILL: no lens"),
        ("printf 'a\\000b\\377' >&2; exit 1", "the program ended with 1: a b\ufffd"),
    ],
)
def test_how_a_program_ended(tmp_path: Path, script: str, words: str) -> None:
    error = refused(sink("hook", program(tmp_path, script)))
    assert (error.code, error.refused, error.message) == ("outbox.refused", True, words)


@pytest.mark.parametrize(("mode", "body"), [(0o644, "#!/bin/sh\n"), (0o755, "#!/no/such\n"), (0o755, "no program")])
def test_one_that_cannot_be_started(tmp_path: Path, mode: int, body: str) -> None:
    file = tmp_path / "hook"
    file.write_text(body)
    file.chmod(mode)
    for to in (file, tmp_path):
        error = refused(sink("hook", to))
        assert (error.code, error.refused) == ("outbox.unusable", False)
        assert not PYTHONS_WORDS.search(error.message), error.message


def test_a_record_larger_than_any_pipe_arrives_whole(tmp_path: Path) -> None:
    deliver(sink("hook", program(tmp_path, f"cat > {tmp_path}/got")), {**RECORD, "message": "x" * 3_000_000})
    assert (tmp_path / "got").stat().st_size > 3_000_000
