"""The ways to ask whether a camera may be written to. A clear yes or no counts; anything else is silence.

| kind | yes | no |
|---|---|---|
| http | 2xx and `{"allow": true}` | 2xx and `{"allow": false, "reason": TEXT}`; 403 or 409, the body is the reason |
| tcp | a line `OK` | a line `NO TEXT` |
| hook | it ends with 0 | it ends with 1; the first line that it printed is the reason |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from station.factory.delivery_error import DeliveryError, words_of
from station.factory.hook import run_hook
from station.factory.http_post import HttpPost
from station.factory.record_sinks import document_of
from station.factory.tcp_line import asked_over_tcp, is_ok
from station.model.permission import Answer, FlashQuestion, Permission
from station.problem import sentence

REFUSALS = frozenset({403, 409})
NAMED = ("run_id", "serial", "product_serial")
"""What an answer may say again of the question; it counts only where it is the same."""
YES = Permission(Answer.YES)


@dataclass(frozen=True, slots=True)
class AskedSystem:
    """The system that is asked, as it is configured. `to` is a URL, `tcp://HOST:PORT` or a command line."""

    kind: Literal["http", "tcp", "hook"]
    to: str
    timeout_s: float
    secret_file: str = ""


def asking(system: AskedSystem) -> Callable[[FlashQuestion], Permission]:
    """What asks this system, from any thread. It raises nothing."""
    ask = {"http": _ask_http, "tcp": _ask_tcp, "hook": _ask_hook}[system.kind]
    if system.kind == "http":
        import urllib3  # noqa: F401  # now, and not in the first question's thread while cameras are being held

    def asked(question: FlashQuestion) -> Permission:
        try:
            return ask(system, question)
        except DeliveryError as error:
            return Permission(Answer.SILENT, error.message)

    return asked


def _ask_http(system: AskedSystem, question: FlashQuestion) -> Permission:
    http = HttpPost(system.to, system.timeout_s, system.secret_file)
    try:
        answer = http.post(document_of(question.to_json()), question.run_id)
    finally:
        http.close()
    if answer.status not in REFUSALS and not 200 <= answer.status < 300:
        return Permission(Answer.SILENT, answer.words)
    said = _document(answer.body)
    if said is not None and _is_of_another(said, question):
        return Permission(Answer.SILENT, sentence("its answer is about another camera"))
    if answer.status in REFUSALS:
        return Permission(Answer.NO, words_of(answer.body) if said is None else _reason(said))
    allow = said.get("allow") if said is not None else None
    if allow is True:
        return YES
    if said is not None and allow is False:
        return Permission(Answer.NO, _reason(said))
    return Permission(Answer.SILENT, sentence("its answer says neither yes nor no"))


def _document(body: bytes) -> Mapping[str, Any] | None:
    """The object that a body is; None for one that is none, or that says something twice."""
    try:
        found = json.loads(body, object_pairs_hook=_said_once)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _is_of_another(said: Mapping[str, Any], question: FlashQuestion) -> bool:
    """Whether an answer names another run or unit than was asked about: a cache's, or one that was mixed up."""
    asked = {key: value for key, value in question.to_json().items() if key in NAMED and isinstance(value, str)}
    named = {key: said[key] for key in asked if isinstance(said.get(key), str)}
    return any(named[key].strip().upper() != asked[key].upper() for key in named)


def _reason(said: Mapping[str, Any]) -> str:
    given = said.get("reason")
    return words_of(given if isinstance(given, str) else json.dumps(given) if given else "")


def _ask_tcp(system: AskedSystem, question: FlashQuestion) -> Permission:
    line = asked_over_tcp(system.to, question.to_json(), system.timeout_s)
    if is_ok(line):
        return YES
    word, _, reason = line.partition(" ")
    if word.upper().rstrip(",.:;!") == "NO":
        return Permission(Answer.NO, reason)
    return Permission(Answer.SILENT, sentence("its answer says neither yes nor no"))


def _ask_hook(system: AskedSystem, question: FlashQuestion) -> Permission:
    end = run_hook(system.to, question.to_json(), system.timeout_s)
    if end.status == 0:
        return YES
    if end.status == 1:
        return Permission(Answer.NO, end.said or end.complained)
    return Permission(Answer.SILENT, end.words)
