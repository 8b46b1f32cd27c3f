"""Property: whatever comes, in whatever pieces, every conversation ends within its limit, with a result or a code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from station.app.app_client import Client
from station.app.conversation import Conversation, converse
from station.app.exchange import PORT_GONE, Heard, Listen, PortAction, PortBroken, PortReply, Send, Sent, Silent, Stuck
from station.app.packet import Packet
from station.app.repl import run_in_repl
from station.errors import HINTS, ApplicationError

QUESTION_LIMIT_S = 20.0 + 1.0
"""What a conversation may take, and the last sending."""
SCRIPT_LIMIT_S = 2 * (20.0 + 1.0) + 5.0 + 3.0 + 1.0
REPL_LIMIT_S = 3 * 3.3 + 5.0 + 3.0 + 3.0

CONVERSATIONS: dict[str, tuple[float, Callable[[], Conversation[Any]]]] = {
    "synchronize": (QUESTION_LIMIT_S, lambda: Client().synchronize()),
    "versions": (QUESTION_LIMIT_S, lambda: Client().versions()),
    "system info": (QUESTION_LIMIT_S, lambda: Client().system_info()),
    "read": (QUESTION_LIMIT_S, lambda: Client().read(2, 5000)),
    "boot": (QUESTION_LIMIT_S, lambda: Client().enter_bootloader()),
    "script": (SCRIPT_LIMIT_S, lambda: Client().run_script("print(1)", "m1", 5.0)),
    "repl": (REPL_LIMIT_S, lambda: run_in_repl("print(1)", 5.0)),
}
LIKELY = st.builds(
    lambda sequence, channel, flags, opcode, payload: Packet(sequence, channel, flags, opcode, payload).encode(),
    st.integers(0, 6),
    st.sampled_from([0, 0, 0, 1, 2]),
    st.sampled_from([0, 1, 1, 2, 4, 8, 16, 24, 32, 40]) | st.integers(0, 255),
    st.sampled_from([0, 0, 1, 1, 2, 4, 0x11, 0x12, 0x20, 0x21, 0x25, 0x26, 0x27, 0x28, 0x29]),
    st.sampled_from([b"", b"\6\0", b"\4\0", b"\5\0\0\0", bytes(16), b"\x0f\0\0\0\xf2\x1f" + bytes(10), bytes(76)]),
)
TEXTS = st.sampled_from([b"raw REPL; CTRL-B to exit\r\n>", b"OK", b"\x04", b"<m1>", b"</m1>", b">>> ", b"\xaa\xd5"])
CHUNKS = st.one_of(st.binary(min_size=1, max_size=60), LIKELY, LIKELY, TEXTS)


def virtual_seconds(
    conversation: Conversation[Any], replies: Iterator[bytes | str], step_s: float
) -> tuple[float, str]:
    """How long it took, and the code that it ended with, over a port that answers so, then for ever the same."""
    now_s = 0.0

    def perform(action: PortAction) -> PortReply:
        nonlocal now_s
        reply = next(replies, b"")
        if reply == "gone":
            return PORT_GONE
        if reply == "broken":
            return PortBroken(71)
        if isinstance(action, Send):
            now_s += action.limit_s if reply == "stuck" else 0
            return Stuck(now_s) if reply == "stuck" else Sent(now_s)
        assert isinstance(action, Listen)
        if isinstance(reply, bytes) and reply and now_s < action.until_s:
            now_s += step_s
            return Heard(reply, now_s)
        now_s = max(now_s, action.until_s)
        return Silent(now_s)

    try:
        converse(conversation, perform)
    except ApplicationError as error:
        return now_s, error.code
    return now_s, ""


REPLIES = st.lists(st.one_of(*[CHUNKS] * 9, st.sampled_from(["gone", "broken", "stuck", "silent"])), max_size=40)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(sorted(CONVERSATIONS)), REPLIES, st.booleans(), st.sampled_from([0.001, 0.02, 0.4]))
def test_any_bytes_end(name: str, replies: list[bytes | str], for_ever: bool, step_s: float) -> None:
    limit_s, begin = CONVERSATIONS[name]

    def come() -> Iterator[bytes | str]:
        yield from replies
        while for_ever and replies:
            yield from replies

    took_s, code = virtual_seconds(begin(), come(), step_s)
    assert took_s <= limit_s
    assert code == "" or (code.startswith("test.") and code in HINTS)
