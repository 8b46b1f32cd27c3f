"""What the line said of a slot or of itself, in the operator's language.

The line and the log speak English: what they say is stored and searched. Here stand the forms of those sentences, with
a name in braces where the line put a value. A sentence is recognized by its form and said again in the language that is
on; a value may be a sentence itself. What has no form here is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache

from station.dashboard.language import chosen, mark, tr

FORMS = (
    # slots and runs
    mark("this port is not a slot: the camera is left alone"),
    mark("an OpenMV board that is no AE3 ({usb_id}) is here: it is left alone"),
    mark("this slot is taken out: the camera in it is left alone"),
    mark(
        "slot {slot} was taken out: {count} different cameras failed here in a row while others passed. "
        "Check its cable, port and hub, then: station slots restore {name}"
    ),
    mark("it runs its application: replug it to flash it"),
    mark("it is out of its bootloader: unplug it and plug it in again, that runs it"),
    mark("it comes and goes by itself: unplug it, and set it aside if it goes on"),
    mark("the line takes no new cameras now"),
    mark("it left its bootloader before it could be held: replug it"),
    mark("this unit already passed with this bundle and recipe"),
    mark("this unit failed {count} times in this batch"),
    mark("the camera was unplugged during the run"),
    mark("the camera was unplugged during the run, and another one plugged in"),
    mark("the camera was unplugged before its run"),
    mark("the camera was unplugged before its application came, and is in another slot"),
    mark("the hub at {hub} left the bus with {count} cameras at one moment"),
    mark("the run was cancelled"),
    mark("the run was cancelled before it started"),
    mark("the station was stopped before the run"),
    mark("the worker process of this slot ended unexpectedly"),
    mark("the serial {serial} is plugged in more than once: {first} and {second}"),
    mark("the serial {serial} is plugged in more than once: {slots}"),
    mark("the serial {serial} names no single unit"),
    mark("an image could not be read: {error}"),
    mark("{file} is not what was imported for {partition}"),
    mark("HP and HE are of two releases"),
    # the start of the application
    mark("no application within {seconds} s"),
    mark("the camera fell back into its bootloader {count} times"),
    mark("the application was not seen"),
    mark("the reset was asked for again"),
    mark("the port was reset"),
    mark("the application shows no serial; the camera was recognized by its port"),
    mark("the application's serial {serial} has none of the known forms"),
    mark("the application came and went: it left the bus {seconds} s after it came"),
    mark("the camera was unplugged right after its application came"),
    mark("{usb_id} came instead"),
    # what the camera is
    mark("transfer size {found} found, {expected} expected"),
    mark("partitions {found} found, {expected} expected"),
    mark("{partition} block {block}: {found} bytes found, {expected} expected"),
    mark("{found} (a board built {when})"),
    mark("from 20 May 2025"),
    mark("before 20 May 2025"),
    mark("before 30 March 2025"),
    mark("the configuration descriptor makes no sense: {error}"),
    mark("the camera's {kind} descriptor makes no sense: {error}"),
    mark("block 1 of BOOT holds no bootloader header"),
    mark("block 1 of BOOT holds no bootloader header, though bcdDevice says that there is one"),
    mark("the size of {partition} could not be read: {error}"),
    mark("what {partition} holds could not be read before the run: {error}"),
    mark("{partition} could not be read before it was written: {error}"),
    mark("{partition} could not be read, to see whether the external memory wraps: {error}"),
    mark(
        "identity.serial_reused: the log says that it passed, its memory says otherwise: another camera with this "
        "serial, or flashed elsewhere"
    ),
    # the link and the bootloader
    mark("the camera"),
    mark("block {block} of {partition}"),
    mark("the camera left the bus at {request}"),
    mark("the camera has left the bus"),
    mark("the camera left the bus and came back by itself ({error})"),
    mark("the camera left the bus before it could be opened ({node})"),
    mark("the hub at {hub} has not the power for the camera ({node})"),
    mark("the hub at {hub} has no bandwidth for the camera ({node})"),
    mark("{place} has not the power for the camera ({node})"),
    mark("{place} has no bandwidth for the camera ({node})"),
    mark("{node} cannot be opened: too many files are open"),
    mark("{what}: this machine had no room for it ({reason})"),
    mark("{what}: this machine had no room for {request}"),
    mark("this machine has no room for another device ({node}): {reason}"),
    mark("another program is using the camera ({node})"),
    mark("no permission to open {node}"),
    mark("{node} cannot be opened: {error}"),
    mark("a descriptor could not be read"),
    mark("the port could not be reset"),
    mark("no answer to {request}"),
    mark("{request} was refused"),
    mark("I/O error {number} at {request}"),
    mark("still at work after its time limit"),
    mark("the camera wants {wanted} s, {limit} s is the limit"),
    mark("still {state}, without end"),
    mark("dfuERROR with status OK"),
    mark("{found} bytes came where {expected} were asked for"),
    mark("a status of {count} bytes"),
    mark("a state of {count} bytes"),
    mark("the camera says {state} where it cannot be ({belief})"),
    mark("{partition}: {wrong} of {total} blocks read back wrong (block {blocks})"),
    mark("{partition} reads back as it was sent, but what was sent is not what was imported"),
    mark("the camera refused the MRAM initialization: {error}"),
    mark(
        "the external memory has {size} MiB and {image} lies over {filesystem}: "
        "blocks {blocks} of {partition} read back from {place} too"
    ),
    # the line and its machine
    mark("{count} cameras in a row failed with {code}, the last one in {slot}: check {reason}"),
    mark("the bundle, the settings and the bench"),
    mark("whether the bundle is the one for these cameras, and boot_timeout_s"),
    mark("whether the bundle is the one for these cameras, and the hubs' power supply"),
    mark("which lot these cameras are of: they are not what the bundle was made for, or have no serials"),
    mark("which lot these cameras are of: their external memory, and the setting mram"),
    mark("the hubs, their power supply and their cables"),
    mark("the hubs' power supply and cables, and which external memory this lot has"),
    mark("{count} station errors in a row, the last one {error}"),
    mark("the line's process ended"),
    mark("udev does not run here ({file} is missing; a container has none)"),
    mark("udev cannot be heard any more: {error}"),
    mark("udev cannot be reached: {error}"),
    mark("the virtual cameras are not listed in time"),
    mark("the process of the virtual cameras ended"),
    mark("no virtual cameras at {place}: {error}"),
    # the log
    mark("there is no log in {folder}"),
    mark("the log {file} cannot be used: {reason}"),
    mark("{what}; the last good backup is of {moment} UTC: {command}"),
    mark("{what}; no good backup is known here: {command}"),
    mark("the log {file} is damaged or is no log: {reason}"),
    mark("the log {file} is damaged or is no database: {reason}"),
    mark("the log {file} is damaged: {reason}"),
    mark("the log {file} lies beside the -wal of another one"),
    mark("the backup {file} is damaged: {reason}"),
    mark("the backup {file} is damaged or is no log: {reason}"),
    mark("the backup {file} is no log of a station"),
    mark("the backup {file} lies beside the -wal of another file"),
    mark("the backup {file} was written by a newer station"),
    mark("there is no backup {file}"),
    mark("{file} cannot be copied to {other}: {reason}"),
    mark("the log {file} was replaced while the station worked"),
    mark("the log {file} was taken away while the station worked"),
    mark("the log {file} stays locked by another program: {reason}"),
    mark("the log {file} has schema {found}; this version needs {wanted}"),
    mark("the log {file} has schema {found}, unknown here (newest: {wanted})"),
    mark("{file} is a database, but not a station's log"),
    mark("the log's recorder is closed"),
    mark("the log could not be written: {reason}; the camera was not touched"),
    mark("the log could not be written: {reason}; the result is kept in {file}"),
    mark("the log could not be written: {reason}; nor could the journal: {error}"),
    mark("was {outcome}, but the log could not be written at the time: {reason}"),
    mark("the station stopped during this run, after {count} finished attempts"),
    mark("batch {name} could not be written to the log: {reason}"),
)
_NAME = re.compile(r"\{(\w+)\}")
_JOINTS = ("; ", ": ")
_SENTENCES = frozenset({"error", "reason", "found"})
"""Values that may be sentences of several parts; the others end where the next part begins."""


def said(text: str) -> str:
    """A sentence of the line in the chosen language; itself where its form is not known, or English is on."""
    return text if chosen() == "en" else _again(text, chosen())


@lru_cache(maxsize=1024)
def _again(text: str, _language: str) -> str:
    """Tiles ask several times a second, mostly for the same."""
    found = _form_of(text)
    if found is not None:
        form, values = found
        return tr(form).format(**{name: said(value) for name, value in values.items()})
    for joint in _JOINTS:
        head, parted, tail = text.partition(joint)
        if parted:
            return said(head) + joint + said(tail)
    return text


def _form_of(text: str) -> tuple[str, Mapping[str, str]] | None:
    """The form that says most of the text in its own words, and the values in it."""
    for form, shape in _shapes():
        match = shape.fullmatch(text)
        if match:
            return form, match.groupdict()
    return None


@cache
def _shapes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The forms as patterns, those with the most words of their own first."""
    by_words = sorted(FORMS, key=lambda form: len(_NAME.sub("", form)), reverse=True)
    return tuple((form, _shape(form)) for form in by_words)


def _shape(form: str) -> re.Pattern[str]:
    pieces = _NAME.split(form)
    # Every second piece is a name.
    pattern = [_value(piece) if number % 2 else re.escape(piece) for number, piece in enumerate(pieces)]
    return re.compile("".join(pattern), re.DOTALL)


def _value(name: str) -> str:
    return rf"(?P<{name}>.+?)" if name in _SENTENCES else rf"(?P<{name}>(?:(?!: ).)+?)"
