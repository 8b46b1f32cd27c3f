"""The station's child processes: one holder, and warm workers, all forked from one small server process.

The fork server has loaded the line's code once; a worker forked from it starts in milliseconds and shares its memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess

from station.flash.messages import GetReady, HoldCamera
from station.model.devices import Device

FILES_OF_A_FORK = 8
"""More descriptors than a fork needs for a moment: a pipe's two ends, the fork server's socket and its two pipes."""
END_S = 2.0
"""How long a child may take to end by itself before it is killed."""


@dataclass(frozen=True, slots=True)
class Programs:
    """What the child processes run, and how they are made. All are picklable and get the child's pipe."""

    context: ForkServerContext
    hold: Callable[[Connection], None]
    work: Callable[[Connection], None]
    run_errands: Callable[[Connection], None]


@dataclass(eq=False)
class Child:
    """One child process and the line's end of its pipe. A closed pipe is how its death shows."""

    process: ForkServerProcess
    connection: Connection

    def send(self, message: object) -> bool:
        """Send a message; False where the child is dead (its end of the pipe will be noticed on its own)."""
        try:
            self.connection.send(message)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End it now, whatever it is doing."""
        with contextlib.suppress(OSError):
            self.process.kill()

    def close(self) -> None:
        """Close the pipe, which ends a child that waits, and see it end."""
        with contextlib.suppress(OSError):
            self.connection.close()
        self.process.join(END_S)
        if self.process.is_alive():
            self.kill()
            self.process.join(END_S)


def _require_descriptors() -> None:
    """OSError EMFILE now, and not in the middle: a fork server that is left in the middle prints a traceback."""
    spare: list[int] = []
    try:
        for _ in range(FILES_OF_A_FORK // 2):
            spare.extend(os.pipe())
    finally:
        for descriptor in spare:
            os.close(descriptor)


class Pool:
    """Makes the holder and the workers; keeps workers that have done their run for the next camera."""

    def __init__(self, programs: Programs, spare: int) -> None:
        self._programs = programs
        self._spare = spare
        self._idle: list[Child] = []
        self._errands: Child | None = None
        self.holder: Child | None = None

    def start(self) -> None:
        """Start the holder first: it is the one that must be ready when a camera arrives."""
        self.holder = self._fork(self._programs.hold)

    def warm(self) -> None:
        """Have spare workers ready, and a process for errands: a person waits for these."""
        while len(self._idle) < self._spare:
            child = self._fork(self._programs.work)
            child.send(GetReady())
            self._idle.append(child)
        self._errands = self._errands or self._fork(self._programs.run_errands)

    def hold(self, device: Device) -> None:
        """Ask the holder to hold a camera, starting a new holder where the old one is gone."""
        if self.holder is None or not self.holder.send(HoldCamera(device)):
            self.replace_holder()
            assert self.holder is not None
            self.holder.send(HoldCamera(device))

    def replace_holder(self) -> None:
        """Start a new holder after the old one died."""
        if self.holder is not None:
            self.holder.close()
        self.holder = self._fork(self._programs.hold)

    def take(self) -> Child:
        """A worker for one camera: a warm one, or a new one."""
        return self._idle.pop() if self._idle else self._fork(self._programs.work)

    def give_back(self, child: Child) -> None:
        """A worker that has ended its run in order."""
        self._idle.append(child)

    def drop_idle(self, child: Child) -> bool:
        """Forget an idle worker that died; False where it was not idle."""
        if child not in self._idle:
            return False
        self._idle.remove(child)
        child.close()
        return True

    def errand_process(self) -> Child:
        """A process for errands: the warm one, or a new one. Whoever asks for it ends it."""
        child, self._errands = self._errands, None
        return child or self._fork(self._programs.run_errands)

    @property
    def idle(self) -> tuple[Child, ...]:
        """The workers that wait for a camera."""
        return tuple(self._idle)

    def close(self) -> None:
        """End every child."""
        children = [*self._idle, *(child for child in (self.holder, self._errands) if child)]
        self._idle.clear()
        self.holder = self._errands = None
        for child in children:
            with contextlib.suppress(OSError):
                child.connection.close()
        for child in children:
            child.close()

    def _fork(self, main: Callable[[Connection], None]) -> Child:
        _require_descriptors()
        context = self._programs.context
        ours, theirs = context.Pipe()
        process = context.Process(target=main, args=(theirs,), daemon=True)
        process.start()
        # Only the child may hold its end, or its death would not close the pipe.
        theirs.close()
        return Child(process, ours)
