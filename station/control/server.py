"""The line as a service: a Unix socket for each data folder, through which any number of screens watch and steer it.

JSON, one value a line. On connecting a screen gets `{"about": …}`. A snapshot of all slots is sent only when it is
asked for (`{"do": "snapshot"}`): a screen that is slow gets fewer of them, never a queue. Facts are posted to all:
`{"run": …}` for a run that is in the log, `{"notice": …}` for a camera that is left alone, `{"about": …}` once more
where the batch or the operator changed, and as the last words of a line its last snapshot and `{"status": …}`. Notices
are in no log: a screen that connects later gets the latest ones too.
A connection says first what it may do, `{"role": "look"}` or `{"role": "steer"}`, and cannot change it; what it may not
do is refused: `{"refused": {"code": …, "text": …}}`. What needs an engineer is refused with `role.engineer_needed` and
the request (`asked`), until the connection has sent the PIN (`prove_engineer`).
No screen can hold up the line: one that does not read is dropped.
"""

from __future__ import annotations

import logging
import os
import queue
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from station.bell import Bell
from station.clock import monotonic_s
from station.control.authority import NEEDED, Authority, Standing, Unguarded, proving, refusal
from station.control.requests import (
    BindUnit,
    EndEngineer,
    MoveCamera,
    ProveEngineer,
    Request,
    Role,
    Steering,
    TakeLogWrites,
    TakeSnapshot,
    act_of,
    parsed,
    to_json,
)
from station.control.socket_path import note_socket, socket_path
from station.control.steered import Hands, Steered
from station.control.wire import CentralLag, LineAbout, Snapshot
from station.errors import UsageError
from station.json_lines import LineBuffer, line_of, object_of
from station.model.notices import Notice
from station.model.runs import RunRecord
from station.model.unit_values import UnitBinding
from station.model.write_times import WRITE_BOUNDS_S, Spread
from station.problem import Problem
from station.roles.guarded_acts import Done

MODE = 0o660
"""Its owner and its group may watch and steer the line, nobody else."""
LINE_LIMIT_BYTES = 1 << 16
UNREAD_LIMIT_BYTES = 4 << 20
"""A screen that leaves so much unread is gone, or as good as gone."""
LAST_WORDS_S = 2.0
NOTICES_KEPT = 200


class _Client:
    """One connected screen: what it sent so far and what it has yet to read."""

    def __init__(self, connection: socket.socket, authority: Authority) -> None:
        self.connection = connection
        self.role: Role | None = None
        self.standing = Standing(authority)
        self.heard = LineBuffer(LINE_LIMIT_BYTES)
        self.unread = bytearray()
        self.gone = False

    def tell(self, fact: dict[str, Any]) -> None:
        """Queue one line for it."""
        self.unread += line_of(fact)

    def flush(self) -> None:
        """Send what it will take now. OSError where it is gone."""
        with suppress(BlockingIOError):
            while self.unread:
                del self.unread[: self.connection.send(self.unread)]


