"""The firmware that runs in a virtual camera's application: what it says of itself, and the scripts it knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from station.sim.application_spec import KnownScript
from station.sim.faults import FaultScript
from station.sim.partitions import alt_of
from station.sim.rom_files import HEADER_LIMIT_BYTES, image_bytes, rom_files
from station.sim.spec import CameraSpec
from station.sim.storage import Flash

_LABEL = re.compile(rb"OpenMV [^\0;]+; MicroPython [^\0\r\n]+")
_NO_LABEL = "OpenMV v5.0.0; MicroPython v1.26.0"
_LITERAL_PRINT = re.compile(r"""print\((?P<quote>['"])(?P<text>[^'"\\]*)(?P=quote)\)\s*\Z""")
_TRACEBACK = 'Traceback (most recent call last):\n  File "<stdin>", line 1, in <module>\n'


class Leave(StrEnum):
    """Where a script or a request sends the camera."""

    NOWHERE = ""
    BOOTLOADER = "bootloader"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script does: prints at once, takes its time, prints at its end, raises (the traceback), or leaves."""

    output: str = ""
    tail: str = ""
    error: str = ""
    seconds: float = 0.0
    leave: Leave = Leave.NOWHERE


class Firmware:
    """One application that was started; what it says is as it stands in the camera's memory at that time."""

    def __init__(self, spec: CameraSpec, flash: Flash, faults: FaultScript) -> None:
        self.camera = spec
        self.spec = spec.application
        self.faults = faults
        self._flash = flash

    @property
    def label(self) -> str:
        """`OpenMV <id>; MicroPython <id>`: the spec's, else the one in the HP image."""
        if self.spec.label:
            return self.spec.label
        hp = self._flash.table[alt_of(self._flash.table, "HP")]
        found = _LABEL.search(self._flash.memory_of(hp).read(hp.start, hp.size_bytes))
        return found[0].decode("ascii", "replace") if found else _NO_LABEL

    @property
    def rom(self) -> dict[str, int]:
        """Names and sizes of the files in /rom."""
        if self.spec.rom_files is not None:
            return dict(self.spec.rom_files)
        partition = self._flash.table[alt_of(self._flash.table, "ROMFS0")]
        memory = self._flash.memory_of(partition)
        size_bytes = min(image_bytes(memory.read(partition.start, HEADER_LIMIT_BYTES)), partition.size_bytes)
        return dict(rom_files(memory.read(partition.start, size_bytes)))

    def run(self, script: str) -> Outcome:
        """What the script comes to. Lines at its ends that print a literal are carried out, the rest is looked up."""
        lines = [line for line in script.splitlines() if line.strip()]
        before, rest = _printed(lines)
        after, body = _printed(rest[::-1])
        outcome = self._found("\n".join(body[::-1])) if body else Outcome()
        tail = "" if outcome.error or outcome.leave else "".join(after[::-1])
        return replace(outcome, output="".join(before) + outcome.output, tail=tail)

    def _found(self, body: str) -> Outcome:
        for text, leave in (("machine.bootloader()", Leave.BOOTLOADER), ("machine.reset()", Leave.RESET)):
            if text in body:
                return Outcome(leave=leave)
        for known in (*self.spec.scripts, *self._built_in()):
            if known.match in body:
                error = f"{_TRACEBACK}{known.raises}\n" if known.raises else ""
                return Outcome(self._filled(known.output), error=error, seconds=known.seconds)
        return Outcome(error=f"{_TRACEBACK}NotImplementedError: this virtual camera knows no such script\n")

    def _built_in(self) -> Iterator[KnownScript]:
        """What the examples of the firmware would print; the sizes as `os.ilistdir` gives them."""
        entries = [(name, 0x8000, 0, size) for name, size in self.rom.items()]
        yield from self._of_the_station()
        yield KnownScript("sys.version", "3.4.0; {label}\n")
        yield KnownScript("os.ilistdir('/rom')", f"{entries}\n")
        yield KnownScript("os.listdir('/rom')", "{rom}\n")
        yield KnownScript("os.statvfs('/flash')", "(4096, 4096, 2048, 2040, 2040, 0, 0, 0, 0, 255)\n")
        timeout = "" if self.spec.he_answers else "OSError: [Errno 110] ETIMEDOUT"
        yield KnownScript("openamp.RemoteProc", "the HE core answers\n" * self.spec.he_answers, timeout)
        failed = "" if self.spec.sensor_id else "RuntimeError: No sensor detected"
        yield KnownScript("csi.CSI", "{sensor_id}\n" if self.spec.sensor_id else "", failed)

    def _of_the_station(self) -> Iterator[KnownScript]:
        """The station's own test scripts, known by a line that no other has."""
        listed = "".join(f"file {size} {name}\n" for name, size in self.rom.items())
        yield KnownScript("print('disk', s[0] * s[2])", f"disk {4096 * 2048}\n{listed}")
        core = "core 40\n" if self.spec.he_answers else "core -1\n"
        yield KnownScript("print('core', ", core, seconds=0.04)
        failed = "" if self.spec.sensor_id else "RuntimeError: No sensor detected"
        yield KnownScript("p.get_statistics()", "320 240 127.5 0 255 ramp\n" if self.spec.sensor_id else "", failed)

    def _filled(self, text: str) -> str:
        words = {"{label}": self.label, "{sensor_id}": str(self.spec.sensor_id), "{rom}": str(list(self.rom))}
        for word, value in words.items():
            text = text.replace(word, value) if word in text else text
        return text


def _printed(lines: list[str]) -> tuple[list[str], list[str]]:
    """What the first lines print as literals, and the lines from the first other one on."""
    printed: list[str] = []
    for index, line in enumerate(lines):
        found = _LITERAL_PRINT.match(line)
        if found is None:
            return printed, lines[index:]
        printed.append(found["text"] + "\n")
    return printed, []
