"""Who may do what, tried: `python -m tests.roles_table FILE` writes a table, the audit and a row changed by hand.

Every act is tried by everybody through the station's own socket, commands and web server; needs to be started as root,
so that another user of the machine (`nobody`) can be one.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from station.board.chosen import BOARD
from station.bundle.demo_release import make_demo_release
from station.bundle.store import BundleStore
from station.control.client import connected
from station.control.requests import Role
from station.control.server import LineService
from station.control.socket_path import noted_socket
from station.dashboard.web.host_names import own_names
from station.dashboard.web.logins import Logins
from station.dashboard.web.web_server import DashboardServer
from station.json_lines import JsonSocket
from station.ledger import audit, schema_version
from station.ledger.run_import import import_runs
from station.roles.pin_file import set_pin
from station.wiring.authority import LineAuthority
from station.wiring.web_logins import WebLogins
from tests.fuzz.test_any_request import ABOUT
from tests.harness import PROGRAM, wait_for
from tests.unit.control.test_roles import WHOLE, Line
from tests.unit.ledger.builders import SERIAL, a_run

PIN = "2580"
NOBODY = 65534
COLUMNS = ("operator", "engineer", "browser that may look", "browser that may steer", "another user of the machine")
ROLES = {"operator": Role.STEER, "engineer": Role.STEER, COLUMNS[2]: Role.LOOK, COLUMNS[3]: Role.STEER}
ALLOWED = "allowed"


@dataclass
class Place:
    """A data folder with a PIN, a log, two bundles and a served line."""

    data_dir: Path
    pin_file: Path
    line: Line
    table: dict[str, dict[str, str]] = field(default_factory=dict)

    def note(self, act: str, who: str, found: str) -> None:
        self.table.setdefault(act, {})[who] = found


@contextmanager
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="roles-") as folder, ExitStack() as opened:
        data_dir = Path(folder) / "data"
        data_dir.mkdir(mode=0o750)
        schema_version.create_or_check(data_dir)
        import_runs(data_dir, [a_run(batch="2026-47")])
        for name in ("one", "two"):
            make_demo_release(Path(folder) / name, BOARD)
            BundleStore(data_dir, BOARD).import_path(Path(folder) / name, name)
        for role, pin in (("engineer", PIN), ("operator", "3141"), ("look", "1618")):
            set_pin(data_dir, role, pin)
        (Path(folder) / "pin").write_text(f"{PIN}\n")
        line = Line()
        line.short = True
        authority = LineAuthority(data_dir, "bench-1", 300.0)
        opened.enter_context(authority.noting())
        opened.enter_context(LineService(data_dir, ABOUT, line, authority).serving(line))
        yield Place(data_dir, Path(folder) / "pin", line)


def ask(place: Place, role: Role, request: dict[str, Any], *, engineer: bool) -> str:
    with closing(JsonSocket(connected(place.data_dir, role))) as link:
        if engineer:
            link.send({"do": "prove_engineer", "pin": PIN, "name": "Ada"})
            while "engineer" not in (link.read() or {"engineer": None}):
                pass
        link.send(request)
        while answer := link.read():
            if "refused" in answer:
                return f"refused: the line, `{answer['refused']['code']}`"
            if answer.get("done") == request["do"] or "snapshot" in answer:
                return ALLOWED
    return "no answer"


def requests(place: Place) -> None:
    """What the line's server is asked."""
    tried: dict[str, dict[str, Any]] = {"look at the line": {"do": "snapshot"}}
    tried |= {f"`{do}`": {"do": do, **given} for do, given in WHOLE.items() if "engineer" not in do}
    tried["`end_batch` before it is done"] = {"do": "end_batch", "name": "L1"}
    tried["`begin_batch`, another before it is done"] = {
        "do": "begin_batch",
        "name": "L2",
        "operator": None,
        "planned": 5,
    }
    for act, request in tried.items():
        place.line.short = "before it is done" in act
        for who, role in ROLES.items():
            place.note(act, who, ask(place, role, request, engineer=who == "engineer"))
        place.note(act, COLUMNS[4], other_user_asks(place))


