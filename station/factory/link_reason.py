"""Why a system cannot be reached, in words for whoever looks after it: none of Python's, and none of a library's."""

from __future__ import annotations

import ssl
import zlib
from http.client import HTTPException, IncompleteRead, RemoteDisconnected

from station.factory.delivery_error import words_of
from station.file_problems import reason
from station.problem import Sentence, sentence


def link_reason(error: BaseException) -> str:
    """What happened underneath: libraries wrap it."""
    chain = list(_chain(error))
    for inner in chain:
        if said := _said_of(inner):
            return said
    for inner in chain:
        if isinstance(inner, OSError):
            return reason(inner)
    return words_of(str(error).rpartition(": ")[2]) or type(error).__name__


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _said_of(error: BaseException) -> Sentence | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return sentence("its certificate is not accepted: {reason}", reason=words_of(error.verify_message))
    if isinstance(error, ssl.SSLError):
        return sentence("no secure connection comes about: {reason}", reason=words_of(error.reason or str(error)))
    if isinstance(error, RemoteDisconnected):
        return sentence("it hung up without an answer")
    if isinstance(error, IncompleteRead):
        return sentence("it hung up in the middle of its answer")
    if isinstance(error, HTTPException | zlib.error):
        return sentence("what it answers is no HTTP")
    if isinstance(error, UnicodeError):
        return sentence("no host can have this name")
    return None
