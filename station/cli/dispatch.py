"""From the words of a command line to the one module that carries it out, and from any failure to one line and a code.

The table below is what `station --help` prints, so that neither the help nor one command has to import the others.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from station.errors import StationError, UsageError
from station.terminal_text import printable

if TYPE_CHECKING:
    from typer.exceptions import TyperException

EXIT_OK = 0
EXIT_INTERNAL = 70
"""EX_SOFTWARE of sysexits(3). Not 1, which speaks of a unit: systemd restarts a line that ended with this."""
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table: the module whose `app` is the typer application, and what the help says."""

    module: str
    summary: str


COMMANDS: dict[str, Command] = {
    "demo": Command("station.cli.demo", "a line of virtual cameras: no hardware, no root, no configuration"),
    "run": Command("station.cli.run", "the line: flash every camera that is plugged into a slot"),
    "dashboard": Command("station.cli.dashboard", "look at a line that runs, and steer it"),
    "web": Command("station.cli.web", "the dashboard of a line that runs, in a browser"),
    "flash": Command("station.cli.flash", "flash what is plugged in now, once, and exit"),
    "test": Command("station.cli.test", "test the cameras that run their application; write nothing"),
    "qualify": Command("station.cli.qualify", "measure the bench with known-good cameras"),
    "verify-slots": Command(
        "station.cli.verify_slots", "show at the start of a shift that each slot tells good from bad"
    ),
    "bundle": Command("station.cli.bundle", "import, list, show, verify, choose and sign firmware releases"),
    "unit": Command("station.cli.unit", "one camera's whole history"),
    "failed": Command("station.cli.failed", "the units to run again"),
    "bind": Command("station.cli.bind", "the product serial on a camera's label, bound to the chip inside"),
    "scrap": Command("station.cli.scrap", "book a camera that will never pass, with a reason"),
    "release": Command("station.cli.release", "let a unit that was set aside run again"),
    "report": Command("station.cli.report", "the yield report"),
    "export": Command("station.cli.export", "every run, with its attempts, for other programs"),
    "import": Command("station.cli.import_runs", "take runs that another station exported"),
    "outbox": Command("station.cli.outbox", "what is still to be delivered to the factory's systems, and why"),
    "label": Command("station.cli.label", "the labels that were not printed; check a template, print one again"),
    "metrics": Command("station.cli.metrics", "the station's figures for a monitoring system (Prometheus)"),
    "operators-page": Command("station.cli.operators_page", "one page for the operator, to print"),
    "slots": Command("station.cli.slots", "the slots and what is in them now"),
    "pin": Command("station.cli.pin", "the PIN that an engineer's acts need"),
    "audit": Command("station.cli.audit", "who did what only an engineer may do"),
    "doctor": Command("station.cli.doctor", "what is wrong with this machine, and the command that fixes it"),
    "db": Command("station.cli.db", "the log's schema, its check and its backup"),
    "central": Command("station.cli.central", "the database of all stations: what waits to be sent, and sending it"),
    "sim": Command("station.cli.sim", "serve virtual cameras over USB/IP, with faults"),
}

LINE_COMMANDS = frozenset({"run", "flash", "demo", "qualify", "verify-slots"})
"""The commands that have worker processes."""

OVERVIEW = """\
usage: station COMMAND [OPTIONS]

A production-line flashing station for the OpenMV AE3 camera.

{commands}

Every command takes --help, which shows an example, and all but sim take --config FILE and --data-dir DIR.
Exit codes: 0 all passed, 1 a unit did not pass, 2 usage or configuration, 3 bundle refused, 4 log, 5 USB access,
6 another station is at work, 70 the station itself failed, 130 interrupted.
"""


def dispatch(words: Sequence[str]) -> int:
    """Carry out a command line (without the program's name) and return the exit code; nothing is raised."""
    _stand_in_for_closed_streams()
    try:
        code = _flushed(_dispatch(words))
    except StationError as error:
        return _refuse(error.code, error.message, error.hint, error.exit_code)
    except KeyboardInterrupt:
        return _refuse("station.interrupted", "interrupted", "", EXIT_INTERRUPTED)
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return _no_descriptors(error)
        if isinstance(error, FileNotFoundError) and _is_nowhere():
            gone = UsageError("usage.no_folder", "the folder in which this command was given is not there any more")
            return _refuse(gone.code, gone.message, gone.hint, gone.exit_code)
        return _no_room() if _is_full(error) else _internal(error, words)
    return code