def as_nobody(program: str, file: Path) -> bool:
    """Whether another user of the machine succeeds with a program that is given a file."""
    words = ["perl", "-MSocket", "-e", program, str(file)]
    done = subprocess.run(words, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True, check=False)
    return done.returncode == 0


def other_user_asks(place: Place) -> str:
    program = "socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, pack_sockaddr_un($ARGV[0])) or exit 1"
    refused = "refused: the kernel (the socket is mode 0660)"
    return ALLOWED if as_nobody(program, noted_socket(place.data_dir)) else refused


def other_user_opens(place: Place) -> str:
    """The log and the PINs are what every command needs."""
    names = ("station.sqlite3", "pins.json", "audit.head")
    opened = [name for name in names if as_nobody("open(F, '<', $ARGV[0]) or exit 1", place.data_dir / name)]
    return f"opens {', '.join(opened)}" if opened else "refused: the kernel (the data folder is mode 0750)"


COMMANDS = {
    "`station release`": ("release", SERIAL, "--by", "Ada"),
    "`station scrap`": ("scrap", "--batch", "2026-47", "--reason", "dead on arrival", "--by", "Ada"),
    "`station bundle use`": ("bundle", "use", "one", "--by", "Ada"),
    "`station pin set --role look`": ("pin", "set", "--role", "look", "--by", "Ada"),
    "`station run`, first start, with its bundle": ("run", "--simulate", "1", "--headless", "--stop-after", "1"),
    "the same again": ("run", "--simulate", "1", "--headless", "--stop-after", "1"),
    "`station run` with verify off": ("run", "--simulate", "1", "--headless", "--stop-after", "1"),
    "`station run --recipe hp`": ("run", "--simulate", "1", "--headless", "--stop-after", "1", "--recipe", "hp"),
    "`station run --purpose engineering`": (
        "run", "--simulate", "1", "--headless", "--stop-after", "1", "--purpose", "engineering",
    ),
    "`station audit`": ("audit",),
    "`station db check`": ("db", "check"),
}  # fmt: skip
MORE = {"`station run` with verify off": {"STATION_RUN__VERIFY": "false"}}


def command(place: Place, words: tuple[str, ...], more: dict[str, str], *, engineer: bool) -> str:
    given = {**os.environ, "STATION_ID": "bench-1", "STATION_RUN__BOOT_STAYS_S": "0.2", **more}
    if engineer:
        given["STATION_PIN_FILE"] = str(place.pin_file)
    folder = place.data_dir / "simulated" if "--simulate" in words else place.data_dir
    done = subprocess.run(
        [*PROGRAM, *words, "--data-dir", str(folder)], env=given, input="1618\n", capture_output=True, text=True,
        check=False, timeout=240,
    )  # fmt: skip
    code = done.stderr.strip().splitlines()[-1].partition(":")[0] if done.stderr.strip() else ""
    if done.returncode in (0, 1) and not code.startswith("role."):
        return ALLOWED
    by = "the command" if code.startswith("role.") else "the file's mode"
    return f"refused: {by}, `{code}`"


def commands(place: Place) -> None:
    """What is done on the machine's command line."""
    simulated = place.data_dir / "simulated"
    simulated.mkdir(mode=0o750)
    set_pin(simulated, "engineer", PIN)
    for act, words in COMMANDS.items():
        for who, engineer in (("operator", False), ("engineer", True)):
            place.note(act, who, command(place, words, MORE.get(act, {}), engineer=engineer))
        place.note(act, COLUMNS[4], other_user_opens(place))
        for who in COLUMNS[2:4]:
            place.note(act, who, "not there: a browser has no command line")


