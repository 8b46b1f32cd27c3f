"""A JSON document posted over HTTP, signed where there is a key. Nothing is retried or redirected here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from station import __version__
from station.factory.delivery_error import DeliveryError, words_of
from station.factory.webhook_signature import key_of, secret_in, signature_headers
from station.file_problems import reason
from station.problem import sentence

READ_BYTES = 4096
"""So much of an answer is read."""
TRY_AGAIN = frozenset({408, 425, 429})
"""Answers below 500 that say nothing of the record."""


class HttpAnswer(NamedTuple):
    """The status, and the beginning of the body."""

    status: int
    body: bytes


class HttpPost:
    """One address; its connection is kept. For one thread."""

    def __init__(self, url: str, timeout_s: float, secret_file: str = "") -> None:
        import urllib3

        self._url = url
        self._secret_file = secret_file
        self._limit = urllib3.Timeout(total=timeout_s)
        self._pool = urllib3.PoolManager(num_pools=1, retries=False)
        self._refusals = urllib3.exceptions.HTTPError

    def post(self, body: bytes, message_id: str) -> HttpAnswer:
        """Post one document. DeliveryError `outbox.unreachable`, `outbox.no_answer`, `outbox.unusable`."""
        from urllib3.exceptions import NewConnectionError
        from urllib3.exceptions import TimeoutError as TookTooLong

        host = urlsplit(self._url).netloc.rpartition("@")[2]
        headers = self._headers(body, message_id)
        try:
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
                answer = HttpAnswer(response.status, response.read(READ_BYTES))
                if response.read(1):
                    response.close()
                return answer
            finally:
                response.release_conn()
        except (self._refusals, OSError) as error:
            # The library counts a connection that was refused among those that took too long.
            if isinstance(error, TookTooLong) and not isinstance(error, NewConnectionError):
                raise DeliveryError("outbox.no_answer", sentence("{host} did not answer in time", host=host)) from error
            text = sentence("{host} cannot be reached: {reason}", host=host, reason=_reason(error))
            raise DeliveryError("outbox.unreachable", text) from error

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
    """DeliveryError where an answer is no 2xx: `outbox.refused` for this record, `outbox.unreachable` for all."""
    if 200 <= answer.status < 300:
        return
    text = sentence("it answered {status}: {words}", status=answer.status, words=words_of(answer.body) or "-")
    if answer.status >= 500 or answer.status in TRY_AGAIN:
        raise DeliveryError("outbox.unreachable", text)
    raise DeliveryError("outbox.refused", text, refused=True)


def _reason(error: BaseException) -> str:
    """What the system said underneath: urllib3 wraps it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError):
            return reason(inner)
        inner = inner.__cause__ or inner.__context__
    return words_of(str(error).rpartition(": ")[2]) or type(error).__name__
