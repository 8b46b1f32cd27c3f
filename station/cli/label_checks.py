"""What the doctor sees of label printers: their templates, how they are, and the labels that were not printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from station.cli.finding import Finding
from station.errors import StationError, UsageError

if TYPE_CHECKING:
    from station.ledger.reader import Reader
    from station.model.sinks import Sink
    from station.settings import Settings

MISSED_FOR = timedelta(hours=24)
"""So long a label that was not printed is pointed out."""
ASK_S = 3.0


def label_findings(settings: Settings, reader: Reader) -> Iterator[Finding]:
    """How each printer is, and what it did not print."""
    unbound = reader.unbound_labels()
    missed = Counter(label.sink for label in reader.lost_labels(datetime.now(UTC) - MISSED_FOR))
    for sink in settings.sinks:
        if not sink.is_printer:
            continue
        yield _printer(sink)
        if count := unbound.get(sink.name):
            found = f"{count} labels wait until their cameras' labels are scanned, or bound: station outbox"
            yield Finding(f"labels {sink.name}", True, found)
        if count := missed[sink.name]:
            found = f"{count} labels of the last 24 hours were not printed, or maybe"
            fix = "station label lists them; station label reprint SERIAL --reason TEXT"
            yield Finding(f"labels {sink.name}", False, found, fix, UsageError.exit_code)


def _printer(sink: Sink) -> Finding:
    from station.factory.label_printer import ready_printer
    from station.factory.label_template import LabelTemplate

    name = f"printer {sink.name}"
    try:
        LabelTemplate(Path(sink.template))
        with ready_printer(sink.to, min(sink.timeout_s, ASK_S), answers=sink.printer_answers):
            says = "it can print" if sink.printer_answers else "it can be reached"
            return Finding(name, True, f"{says}, and its template is good")
    except StationError as error:
        return Finding(name, False, str(error.message), error.hint, UsageError.exit_code)