async def browsers(place: Place) -> None:
    """What `station web` with `login = "always"` lets in."""
    logins = Logins("always", WebLogins(place.data_dir, "bench-1"))
    server = DashboardServer(["true"], "127.0.0.1", 0, "bench-1", lambda: True, own_names("127.0.0.1"), logins)
    async with TestClient(TestServer(await server.application())) as client:
        for who, pin in (("no PIN", ""), (COLUMNS[2], "1618"), (COLUMNS[3], "3141"), ("engineer", PIN)):
            if pin:
                await client.post("/login", data={"pin": pin})
            page = await client.get("/", allow_redirects=False)
            place.note(f"open the page of `station web`, {who}", who, f"{page.status}")
            client.session.cookie_jar.clear()
        for _ in range(3):
            await client.post("/login", data={"pin": "0000"})
        refused = await client.post("/login", data={"pin": PIN})
        place.note("the right PIN after three wrong ones in browsers", COLUMNS[3], f"{refused.status}: wait")


def rows_of(data_dir: Path) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for row in audit.rows(data_dir):
        if (row.act, row.role) not in seen:
            seen.add((row.act, row.role))
            details = json.loads(row.details)
            details.pop("values", None)
            shown = f"`{json.dumps(details)[:160]}`"
            cells = (
                str(row.number),
                row.act,
                row.subject or "-",
                f"{row.who or '-'} ({row.role})",
                shown,
                row.hash[:12],
            )
            yield f"| {' | '.join(cells)} |"


def checked(data_dir: Path) -> str:
    done = subprocess.run(
        [*PROGRAM, "db", "check", "--data-dir", str(data_dir)], capture_output=True, text=True, check=False
    )
    return f"{done.stdout}{done.stderr}exit code {done.returncode}"


def changed_by_hand(data_dir: Path) -> str:
    with closing(sqlite3.connect(data_dir / "station.sqlite3")) as log:
        sql = "UPDATE audit SET who = 'Eve' WHERE number = 2"
        try:
            log.execute(sql)
        except sqlite3.IntegrityError as error:
            refused = str(error)
        (trigger,) = log.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_no_update'").fetchone()
        log.execute("DROP TRIGGER audit_no_update")
        log.execute(sql)
        log.execute(trigger)
        log.commit()
    return f"sqlite> {sql}\n{refused}\nsqlite> DROP TRIGGER audit_no_update; (the same again); (the trigger again)\n"


def page(place: Place) -> Iterator[str]:
    yield "# Who may do what, with an engineer's PIN set\n"
    yield "Made by `python -m tests.roles_table`; every cell was tried.\n"
    yield f"| act | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}"
    for act, found in place.table.items():
        if "station web" not in act and "wrong ones" not in act:
            yield f"| {act} | {' | '.join(found.get(who, '-') for who in COLUMNS)} |"
    yield "\nBrowsers, `login = \"always\"`: " + "; ".join(
        f"{act}: {status}" for act, found in place.table.items() if "web" in act or "wrong ones" in act
        for status in found.values()
    )  # fmt: skip
    for name, folder in (("the bench", place.data_dir), ("the simulated line", place.data_dir / "simulated")):
        yield f"\n## The audit of {name}, one row of each act\n"
        yield "| number | act | subject | who (role) | details | hash |\n|---|---|---|---|---|---|"
        yield from rows_of(folder)
    yield "\n## Untouched\n\n```\n" + checked(place.data_dir) + "\n```"
    yield "\n## One row changed by hand\n\n```\n" + changed_by_hand(place.data_dir) + checked(place.data_dir) + "\n```"


def main(file: str) -> None:
    with place() as made:
        steps: tuple[Callable[[Place], None], ...] = (requests, commands)
        for step in steps:
            step(made)
        asyncio.run(browsers(made))
        wait_for(lambda: len(audit.rows(made.data_dir)) > 5, "the rows")
        Path(file).write_text("\n".join(page(made)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
