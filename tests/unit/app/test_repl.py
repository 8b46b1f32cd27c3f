from __future__ import annotations

import pytest

from station.app.conversation import converse
from station.app.exchange import PORT_GONE, Heard, PortAction, PortReply, Send, Sent, Silent
from station.app.repl import BOOTLOADER_SCRIPT, ReplOutput, run_in_repl
from station.errors import ApplicationError

BANNER = b"raw REPL; CTRL-B to exit\r\n>"


class Repl:
    """A raw REPL with a clock of its own. `answer` is what follows "OK"; None: nothing, "gone": the port vanishes."""

    def __init__(self, answer: bytes | str | None, *, deaf_tries: int = 0) -> None:
        self.answer, self.deaf_tries = answer, deaf_tries
        self.typed = b""
        self.out = b""
        self.now_s = 50.0
        self.is_gone = False

    def perform(self, action: PortAction) -> PortReply:
        if self.is_gone:
            return PORT_GONE
        if isinstance(action, Send):
            self._take(action.data)
            return Sent(self.now_s)
        if self.out:
            piece, self.out = self.out[:5], self.out[5:]
            return Heard(piece, self.now_s)
        self.now_s = max(self.now_s, action.until_s)
        return Silent(self.now_s)

    def _take(self, data: bytes) -> None:
        if data == b"\r\x01":
            self.deaf_tries -= 1
            self.out += BANNER if self.deaf_tries < 0 else b""
        elif data == b"\x04":
            self.is_gone = self.answer == "gone"
            self.out += b"OK" + self.answer if isinstance(self.answer, bytes) else b"OK"
        elif data[:1] != b"\r":
            self.typed += data


def test_a_script_s_output() -> None:
    repl = Repl(b"4.8.1\r\nyes\r\n\x04\x04>")
    source = "print(1)\n" * 100
    assert converse(run_in_repl(source, 5.0), repl.perform) == ReplOutput("4.8.1\nyes\n")
    assert repl.typed == source.encode()


def test_a_camera_that_first_does_not_hear_is_tried_again() -> None:
    assert converse(run_in_repl("x", 5.0), Repl(b"\x04\x04>", deaf_tries=2).perform).text == ""


def test_into_the_bootloader_the_port_vanishes_in_the_middle() -> None:
    repl = Repl("gone")
    assert converse(run_in_repl(BOOTLOADER_SCRIPT, 2.0, may_leave=True), repl.perform).has_left
    assert repl.typed == b"import machine; machine.bootloader()"


@pytest.mark.parametrize(
    ("repl", "code", "within_s"),
    [
        (Repl(b"", deaf_tries=9), "test.no_repl", 6.9),
        (Repl(b"no end"), "test.script_timeout", 5.4),
        (Repl(b"\x04Traceback\r\nOSError: 5\r\n\x04>"), "test.script_failed", 0.4),
        (Repl("gone"), "test.port_vanished", 0.4),
        (Repl(b"x" * 300_000), "test.protocol", 0.4),
    ],
)
def test_each_failure_ends_in_time_with_its_code(repl: Repl, code: str, within_s: float) -> None:
    with pytest.raises(ApplicationError) as caught:
        converse(run_in_repl("x", 5.0), repl.perform)
    assert caught.value.code == code
    assert repl.now_s - 50.0 <= within_s + 0.01
