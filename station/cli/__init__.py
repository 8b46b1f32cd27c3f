"""The command `station`. One file a command: parse, call, print, exit code.

This file imports nothing at first: the worker processes of a line import the main script, and so this package, again.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


AGAIN_S = 0.005
"""How long a signal is put off that came while code was being loaded."""


class Interrupted(KeyboardInterrupt):
    """SIGINT or SIGTERM.

    Of its own kind, because Python takes a plain KeyboardInterrupt that passes through `exec` or `eval` of a text (as
    when a signature is read) for one that nobody caught, and kills itself at its end, whatever the exit code is.
    """


def main() -> None:
    """Run the command of `sys.argv` and leave the process with its exit code.

    SIGTERM ends it as SIGINT does: in order, with exit code 130. A line, once it is up, hears both itself.
    """
    import sys

    try:
        _listen()
        code = _carried_out(sys.argv[1:])
    except KeyboardInterrupt:
        # It came before there was anybody to take it, or once more while the first was printed.
        code = 130
        if sys.stderr is not None:
            sys.stderr.write("station.interrupted: interrupted.\n")
    _listen_no_more()
    sys.exit(code)


def _listen() -> None:
    import signal

    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) is usual:  # else it is ignored, as after `nohup`
            signal.signal(number, _interrupt)


def _listen_no_more() -> None:
    """All is done: a signal has nothing to end but the interpreter's own end, which would show a traceback."""
    import signal

    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is _interrupt:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise Interrupted, but not in the middle of an import: there it may be swallowed, and leave the lock of all
    imports held for ever. The signal is sent once more then, and again, until the import has ended.
    """
    import signal

    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(number))
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
            return
        frame = frame.f_back
    raise Interrupted


def _carried_out(words: list[str]) -> int:
    import gc

    # A short command makes some 80,000 objects, nearly all while it loads, and they stay: it is done before anybody
    # looks for garbage among them.
    gc.set_threshold(100_000, 20, 50)
    from station.cli.dispatch import dispatch

    code = dispatch(words)
    # All memory goes with the process: taking it apart object by object would be another fifth of that time.
    gc.freeze()
    return code
