"""Is the firmware that answers the one that was flashed, and does it know the bootloader that flashed it?

1. The label is what tells: `sys.version` ends with the HP image's "OpenMV <id>; MicroPython <id>". The firmware's
   number in PROTO_VERSION is the same on development builds as on the release: it is noted, and judges nothing.
2. The bootloader's version in PROTO_VERSION is its header's. One without a header (before 1.0.1) has none to compare.
"""

from __future__ import annotations

import re

from station.app.answers import Version
from station.app.app_client import Client
from station.flash.checks.finding import Finding, Subject
from station.model.measurements import Measurement
from station.problem import joined, sentence
from station.terminal_text import printable

SCRIPT = "import sys\nprint(sys.version)"
_LABEL = re.compile(r"OpenMV [^;]+; MicroPython .+")
_NUMBERS = re.compile(r"\d+\.\d+\.\d+")


def check_version(subject: Subject) -> Finding:
    """PROTO_VERSION, and the label by a script."""
    versions = subject.session.ask(Client.versions)
    printed = subject.session.run_script(SCRIPT, subject.tests.limit_s).text.strip()
    found = _LABEL.search(printed)
    label = printable(found[0] if found else printed)[:200]
    bootloader = _text(versions.bootloader)
    right_label = label == subject.label if subject.label else None
    right_bootloader = bootloader == subject.bootloader if _NUMBERS.fullmatch(subject.bootloader) else None
    complaints = []
    if right_label is False:
        text = sentence("{label} runs, {flashed} was flashed", label=repr(label), flashed=repr(subject.label))
        complaints.append(text)
    if right_bootloader is False:
        there = subject.bootloader
        complaints.append(sentence("it knows bootloader {found}, {there} is there", found=bootloader, there=there))
    measured = (
        Measurement("version", label, passed=right_label),
        Measurement("firmware_version", _text(versions.firmware)),
        Measurement("bootloader_version", bootloader, passed=right_bootloader),
    )
    return Finding(measured, joined(complaints))


def _text(version: Version) -> str:
    return ".".join(map(str, version))
