"""Labels from a template: a file of ZPL in which `{{ serial }}` stands for a field of a run's record.

1. A template is Jinja's, in its sandbox: it reaches nothing but the record. A name that a record has not is an error.
2. Whatever it prints is escaped as data of a field (`station.factory.zpl`); nothing turns that off.
3. Before a template is used it is tried with records of hostile texts. It is refused where one of them would print
   otherwise than it stands (`^FH` is missing) or change anything but data. So a scanned text can never steer a printer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from station.factory.delivery_error import DeliveryError
from station.factory.unbound_texts import SampleValues, Unbound, bound_texts, with_values
from station.factory.zpl import Command, commands, escaped
from station.file_problems import reason
from station.local_time import local
from station.model.runs import Outcome, RunRecord
from station.problem import Sentence, sentence

LONGEST_BYTES = 64 * 1024
FORBIDDEN = ("^CC", "~CC", "^CD", "~CD", "^CT", "~CT")
"""They change what begins a command, which decides what must be escaped."""
HOSTILE = "^~_" * 40
UNICODE = "^CI28"

_START = datetime(2026, 11, 25, 13, tzinfo=UTC)
_RECORD = RunRecord(
    run_id="019ac0f0-0000-7000-8000-000000000001",
    station_id="bench-1",
    serial="3A0F5C77B1D2E49600112233",
    identified=True,
    slot="A1",
    port_path="1-1.4.2",
    batch="2026-47",
    operator="ann",
    recipe="full",
    bundle="v5.0.0",
    bundle_sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    bundle_version="OpenMV v5.0.0",
    bootloader="1.0",
    station_version="1.0.0",
    application_serial="3A0F5C77B1D2E49600112233",
    product_serial="P-000017-4",
    part_number="OMV-AE3",
    hardware_revision="B",
    location="hall 2",
    time_zone="UTC",
    notes=("a note",),
    started_at=_START,
    finished_at=_START + timedelta(seconds=30),
    duration_s=30.0,
    outcome=Outcome.PASS,
    verified=True,
    boot_confirmed=True,
).to_json()
SAMPLE: Mapping[str, Any] = {**_RECORD, "unit_values": SampleValues("L-0042")}
"""A record that is made up, as a template is tried with."""


def bad_template(file: Path, why: Sentence) -> DeliveryError:
    """The refusal of a template."""
    return DeliveryError("label.template", sentence("{file}: {reason}", file=file, reason=why))


class LabelTemplate:
    """One template, tried and found good. DeliveryError `label.template` where it is not, when it is made."""

    def __init__(self, file: Path) -> None:
        self._file = file
        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, finalize=_data, keep_trailing_newline=True, cache_size=0
        )
        environment.filters["local"] = _local
        environment.tests["none"] = _is_none
        try:
            if file.stat().st_size > LONGEST_BYTES:
                raise bad_template(file, sentence("it is larger than {bytes} bytes", bytes=LONGEST_BYTES))
            self._template = environment.from_string(file.read_text(encoding="utf-8"))
        except OSError as error:
            text = sentence("it cannot be read: {reason}", reason=reason(error))
            raise bad_template(file, text) from error
        except UnicodeDecodeError as error:
            raise bad_template(file, sentence("it is no text in UTF-8")) from error
        except TemplateSyntaxError as error:
            text = sentence("line {line}: {reason}", line=error.lineno, reason=Sentence(error.message or ""))
            raise bad_template(file, text) from error
        self.prints_unicode = self._try()

    def label(self, record: Mapping[str, Any]) -> bytes:
        """The label of a run. DeliveryError `label.template` where this record cannot be put into it, `label.unbound`
        where a value of its unit is not known."""
        return self._made(with_values(record))

    def bound_label(self, record: Mapping[str, Any], *, expects_product_serial: bool) -> bytes:
        """The same; `label.unbound` also where its unit has no product serial, and the template has something to print
        of it (or only looks at it, where one is expected)."""
        return self._made(bound_texts(record, expects_product_serial=expects_product_serial))

    def _made(self, record: Mapping[str, Any]) -> bytes:
        made: list[str] = []
        length = 0
        try:
            for part in self._template.generate(record):
                made.append(part)
                length += len(part)
                if length > LONGEST_BYTES:
                    text = sentence("its label is larger than {bytes} bytes", bytes=LONGEST_BYTES)
                    raise bad_template(self._file, text)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            words = " ".join(str(error).split())[:200]
            raise bad_template(self._file, Sentence(words)) from error
        return "".join(made).encode()

    def _try(self) -> bool:
        """Whether it switches the printer to UTF-8."""
        plain, hostile = self._commands(SAMPLE), self._commands(_hostile(SAMPLE))
        names = [command.name for command in plain]
        if names[:1] != ["^XA"] or names[-1:] != ["^XZ"]:
            raise bad_template(self._file, sentence("a label begins with ^XA and ends with ^XZ"))
        if found := next((name for name in names if name in FORBIDDEN), None):
            raise bad_template(self._file, sentence("{command} must not be in it", command=found))
        if [command.name for command in hostile] != names:
            raise bad_template(self._file, sentence("a text in the record changes its commands"))
        for ours, theirs in zip(plain, hostile, strict=True):
            self._compare(ours, theirs)
        return any(command.name + command.text == UNICODE for command in plain)

    def _compare(self, plain: Command, hostile: Command) -> None:
        if not plain.is_data and plain.text != hostile.text:
            text = sentence("a field of the record stands outside of ^FD, in {command}", command=plain.name)
            raise bad_template(self._file, text)
        if plain.is_data and any(code in hostile.text for code in ("_5E", "_7E", "_5F")):
            text = sentence("^FH is missing before the ^FD that prints {data}", data=Sentence(plain.text[:60]))
            raise bad_template(self._file, text)

    def _commands(self, record: Mapping[str, Any]) -> list[Command]:
        try:
            return list(commands(self.label(record).decode()))
        except ValueError as error:
            raise bad_template(self._file, Sentence(str(error))) from error


def _hostile(value: Any, name: str = "") -> Any:
    """The same record, where each text that somebody could have chosen is what a printer must not see."""
    if isinstance(value, SampleValues):
        return SampleValues(HOSTILE)
    if isinstance(value, Mapping):
        return {key: _hostile(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_hostile(one) for one in value]
    return HOSTILE if isinstance(value, str) and value and not name.endswith("_at") else value


def _data(value: Any) -> Any:
    """What an expression prints, as data. An undefined name passes, and is refused where it is printed."""
    if isinstance(value, StrictUndefined):
        return value
    return "" if value is None else escaped(str(value))


def _is_none(value: Any) -> bool:
    return value is None or (isinstance(value, Unbound) and not value)


def _local(moment: str, form: str = "%Y-%m-%d %H:%M") -> str:
    """A time of the record by the station's clock."""
    return local(datetime.fromisoformat(moment)).strftime(form)
