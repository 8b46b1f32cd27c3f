"""A JSON document posted over HTTP, signed where there is a key. Nothing is retried or redirected here.

The limit is one for all of it. The library bounds only each wait for a byte: a system that sends one now and then would
have the sink, or the camera that is asked about, for as long as it likes. So the connection is shut when time is over.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from station import __version__
from station.factory.delivery_error import DeliveryError, words_of
from station.factory.link_reason import link_reason
from station.factory.webhook_signature import key_of, secret_in, signature_headers
from station.problem import Sentence, sentence

READ_BYTES = 4096
"""So much of an answer is read."""
TRY_AGAIN = frozenset({408, 425, 429})
"""Answers below 500 that say nothing of the record."""


UNUSABLE = frozenset({401, 405, 407, 411, 415, 426, 501, 505})
"""Answers that say nothing of the record, but of the address or of who asks."""


class HttpAnswer(NamedTuple):
    """The status, the beginning of the body, and where a redirect points."""

    status: int
    body: bytes
    location: str = ""

    @property
    def words(self) -> Sentence:
        """What it says, where it is no 2xx."""
        if 300 <= self.status < 400 and self.location:
            place = words_of(self.location)
            return sentence("it answered {status}: it has moved to {place}", status=self.status, place=place)
        return sentence("it answered {status}: {words}", status=self.status, words=words_of(self.body) or "-")


class HttpPost:
    """One address; its connection is kept. For one thread."""

    def __init__(self, url: str, timeout_s: float, secret_file: str = "") -> None:
        import urllib3

        self._url = url
        self._secret_file = secret_file
        self._timeout_s = timeout_s
        self._limit = urllib3.Timeout(total=timeout_s)
        self._pool = urllib3.PoolManager(num_pools=1, retries=False)
        self._pool.pool_classes_by_scheme = self._pools()
        self._refusals = urllib3.exceptions.HTTPError
        self._connecting: socket.socket | None = None
        """A second handle of the socket of a connection that is being made, TLS and all."""
        self._connection: Any = None

    def _pools(self) -> dict[str, Any]:
        """The library's pools, with connections that can be shut from here."""
        from urllib3.connection import HTTPConnection, HTTPSConnection
        from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

        outer = self

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return outer._begun(self, super()._new_conn())

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return outer._begun(self, super()._new_conn())

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        return {"http": PlainPool, "https": SecurePool}

    def _begun(self, connection: Any, made: socket.socket) -> socket.socket:
        self._forget()
        self._connection, self._connecting = connection, made.dup()
        return made

    def _forget(self) -> None:
        """A handle that is kept would keep the connection open."""
        handle, self._connecting = self._connecting, None
        if handle is not None:
            handle.close()

    @contextmanager
    def _within_limit(self) -> Iterator[threading.Event]:
        """Shut the connection when the time is over; the event says that it was."""
        late = threading.Event()

        def shut() -> None:
            late.set()
            for link in (self._connecting, getattr(self._connection, "sock", None)):
                if link is not None:
                    with suppress(OSError):
                        socket.socket.shutdown(link, socket.SHUT_RDWR)  # of TLS too, without a word of its own

        timer = threading.Timer(self._timeout_s, shut)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()
            self._forget()

    def post(self, body: bytes, message_id: str) -> HttpAnswer:
        """Post one document. DeliveryError `outbox.unreachable`, `outbox.no_answer`, `outbox.unusable`."""
        headers = self._headers(body, message_id)
        with self._within_limit() as late:
            try:
                answer = self._answer(body, headers)
            except (self._refusals, OSError, UnicodeError) as error:
                raise self._failed(error, is_late=late.is_set()) from error
        if late.is_set():  # what ends with the connection looks whole
            self._pool.clear()
            raise self._late()
        return answer

    def _answer(self, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        response: Any = self._pool.request(
            "POST",
            self._url,
            body=body,
            headers=headers,
            timeout=self._limit,
            redirect=False,
            preload_content=False,
        )
        try:
            answer = HttpAnswer(response.status, response.read(READ_BYTES), response.headers.get("Location", ""))
            if response.read(1):
                response.close()
            return answer
        finally:
            response.release_conn()

    @property
    def _host(self) -> str:
        return urlsplit(self._url).netloc.rpartition("@")[2]

    def _late(self) -> DeliveryError:
        return DeliveryError("outbox.no_answer", sentence("{host} did not answer in time", host=self._host))

    def _failed(self, error: Exception, *, is_late: bool) -> DeliveryError:
        from urllib3.exceptions import NewConnectionError
        from urllib3.exceptions import TimeoutError as TookTooLong

        # The library counts a connection that was refused among those that took too long.
        if is_late or (isinstance(error, TookTooLong) and not isinstance(error, NewConnectionError)):
            return self._late()
        text = sentence("{host} cannot be reached: {reason}", host=self._host, reason=link_reason(error))
        return DeliveryError("outbox.unreachable", text)

    def _headers(self, body: bytes, message_id: str) -> Mapping[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message_id,
            "User-Agent": f"openmv-ae3-station/{__version__}",
        }
        if self._secret_file:
            headers |= signature_headers(key_of(secret_in(self._secret_file)), message_id, int(time.time()), body)
        return headers

    def close(self) -> None:
        """Hang up."""
        self._pool.clear()


def refuse_unless_taken(answer: HttpAnswer) -> None:
    """DeliveryError where an answer is no 2xx: `outbox.refused` for this record; for all of them `outbox.unusable`
    where the address or the key is wrong, else `outbox.unreachable`."""
    status = answer.status
    if 200 <= status < 300:
        return
    text = answer.words
    if status < 400 or status in UNUSABLE:
        raise DeliveryError("outbox.unusable", text)
    if status >= 500 or status in TRY_AGAIN:
        raise DeliveryError("outbox.unreachable", text)
    raise DeliveryError("outbox.refused", text, refused=True)
