"""The table itself: complete where it must be, closed where it must be."""

from __future__ import annotations

import pytest

from station.dfu.dfu_protocol import State
from station.dfu.transition_table import LOSS_OF, SAID, TABLE, Belief, Event

REQUESTS = [event for event in Event if event <= Event.DETACH]


def allowed(event: int) -> set[Belief]:
    return {belief for belief, row in TABLE.items() if event in row}


def said(belief: Belief) -> dict[State, Belief]:
    return {State(event - SAID): after for event, after in TABLE[belief].items() if event >= SAID}


def test_every_belief_has_a_row_and_every_request_a_loss() -> None:
    assert set(TABLE) == set(Belief)
    assert set(LOSS_OF) == set(REQUESTS)


@pytest.mark.parametrize("belief", Belief)
def test_a_request_that_may_be_sent_may_be_lost(belief: Belief) -> None:
    for event in REQUESTS:
        if event in TABLE[belief]:
            assert LOSS_OF[event] in TABLE[belief]


@pytest.mark.parametrize("belief", Belief)
def test_what_is_asked_can_be_heard(belief: Belief) -> None:
    asks = Event.GETSTATUS in TABLE[belief]
    assert bool(said(belief)) == asks
    if asks:
        assert said(belief)[State.DFU_ERROR] is Belief.ERROR


def test_nothing_comes_before_set_interface() -> None:
    assert set(TABLE[Belief.UNSELECTED]) == {Event.SELECT, Event.SELECT_LOST}


def test_a_gone_device_is_never_asked() -> None:
    assert not TABLE[Belief.GONE]


def test_data_moves_only_in_dfu_idle_and_dnload_idle() -> None:
    quiet = {Belief.IDLE, Belief.DOWNLOADING}
    assert allowed(Event.UPLOAD) == allowed(Event.DNLOAD) == quiet
    assert allowed(Event.DNLOAD_END) == {Belief.DOWNLOADING}


def test_a_lost_block_is_aborted_or_dropped_but_never_asked_for() -> None:
    assert set(TABLE[Belief.BLOCK_LOST]) - {Event.LOST, Event.SELECT_LOST, Event.DETACH_LOST} == {
        Event.ABORT,
        Event.SELECT,
        Event.DETACH,
    }
    assert TABLE[Belief.BLOCK_LOST][Event.LOST] is Belief.BLOCK_LOST


def test_a_device_that_may_be_writing_is_never_aborted() -> None:
    writing = {Belief.BLOCK_SENT, Belief.BLOCK_WRITING, Belief.BLOCK_SILENT, Belief.MANIFESTING, Belief.END_SILENT}
    assert not writing & allowed(Event.ABORT)


def test_a_sent_block_is_not_stored_before_it_was_written() -> None:
    assert State.DFU_DNLOAD_IDLE not in said(Belief.BLOCK_SENT)
    assert said(Belief.BLOCK_WRITING)[State.DFU_DNLOAD_IDLE] is Belief.DOWNLOADING
    assert State.DFU_IDLE not in said(Belief.END_SENT)
    assert said(Belief.MANIFESTING)[State.DFU_IDLE] is Belief.IDLE


def test_states_of_other_modes_are_never_believed() -> None:
    never = {
        State.APP_IDLE,
        State.APP_DETACH,
        State.DFU_MANIFEST_WAIT_RESET,
        State.DFU_UPLOAD_IDLE,
    }
    for belief in Belief:
        assert not never & set(said(belief))


def test_every_belief_is_reached_and_all_but_gone_lead_back_to_idle() -> None:
    reached, front = {Belief.UNSELECTED}, [Belief.UNSELECTED]
    while front:
        for after in TABLE[front.pop()].values():
            if after not in reached:
                reached.add(after)
                front.append(after)
    assert reached == set(Belief) - {Belief.GONE}
    for belief in reached - {Belief.BLOCK_SENT, Belief.END_SENT}:
        assert Belief.IDLE in TABLE[belief].values()
