"""What watchers have in common: a thread that lists, tells that it has, follows, and ends when it is woken."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Self

from station.bell import Bell
from station.errors import StationError
from station.model.devices import DeviceEvent

OnEvent = Callable[[DeviceEvent], None]
OnFailure = Callable[[StationError], None]


class Watcher(ABC):
    """Announces every camera that is plugged in, then every change; also a context manager that stops at its end."""

    _name = "watcher"

    def __init__(self) -> None:
        self._on_failure: OnFailure | None = None
        self._thread: threading.Thread | None = None
        self._bell: Bell | None = None

    def start(self, on_event: OnEvent, on_failure: OnFailure | None = None) -> None:
        """Begin; returns when all that is there has been announced. A StationError where nothing can be watched.

        `on_event` is called in the watcher's thread, and everything else waits meanwhile: let it enqueue and return.
        `on_failure` takes a StationError that ended the watching; without it the thread dies of that error.
        """
        if self._thread is not None:
            raise RuntimeError("a watcher is started once")
        self._on_failure = on_failure
        ready: Future[None] = Future()
        self._bell = bell = Bell()
        run = partial(self._run, on_event, ready, bell.fileno())
        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()
        try:
            ready.result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End; no event comes after it returned. Safe to call twice, and before the start."""
        if self._thread is None or self._bell is None:
            return
        self._bell.ring()
        self._thread.join()
        self._bell.close()
        self._bell = None

    @abstractmethod
    def _watch(self, on_event: OnEvent, ready: Callable[[], None], wake_fd: int) -> None:
        """Announce all that is there, call `ready`, and follow until `wake_fd` is readable."""

    def _run(self, on_event: OnEvent, ready: Future[None], wake_fd: int) -> None:
        try:
            self._watch(on_event, lambda: ready.set_result(None), wake_fd)
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            elif self._on_failure is not None and isinstance(error, StationError):
                self._on_failure(error)
            else:
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
