"""Each way to a system against the real thing: what arrives, what is refused, what does not answer."""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import json
import os
import shlex
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from station.errors import HINTS
from station.factory.delivery_error import DeliveryError
from station.factory.record_sinks import record_sink
from station.model.sinks import Kind, Sink
from tests.harness import wait_for
from tests.receivers import MOSQUITTO, HttpSystem, TcpSystem, free_port, mosquitto, subscribed

RECORD: dict[str, Any] = {"run_id": "0199aaaa-0000-7000-8000-000000000001", "serial": "3A0F", "message": "ünï"}
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto here (apt-get install mosquitto)")


def no_label(sink: Sink, run_id: str) -> bool:
    raise AssertionError("no label is sent here")


def sink(kind: Kind, to: object, timeout_s: float = 10.0, **further: Any) -> Sink:
    return Sink("mes", kind, str(to), timeout_s=timeout_s, **further)


def deliver(target: Sink, record: dict[str, Any] = RECORD) -> None:
    way = record_sink(target, no_label)
    try:
        way.deliver(record)
    finally:
        way.close()


def refused(target: Sink) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        deliver(target)
    assert HINTS[caught.value.code]
    assert str(caught.value.message).isprintable()
    return caught.value


# ---- a folder


@pytest.mark.parametrize("call", ["os.fchmod", "station.atomic_write.sync_folder"])
def test_a_folder_on_a_share_or_to_drop_into_takes_each_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """No modes and no fsync of folders there, or nobody may read it: what is in place is delivered."""

    def fails(*_given: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(call, fails)
    deliver(sink("folder", tmp_path))
    assert [json.loads(file.read_text()) for file in tmp_path.iterdir()] == [RECORD]


def test_a_folder_gets_a_whole_file_named_after_the_run(tmp_path: Path) -> None:
    deliver(sink("folder", tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [f"{RECORD['run_id']}.json"]
    assert json.loads((tmp_path / f"{RECORD['run_id']}.json").read_text()) == RECORD


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    error = refused(sink("folder", tmp_path / "share"))
    assert (error.code, error.refused) == ("outbox.unreachable", False)
    assert not (tmp_path / "share").exists()


# ---- HTTP


def test_http_is_posted_signed_and_names_its_run(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("whsec_" + base64.b64encode(b"a key of the factory").decode() + "\n")
    system = HttpSystem()
    with system.serving() as url:
        deliver(sink("http", url, secret_file=str(secret)))
    (headers,) = system.headers
    assert system.records == [RECORD]
    assert (headers["Content-Type"], headers["webhook-id"]) == ("application/json", RECORD["run_id"])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + system.bodies[0]
    wanted = base64.b64encode(hmac.new(b"a key of the factory", signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"


@pytest.mark.parametrize(
    ("status", "code", "is_refused"),
    [
        (400, "outbox.refused", True),
        (422, "outbox.refused", True),
        (302, "outbox.unusable", False),
        (401, "outbox.unusable", False),
        (405, "outbox.unusable", False),
        (503, "outbox.unreachable", False),
        (429, "outbox.unreachable", False),
    ],
)
def test_http_answers(status: int, code: str, is_refused: bool) -> None:
    system = HttpSystem()
    system.answer = lambda record: (status, b"no\x1b[2J such\nunit")
    with system.serving() as url:
        error = refused(sink("http", url))
    assert (error.code, error.refused) == (code, is_refused)
    assert f"{status}: no [2J such unit" in error.message


def test_http_that_does_not_answer_in_time() -> None:
    release = threading.Event()
    system = HttpSystem()
    system.answer = lambda record: (200 if release.wait(60) else 500, b"")
    with system.serving() as url:
        assert refused(sink("http", url, timeout_s=0.2)).code == "outbox.no_answer"
        release.set()


def test_nobody_is_there() -> None:
    port = free_port()
    for kind, url in (
        ("http", f"http://127.0.0.1:{port}/"),
        ("tcp", f"tcp://127.0.0.1:{port}"),
        ("mqtt", f"mqtt://127.0.0.1:{port}"),
    ):
        error = refused(sink(kind, url))  # type: ignore[arg-type]
        assert (error.code, error.refused) == ("outbox.unreachable", False)
        assert "refused" in error.message


def test_a_secret_that_cannot_be_read(tmp_path: Path) -> None:
    for text in (None, "", "whsec_%%%"):
        if text is not None:
            (tmp_path / "key").write_text(text)
        assert refused(sink("http", "http://127.0.0.1:1/", secret_file=str(tmp_path / "key"))).code == "outbox.unusable"


# ---- TCP


def test_a_tcp_line_is_answered_ok() -> None:
    system = TcpSystem()
    with system.serving() as url:
        deliver(sink("tcp", url))
    assert system.records == [RECORD]


def test_a_tcp_line_is_refused_with_its_words() -> None:
    system = TcpSystem()
    system.answer = lambda record: "ERR unknown unit"
    with system.serving() as url:
        error = refused(sink("tcp", url))
    assert (error.code, error.refused) == ("outbox.refused", True)
    assert "ERR unknown unit" in error.message


def test_a_tcp_server_that_is_silent_or_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        assert refused(sink("tcp", url, timeout_s=0.2)).code == "outbox.no_answer"

        def hang_up() -> None:
            server.accept()[0].close()  # of the try before
            connection, _ = server.accept()
            connection.recv(100_000)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        assert refused(sink("tcp", url)).code == "outbox.unreachable"
        thread.join(60)


# ---- MQTT


@needs_mosquitto
def test_mqtt_reaches_a_subscriber_and_survives_the_brokers_restart(tmp_path: Path) -> None:
    port = free_port()
    way = record_sink(sink("mqtt", f"mqtt://127.0.0.1:{port}", topic="line/3"), no_label)
    for number in range(2):
        with mosquitto(tmp_path, port), subscribed(port, "line/3") as received:
            record = {**RECORD, "n": number}
            if number:
                with pytest.raises(DeliveryError):  # the connection that was, is lost
                    way.deliver(record)
            way.deliver(record)
            received.wait_for(lambda records, record=record: record in records)  # type: ignore[misc]
    way.close()


@needs_mosquitto
def test_mqtt_with_a_password_and_a_topic_that_may_not_be_written(tmp_path: Path) -> None:
    port = free_port()
    password = tmp_path / "password"
    password.write_text("open sesame\n")
    users, rules = tmp_path / "users", tmp_path / "rules"
    os.system(f"mosquitto_passwd -b -c {users} line 'open sesame' && chmod 644 {users}")
    rules.write_text("user line\ntopic readwrite runs/#\n")
    tmp_path.chmod(0o755)
    further = f"allow_anonymous false\npassword_file {users}\nacl_file {rules}\nuser root"
    with (
        mosquitto(tmp_path, port, further) as url,
        subscribed(port, "runs/#", username="line", password="open sesame") as received,
    ):
        target = sink("mqtt", url, topic="runs/1", username="line", secret_file=str(password))
        deliver(target)
        received.wait_for(lambda records: records == [RECORD])
        error = refused(sink("mqtt", url, topic="other", username="line", secret_file=str(password)))
        assert (error.code, error.refused) == ("outbox.unusable", False)
        password.write_text("wrong")
        assert refused(target).code == "outbox.unusable"


# ---- a program


def test_a_hook_gets_the_record_on_its_standard_input(tmp_path: Path) -> None:
    script = program(tmp_path, 'cat > "$1"')
    deliver(sink("hook", f"{script} {tmp_path / 'got'}"))
    assert json.loads((tmp_path / "got").read_text()) == RECORD


def test_a_hook_that_fails_says_why(tmp_path: Path) -> None:
    error = refused(sink("hook", program(tmp_path, "echo first >&2; echo the unit is unknown >&2; exit 3")))
    assert (error.code, error.refused) == ("outbox.refused", True)
    assert "3: the unit is unknown" in error.message


def test_a_hook_that_is_not_there(tmp_path: Path) -> None:
    assert refused(sink("hook", tmp_path / "nothing")).code == "outbox.unusable"


@pytest.mark.parametrize("end", ["wait", "exit 0"])
def test_a_hook_is_killed_with_its_children(tmp_path: Path, end: str) -> None:
    """Whether it hangs itself or ends and leaves a child behind that keeps its output open."""
    script = program(tmp_path, f"sleep 600 & echo $! > {shlex.quote(str(tmp_path / 'child'))}; {end}")
    child = tmp_path / "child"

    def tried() -> str:
        """The child's number; "" where the machine was too slow to start it within the limit."""
        if end == "wait":
            assert refused(sink("hook", script, timeout_s=0.5)).code == "outbox.no_answer"
        else:
            deliver(sink("hook", script, timeout_s=60.0))
        return child.read_text().strip() if child.exists() else ""

    pid = int(wait_for(tried, "a child"))
    wait_for(lambda: is_dead(pid), "the hook's child is killed")


def test_a_hook_that_reads_nothing_of_a_large_record(tmp_path: Path) -> None:
    deliver_large: Callable[[], None] = lambda: deliver(  # noqa: E731
        sink("hook", program(tmp_path, "exit 0")), {**RECORD, "notes": "x" * 2_000_000}
    )
    deliver_large()


def program(folder: Path, text: str) -> str:
    script = folder / "hook.sh"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return str(script)


def is_dead(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
