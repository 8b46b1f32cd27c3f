"""What a connection may do is decided by the line's server: raw sockets, no client of ours between."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pytest

from station.control.requests import REQUESTS, Role, act_of, parsed
from station.control.server import LINE_LIMIT_BYTES, LineService
from station.control.socket_path import noted_socket
from station.control.wire import LineAbout, LineStatus
from station.model.batches import NAME_LIMIT
from station.model.slots import RerunWay, SlotView
from station.model.unit_values import OnBound, SaidOfUnit, UnitBinding
from station.roles.guarded_acts import Act

WHOLE: dict[str, dict[str, Any]] = {
    "stop": {"abort": True},
    "pause": {},
    "resume": {},
    "cancel": {"port_path": "1-1.1"},
    "rerun": {"port_path": "1-1.1"},
    "restore_slot": {"port_path": "1-1.1"},
    "begin_batch": {"name": "L1", "operator": "ann", "planned": 40},
    "end_batch": {"name": "L1"},
    "go_on_with_batch": {"name": "L1"},
    "count_batch": {"name": "L1"},
    "move_camera": {"move": "unplug", "port_path": "1-1.1"},
    "prove_engineer": {"pin": "2580", "name": "Ada"},
    "end_engineer": {},
}
"""Every request that steers, with its fields."""
OF_THE_CONNECTION = ("prove_engineer", "end_engineer")


class Line:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.short = False

    def status(self) -> LineStatus:
        return LineStatus()

    def views(self) -> list[SlotView]:
        return []

    def pause(self) -> None:
        self.asked.append(("pause",))

    def resume(self) -> None:
        self.asked.append(("resume",))

    def stop(self, *, abort: bool = False) -> None:
        self.asked.append(("stop", abort))

    def cancel(self, port_path: str) -> None:
        self.asked.append(("cancel", port_path))

    def rerun(self, port_paths: Sequence[str]) -> dict[RerunWay, list[str]]:
        self.asked.append(("rerun", *port_paths))
        return {RerunWay.RERUN: [], RerunWay.ENTERING: list(port_paths)}

    def restore_slot(self, place: str) -> None:
        self.asked.append(("restore_slot", place))

    def begin_batch(self, name: str, operator: str | None, planned: int | None) -> None:
        self.asked.append(("begin_batch", name, operator, planned))

    def end_batch(self, name: str) -> None:
        self.asked.append(("end_batch", name))

    def count_batch(self, name: str) -> None:
        self.asked.append(("count_batch", name))

    def cuts_short(self, name: str | None, planned: int | None) -> bool:
        return self.short and name != "L1"

    def go_on_with_batch(self, name: str) -> None:
        self.asked.append(("go_on_with_batch", name))

    def bind(self, said: SaidOfUnit, on_bound: OnBound) -> None:
        self.asked.append(("bind_unit", said.port_path, said.serial, said.product_serial))
        on_bound(UnitBinding(said.serial, "s", datetime.now(UTC), said.by, said.product_serial, said.values))

    def move(self, move: str, port_path: str, views: Sequence[SlotView]) -> None:
        self.asked.append(("move_camera", move, port_path))


class Raw:
    """A socket, and a line for each line."""

    def __init__(self, link: socket.socket, stream: IO[bytes]) -> None:
        self.link = link
        self._stream = stream
        assert "about" in json.loads(stream.readline())

    def send(self, given: object) -> dict[str, Any]:
        """Send a value, or bytes as they are; the answer."""
        text = given if isinstance(given, bytes) else json.dumps(given).encode()
        self.link.sendall(text + b"\n")
        answer: dict[str, Any] = json.loads(self._stream.readline())
        return answer

    def code(self, given: object) -> str:
        """The code that it is refused with."""
        refused = self.send(given)["refused"]
        assert "\n" not in refused["text"]
        return str(refused["code"])


Connect = Callable[[], Raw]


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def connect(line: Line, tmp_path: Path) -> Iterator[Connect]:
    about = LineAbout("bench-3", "b", "v1", "full", None, None, datetime(2026, 11, 22, tzinfo=UTC))
    with ExitStack() as opened:
        opened.enter_context(LineService(tmp_path, about, line).serving(line))

        def connect() -> Raw:
            link = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            link.settimeout(20)
            link.connect(str(noted_socket(tmp_path)))
            return Raw(link, opened.enter_context(link.makefile("rb")))

        yield connect


def test_every_request_is_tried() -> None:
    assert set(WHOLE) == {do for do, kind in REQUESTS.items() if kind.role is Role.STEER}
    assert set(REQUESTS) - set(WHOLE) == {"snapshot"}


def test_every_request_names_the_role_that_it_needs(line: Line) -> None:
    line.short = True
    table = {do: (kind.role, act_of(parsed({"do": do, **WHOLE.get(do, {})}), line)) for do, kind in REQUESTS.items()}
    assert {do for do, (role, _) in table.items() if role is Role.LOOK} == {"snapshot"}
    assert {do: act for do, (_, act) in table.items() if act} == {
        "restore_slot": (Act.SLOT_RESTORED, "1-1.1"),
        "end_batch": (Act.BATCH_ENDED_SHORT, "L1"),
    }
    assert act_of(parsed({"do": "begin_batch", "name": "L2", "operator": None, "planned": 40}), line)
    line.short = False
    assert act_of(parsed({"do": "end_batch", "name": "L1"}), line) is None


def test_who_looks_can_never_steer(connect: Connect, line: Line) -> None:
    raw = connect()
    assert raw.send({"role": "look"}) == {"role": "look"}
    for do, fields in WHOLE.items():
        assert raw.code({"do": do, **fields}) == "request.read_only"
    assert raw.code({"role": "steer"}) == "request.role"
    assert raw.code({"do": "stop", "role": "steer"}) == "request.role"
    assert raw.code({"do": "pause"}) == "request.read_only"
    assert raw.send({"do": "snapshot"})["snapshot"]["slots"] == []
    assert line.asked == []


@pytest.mark.parametrize("do", [do for do in WHOLE if do not in OF_THE_CONNECTION])
def test_who_steers_may_ask_for_all(connect: Connect, line: Line, do: str) -> None:
    raw = connect()
    raw.send({"role": "steer"})
    assert raw.send({"do": do, **WHOLE[do]})["done"] == do
    assert line.asked == [(do, *WHOLE[do].values())]
    assert "snapshot" in raw.send({"do": "snapshot"})


def test_several_slots_are_run_again_and_each_is_answered(connect: Connect, line: Line) -> None:
    raw = connect()
    raw.send({"role": "steer"})
    answer = raw.send({"do": "rerun", "port_paths": ["1-1.1", "1-1.2"]})
    assert answer == {"done": "rerun", "ways": {"rerun": [], "entering": ["1-1.1", "1-1.2"]}}
    assert line.asked == [("rerun", "1-1.1", "1-1.2")]


def test_nothing_is_done_for_who_has_said_no_role(connect: Connect, line: Line) -> None:
    raw = connect()
    for given in ({"do": "snapshot"}, {"do": "stop"}, {"role": "owner"}, {"role": ["steer"]}, {"role": None}):
        assert raw.code(given) == "request.role"
    assert raw.send({"role": "steer"}) == {"role": "steer"}
    assert line.asked == []


def test_one_role_says_nothing_about_another_connection(connect: Connect, line: Line) -> None:
    looks, steers = connect(), connect()
    looks.send({"role": "look"})
    steers.send({"role": "steer"})
    assert looks.code({"do": "pause"}) == "request.read_only"
    assert steers.send({"do": "pause"}) == {"done": "pause"}
    assert line.asked == [("pause",)]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (b"{", "request.invalid"),
        (b"\xff", "request.invalid"),
        (b"[" * 60_000, "request.invalid"),
        ([], "request.invalid"),
        ("stop", "request.invalid"),
        ({}, "request.unknown"),
        ({"do": "explode"}, "request.unknown"),
        ({"do": ["stop"]}, "request.unknown"),
        ({"do": "cancel"}, "request.invalid"),
        ({"do": "rerun", "port_path": 7}, "request.invalid"),
        ({"do": "rerun", "port_paths": "1-1.1"}, "request.invalid"),
        ({"do": "rerun", "port_paths": [7]}, "request.invalid"),
        ({"do": "restore_slot"}, "request.invalid"),
        ({"do": "move_camera", "move": "throw", "port_path": "1-1.2"}, "request.invalid"),
        ({"do": "move_camera", "move": "replug"}, "request.invalid"),
        ({"do": "stop", "abort": "no"}, "request.invalid"),
        ({"do": "end_batch", "name": None}, "request.invalid"),
        ({"do": "begin_batch", "name": "x" * (NAME_LIMIT + 1), "operator": None, "planned": None}, "request.invalid"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_request_is_refused_and_the_next_one_is_heard(
    connect: Connect, line: Line, given: object, code: str
) -> None:
    raw = connect()
    raw.send({"role": "steer"})
    assert raw.code(given) == code
    assert line.asked == []
    assert raw.send({"do": "end_batch", "name": "x" * 200}) == {"done": "end_batch"}


def test_a_line_without_an_end_is_hung_up_on_and_others_are_heard(connect: Connect, line: Line) -> None:
    endless, other = connect(), connect()
    with suppress(ConnectionError):  # it may have hung up already
        endless.link.sendall(b"{" * (LINE_LIMIT_BYTES + 1))
        assert endless.link.recv(1) == b""
    assert other.send({"role": "steer"}) == {"role": "steer"}
    assert other.send({"do": "pause"}) == {"done": "pause"}


def test_real_cameras_are_moved_by_hand(line: Line, tmp_path: Path) -> None:
    about = LineAbout("bench-3", "b", "v1", "full", None, None, datetime(2026, 11, 22, tzinfo=UTC))
    with LineService(tmp_path, about).serving(line), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(20)
        link.connect(str(noted_socket(tmp_path)))
        raw = Raw(link, link.makefile("rb"))
        raw.send({"role": "steer"})
        assert raw.code({"do": "move_camera", "move": "new"}) == "request.real_cameras"
    assert line.asked == []
