"""What is wrong with a command line, in our words: the option parser's are for programmers."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typer.exceptions import TyperException

_FOUND = re.compile(r"'?(.*?)'? is not (?:a valid|in the range)")
_QUOTED = re.compile(r"'(.*?)'")
_EXTRA = re.compile(r"\(s\) \((.*)\)")


def in_our_words(error: TyperException) -> str:
    """What is wrong, as one sentence without its end."""
    kind, said = type(error).__name__, error.format_message()
    if kind == "NoSuchOption":
        return _no_such_option(error)
    if kind == "MissingParameter":
        return f"{_name(error)} is missing"
    if kind == "BadParameter":
        return _bad_value(error, said)
    if "requires an argument" in said:
        return f"{_quoted(said)} needs a value behind it"
    if "requires 0 arguments" in said or "does not take a value" in said:
        return f"{_quoted(said)} takes no value"
    if said.startswith("No such command"):
        return _no_such_command(error, _quoted(said))
    if "unexpected extra argument" in said and (extra := _EXTRA.search(said)):
        return f"nothing is known to be done with: {extra[1]}"
    return "a command is missing; --help lists them" if said.startswith("Missing command") else said


def _quoted(said: str) -> str:
    found = _QUOTED.search(said)
    return found[1] if found else said


def _name(error: Any) -> str:
    """The option as it is typed, or what stands for the argument in the help."""
    param = error.param
    if param is None:
        return str(error.param_hint or "a value")
    return str(param.opts[0] if param.param_type_name == "option" else param.make_metavar(error.ctx))


def _no_such_option(error: Any) -> str:
    known = [word for param in error.ctx.command.params for word in param.opts] if error.ctx else []
    near = difflib.get_close_matches(error.option_name, known, n=1)
    return f"there is no option {error.option_name} here" + (f"; did you mean {near[0]}?" if near else "")


def _no_such_command(error: Any, name: str) -> str:
    known = list(getattr(error.ctx.command, "commands", {})) if error.ctx else []
    near = difflib.get_close_matches(name, known, n=1)
    rest = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f'there is no command "{name}" here; {rest}'


def _bad_value(error: Any, said: str) -> str:
    value = said.rpartition(": ")[2]
    found = _FOUND.match(value)
    if found is None or error.param is None:
        return f"{_name(error)}: {value.rstrip('.')}"
    return f'{_name(error)}: found "{found[1]}"; allowed: {_allowed(error.param.type)}'


def _allowed(kind: Any) -> str:
    what = "a number" if "float" in kind.name else "a whole number"
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    if low is not None and high is not None:
        return f"{what} from {low} to {high}"
    return f"{what} from {low}" if low is not None else what
