"""One camera served on one connected socket, USB/IP from the first CMD_SUBMIT on.

A host sends one control transfer at a time as a rule, but may queue several, and may give one up (CMD_UNLINK) while the
camera is silent. Waiting is done in `select` and `time.sleep`, which have microseconds.

1. One thread serves a link. Only `pump` and `close` may be called from others.
2. Transfers of the data endpoints never keep control transfers waiting: an IN transfer for which the camera has nothing
   is laid aside, and answered by the next `pump` that finds something.
3. Whatever is sent is sent under `_sending`, which is taken before the camera's lock and never within it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

from station.sim import usbip_messages
from station.sim.bootloader_session import LEAVE_DELAY_S
from station.sim.camera import PORT_RESET, Camera
from station.sim.reply import GONE, Kind, Reply

_RECEIVE_BYTES = 65536
_SLEEP_LIMIT_S = 0.02
"""Shorter waits do not look for an UNLINK: sleeping is cheaper than `select`, and more precise."""
_SLEEP_REST_S = 0.005
"""Longer waits end with a sleep of about this."""
_OVERSLEEP_LIMIT_S = 0.00015
_OVERSLEEP_WEIGHT = 1 / 16
_KERNEL_RESET = bytes((0x80, 0x06, 0x00, 0x01, 0x00, 0x00, 0x40, 0x00))
"""GET_DESCRIPTOR(device) of 64 bytes: what a Linux hub sends after every bus reset, which itself stays invisible."""


class LinkClosed(Exception):
    """The other end closed the connection, or the camera left the bus."""


class Link:
    """Serves `camera`, as it is connected now, until either side ends it.

    `on_change` is called with the link, without the camera's lock, after a transfer that moved the camera's deadline,
    took it off the bus or reset it. `kernel`: the other end is a Linux vhci, whose bus resets have to be guessed.
    """

    def __init__(
        self,
        sock: socket.socket,
        camera: Camera,
        on_change: Callable[[Link], None],
        clock: Callable[[], float] = time.monotonic,
        kernel: bool = False,
    ) -> None:
        self._socket = sock
        self._camera = camera
        self._on_change = on_change
        self._clock = clock
        self._kernel = kernel
        self.connection = camera.connection
        """The appearance of the camera that this connection belongs to."""
        self._received = b""
        self._queue: deque[usbip_messages.Message] = deque()
        self._sending = threading.RLock()
        self._laid_aside: list[usbip_messages.Message] = []
        self._oversleep_s = 0.0
        self._changed = False
        self._current: usbip_messages.Message | None = None
        self.closing = False
        """Whether this side ends the connection."""
        self.ended_by_host = False
        self.was_reset = False
        """Whether the host reset the bus; whoever sees that enumerates again."""

    def run(self) -> None:
        """Serve until the connection ends. Never raises for that; closes the socket."""
        try:
            while True:
                message = self._queue.popleft() if self._queue else self._receive()
                if message.command == usbip_messages.CMD_UNLINK:
                    self._unlink_other(message)
                else:
                    self._serve(message)
        except (LinkClosed, OSError):
            self.ended_by_host = not self.closing
            if self._kernel and self.closing:
                self._fail_outstanding()
        finally:
            self._socket.close()

    def close(self) -> None:
        """End the connection from another thread."""
        self.closing = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD if self._kernel else socket.SHUT_RDWR)

    def pump(self) -> None:
        """Answer the IN transfers that were laid aside and for which the camera has something by now."""
        if not self._laid_aside:
            return
        with self._sending, contextlib.suppress(OSError):
            for message in list(self._laid_aside):
                self._answer_aside(message)

    def _answer_aside(self, message: usbip_messages.Message) -> None:
        camera = self._camera
        with camera.lock:
            there = camera.connection == self.connection and camera.composite is not None
            data = camera.composite.give(message.endpoint, message.length) if there and camera.composite else None
        if data is not None:
            self._laid_aside.remove(message)
            self._send(usbip_messages.submitted(message.seqnum, 0, len(data), data))

    def _send(self, answer: bytes) -> None:
        with self._sending:
            self._socket.sendall(answer)

    def _fail_outstanding(self) -> None:
        """Answer what is still asked, as a host controller does: vhci lets them run into their time limit."""
        outstanding = ([self._current] if self._current else []) + list(self._queue) + self._laid_aside
        with contextlib.suppress(OSError):
            for message in outstanding:
                self._send(usbip_messages.submitted(message.seqnum, usbip_messages.STATUS_GONE, 0))

    def _serve_data(self, message: usbip_messages.Message) -> None:
        """A transfer of a data endpoint: OUT is taken at once, IN is answered as soon as there is something."""
        camera = self._camera
        with camera.lock:
            if camera.connection != self.connection:
                self.closing = True
                raise LinkClosed
            due_s, inward = camera.due_s, message.direction == usbip_messages.DIRECTION_IN
            taken = camera.composite is not None if inward else camera.take_data(message.endpoint, message.data)
            self._changed = camera.due_s != due_s or camera.connection != self.connection
        if not taken:
            self._send(usbip_messages.submitted(message.seqnum, usbip_messages.STATUS_STALL, 0))
        elif inward:
            with self._sending:
                self._laid_aside.append(message)
        else:
            self._send(usbip_messages.submitted(message.seqnum, 0, len(message.data)))
        self.pump()
        if self._changed:
            self._tell_change()

    def _serve(self, message: usbip_messages.Message) -> None:
        if message.endpoint:
            self._serve_data(message)
            return
        arrived_s = self._clock()
        self._current = message
        reply = self._answer(message)
        self._current = None
        if reply is None:
            with self._camera.lock:
                self._camera.abandon(message.setup)
            return
        if reply.kind is Kind.DATA:
            if message.direction == usbip_messages.DIRECTION_IN:
                data = reply.data[: message.length]
                answer = usbip_messages.submitted(message.seqnum, 0, len(data), data)
            else:
                answer = usbip_messages.submitted(message.seqnum, 0, len(message.data))
        else:
            status = usbip_messages.STATUS_STALL if reply.kind is Kind.STALL else usbip_messages.STATUS_BROKEN
            answer = usbip_messages.submitted(message.seqnum, status, 0)
        self._camera.answering_s += self._clock() - arrived_s
        self._send(answer)
        if self._changed:
            self._tell_change()

    def _answer(self, message: usbip_messages.Message) -> Reply | None:
        """The camera's reply when it is due; None when the host gave the transfer up. LinkClosed without a camera."""
        not_before_s = 0.0
        while True:
            reply = self._ask(message, not_before_s)
            kind = reply.kind
            if kind is Kind.GONE:
                self.closing = True
                raise LinkClosed
            if kind is Kind.NEVER:
                self._wait(None, message.seqnum)
                return None
            if reply.at_s and not self._wait(reply.at_s, message.seqnum):
                return None
            if kind is not Kind.WAIT:
                return reply
            not_before_s = reply.at_s

    def _ask(self, message: usbip_messages.Message, not_before_s: float) -> Reply:
        camera = self._camera
        with camera.lock:
            if camera.connection != self.connection:
                return GONE
            deadline_s = camera.deadline_s
            if self._kernel and message.setup == _KERNEL_RESET and camera.configured:
                camera.bus_reset(LEAVE_DELAY_S)
            reply = camera.handle_control(message.setup, message.data, not_before_s)
            if camera.deadline_s != deadline_s or camera.connection != self.connection:
                self._changed = True
        if message.setup[:4] == PORT_RESET:
            self.was_reset = self._changed = True
        if self._changed and reply.kind is not Kind.DATA:
            self._tell_change()
        return reply

    def _tell_change(self) -> None:
        """After the answer, where there is one: the host gets it before the connection may end."""
        self._changed = False
        self._on_change(self)

    def _wait(self, until_s: float | None, seqnum: int) -> bool:
        """Wait for a time, or for ever; False when the host gave transfer `seqnum` up meanwhile."""
        while True:
            delay_s = None if until_s is None else until_s - self._clock()
            if delay_s is not None and delay_s <= _SLEEP_LIMIT_S:
                self._sleep(delay_s)
                return True
            if not self._readable(None if delay_s is None else delay_s - _SLEEP_REST_S):
                continue
            message = self._receive()
            if message.command == usbip_messages.CMD_SUBMIT:
                self._enqueue(message)
            elif message.unlinked == seqnum:
                self._send(usbip_messages.unlinked(message.seqnum, usbip_messages.STATUS_UNLINKED))
                return False
            else:
                self._unlink_other(message)

    def _readable(self, limit_s: float | None) -> bool:
        """Whether a message has come, or begun to come, within the limit."""
        return len(self._received) >= usbip_messages.HEADER_BYTES or bool(
            select.select([self._socket], [], [], limit_s)[0]
        )

    def _sleep(self, delay_s: float) -> None:
        """Sleep, less what sleeping takes too long here on average, so that the camera's times are right on average."""
        before_s = self._clock()
        planned_s = delay_s - self._oversleep_s
        if planned_s > 0:
            time.sleep(planned_s)
            oversleep_s = self._clock() - before_s - planned_s
            changed_s = self._oversleep_s + (oversleep_s - self._oversleep_s) * _OVERSLEEP_WEIGHT
            self._oversleep_s = min(changed_s, _OVERSLEEP_LIMIT_S)
        self._camera.late_s += self._clock() - before_s - delay_s

    def _enqueue(self, message: usbip_messages.Message) -> None:
        """Endpoint 0 is busy: later transfers queue up, but a bus reset does not wait for it."""
        if message.setup[:4] == PORT_RESET:
            self._serve(message)
        else:
            self._queue.append(message)

    def _unlink_other(self, message: usbip_messages.Message) -> None:
        """Give up a transfer that waits in the queue, or that was answered already."""
        waiting = False
        with self._sending:
            for queued in (self._queue, self._laid_aside):
                for found in [one for one in queued if one.seqnum == message.unlinked]:
                    queued.remove(found)
                    waiting = True
            self._send(usbip_messages.unlinked(message.seqnum, usbip_messages.STATUS_UNLINKED if waiting else 0))

    def _receive(self) -> usbip_messages.Message:
        """The next message, complete with its data."""
        header = self._take(usbip_messages.HEADER_BYTES)
        message = usbip_messages.parse_header(header)
        if message.command == usbip_messages.CMD_SUBMIT:
            if message.direction != usbip_messages.DIRECTION_IN and message.length > 0:
                return message._replace(data=self._take(message.length))
        elif message.command != usbip_messages.CMD_UNLINK:
            raise LinkClosed
        return message

    def _take(self, size: int) -> bytes:
        received = self._received
        while len(received) < size:
            chunk = self._socket.recv(_RECEIVE_BYTES)
            if not chunk:
                raise LinkClosed
            received += chunk
        self._received = received[size:]
        return received[:size]
