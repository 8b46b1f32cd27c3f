"""The ways to a sink: each takes one run's record, or raises DeliveryError."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from station.atomic_write import write_durably
from station.factory.delivery_error import DeliveryError
from station.factory.hook import run_hook
from station.factory.http_post import HttpPost, refuse_unless_taken
from station.factory.label_printer import ready_printer
from station.factory.mqtt_client import MqttClient
from station.factory.tcp_line import asked_over_tcp, is_ok
from station.file_problems import reason
from station.model.sinks import Sink
from station.problem import sentence

Record = Mapping[str, Any]
"""A run as JSON, as `station export` writes it."""
FILE_MODE = 0o644


class RecordSink(Protocol):
    """One sink, for one thread."""

    def deliver(self, record: Record) -> None:
        """Deliver one record; it has arrived when this returns. DeliveryError."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


Claim = Callable[[Sink, str], bool]
"""Notes that a run's label is being sent to its printer, and not to be sent again; False where it is wanted no more."""


def record_sink(sink: Sink, claim: Claim) -> RecordSink:
    """The way to a sink."""
    if sink.kind == "zpl":
        return LabelSink(sink, claim)
    if sink.kind == "folder":
        return FolderSink(Path(sink.to))
    if sink.kind == "http":
        return HttpSink(sink)
    if sink.kind == "tcp":
        return TcpSink(sink)
    if sink.kind == "mqtt":
        return MqttSink(sink)
    return HookSink(sink)


class FolderSink:
    """A file for each run, `RUN_ID.json`: whole or not there at all. The folder must be there: one that is missing is a
    share that is not mounted, and is not made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, record: Record) -> None:
        """Write the file; one of that name is replaced."""
        try:
            write_durably(self._folder / f"{record['run_id']}.json", document_of(record), FILE_MODE, shared=True)
        except OSError as error:
            text = sentence("{folder} cannot be written: {reason}", folder=self._folder, reason=reason(error))
            raise DeliveryError("outbox.unreachable", text) from error

    def close(self) -> None:
        """Nothing is open."""


class HttpSink:
    """Posted to a URL; a 2xx takes it."""

    def __init__(self, sink: Sink) -> None:
        self._http = HttpPost(sink.to, sink.timeout_s, sink.secret_file)

    def deliver(self, record: Record) -> None:
        """Post it."""
        refuse_unless_taken(self._http.post(document_of(record), str(record["run_id"])))

    def close(self) -> None:
        """Hang up."""
        self._http.close()


class TcpSink:
    """A line to a TCP server; a line that begins with OK takes it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def deliver(self, record: Record) -> None:
        """Send it."""
        answer = asked_over_tcp(self._sink.to, record, self._sink.timeout_s)
        if not is_ok(answer):
            text = sentence("it answered {words}", words=answer or "-")
            raise DeliveryError("outbox.refused", text, refused=True)

    def close(self) -> None:
        """Nothing is open."""


class MqttSink:
    """Published to a topic of a broker, which acknowledges it."""

    def __init__(self, sink: Sink) -> None:
        self._mqtt = MqttClient(sink.to, sink.topic, sink.timeout_s, sink.username, sink.secret_file)

    def deliver(self, record: Record) -> None:
        """Publish it."""
        self._mqtt.publish(document_of(record))

    def close(self) -> None:
        """Hang up."""
        self._mqtt.close()


class HookSink:
    """A program that is started for each run; one that ends with 0 has taken it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def deliver(self, record: Record) -> None:
        """Run it."""
        end = run_hook(self._sink.to, record, self._sink.timeout_s)
        if end.status != 0:
            raise DeliveryError("outbox.refused", end.words, refused=True)

    def close(self) -> None:
        """Nothing is open."""


class LabelSink:
    """A label printer. It is sent each label once at most."""

    def __init__(self, sink: Sink, claim: Claim) -> None:
        self._sink = sink
        self._claim = claim

    def deliver(self, record: Record) -> None:
        """Print its label. From `label.maybe_printed` on it is not tried again."""
        from station.factory.label_template import LabelTemplate  # Jinja, where there is a label

        template = LabelTemplate(Path(self._sink.template))
        label = template.bound_label(record, expects_product_serial=self._sink.expects_product_serial)
        with ready_printer(self._sink.to, self._sink.timeout_s, answers=self._sink.printer_answers) as printer:
            if not self._claim(self._sink, str(record["run_id"])):
                raise DeliveryError("label.superseded", sentence("the camera was run again before it was printed"))
            printer.print(label)

    def close(self) -> None:
        """Nothing is open."""


def document_of(record: Record) -> bytes:
    """The record as a JSON document."""
    return json.dumps(record).encode("ascii")
