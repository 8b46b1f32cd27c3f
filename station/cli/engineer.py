"""The engineer's PIN on the command line: asked on the terminal, or read from a file. Never an argument.

`STATION_PIN_FILE` names the file; `-` stands for the first line of stdin. Without it and without a terminal an act that
needs an engineer is refused: a command in a script must not wait for somebody who is not there.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.cli.output import say
from station.errors import SettingsError, UsageError
from station.file_problems import reason

if TYPE_CHECKING:
    from station.control.requests import ProveEngineer
    from station.roles.guarded_acts import Act, Who

PIN_FILE = "STATION_PIN_FILE"
_LONGEST = 1000
Given = Mapping[str, Any]
NOTHING: Given = {}


def done_by_engineer(
    config: Path | None,
    data_dir: Path,
    act: Act,
    what: str,
    subject: str,
    by: str | None = None,
    details: Given = NOTHING,
) -> Who:
    """An act that only an engineer may do, allowed and in the audit: to be called just before it is done.

    `what` says it to people. UsageError `role.engineer_needed`, `role.wrong_pin`, `role.too_many_tries`.
    """
    from station.roles.guarded_acts import Done
    from station.wiring.authority import record

    station_id = station_of(config, data_dir)
    who = somebody(data_dir, station_id, what, by)
    record(data_dir, station_id, Done(act, who, subject, dict(details)))
    return who


def proving(data_dir: Path, station_id: str, by: str | None) -> Callable[[str], Who]:
    """What a line's start calls where it needs an engineer."""
    return lambda what: somebody(data_dir, station_id, what, by)


def somebody(data_dir: Path, station_id: str, what: str, by: str | None = None) -> Who:
    """Who acts: an engineer where a PIN is set. UsageError as `done_by_engineer`."""
    from station.roles.guarded_acts import ANYBODY, ENGINEER, Who
    from station.roles.pin_file import is_guarded
    from station.wiring.authority import prove

    if not is_guarded(data_dir):
        return Who(by or login_name(), ANYBODY)
    pin, name = pin_for(what), by or login_name()
    prove(data_dir, station_id, pin, name)
    return Who(name, ENGINEER)


def proof_for(data_dir: Path, what: str, by: str | None = None) -> ProveEngineer | None:
    """The same for an act that the line carries out: the line looks at the PIN. None where none is set."""
    from station.control.requests import ProveEngineer
    from station.roles.pin_file import is_guarded

    return ProveEngineer(pin_for(what), by or login_name()) if is_guarded(data_dir) else None


def pin_for(what: str, asked: str = "the engineer's PIN: ") -> str:
    """The PIN, from STATION_PIN_FILE or the terminal; UsageError `role.engineer_needed` where neither is there."""
    if (named := os.environ.get(PIN_FILE)) is not None:
        return _from_file(named)
    if not sys.stdin.isatty():
        from station.wiring.authority import engineer_needed

        raise engineer_needed(what)
    say(f"only an engineer may do this: {what}")
    return getpass.getpass(asked)


def _from_file(named: str) -> str:
    try:
        if named == "-":
            return sys.stdin.readline(_LONGEST).rstrip("\r\n")
        with open(os.path.expanduser(named), encoding="utf-8") as file:
            return file.readline(_LONGEST).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "it is no text"
        raise UsageError("role.engineer_needed", f"{PIN_FILE} names {named or 'nothing'}: {why}") from error


def login_name() -> str:
    """Who is logged in."""
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return "unknown"


def station_of(config: Path | None, data_dir: Path | None) -> str:
    """The station's id, for a command that needs no configuration: one that is broken keeps nobody from acting."""
    from station.settings import Settings, load_settings

    try:
        return load_settings(config, data_dir=data_dir).station_id
    except SettingsError:
        return Settings().station_id
