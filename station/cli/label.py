"""`station label`: labels that were not printed, a template tried, a label printed again."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.engineer import login_name
from station.cli.options import ConfigOption, DataDirOption, JsonOption, SerialArgument, a_path, new_app, settings_for
from station.cli.output import local_time, print_json, print_line, print_table, say
from station.errors import UsageError
from station.terminal_text import printable

if TYPE_CHECKING:
    from station.factory.label_template import LabelTemplate
    from station.model.runs import RunRecord
    from station.model.sinks import LostLabel, Sink
    from station.roles.guarded_acts import Who
    from station.settings import Settings

app = new_app("The labels that were not printed; check a template, print a label again.")

SHOWN = 20
HOURS = 24


@app.callback(
    invoke_without_command=True,
    epilog='Examples: station label; station label check label.zpl; station label reprint 2233 --reason "it tore"',
)
def label(
    context: typer.Context,
    hours: Annotated[
        int, typer.Option("--hours", metavar="H", min=1, max=100_000, help="How far back to look.")
    ] = HOURS,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the labels that were not printed, and those of which nobody knows. None of them is printed again by itself:
    look whether it lies there, then `station label reprint`."""
    if context.invoked_subcommand is not None:
        return
    from station.ledger.outbox import Outbox

    settings = settings_for(config, data_dir)
    with closing(Outbox(settings.data_dir)) as rows:
        lost = rows.lost_labels(datetime.now(UTC) - timedelta(hours=hours))
    if as_json:
        print_json({"labels": [one.to_json() for one in lost]})
    elif lost:
        print_table(("printer", "serial", "since", "what happened"), [_row(one) for one in lost[:SHOWN]])
        if len(lost) > SHOWN:
            print_line(f"and {len(lost) - SHOWN} more: --json lists all")
    else:
        print_line("no label was missed; what still waits for a printer: station outbox")


def _row(lost: LostLabel) -> tuple[object, ...]:
    return lost.sink, printable(lost.serial), local_time(lost.queued_at), printable(f"{lost.message} ({lost.code})")


@app.command(epilog="Example: station label check label.zpl --serial 2233")
def check(
    template: Annotated[
        Path, typer.Argument(parser=a_path, metavar="TEMPLATE", help="The file that labels are made from.")
    ],
    serial: Annotated[
        str | None, typer.Option("--serial", metavar="S", help="With this camera's latest run, not a made-up one.")
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a template: with a record that is made up, and with texts that are out to steer the printer. Print the label
    as it would be sent; nothing is printed on paper."""
    from station.factory.label_template import SAMPLE

    settings = settings_for(config, data_dir)
    tried = _template(template)
    record = SAMPLE if serial is None else _latest(settings, serial).to_json()
    made = tried.label(record).decode()
    if as_json:
        print_json({"template": str(template), "prints_unicode": tried.prints_unicode, "zpl": made})
        return
    print_line(made.rstrip("\n"))
    if not tried.prints_unicode:
        say("note: without ^CI28 letters beyond English come out as others")
    say("the template is good")


@app.command(epilog='Example: station label reprint 3A0F5C77B1D2E49600112233 --reason "the first one tore"')
def reprint(
    serial: SerialArgument,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, for the audit.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so. Default: who you are.")] = None,
    printer: Annotated[
        str | None, typer.Option("--printer", metavar="NAME", help="By its name in [outbox], where there are several.")
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the label of a camera whose latest run passed, here and now. The audit keeps who did it, and why."""
    settings, why = settings_for(config, data_dir), (reason or "").strip()[:200]
    if not why:
        raise UsageError("usage.reprint", "a label is printed again with --reason TEXT")
    from station.factory.label_printer import ready_printer
    from station.ledger.outbox import Outbox
    from station.roles.guarded_acts import Act, Done
    from station.wiring.authority import record

    sink, run = _printer_named(settings, printer), _passed(settings, serial)
    made = _template(Path(sink.template)).label(run.to_json())
    who = _who(settings, by)
    with (
        closing(Outbox(settings.data_dir)) as rows,
        ready_printer(sink.to, sink.timeout_s, answers=sink.printer_answers) as link,
    ):
        # Who did it is written before it is done; and a label that waits is not printed a second time.
        details = {"run_id": run.run_id, "printer": sink.name, "reason": why}
        record(settings.data_dir, settings.station_id, Done(Act.LABEL_REPRINTED, who, run.serial, details))
        rows.taken_by_hand(sink.name, run.run_id, by=who.name, reason=why)
        link.print(made)
    if as_json:
        print_json({"serial": run.serial, "run_id": run.run_id, "printer": sink.name})
    say(f"the label of {printable(run.serial)} is printed by {sink.name}")


def _template(file: Path) -> LabelTemplate:
    """UsageError `label.template`."""
    from station.factory.delivery_error import DeliveryError
    from station.factory.label_template import LabelTemplate

    try:
        return LabelTemplate(file)
    except DeliveryError as error:
        raise UsageError(error.code, error.message) from error


def _who(settings: Settings, by: str | None) -> Who:
    from station.roles.guarded_acts import ANYBODY, OPERATOR, Who
    from station.roles.pin_file import is_guarded

    return Who((by or "").strip()[:80] or login_name(), OPERATOR if is_guarded(settings.data_dir) else ANYBODY)


def _printer_named(settings: Settings, name: str | None) -> Sink:
    printers = {sink.name: sink for sink in settings.sinks if sink.is_printer}
    known = ", ".join(printers) or "none"
    if name is not None and name not in printers:
        raise UsageError("usage.no_printer", f"there is no printer {name}; known: {known}")
    if name is None and len(printers) != 1:
        raise UsageError("usage.no_printer", f"which printer is meant must be said; known: {known}")
    return printers[name or next(iter(printers))]


def _runs(settings: Settings, serial: str) -> list[RunRecord]:
    from station.ledger.reader import Reader

    with closing(Reader(settings.data_dir)) as reader:
        return list(reader.unit(reader.unit_named(serial)).runs)


def _latest(settings: Settings, serial: str) -> RunRecord:
    return _runs(settings, serial)[-1]


def _passed(settings: Settings, serial: str) -> RunRecord:
    """The run whose label it is: the latest one that decides, where it passed."""
    from station.model.done import may_have_written
    from station.model.runs import Outcome

    decided = (Outcome.PASS, Outcome.FAIL)
    runs = [run for run in _runs(settings, serial) if run.outcome in decided or may_have_written(run)]
    if not runs or runs[-1].outcome is not Outcome.PASS:
        raise UsageError("label.not_passed", f"the latest run of {printable(serial)} did not pass")
    return runs[-1]
