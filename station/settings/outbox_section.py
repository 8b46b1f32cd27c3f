"""`[outbox.NAME]`: the factory's systems that hear of finished runs."""

from __future__ import annotations

import os
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from station.model.runs import Outcome
from station.model.sinks import Sink
from station.settings.setting_rules import Section, Text, command_words, one_line

SCHEMES = {"http": ("http", "https"), "tcp": ("tcp",), "mqtt": ("mqtt", "mqtts"), "zpl": ("tcp",)}
"""What the address of each kind begins with. A folder and a command have none."""
_EXAMPLES = {
    "folder": "an absolute folder, for example /srv/mes/incoming",
    "http": "a URL, for example https://mes.example/api/runs",
    "tcp": "a place, for example tcp://mes.example:9100",
    "mqtt": "a broker, for example mqtt://broker.example (1883), or mqtts:// (8883)",
    "zpl": "a label printer, for example tcp://printer.example:9100",
    "hook": "a command, for example /usr/local/bin/tell-mes --line 3",
}
PRINTER_RETRY_LIMIT_S = 15.0
_Word = Literal["PASS", "FAIL", "ERROR", "ABORTED", "SKIPPED"]
_OUTCOMES: list[_Word] = ["PASS", "FAIL", "ERROR", "ABORTED", "SKIPPED"]


def absolute_file(value: str) -> str:
    """A file that means the same wherever the station is started; empty for none."""
    value = os.path.expanduser(one_line(value))
    if value and not os.path.isabs(value):
        raise ValueError("a file in the configuration is absolute or begins with ~/")
    return value


def address(kind: str, to: str) -> str:
    """Where a system is, as its kind wants it. ValueError says how."""
    if kind == "folder":
        folder = os.path.expanduser(to)
        if not os.path.isabs(folder):
            raise ValueError(f"to is {_EXAMPLES[kind]}")
        return folder
    if kind == "hook":
        if not command_words(to):
            raise ValueError(f"to is {_EXAMPLES[kind]}")
        return to
    _refuse_other_urls(kind, to)
    return to


def _refuse_other_urls(kind: str, to: str) -> None:
    try:
        place = urlsplit(to)
        port = place.port
    except ValueError:  # the library's words are for programmers
        raise ValueError(f"to is {_EXAMPLES[kind]}") from None
    if place.scheme not in SCHEMES[kind] or not place.hostname or ("tcp" in SCHEMES[kind] and not port):
        raise ValueError(f"to is {_EXAMPLES[kind]}")
    if place.username or place.password:
        raise ValueError("a password does not belong into the configuration: name a secret_file")


class SinkSection(Section):
    """`[outbox.NAME]`: one system. Durations are seconds."""

    kind: Literal["folder", "http", "tcp", "mqtt", "hook", "zpl"] = Field(
        description='"folder", "http", "tcp", "mqtt", "hook" or "zpl"'
    )
    to: Text = Field(min_length=1, max_length=500, description="a folder, a URL or a command, as its kind wants it")
    outcomes: list[_Word] = Field(
        default=_OUTCOMES, min_length=1, max_length=5, description=f"a list of {', '.join(_OUTCOMES)}"
    )
    timeout_s: float = Field(default=10.0, gt=0, le=300, description="seconds, more than 0 and at most 300")
    retry_s: float = Field(default=1.0, ge=0.05, le=300, description="seconds from 0.05 to 300")
    retry_limit_s: float = Field(default=300.0, ge=0.05, le=86400, description="seconds from 0.05 to 86400")
    secret_file: Annotated[str, AfterValidator(absolute_file)] = Field(default="", description="a file, or empty")
    username: Text = Field(default="", max_length=200, description="text")
    topic: Text = Field(default="station/runs", min_length=1, max_length=200, description="a topic without + and #")
    template: Annotated[str, AfterValidator(absolute_file)] = Field(
        default="", validate_default=True, description="a file, for zpl"
    )
    max_age_s: float = Field(default=600.0, gt=0, le=86400, description="seconds, more than 0 and at most 86400")
    printer_answers: bool = Field(default=True, description="true or false")

    @field_validator("to")
    @classmethod
    def _as_its_kind_wants_it(cls, value: str, others: ValidationInfo) -> str:
        return address(others.data["kind"], value) if "kind" in others.data else value

    @field_validator("topic")
    @classmethod
    def _names_one_topic(cls, value: str) -> str:
        if "+" in value or "#" in value:
            raise ValueError("a record is published to one topic: + and # name several")
        return value

    @field_validator("template")
    @classmethod
    def _a_label_is_made_from_one(cls, value: str, others: ValidationInfo) -> str:
        if others.data.get("kind") == "zpl" and not value:
            raise ValueError("template names the file that labels are made from")
        return value

    def sink(self, name: str) -> Sink:
        """The sink of this name. A printer has its own defaults: labels of what passed, soon or not at all."""
        values = self.model_dump() | {"outcomes": tuple(map(Outcome, self.outcomes))}
        if self.kind == "zpl":
            own = {"outcomes": (Outcome.PASS,), "retry_limit_s": PRINTER_RETRY_LIMIT_S}
            values |= {key: value for key, value in own.items() if key not in self.model_fields_set}
        return Sink(name=name, **values)