class LineService:
    """Serves one line to its screens, in a thread of its own. What posts may be called from any thread."""

    def __init__(
        self, data_dir: Path, about: LineAbout, hands: Hands | None = None, authority: Authority | None = None
    ) -> None:
        self._data_dir = data_dir
        self._authority = authority or Unguarded()
        self._answers: queue.SimpleQueue[tuple[_Client, Callable[[], Mapping[str, Any]]]] = queue.SimpleQueue()
        self._hands = hands
        self._about = about
        self._clients: dict[socket.socket, _Client] = {}
        self._central: CentralLag | None = None
        self._facts: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._notices: deque[dict[str, Any]] = deque(maxlen=NOTICES_KEPT)
        """The latest, as they were posted; of the service's thread."""
        self._bell = Bell()
        self._closing = False
        self._line: Steered | None = None
        self.log_writes: Callable[[], Spread] = partial(Spread.nothing, WRITE_BOUNDS_S)
        """How long transactions of the log took so far; must be quick."""

    def post_run(self, run: RunRecord) -> None:
        """Tell every screen of a run that is in the log (or, by its code, could not be logged)."""
        self._post({"run": run.to_json()})

    def post_notice(self, notice: Notice) -> None:
        """Tell every screen of something in a slot that gets no run."""
        self._post({"notice": {**notice.to_json(), "at": datetime.now(UTC).isoformat()}})

    def post_about(self, about: LineAbout) -> None:
        """Tell every screen, and those that come later, what the line works on now."""
        self._about = about
        self._post({"about": about.to_json()})

    def post_central(self, lag: CentralLag) -> None:
        """Tell every screen, and those that come later, how far the database of all stations is behind."""
        if lag != self._central:
            self._central = lag
            self._post({"central": lag.to_json()})

    def _post(self, fact: dict[str, Any]) -> None:
        self._facts.put(fact)
        self._bell.ring()

    @contextmanager
    def serving(self, line: Steered) -> Iterator[None]:
        """Serve until the end of the block; the screens hear how the line ended."""
        self._line = line
        try:
            listener = listening_socket(self._data_dir)
            path = Path(listener.getsockname())
        except OSError as error:
            # Cameras are flashed with or without anybody looking.
            logging.getLogger(__name__).warning("no screen can look at this line: %s", error)
            yield
            return
        thread = threading.Thread(target=self._loop, args=(listener, line), name="service", daemon=True)
        thread.start()
        try:
            yield
        finally:
            last = Snapshot(replace(line.status(), accepting=False, ended=True), tuple(line.views()))
            self._post({"snapshot": last.to_json(monotonic_s())})
            self._post({"status": last.status.to_json()})
            self._closing = True
            self._post({})
            thread.join(LAST_WORDS_S * 2)
            path.unlink(missing_ok=True)
            self._bell.close()

    # --- its thread -------------------------------------------------------------------------------------------------

    def _loop(self, listener: socket.socket, line: Steered) -> None:
        with selectors.DefaultSelector() as selector, listener:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            while not self._closing:
                self._step(selector, listener, line)
            self._post_facts()
            self._say_last_words()

    def _step(self, selector: selectors.BaseSelector, listener: socket.socket, line: Steered) -> None:
        for key, _events in selector.select():
            if key.fileobj is self._bell:
                self._bell.silence()
            elif key.fileobj is listener:
                self._accept(selector, listener)
            elif isinstance(key.fileobj, socket.socket):
                self._hear(self._clients[key.fileobj], line)
        self._post_facts()
        self._post_answers()
        for client in list(self._clients.values()):
            self._write(selector, client)

    def _accept(self, selector: selectors.BaseSelector, listener: socket.socket) -> None:
        with suppress(OSError):  # it left again
            connection, _ = listener.accept()
            connection.setblocking(False)
            client = _Client(connection, self._authority)
            client.tell({"about": self._about.to_json()})
            if self._central is not None:
                client.tell({"central": self._central.to_json()})
            for notice in self._notices:
                client.tell(notice)
            self._clients[connection] = client
            selector.register(connection, selectors.EVENT_READ)

    def _hear(self, client: _Client, line: Steered) -> None:
        try:
            heard = client.connection.recv(LINE_LIMIT_BYTES)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        client.heard.take(heard)
        client.gone = not heard
        try:
            for request in client.heard.lines():
                if len(client.unread) <= UNREAD_LIMIT_BYTES and (answer := self._answer(client, request, line)):
                    client.tell(answer)
        except ValueError:  # longer than any request: whoever sends this is no screen
            client.gone = True

    def _post_facts(self) -> None:
        while True:
            try:
                fact = self._facts.get_nowait()
            except queue.Empty:
                return
            if "notice" in fact:
                self._notices.append(fact)
            for client in self._clients.values():
                if fact:
                    client.tell(fact)

    def _post_answers(self) -> None:
        """What became of PINs and bindings meanwhile."""
        while not self._answers.empty():
            client, answer = self._answers.get_nowait()
            client.tell(dict(answer()))

    def _write(self, selector: selectors.BaseSelector, client: _Client) -> None:
        connection = client.connection
        try:
            client.flush()
        except OSError:
            client.gone = True
        if client.gone or len(client.unread) > UNREAD_LIMIT_BYTES:
            del self._clients[connection]
            selector.unregister(connection)
            connection.close()
            return
        selector.modify(connection, selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unread else 0))

    def _say_last_words(self) -> None:
        until_s = monotonic_s() + LAST_WORDS_S
        for client in self._clients.values():
            while client.unread and monotonic_s() < until_s:
                try:
                    client.flush()
                except OSError:
                    break
                if client.unread:
                    time.sleep(0.01)
            client.connection.close()

    # --- answers ----------------------------------------------------------------------------------------------------

    def _answer(self, client: _Client, text: bytes, line: Steered) -> dict[str, Any] | None:
        """What one line of a client is answered; None for a PIN and a binding: these are answered later."""
        asked: Request | None = None
        try:
            given = _object(text)
            if "role" in given:
                return _take_role(client, given["role"])
            asked = parsed(given)
            _check(client.role, asked)
            return self._carried_out(client, asked, line)
        except UsageError as error:
            return refusal(error, to_json(asked) if asked is not None and error.code == NEEDED else None)

    def _carried_out(self, client: _Client, request: Request, line: Steered) -> dict[str, Any] | None:
        if isinstance(request, TakeSnapshot):
            return {"snapshot": Snapshot(line.status(), tuple(line.views())).to_json(monotonic_s())}
        if isinstance(request, TakeLogWrites):
            return {"log_writes": self.log_writes().to_json()}
        if isinstance(request, ProveEngineer):
            proving(client.standing, request, lambda answer: self._later(client, answer))
            return None
        if isinstance(request, EndEngineer):
            return {"done": request.do, **client.standing.ended()}
        if isinstance(request, BindUnit):
            said = request.said(self._about.operator or "operator")
            line.bind(said, lambda bound: self._later(client, lambda: bound_answer(request, bound)))
            return None
        if isinstance(request, MoveCamera):
            _move(request, line, self._hands)
            return {"done": request.do}
        return {"done": request.do, **self._steered(client, request, line)}

    def _steered(self, client: _Client, request: Steering, line: Steered) -> dict[str, Any]:
        """Ask the line; what only an engineer may do is in the audit."""
        guarded = act_of(request, line)
        if guarded is None:
            return request.carry_out(line) or {}
        who = client.standing.allow(self._about.operator or "")
        answer = request.carry_out(line) or {}
        act, subject = guarded
        self._authority.note(Done(act, who, subject, to_json(request)))
        return {**answer, **(client.standing.to_json() if client.standing.is_engineer else {})}

    def _later(self, client: _Client, answer: Callable[[], Mapping[str, Any]]) -> None:
        """An answer for which somebody else had to be asked; called in their threads."""
        self._answers.put((client, answer))
        self._bell.ring()


