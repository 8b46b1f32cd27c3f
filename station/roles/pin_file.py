"""The PINs of a data folder: hashed (Argon2id), one for each role that has one. The only user of argon2.

1. They lie in the data folder, because what they guard does: a command that names another folder or configuration gets
   another log, not this one without its PIN.
2. Nobody but the owner reads the file, and the owner's group where it shares the folder. Whoever may write the folder
   can take the file away; the next start and `station doctor` say so.
3. While there is no engineer's PIN everybody may do everything, as on a bench of one person.
"""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from station.atomic_write import write_durably
from station.errors import UsageError
from station.file_lock import locked
from station.file_problems import reason
from station.problem import sentence
from station.roles import wrong_pins
from station.roles.guarded_acts import ENGINEER, OPERATOR

if TYPE_CHECKING:
    from argon2 import PasswordHasher

FILE_NAME = "pins.json"
TRIES_NAME, WEB_TRIES_NAME = "wrong-pins.json", "wrong-web-pins.json"
LOCK_NAME = "wrong-pins.lock"
LOOKER = "look"
"""Who may only look, in a browser."""
HOLDERS = (ENGINEER, OPERATOR, LOOKER)
SHORTEST, LONGEST = 4, 128
LOCK_WAIT_S = 30.0
"""Others who try at the same moment: each takes a part of a second."""


class WrongPinError(UsageError):
    """A PIN that is none; `tries` are the wrong ones in a row."""

    def __init__(self, code: str, message: str, tries: int) -> None:
        super().__init__(code, message)
        self.tries = tries


def pin_file(data_dir: Path) -> Path:
    """The file of a data folder."""
    return data_dir / FILE_NAME


def holders(data_dir: Path) -> frozenset[str]:
    """The roles that have a PIN. UsageError `role.pins_unreadable`: what cannot be read opens nothing."""
    return frozenset(_hashes(data_dir))


def marks(data_dir: Path) -> Mapping[str, str]:
    """What tells the PIN of each role that has one from its next one; of what cannot be read there is none."""
    try:
        return dict(_hashes(data_dir))
    except UsageError:
        return {}


def is_guarded(data_dir: Path) -> bool:
    """Whether an engineer's PIN is set: then acts need it. Errors: as `holders`."""
    return ENGINEER in holders(data_dir)


def set_pin(data_dir: Path, holder: str, pin: str | None) -> None:
    """Give a role a PIN, or take it away (None). UsageError `role.pin_form`, `role.pins_unreadable`."""
    hashes = dict(_hashes(data_dir))
    hashes.pop(holder, None)
    if pin is not None:
        hashes[holder] = _hasher().hash(usable(pin))
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        write_durably(pin_file(data_dir), (json.dumps(hashes, indent=1) + "\n").encode(), _mode(data_dir))
        if holder == ENGINEER:
            (data_dir / TRIES_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise _unreadable(data_dir, error) from error


def usable(pin: str) -> str:
    """A PIN as it may be; UsageError `role.pin_form`."""
    if not SHORTEST <= len(pin) <= LONGEST or not pin.isprintable() or pin != pin.strip():
        text = f"a PIN has {SHORTEST} to {LONGEST} characters, and no blank at an end"
        raise UsageError("role.pin_form", text)
    return pin


def holder_of(data_dir: Path, pin: str, wanted: tuple[str, ...] = (ENGINEER,), *, tries_name: str = TRIES_NAME) -> str:
    """Whose PIN it is, of the roles that are wanted. Takes a part of a second, on purpose.

    WrongPinError `role.wrong_pin`, and `role.too_many_tries` with the seconds to wait; UsageError
    `role.pins_unreadable`.
    """
    hashes = _hashes(data_dir)
    file = data_dir / tries_name
    try:
        # Held all the while: tries at the same moment come one after the other.
        with locked(data_dir / LOCK_NAME, LOCK_WAIT_S):
            tries, now_s = wrong_pins.read(file), time.time()
            if (wait_s := tries.wait_s(now_s)) > 0:
                raise WrongPinError("role.too_many_tries", _wait(tries.count, wait_s), tries.count)
            for holder in wanted:
                if holder in hashes and _fits(hashes[holder], pin):
                    file.unlink(missing_ok=True)
                    return holder
            tries = tries.one_more(time.time())
            wrong_pins.write(file, tries, _mode(data_dir))
    except OSError as error:
        raise _unreadable(data_dir, error) from error
    wait_s = wrong_pins.wait_after(tries.count)
    if wait_s:
        text = sentence("this is not the PIN; the next try is heard in {seconds} s", seconds=round(wait_s))
        raise WrongPinError("role.wrong_pin", text, tries.count)
    raise WrongPinError("role.wrong_pin", sentence("this is not the PIN"), tries.count)


def _wait(count: int, wait_s: float) -> str:
    return sentence(
        "{count} wrong PINs in a row: the next try is heard in {seconds} s", count=count, seconds=max(1, round(wait_s))
    )


def _hashes(data_dir: Path) -> Mapping[str, str]:
    try:
        given = json.loads(pin_file(data_dir).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(data_dir, error) from error
    if not isinstance(given, dict) or not all(isinstance(text, str) for text in given.values()):
        raise _unreadable(data_dir, ValueError("it is not what station pin set writes"))
    return given


def _unreadable(data_dir: Path, error: Exception) -> UsageError:
    why = reason(error) if isinstance(error, OSError) else str(error)
    text = sentence("the PINs in {file} cannot be used: {reason}", file=pin_file(data_dir), reason=why)
    return UsageError("role.pins_unreadable", text)


def _mode(data_dir: Path) -> int:
    """Who shares the folder's writing shares the PIN's reading."""
    return 0o640 if data_dir.stat().st_mode & stat.S_IWGRP else 0o600


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    # OWASP's second choice, for small machines: 19 MiB, in one thread, so that a line beside it keeps its other cores.
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _fits(known: str, pin: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(known, pin)
    except (VerificationError, InvalidHashError):
        return False
