"""With which configuration a line starts: what differs from its last start, and whether that needs an engineer.

1. What changes what a run means (`GUARDED`: the sections, the bundle, the recipe's steps) needs an engineer where a PIN
   is set. All else is only recorded.
2. Compared is with the last start for the same kind of runs; before there was one, with the defaults. A bundle that an
   engineer chose with `station bundle use` since then is no change.
3. Runs that count in no yield (`purpose = "engineering"`) need an engineer at every start.
4. Secrets are never in a row: a key that sounds like one has its value masked, and so has a password in an address.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from station.model.recipes import Recipe
from station.model.runs import Purpose
from station.roles import pin_file
from station.roles.guarded_acts import ANYBODY, OPERATOR, Act, Done, Who
from station.wiring.authority import engineer_needed, record

if TYPE_CHECKING:
    from station.line.setup import LineSetup
    from station.settings import Settings

GUARDED = ("run.", "test.", "verification.", "recovery.", "roles.", "ask.", "product_serial.", "recipe", "bundle")
OF_EACH_START = frozenset({"run.batch", "run.operator", "run.purpose", "run.bundle", "run.recipe", "station.data_dir"})
"""Every run's record has them, or they are compared in another form (`recipe`, `bundle`)."""
MASK = "***"
_SECRET = re.compile(r"password|passwd|token|secret|credential|(^|_)(pass|key|pin|auth)($|_)", re.IGNORECASE)
_USER_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+@")

Prove = Callable[[str], Who]
"""Asks for the PIN; given what it is needed for. UsageError where nobody can be asked, or it is wrong."""
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Start:
    """A line's start: its values by dotted keys, masked, and what differs from the last one (before, after)."""

    lane: str
    digest: str
    values: Values
    changed: Mapping[str, tuple[Any, Any]]

    @property
    def guarded(self) -> list[str]:
        """The changes that need an engineer."""
        return [key for key in self.changed if key.startswith(GUARDED)]


def refuse(what: str) -> Who:
    """Where nobody can be asked."""
    raise engineer_needed(what)


def note_start(settings: Settings, setup: LineSetup, prove: Prove = refuse) -> None:
    """Record how a line starts, where that is worth a row. UsageError `role.engineer_needed` where it needs an engineer
    and nobody gave the PIN. The log must be open already."""
    start = start_of(settings, setup)
    engineering = setup.purpose is Purpose.ENGINEERING
    guarded = pin_file.is_guarded(settings.data_dir)
    if not start.changed and not (engineering and guarded):
        return
    who = Who(setup.operator or "", OPERATOR if guarded else ANYBODY)
    if guarded and engineering:
        who = prove(f"runs for {setup.purpose}, which count in no yield")
    elif guarded and start.guarded:
        who = prove(f"to start with what was changed: {changes_text(start)}")
    if start.changed:
        record(settings.data_dir, settings.station_id, row_of(start, who))
    if engineering and guarded:
        details = {"bundle": setup.bundle, "recipe": setup.recipe.name}
        record(settings.data_dir, settings.station_id, Done(Act.ENGINEERING, who, str(setup.purpose), details))


def row_of(start: Start, who: Who) -> Done:
    """The row of a changed configuration."""
    changed = {key: list(pair) for key, pair in start.changed.items()}
    return Done(Act.CONFIGURED, who, start.lane, {"digest": start.digest, "changed": changed, "values": start.values})


def changes_text(start: Start) -> str:
    """The changes that need an engineer, in one line."""
    pairs = [(key, *map(_shown, start.changed[key])) for key in start.guarded]
    return "; ".join(f"{key} from {before} to {after}" for key, before, after in pairs)


def start_of(settings: Settings, setup: LineSetup) -> Start:
    """How a line starts. Errors: LedgerError."""
    lane = "production" if setup.purpose is Purpose.REWORK else str(setup.purpose)
    open_values = _values(settings, setup)
    digest = hashlib.sha256(json.dumps(open_values, sort_keys=True).encode()).hexdigest()
    values = {key: masked(key, value) for key, value in open_values.items()}
    last_digest, before = _last(settings, lane)
    if last_digest == digest:
        return Start(lane, digest, values, {})
    changed = {key: (before.get(key), values.get(key)) for key in sorted({*before, *values})}
    changed = {key: pair for key, pair in changed.items() if pair[0] != pair[1]}
    if not changed and last_digest is not None:
        changed = {"a secret": (MASK, MASK)}
    return Start(lane, digest, values, changed)


def masked(key: str, value: Any) -> Any:
    """A value as a row may show it."""
    if _SECRET.search(key.rpartition(".")[2]) and value not in ("", None, [], {}):
        return MASK
    if isinstance(value, str):
        return _USER_IN_ADDRESS.sub(f"{MASK}@", value)
    if isinstance(value, list):
        return [masked(key, one) for one in value]
    if isinstance(value, Mapping):
        return {name: masked(f"{key}.{name}", one) for name, one in value.items()}
    return value


def _values(settings: Settings, setup: LineSetup) -> Values:
    return {
        **_flat(settings),
        "recipe": _steps(setup.recipe),
        "bundle": {"name": setup.bundle, "sha256": setup.bundle_sha256},
    }


def _flat(settings: Settings) -> Values:
    """The settings by dotted keys; tables whose names are free are one value each."""
    flat: Values = {}
    for section, table in settings.model_dump(mode="json").items():
        if section in ("slots", "controllers", "recipes") or not isinstance(table, dict):
            flat[section] = table
        else:
            flat |= {f"{section}.{key}": value for key, value in table.items()}
    return {key: value for key, value in flat.items() if key not in OF_EACH_START}


def _last(settings: Settings, lane: str) -> tuple[str | None, Values]:
    """Digest and values of the last start of the kind; None and the defaults where there was none."""
    from station.ledger import audit

    row = audit.last(settings.data_dir, settings.station_id, Act.CONFIGURED, lane)
    details: Values = json.loads(row.details) if row else {}
    values: Values = dict(details.get("values", {})) if row else _defaults(settings)
    chosen = audit.last(settings.data_dir, settings.station_id, Act.BUNDLE_USED)
    if chosen is not None and (row is None or chosen.number > row.number):
        values["bundle"] = {"name": chosen.subject, "sha256": json.loads(chosen.details).get("sha256")}
    return details.get("digest"), values


def _defaults(settings: Settings) -> Values:
    """What a station has that was never configured. Its name, folders and bench are no change."""
    from station.settings import Settings as Unconfigured

    usual = Unconfigured()
    own = {key: value for key, value in _flat(settings).items() if not key.startswith(GUARDED)}
    values = {**_flat(usual), **own, "recipe": _steps(usual.recipe("full"))}
    return {key: masked(key, value) for key, value in values.items()}


def _steps(recipe: Recipe) -> dict[str, list[str]]:
    return {recipe.name: [" ".join(filter(None, (step.kind, step.partition, step.test))) for step in recipe.steps]}


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
