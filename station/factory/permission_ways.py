"""The ways to ask whether a camera may be written to. A clear yes or no counts; anything else is silence.

| kind | yes | no |
|---|---|---|
| http | 2xx and `{"allow": true}` | 2xx and `{"allow": false, "reason": TEXT}`; 403 or 409, the body is the reason |
| tcp | a line `OK` | a line `NO TEXT` |
| hook | it ends with 0 | it ends with 1; the first line that it printed is the reason |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from station.factory.delivery_error import DeliveryError, words_of
from station.factory.hook import run_hook
from station.factory.http_post import HttpAnswer, HttpPost
from station.factory.record_sinks import document_of
from station.factory.tcp_line import asked_over_tcp, is_ok
from station.json_lines import object_of
from station.model.permission import Answer, FlashQuestion, Permission
from station.problem import sentence

REFUSALS = frozenset({403, 409})
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
    if answer.status in REFUSALS:
        return Permission(Answer.NO, _reason(answer))
    if 200 <= answer.status < 300:
        return _said(answer)
    return Permission(Answer.SILENT, answer.words)


def _said(answer: HttpAnswer) -> Permission:
    try:
        allow = object_of(answer.body).get("allow")
    except ValueError:
        allow = None
    if allow is True:
        return YES
    if allow is False:
        return Permission(Answer.NO, _reason(answer))
    return Permission(Answer.SILENT, sentence("its answer says neither yes nor no"))


def _reason(answer: HttpAnswer) -> str:
    """The reason in a JSON object, else the body as it is."""
    try:
        return words_of(str(object_of(answer.body).get("reason") or ""))
    except ValueError:
        return words_of(answer.body)


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
