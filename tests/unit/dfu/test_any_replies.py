"""Properties: whatever a device answers, every operation ends, and no rule of the protocol is ever broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.dfu.actions import (
    DONE,
    GONE,
    STALLED,
    TIMED_OUT,
    Action,
    Broken,
    ControlIn,
    ControlOut,
    Data,
    Reply,
    SetInterface,
    Wait,
)
from station.dfu.dfu_protocol import Request, Status
from station.dfu.engine import MAX_STATUS_REQUESTS, Engine, Finished, Operation, ProtocolMisuse, drive
from station.dfu.transition_table import Belief
from station.errors import HINTS, CameraError
from tests.unit.dfu.ae3_engine import ae3_engine
from tests.unit.dfu.rules import Witness

MAX_ACTIONS = 2 * MAX_STATUS_REQUESTS + 3
"""DNLOAD, as many statuses as may be, a wait after each, and CLRSTATUS."""

STATES = st.sampled_from([2, 3, 4, 5, 6, 7, 10]) | st.integers(0, 255)
STATUSES = st.builds(
    lambda status, poll_ms, state: Data(Status(status, poll_ms, state).encode()),
    st.sampled_from([0, 0, 0, 0, 3, 8, 15]) | st.integers(0, 255),
    st.sampled_from([0, 0, 0, 5, 60_000]),
    STATES,
)
FAILURES: st.SearchStrategy[Reply] = st.sampled_from([STALLED, TIMED_OUT, TIMED_OUT, GONE, Broken(5), Broken(71)])


def replies(action: Action, expected_state: int) -> st.SearchStrategy[Reply]:
    """Whatever may come back for an action, sense and nonsense, what a good camera says more often than not."""
    if isinstance(action, Wait):
        return st.just(DONE)
    good: st.SearchStrategy[Reply] = st.just(DONE)
    if isinstance(action, ControlIn):
        if action.request is Request.GETSTATUS:
            right = st.just(Data(Status(0, 0, expected_state).encode()))
            good = st.one_of(right, right, right, STATUSES, st.just(Data(b"\0" * 5)))
        elif action.request is Request.GETSTATE:
            good = (st.just(expected_state) | STATES).map(lambda state: Data(bytes([state])))
        else:
            good = st.sampled_from([Data(b"x" * action.length), Data(b"\0" * 4), Data(b"")])
    return st.one_of(good, good, good, good, good, FAILURES)


OPERATIONS: dict[str, Callable[[Engine, int], Operation[Any]]] = {
    "select": lambda engine, n: engine.select(n % 8, f"P{n % 8}"),
    "select beyond": lambda engine, n: engine.select(8 + n),
    "upload": lambda engine, n: engine.upload_block(n, 4096),
    "upload nothing": lambda engine, n: engine.upload_block(n, 0),
    "download": lambda engine, n: engine.download_block(n % 3, b"x" * 4096),
    "finish": lambda engine, n: engine.finish_image(),
    "status": lambda engine, n: engine.get_status(),
    "state": lambda engine, n: engine.get_state(),
    "clear": lambda engine, n: engine.clear_status(),
    "abort": lambda engine, n: engine.abort(),
    "detach": lambda engine, n: engine.detach(),
}
CHOICES = st.tuples(
    st.sampled_from([*OPERATIONS, "select", "select", "download", "download", "download", "finish"]), st.integers(0, 7)
)


@settings(deadline=None, max_examples=400)
@given(data=st.data(), choices=st.lists(CHOICES, min_size=1, max_size=14), leave_out=st.booleans())
def test_no_sequence_of_replies_breaks_a_rule_or_goes_on_for_ever(
    data: st.DataObject, choices: list[tuple[str, int]], leave_out: bool
) -> None:
    engine, witness = ae3_engine(), Witness()
    if not leave_out:
        choices = [("select", choices[0][1]), *choices]
    for name, number in choices:
        count = 0

        def perform(action: Action) -> Reply:
            nonlocal count
            count += 1
            assert count <= MAX_ACTIONS
            reply = data.draw(replies(action, witness.expects))
            witness.see(action, reply)
            return reply

        believed, code = engine.belief, None
        try:
            drive(OPERATIONS[name](engine, number), perform)
        except CameraError as error:
            code = error.code
        except ProtocolMisuse:
            sent, after = count, engine.belief
            assert (sent, after) == (0, believed), "a misuse is refused before anything is sent"
        assert code is None or code in HINTS


LIKELY = ["download"] * 6 + ["finish", "finish", "select", "abort", "clear", "status", "state", "upload"]
"""Weights for long sessions: enough blocks and ends of images to get deep into a partition."""


def _reply_by_chance(chance: Random, action: Action, expected_state: int) -> Reply:
    if isinstance(action, Wait):
        return DONE
    if chance.random() < 0.08:
        failures: list[Reply] = [STALLED, TIMED_OUT, TIMED_OUT, TIMED_OUT, Broken(5)]
        return chance.choice(failures)
    if not isinstance(action, ControlIn):
        return DONE
    if action.request is Request.UPLOAD:
        return Data(b"x" * chance.choice([4, action.length]))
    state = expected_state if chance.random() < 0.9 else chance.choice([2, 3, 4, 5, 6, 7, 10])
    return Data(bytes([state]) if action.request is Request.GETSTATE else Status(0, 0, state).encode())


def _long_session(chance: Random) -> int:
    """Forty operations of one engine, over alts 1 and 6, with a witness; how many requests were seen."""
    engine, witness, count = ae3_engine(), Witness(), 0

    def perform(action: Action) -> Reply:
        nonlocal count
        count += 1
        reply = _reply_by_chance(chance, action, witness.expects)
        witness.see(action, reply)
        return reply

    for _ in range(40):
        # A camera that was lost is usually begun with again.
        ready = engine.belief in (Belief.IDLE, Belief.DOWNLOADING)
        name = chance.choice(LIKELY if ready or chance.random() < 0.5 else ["select"])
        number = chance.choice([1, 6]) if name == "select" else chance.randrange(3)
        with suppress(CameraError, ProtocolMisuse):
            drive(OPERATIONS[name](engine, number), perform)
    return count


@pytest.mark.parametrize("seed", range(20))
def test_long_sessions_break_no_rule(seed: int) -> None:
    chance = Random(seed)
    assert sum(_long_session(chance) for _ in range(50)) > 50 * 40


ANSWERS: list[Reply] = [
    DONE,
    STALLED,
    TIMED_OUT,
    GONE,
    Broken(5),
    Data(b""),
    Data(b"\x05"),
    Data(b"\0" * 4),
    Data(b"\0" * 4096),
    Data(b"\0" * 5000),
    *(Data(Status(0, poll_ms, state).encode()) for state in range(12) for poll_ms in (0, 1, 0xFFFFFF)),
    Data(Status(3, 0, 10).encode()),
    Data(Status(200, 0, 10).encode()),
]


def _engine_on(alt: int) -> Engine:
    engine = ae3_engine()
    drive(engine.select(alt), lambda action: DONE)
    return engine


def _belief(engine: Engine) -> Belief:
    return engine.belief


def _downloading(alt: int) -> Engine:
    engine = _engine_on(alt)
    answers: Iterator[Reply] = iter([DONE, Data(Status(0, 0, 4).encode()), Data(Status(0, 0, 5).encode())])
    drive(engine.download_block(0, b"x"), lambda action: next(answers))
    return engine


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
@pytest.mark.parametrize("name", ["select", "upload", "download", "finish", "status", "state", "abort", "detach"])
@pytest.mark.parametrize("polite", [True, False], ids=["requests accepted", "the same to everything"])
def test_one_answer_for_ever_ends_every_operation(name: str, answer: Reply, polite: bool) -> None:
    engine = _downloading(6)
    operation = OPERATIONS[name](engine, 0)
    count = 0
    try:
        while not isinstance(action := operation.next_action(), Finished):
            count += 1
            assert count <= MAX_ACTIONS
            accepted = polite and not isinstance(action, ControlIn)
            operation.receive(DONE if accepted or isinstance(action, Wait) else answer)
    except (CameraError, ProtocolMisuse):
        return


@pytest.mark.parametrize("reply", [Data(b"\0" * 6), TIMED_OUT], ids=["data", "silence"])
def test_an_operation_dropped_half_way_counts_as_lost(reply: Reply) -> None:
    engine = _engine_on(6)
    operation = engine.download_block(0, b"x" * 4096)
    operation.next_action()
    del operation
    assert _belief(engine) is Belief.BLOCK_LOST
    with pytest.raises(ProtocolMisuse):
        drive(engine.get_status(), lambda action: reply)
    with pytest.raises(ProtocolMisuse):
        drive(engine.upload_block(0, 4096), lambda action: reply)
    drive(engine.abort(), lambda action: DONE)
    assert _belief(engine) is Belief.IDLE


@pytest.mark.parametrize("state", [state for state in range(256) if state not in (2, 10)])
def test_no_other_state_is_believed_in_idle(state: int) -> None:
    engine = _engine_on(6)
    with pytest.raises(CameraError) as caught:
        drive(engine.get_status(), lambda action: Data(Status(0, 0, state).encode()))
    assert caught.value.code == "dfu.protocol"
    assert engine.belief is Belief.SILENT


def test_the_witness_sees_a_broken_rule() -> None:
    """The witness itself: each of these histories is wrong, and it has to say so."""
    status = ControlIn(Request.GETSTATUS, 0, 6, 1.0)
    upload = ControlIn(Request.UPLOAD, 0, 4096, 1.0)

    def sees(*history: tuple[Action, Reply]) -> None:
        witness = Witness()
        for action, reply in history:
            witness.see(action, reply)

    selected = (SetInterface(6), DONE)
    sent = (_dnload(), DONE)
    for history in (
        [(upload, Data(b""))],
        [(SetInterface(8), DONE)],
        [selected, sent, (upload, DONE)],
        [selected, (_dnload(), STALLED), (status, TIMED_OUT)],
        [selected, (_dnload(), TIMED_OUT), (SetInterface(6), DONE)],
        [(SetInterface(0), DONE), (_dnload(data=b""), DONE)],
        [(SetInterface(1), DONE), (_dnload(block=1), DONE)],
        [(SetInterface(7), DONE), (upload, Data(b""))],
        [selected, (ControlIn(Request.UPLOAD, 0, 0, 1.0), Data(b""))],
        [selected, (status, GONE), (status, GONE)],
    ):
        with pytest.raises(AssertionError):
            sees(*history)


def _dnload(block: int = 0, data: bytes = b"x") -> Action:
    return ControlOut(Request.DNLOAD, block, data, 1.0)
