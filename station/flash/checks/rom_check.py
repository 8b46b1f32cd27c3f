"""Does the application find the files of its ROM, as they are in the image that was flashed? And is its disk mounted?

A chip that the bootloader reads rightly may be unreadable for the application, which reads it in another mode: only
asking shows that.
"""

from __future__ import annotations

from collections.abc import Mapping

from station.bundle.romfs_listing import rom_listing
from station.errors import ApplicationError
from station.flash.checks.finding import NO_COMPLAINT, Finding, Subject
from station.flash.images import mapped
from station.model.measurements import Measurement, within
from station.problem import Sentence, joined, sentence
from station.terminal_text import printable

MOST_NAMED = 3
_SCRIPT = """\
import os, time
s = os.statvfs('/flash')
print('disk', s[0] * s[2])
n = 0
for e in os.ilistdir('{folder}'):
    print('file' if e[1] == 0x8000 else 'folder', e[3] if len(e) > 3 else -1, e[0])
    n += 1
    if n % 16 == 0:
        time.sleep_ms(200)
"""
"""The camera keeps 2 KiB of output: a long list is printed in pieces, with time to take each."""


def check_files(subject: Subject) -> Finding:
    """Names and sizes at the top of the ROM; nothing is compared where nobody knows what was flashed."""
    printed = subject.session.run_script(_SCRIPT.format(folder=subject.rule.files_folder), subject.tests.limit_s).text
    disk_bytes, found = _listed(printed)
    expected = _expected(subject)
    disk = Measurement("disk_bytes", disk_bytes, "byte")
    if expected is None:
        return Finding((within("rom_files", len(found)), disk))
    wrong = differences(found, expected)
    measured = (
        within("rom_files", len(found), low=len(expected), high=len(expected)),
        within("rom_files_wrong", len(wrong), high=0),
        disk,
    )
    return Finding(measured, _complaint(wrong))


def _complaint(wrong: list[str]) -> Sentence:
    if not wrong:
        return NO_COMPLAINT
    named = wrong[:MOST_NAMED]
    if len(wrong) > MOST_NAMED:
        named.append(sentence("and {count} more", count=len(wrong) - MOST_NAMED))
    return sentence("files in the ROM: {files}", files=joined(named))


def differences(found: Mapping[str, int | None], expected: Mapping[str, int | None]) -> list[str]:
    """What is missing, of another size, or too much. A folder has no size."""
    wrong: list[str] = [sentence("{name} is missing", name=printable(name)) for name in expected if name not in found]
    for name, size_bytes in found.items():
        if name not in expected:
            wrong.append(sentence("{name} was not flashed", name=printable(name)))
        elif size_bytes != expected[name]:
            sizes = {"size": size_bytes, "expected": expected[name]}
            wrong.append(sentence("{name} has {size} bytes, not {expected}", name=printable(name), **sizes))
    return wrong


def _expected(subject: Subject) -> dict[str, int | None] | None:
    if subject.files_image is None:
        return None
    with mapped(subject.files_image) as content:
        return rom_listing(content)


def _listed(printed: str) -> tuple[int, dict[str, int | None]]:
    files: dict[str, int | None] = {}
    disk_bytes = -1
    try:
        for line in filter(str.strip, printed.splitlines()):
            kind, _, rest = line.partition(" ")
            size, _, name = rest.partition(" ")
            if kind == "disk":
                disk_bytes = int(size)
            elif kind in ("file", "folder"):
                files[name] = int(size) if kind == "file" else None
            else:
                raise ValueError(line)
    except ValueError:
        text = sentence("the camera's list of its files makes no sense")
        raise ApplicationError("test.protocol", text) from None
    return disk_bytes, files
