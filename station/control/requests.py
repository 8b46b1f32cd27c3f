"""What a screen may ask of a line: one frozen value a request, parsed and checked from JSON.

1. A connection says its role before anything else, once: `{"role": "look"}` or `{"role": "steer"}`.
2. Each request names the role that it needs. The line's server compares; what a client leaves out of its menus protects
   nothing.
3. A request may be an act that only an engineer may do (`act_of`). A connection that steers proves with a PIN that it
   is an engineer's (`ProveEngineer`), for some minutes. While no PIN is set nobody is asked.
4. A request that is none costs its sender one refusal with a stable code, and nobody else anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Self

from station.control.request_fields import Given, field_of, invalid, name_of, planned_of, text_of
from station.control.steered import Steered
from station.errors import UsageError
from station.model.unit_values import SaidOfUnit, UnitValues
from station.roles.guarded_acts import Act

MOVES = ("new", "unplug", "replug")


class Role(StrEnum):
    """What a connection may do. One that steers may look too."""

    LOOK = "look"
    STEER = "steer"

    def may(self, needed: Role) -> bool:
        """Whether a connection of this role may send what needs another."""
        return self is Role.STEER or needed is Role.LOOK

    @classmethod
    def from_json(cls, given: object) -> Role:
        """A role by its name; UsageError `request.role`."""
        if given not in tuple(cls):
            raise UsageError("request.role", f"a role is one of {', '.join(cls)}")
        return cls(str(given))


class _NameAlone:
    """A request without fields: its name says all."""

    __slots__ = ()

    @classmethod
    def from_json(cls, given: Given) -> Self:
        """Nothing is read."""
        return cls()


@dataclass(frozen=True, slots=True)
class TakeSnapshot(_NameAlone):
    """The newest state of the line and of all its slots."""

    do: ClassVar[str] = "snapshot"
    role: ClassVar[Role] = Role.LOOK


@dataclass(frozen=True, slots=True)
class TakeLogWrites(_NameAlone):
    """How long transactions of the log took since the line began."""

    do: ClassVar[str] = "log_writes"
    role: ClassVar[Role] = Role.LOOK


@dataclass(frozen=True, slots=True)
class Stop:
    """Take no new camera; end running ones too with `abort`."""

    do: ClassVar[str] = "stop"
    role: ClassVar[Role] = Role.STEER
    abort: bool = False

    @classmethod
    def from_json(cls, given: Given) -> Stop:
        """`abort` may be left out."""
        abort = given.get("abort", False)
        if not isinstance(abort, bool):
            raise invalid("abort is true or false")
        return cls(abort)

    def carry_out(self, line: Steered) -> None:
        """Ask the line."""
        line.stop(abort=self.abort)


@dataclass(frozen=True, slots=True)
class Pause(_NameAlone):
    """Start no camera from now on."""

    do: ClassVar[str] = "pause"
    role: ClassVar[Role] = Role.STEER

    def carry_out(self, line: Steered) -> None:
        """Ask the line."""
        line.pause()


@dataclass(frozen=True, slots=True)
class Resume(_NameAlone):
    """Start what waits."""

    do: ClassVar[str] = "resume"
    role: ClassVar[Role] = Role.STEER

    def carry_out(self, line: Steered) -> None:
        """Ask the line."""
        line.resume()


@dataclass(frozen=True, slots=True)
class Cancel:
    """End one slot's run."""

    do: ClassVar[str] = "cancel"
    role: ClassVar[Role] = Role.STEER
    port_path: str

    @classmethod
    def from_json(cls, given: Given) -> Cancel:
        """From `port_path`."""
        return cls(text_of(given, "port_path"))

    def carry_out(self, line: Steered) -> None:
        """Ask the line."""
        line.cancel(self.port_path)


