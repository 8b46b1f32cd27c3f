"""A stack light as a pseudo-terminal: a stand-in that reads bytes as the light's maker describes them."""

from __future__ import annotations

import os
import select
import threading
import tty
from pathlib import Path

LIMIT_S = 60.0
RED, YELLOW, GREEN, BUZZER = "red", "yellow", "green", "buzzer"
ADAFRUIT = {1: RED, 2: YELLOW, 4: GREEN, 8: BUZZER}
SL60 = {1: RED, 2: GREEN, 3: YELLOW, 4: BUZZER}


class PtyLight:
    """A light at `port`, a link that is gone while it is unplugged. `lit` are the lamps that burn."""

    def __init__(self, port: Path, kind: str = "adafruit5125") -> None:
        self._port = port
        self._kind = kind
        self._changed = threading.Condition()
        self.lit: frozenset[str] = frozenset()
        self.history: list[frozenset[str]] = []
        self.bytes_heard = 0
        self.plug()

    def plug(self) -> None:
        """Plug it in: it is dark."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.lit = frozenset()
        self._port.symlink_to(os.ttyname(self._slave))
        self._pulled = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._master,), daemon=True)
        self._reader.start()

    def unplug(self) -> None:
        """Its port vanishes, and whoever has it open gets an error."""
        self._port.unlink()
        self._pulled.set()
        self._reader.join()
        os.close(self._slave)
        os.close(self._master)

    def _read(self, master: int) -> None:
        rest = b""
        while not self._pulled.is_set():
            if not select.select([master], [], [], 0.05)[0]:
                continue
            rest += os.read(master, 4096)
            with self._changed:
                self.bytes_heard += len(rest)
                rest = self._adafruit(rest) if self._kind == "adafruit5125" else self._sl60(rest)
                self._changed.notify_all()

    def _adafruit(self, heard: bytes) -> bytes:
        for byte in heard:
            assert byte >> 4 in (1, 2), f"no command: {byte:#x}"
            self._set(ADAFRUIT[byte & 0xF], on=byte >> 4 == 1)
        self._note()
        return b""

    def _sl60(self, heard: bytes) -> bytes:
        while len(heard) >= 4:
            (start, lamp, on, total), heard = heard[:4], heard[4:]
            assert (start, total) == (0xA0, (start + lamp + on) & 0xFF)
            self._set(SL60[lamp], on=bool(on))
        self._note()
        return heard

    def _set(self, lamp: str, *, on: bool) -> None:
        self.lit = self.lit | {lamp} if on else self.lit - {lamp}

    def _note(self) -> None:
        if not self.history or self.history[-1] != self.lit:
            self.history.append(self.lit)

    def wait_for(self, *lamps: str) -> None:
        """Until exactly these lamps burn."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.lit == frozenset(lamps), LIMIT_S), f"{set(self.lit)} burn"

    def wait_for_changes(self, *changes: frozenset[str], since: int = 0) -> None:
        """Until these changes came one after another, whatever was before and came behind."""
        wanted = list(changes)

        def came() -> bool:
            seen = self.history[since:]
            return any(seen[at : at + len(wanted)] == wanted for at in range(len(seen)))

        with self._changed:
            assert self._changed.wait_for(came, LIMIT_S), str(self.history[since:])
