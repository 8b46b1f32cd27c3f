"""`station outbox`: what the factory's systems have not been given yet, and why."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, new_app, settings_for
from station.cli.output import local_time, print_json, print_line, print_table, say
from station.errors import UsageError
from station.local_time import span_text
from station.model.sinks import UNBOUND

if TYPE_CHECKING:
    from station.ledger.outbox import Outbox
    from station.model.sinks import Backlog, WaitingRun
    from station.settings import Settings

app = new_app("What is still to be delivered to the factory's systems, and why.")

SHOWN = 20
DELIVER_S = 60.0

SinkArgument = Annotated[str, typer.Argument(metavar="SINK", help="The system, by its name in [outbox].")]


@app.callback(
    invoke_without_command=True, epilog="Examples: station outbox; station outbox --json; station outbox retry"
)
def outbox(
    context: typer.Context,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="List so many of the runs that wait, the oldest first.")
    ] = SHOWN,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what waits for each of the factory's systems: how many runs, since when, how often they were tried and why
    they were not taken."""
    if context.invoked_subcommand is not None:
        return
    from station.ledger.outbox import Outbox

    settings = settings_for(config, data_dir)
    with closing(Outbox(settings.data_dir)) as rows:
        found = {backlog.sink: backlog for backlog in rows.backlogs()}
        unbound = rows.unbound_labels()
        waiting = rows.waiting(limit=limit)
    now = datetime.now(UTC)
    if as_json:
        names = dict.fromkeys([*settings.outbox, *found, *unbound])
        sinks = [_sink_json(name, settings, found.get(name), unbound.get(name, 0), now) for name in names]
        print_json({"sinks": sinks, "waiting": [run.to_json() for run in waiting]})
    else:
        _print(settings, found, unbound, waiting, now)


@app.command(epilog="Example: station outbox retry mes")
def retry(
    sink: Annotated[str | None, typer.Argument(metavar="[SINK]", help="Only this system.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try everything that waits at once, without the pauses that failures brought. The line that runs does it."""
    from station.ledger.outbox import Outbox

    settings = settings_for(config, data_dir)
    with closing(Outbox(settings.data_dir)) as rows:
        _refuse_unknown(settings, rows, sink)
        count = rows.try_now(sink)
    if as_json:
        print_json({"retried": count})
    say(f"{count} deliveries are tried at once by the line; where none runs: station outbox deliver")


@app.command(epilog="Example: station outbox deliver")
def deliver(config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> int:
    """Deliver what is due here and now, where no line runs that does it."""
    from station.ledger.outbox import Outbox
    from station.wiring.delivering import deliver_now

    settings = settings_for(config, data_dir)
    deliver_now(settings.data_dir, settings.sinks, DELIVER_S)
    with closing(Outbox(settings.data_dir)) as rows:
        left = sum(backlog.waiting for backlog in rows.backlogs())
    if as_json:
        print_json({"waiting": left})
    say(f"{left} deliveries still wait: station outbox" if left else "nothing waits any more")
    return 1 if left else 0


@app.command(epilog='Example: station outbox drop mes --all --reason "the old system is gone" --by Ada')
def drop(
    sink: SinkArgument,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="Only this run, by its key.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every run that waits for it.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why it is not to be told.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="The engineer who says so.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Never deliver a run to a system, or everything that waits for it. The log keeps who said so, and why."""
    from station.ledger.outbox import Outbox

    settings = settings_for(config, data_dir)
    if (run is None) is not everything or not (reason and reason.strip() and by and by.strip()):
        raise UsageError("usage.drop", "a delivery is dropped with --run or --all, and with --reason and --by")
    from station.cli.engineer import somebody
    from station.roles.guarded_acts import Act, Done

    why = reason.strip()[:200]
    with closing(Outbox(settings.data_dir)) as rows:
        _refuse_unknown(settings, rows, sink)
        count = 0
        if rows.waits_for(sink, run):
            what = f"to drop what waits for {sink}"
            who = somebody(settings.data_dir, settings.station_id, what, by.strip()[:80])
            done = Done(Act.DELIVERY_DROPPED, who, sink, {"run": run or "all", "reason": why})
            count = rows.drop(settings.station_id, done, sink, run, reason=why)
    if not count:
        raise UsageError("usage.drop", f"nothing like that waits for {sink}")
    if as_json:
        print_json({"dropped": count})
    say(f"{count} deliveries to {sink} are dropped")


def _refuse_unknown(settings: Settings, rows: Outbox, sink: str | None) -> None:
    known = dict.fromkeys([*settings.outbox, *(backlog.sink for backlog in rows.backlogs()), *rows.unbound_labels()])
    if sink is not None and sink not in known:
        raise UsageError("usage.unknown_sink", f"there is no system {sink}; known: {', '.join(known) or 'none'}")


def _sink_json(name: str, settings: Settings, backlog: Backlog | None, unbound: int, now: datetime) -> dict[str, Any]:
    section = settings.outbox.get(name)
    return {
        "sink": name,
        "configured": section is not None,
        "kind": section.kind if section else None,
        "to": section.to if section else None,
        "waiting": backlog.waiting if backlog else 0,
        "failing": backlog.failing if backlog else 0,
        "unbound": unbound,
        "oldest_at": backlog.oldest_at.isoformat() if backlog else None,
        "lag_s": round(backlog.lag(now).total_seconds(), 3) if backlog else 0.0,
        "tries": backlog.tries if backlog else 0,
        "code": backlog.code if backlog else None,
        "message": backlog.message if backlog else "",
    }


def _print(
    settings: Settings, found: dict[str, Backlog], unbound: dict[str, int], waiting: list[WaitingRun], now: datetime
) -> None:
    if not settings.outbox and not found and not unbound:
        print_line("no system is configured that is to hear of finished runs ([outbox] in the configuration)")
    for name, section in settings.outbox.items():
        labels = f"; {unbound[name]} labels until their cameras are bound" if name in unbound else ""
        print_line(f"{name}: {section.kind} {section.to}: {_state(found.get(name), now)}{labels}")
    for name, backlog in found.items():
        if name not in settings.outbox:
            print_line(f"{name}: IS CONFIGURED NO MORE, and nobody delivers this: {_state(backlog, now)}")
    if waiting:
        print_line("")
        headings = ("sink", "serial", "outcome", "since", "tries", "next try", "why not")
        print_table(headings, [_row(run) for run in waiting])
        total = sum(backlog.waiting for backlog in found.values()) + sum(unbound.values())
        if total > len(waiting):
            print_line(f"and {total - len(waiting)} more: --limit {total}")


def _state(backlog: Backlog | None, now: datetime) -> str:
    if backlog is None:
        return "nothing waits"
    waits = f"{backlog.waiting} wait, the oldest for {span_text(backlog.lag(now))}"
    return f"{waits}; {backlog.message} ({backlog.code})" if backlog.code else waits


def _row(run: WaitingRun) -> tuple[object, ...]:
    next_try = local_time(run.next_at) if run.tries else "at once"
    if run.code == UNBOUND:
        next_try = "when bound"
    why = f"{run.message} ({run.code})" if run.code else ""
    return run.sink, run.serial, run.outcome, local_time(run.queued_at), run.tries, next_try, why