@dataclass(frozen=True, slots=True)
class Rerun:
    """Run the cameras in these slots once more.

    The answer tells each slot by its name in one list of `ways`: {"rerun": [], "entering": [], "replug": [],
    "running": [], "left_alone": [], "empty": []}; see `RerunWay`. Whether a camera that is `entering` its bootloader
    comes there is seen in its slot: its run, or the code `usb.not_entered` or a message with the hint to replug it.
    """

    do: ClassVar[str] = "rerun"
    role: ClassVar[Role] = Role.STEER
    port_paths: tuple[str, ...]

    @classmethod
    def from_json(cls, given: Given) -> Rerun:
        """From `port_path`, or `port_paths` for several slots at once."""
        if "port_paths" not in given:
            return cls((text_of(given, "port_path"),))
        paths = given["port_paths"]
        if not isinstance(paths, list | tuple) or not all(isinstance(path, str) for path in paths):
            raise invalid("port_paths is a list of texts")
        return cls(tuple(paths))

    def carry_out(self, line: Steered) -> dict[str, Any]:
        """Ask the line."""
        return {"ways": {str(way): list(names) for way, names in line.rerun(self.port_paths).items()}}


@dataclass(frozen=True, slots=True)
class RestoreSlot:
    """Take cameras again in a slot that was taken out; `port_path` may be the slot's name too."""

    do: ClassVar[str] = "restore_slot"
    role: ClassVar[Role] = Role.STEER
    port_path: str

    @classmethod
    def from_json(cls, given: Given) -> RestoreSlot:
        """From `port_path`, or the slot's `name`."""
        return cls(text_of(given, "port_path" if "port_path" in given else "name"))

    def carry_out(self, line: Steered) -> None:
        """Ask the line."""
        line.restore_slot(self.port_path)

    def act(self, _line: Steered) -> tuple[Act, str]:
        """An engineer has seen why the slot was taken out."""
        return Act.SLOT_RESTORED, self.port_path


@dataclass(frozen=True, slots=True)
class BeginBatch:
    """The next runs are of this batch and operator; `planned` is how many units it is to have."""

    do: ClassVar[str] = "begin_batch"
    role: ClassVar[Role] = Role.STEER
    name: str
    operator: str | None
    planned: int | None

    @classmethod
    def from_json(cls, given: Given) -> BeginBatch:
        """All three must be there; None where nobody said."""
        operator = None if field_of(given, "operator") is None else name_of(given, "operator")
        return cls(name_of(given, "name"), operator, planned_of(given))

    def carry_out(self, line: Steered) -> None:
        """Ask the line."""
        line.begin_batch(self.name, self.operator, self.planned)

    def act(self, line: Steered) -> tuple[Act, str] | None:
        """Another batch, or a smaller plan, may be the end of one that is not done."""
        return (Act.BATCH_ENDED_SHORT, self.name) if line.cuts_short(self.name, self.planned) else None


@dataclass(frozen=True, slots=True)
class EndBatch:
    """End the batch, if it is the one at the bench. Its name is only compared: an older log's may be longer."""

    do: ClassVar[str] = "end_batch"
    role: ClassVar[Role] = Role.STEER
    name: str

    @classmethod
    def from_json(cls, given: Given) -> EndBatch:
        """From `name`."""
        return cls(text_of(given, "name"))

    def carry_out(self, line: Steered) -> None:
        """Ask the line."""
        line.end_batch(self.name)

    def act(self, line: Steered) -> tuple[Act, str] | None:
        """It may not be done."""
        return (Act.BATCH_ENDED_SHORT, self.name) if line.cuts_short(None, None) else None


@dataclass(frozen=True, slots=True)
class GoOnWithBatch:
    """Let the batch have more units than planned, if it is the one at the bench."""

    do: ClassVar[str] = "go_on_with_batch"
    role: ClassVar[Role] = Role.STEER
    name: str

    @classmethod
    def from_json(cls, given: Given) -> GoOnWithBatch:
        """From `name`."""
        return cls(text_of(given, "name"))

    def carry_out(self, line: Steered) -> None:
        """Ask the line."""
        line.go_on_with_batch(self.name)


@dataclass(frozen=True, slots=True)
class CountBatch:
    """Count the batch's results anew, if it is the one at the bench: another program wrote one into the log."""

    do: ClassVar[str] = "count_batch"
    role: ClassVar[Role] = Role.STEER
    name: str

    @classmethod
    def from_json(cls, given: Given) -> CountBatch:
        """From `name`."""
        return cls(text_of(given, "name"))

    def carry_out(self, line: Steered) -> None:
        """Ask the line."""
        line.count_batch(self.name)


