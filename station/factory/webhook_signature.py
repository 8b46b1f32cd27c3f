"""Signed requests, as https://www.standardwebhooks.com describes them: libraries in many languages verify them.

1. `webhook-id` is the run's key: a receiver that saw it before has the record already.
2. `webhook-timestamp` is seconds since 1970; `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over
   `ID.TIMESTAMP.BODY`.
3. A key that begins with `whsec_` is base64 behind that; any other key is taken as the bytes that it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

from station.factory.delivery_error import DeliveryError
from station.file_problems import reason
from station.problem import sentence

_PREFIX = b"whsec_"


def signature_headers(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers of a body."""
    signed = b".".join((message_id.encode(), str(timestamp_s).encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def secret_in(file: str) -> bytes:
    """What a file of a secret holds, without blanks at its ends. DeliveryError `outbox.unusable`."""
    try:
        held = Path(file).read_bytes().strip()
    except OSError as error:
        text = sentence("the secret in {file} cannot be read: {reason}", file=file, reason=reason(error))
        raise DeliveryError("outbox.unusable", text) from error
    if not held:
        raise DeliveryError("outbox.unusable", sentence("there is no secret in {file}", file=file))
    return held


def key_of(secret: bytes) -> bytes:
    """The key that a secret stands for. DeliveryError `outbox.unusable`."""
    if not secret.startswith(_PREFIX):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise DeliveryError("outbox.unusable", sentence("the secret behind whsec_ is no base64")) from error