def bound_answer(request: BindUnit, bound: UnitBinding | Problem) -> dict[str, Any]:
    """What is answered when the log has a binding, or refused it."""
    if isinstance(bound, Problem):
        return refusal(UsageError(bound.code, bound.message), to_json(request))
    unit = {"product_serial": bound.product_serial, "unit_values": bound.values.to_json()}
    return {"done": request.do, "bound": {"port_path": request.port_path, "serial": bound.serial, **unit}}


def _move(request: MoveCamera, line: Steered, hands: Hands | None) -> None:
    if hands is None:
        raise UsageError("request.real_cameras", "only the cameras of the demo are moved from a screen")
    hands.move(request.move, request.port_path, line.views())


def _object(text: bytes) -> dict[str, Any]:
    try:
        return object_of(text)
    except ValueError as error:
        raise UsageError("request.invalid", "a request is one JSON object a line") from error


def _take_role(client: _Client, given: object) -> dict[str, Any]:
    """A role is said once: who only looks, looks to the end."""
    if client.role is not None:
        raise UsageError("request.role", f"this connection has said its role: {client.role}")
    client.role = Role.from_json(given)
    return {"role": client.role}


def _check(role: Role | None, request: Request) -> None:
    if role is None:
        raise UsageError("request.role", "a connection says its role first")
    if not role.may(request.role):
        raise UsageError("request.read_only", f"this connection may only look: no {request.do}")


def listening_socket(data_dir: Path) -> socket.socket:
    """The socket of a data folder's line, noted in the folder. The folder is held, so one that is there already is a
    dead station's. OSError where it cannot be had."""
    path = socket_path(data_dir)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Set before it is bound: at no moment may more than these open it.
    os.fchmod(listener.fileno(), MODE)
    try:
        listener.bind(str(path))
        path.chmod(MODE)
        listener.listen(16)
        note_socket(data_dir, path)
    except OSError:
        listener.close()
        raise
    return listener