def _is_nowhere() -> bool:
    """Whether the current folder was removed: then no path that is given from there means anything."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _is_full(error: Exception) -> bool:
    """Whether what was printed found no room. Errors with a file name are reported where it is written."""
    return isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None


def _no_room() -> int:
    full = UsageError("usage.output", "cannot write to stdout: no space left on device")
    _reader_left()
    return _refuse(full.code, full.message, full.hint, full.exit_code)


def _no_descriptors(error: OSError) -> int:
    code = "station.no_descriptors"
    return _refuse(code, f"too many files are open: {error}", StationError(code, "").hint, EXIT_INTERNAL)


def _flushed(code: int) -> int:
    """The exit code of a command whose work is done: that nobody reads the rest of what it printed changes nothing."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _reader_left()
    return code


def _stand_in_for_closed_streams() -> None:
    """A command may be started with a stream closed (`>&-`): then it talks to nobody, and works all the same."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115


def _dispatch(words: Sequence[str]) -> int:
    if not words:
        sys.stderr.write(_overview())
        return EXIT_USAGE
    name, rest = words[0], words[1:]
    if name in ("-h", "--help", "help"):
        sys.stdout.write(_overview())
        return EXIT_OK
    if name == "--version":
        from station import __version__

        sys.stdout.write(f"station {__version__}\n")
        return EXIT_OK
    if name not in COMMANDS:
        return _unknown(name)
    return _carry_out(name, rest)


def _carry_out(name: str, rest: Sequence[str]) -> int:
    _refuse_empty(name, rest)
    if name in LINE_COMMANDS and _runs_line_here(rest):
        # Before anything is parsed: the children's code loads beside this process's own, and cameras are held sooner.
        from station.flash.child_processes import start_fork_server

        start_fork_server()
    from typer.exceptions import Abort, TyperException

    app: Any = importlib.import_module(COMMANDS[name].module).app
    try:
        result = app(list(rest), prog_name=f"station {name}", standalone_mode=False)
    except SystemExit as left:
        # typer turns a reader that left into exit code 1, which here would mean that a unit did not pass.
        if isinstance(left.__context__, BrokenPipeError):
            raise left.__context__ from None
        raise
    except TyperException as error:
        return _usage(name, error)
    except Abort:
        raise KeyboardInterrupt from None
    # A command returns its exit code, or nothing when all is well.
    if isinstance(result, int):
        return result
    return EXIT_OK


def _refuse_empty(name: str, rest: Sequence[str]) -> None:
    """UsageError usage.empty: a batch, operator or file that is named by nothing is none, and no default either."""
    for before, word in zip(("", *rest), rest, strict=False):
        option, equals, value = word.partition("=")
        is_empty = not value.strip() if equals and option.startswith("--") else not word.strip()
        if is_empty and before != "--prefix" and option != "--prefix":
            named = option if equals else before if before.startswith("--") else "a name"
            raise UsageError("usage.empty", f"station {name}: {named} is an empty text")


def _runs_line_here(rest: Sequence[str]) -> bool:
    """Whether this process is to run the line itself, as far as a glance tells: a needless fork server does no harm."""
    if not {"-h", "--help"}.isdisjoint(rest):
        return False
    return not {"--headless", "--json", "--serve"}.isdisjoint(rest) or not (sys.stdin.isatty() and sys.stdout.isatty())


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = (f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items())
    return OVERVIEW.format(commands="\n".join(lines))


def _unknown(name: str) -> int:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1)
    hint = f"Did you mean: station {near[0]}" if near else "station --help lists the commands."
    what = f"there is no option {name} here" if name.startswith("-") else f'there is no command "{name}"'
    return _refuse("usage.unknown_command", what, hint, EXIT_USAGE)


def _usage(name: str, error: TyperException) -> int:
    """A command line that typer could not parse: its message in one line, and where to read on."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else f"station {name}"
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(error.format_message() + "\n")
        return EXIT_USAGE
    from station.cli.usage_words import in_our_words

    return _refuse("usage.invalid", f"{path}: {in_our_words(error)}", f"{path} --help shows an example.", EXIT_USAGE)


def _refuse(code: str, message: str, hint: str, exit_code: int) -> int:
    # A message may quote a file's or a device's text: nothing in it may steer the terminal or begin a second line.
    line = " ".join(f"{code}: {_sentence(message)} {hint}".split())
    with suppress(OSError, ValueError):  # nobody listens any more: the exit code is what is left to say
        sys.stderr.write(printable(line) + "\n")
    return exit_code


def _sentence(message: str) -> str:
    return message if message.endswith((".", "?", "!")) else message + "."


def _reader_left() -> int:
    """`station export | head`: the reader has what it wanted. Whatever is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_OK


def _internal(error: Exception, words: Sequence[str]) -> int:
    """A mistake of ours: the traceback goes to a file for the engineer, one line to the operator."""
    from station.cli.crash import save_traceback

    path = save_traceback(error, words)
    message = f"the station made a mistake ({type(error).__name__}: {error}); details are in {path}"
    return _refuse("station.internal", message, "Tell the engineer.", EXIT_INTERNAL)
