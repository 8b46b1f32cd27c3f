"""The wire codec and the names of states and statuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.dfu.dfu_failures import Place, state_name, status_name
from station.dfu.dfu_protocol import State, Status, StatusCode


@given(st.builds(Status, st.integers(0, 255), st.integers(0, 0xFFFFFF), st.integers(0, 255), st.integers(0, 255)))
def test_a_status_survives_the_wire(status: Status) -> None:
    assert len(status.encode()) == 6
    assert Status.decode(status.encode()) == status


def test_the_poll_time_is_little_endian() -> None:
    assert Status.decode(bytes.fromhex("03 010200 0a 07")) == Status(3, 0x0201, State.DFU_ERROR, 7)


@pytest.mark.parametrize("size", [0, 5, 7])
def test_a_status_has_six_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="6 bytes"):
        Status.decode(bytes(size))


def test_names_are_those_of_the_standard() -> None:
    assert [status_name(code) for code in (StatusCode.OK, 3, 6, 15, 99)] == [
        "OK",
        "errWRITE",
        "errPROG",
        "errSTALLEDPKT",
        "status 99",
    ]
    assert [state_name(state) for state in (0, 2, 8, 10, 11)] == [
        "appIDLE",
        "dfuIDLE",
        "dfuMANIFEST-WAIT-RESET",
        "dfuERROR",
        "state 11",
    ]


def test_a_place_reads_like_one() -> None:
    assert [place.words for place in (Place(6, "ROMFS0", 17), Place(6, block=0), Place(1, "HP"), Place(None))] == [
        "block 17 of ROMFS0",
        "block 0 of alt 6",
        "HP",
        "the camera",
    ]