@dataclass(frozen=True, slots=True)
class BindUnit:
    """Bind a product serial, or values by key, to the unit whose camera is in a slot; see `BindingsAsked`.

    It is answered when the log has it: `{"done": "bind_unit", "bound": {"port_path", "serial", "product_serial",
    "unit_values"}}`, with all that the unit has now; or refused, with the request (`asked`). `port_path` "": the unit
    may be anywhere, and only its serial says which.
    """

    do: ClassVar[str] = "bind_unit"
    role: ClassVar[Role] = Role.STEER
    port_path: str
    serial: str
    product_serial: str | None
    values: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_json(cls, given: Given) -> BindUnit:
        """`product_serial` may be null; `values` is a list of pairs and may be left out."""
        product = None if field_of(given, "product_serial") is None else text_of(given, "product_serial").strip()
        pairs = given.get("values", ())
        if not isinstance(pairs, list | tuple) or not all(map(_is_pair, pairs)):
            raise invalid("values is a list of pairs of texts")
        if product is None and not pairs:
            raise invalid("there is nothing to bind")
        return cls(
            text_of(given, "port_path"), name_of(given, "serial"), product, tuple((key, value) for key, value in pairs)
        )

    def said(self, by: str) -> SaidOfUnit:
        """What is said, and by whom."""
        return SaidOfUnit(self.port_path, self.serial, self.product_serial, UnitValues.of(dict(self.values)), by)


@dataclass(frozen=True, slots=True)
class MoveCamera:
    """Do with a virtual camera what an operator's hands do; a line of real cameras refuses it.

    "unplug" and "replug" are for the camera at `port_path`; "new" plugs a new camera into every slot whose camera is
    finished or that is empty.
    """

    do: ClassVar[str] = "move_camera"
    role: ClassVar[Role] = Role.STEER
    move: str
    port_path: str = ""

    @classmethod
    def from_json(cls, given: Given) -> MoveCamera:
        """From `move`, and `port_path` where it is for one camera."""
        move = text_of(given, "move")
        if move not in MOVES:
            raise invalid(f"move is one of {', '.join(MOVES)}")
        return cls(move, "" if move == "new" else text_of(given, "port_path"))


@dataclass(frozen=True, slots=True)
class ProveEngineer:
    """This connection's next requests are an engineer's, until some minutes have passed since the last act."""

    do: ClassVar[str] = "prove_engineer"
    role: ClassVar[Role] = Role.STEER
    pin: str = field(repr=False)
    name: str

    @classmethod
    def from_json(cls, given: Given) -> ProveEngineer:
        """From `pin` and `name`, who it is."""
        return cls(text_of(given, "pin"), name_of(given, "name"))


@dataclass(frozen=True, slots=True)
class EndEngineer(_NameAlone):
    """This connection is an operator's again."""

    do: ClassVar[str] = "end_engineer"
    role: ClassVar[Role] = Role.STEER


Steering = Stop | Pause | Resume | Cancel | Rerun | RestoreSlot | BeginBatch | EndBatch | GoOnWithBatch | CountBatch
Request = TakeSnapshot | TakeLogWrites | MoveCamera | BindUnit | ProveEngineer | EndEngineer | Steering
Guarded = RestoreSlot | BeginBatch | EndBatch

REQUESTS: Mapping[str, type[Request]] = {
    kind.do: kind
    for kind in (
        TakeSnapshot,
        TakeLogWrites,
        Stop,
        Pause,
        Resume,
        Cancel,
        Rerun,
        RestoreSlot,
        BeginBatch,
        EndBatch,
        GoOnWithBatch,
        CountBatch,
        MoveCamera,
        BindUnit,
        ProveEngineer,
        EndEngineer,
    )
}


def act_of(request: Request, line: Steered) -> tuple[Act, str] | None:
    """What the request is that only an engineer may do, as things stand, and to what; None where any who steers may."""
    return request.act(line) if isinstance(request, Guarded) else None


def parsed(given: Given) -> Request:
    """The request of a JSON object; UsageError `request.unknown` where there is none of that name, `request.invalid`
    where something in it is missing or of the wrong kind."""
    name = given.get("do")
    if not isinstance(name, str) or name not in REQUESTS:
        raise UsageError("request.unknown", f"there is no request {str(name)[:40]!r}")
    return REQUESTS[name].from_json(given)


def to_json(request: Request) -> dict[str, Any]:
    """The request as JSON."""
    return {"do": request.do, **asdict(request)}


def _is_pair(given: object) -> bool:
    return isinstance(given, list | tuple) and len(given) == 2 and all(isinstance(part, str) for part in given)
