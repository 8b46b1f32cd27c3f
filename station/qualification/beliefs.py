"""What the station believes of a camera and a camera can answer: each judged by what the runs of a slot showed.

1. Nothing here decides about any camera. A belief that differs is a finding for whoever maintains the station.
2. A belief is *not seen* where no run could show it: a test that was off, a firmware that does not answer.
3. The sources of each stand in `tests/beliefs.py`, which also says what a wrong one does on the bench.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Final

from station.board.boot_header import has_quirk
from station.board.partition import Medium
from station.board.serial_rule import SerialForm
from station.model import bench_facts
from station.model.runs import Outcome
from station.qualification.bench_run import Expectations, SlotCycles
from station.qualification.judged_belief import Answer, Belief, Judged, Seen, SlotAnswer

NEWEST_BOOTLOADER: Final = (1, 0, 3)
WINDOW_S: Final = 1.5
WINDOW_SLACK_S: Final = 0.5
"""How far a window may be from that, as a host sees it."""
BOOT_S: Final = 30.0
SLOWER: Final = 3.0
SLOWER_BY_S: Final = 2.0
"""A boot that takes so many times as long as in the other slots, and so much longer, is another kind of boot."""
INTERFACES: Final = "02/02 0A/00 08/06"
_CHIP_SERIAL = re.compile(r"[0-9A-Fa-f]{24}")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def judged(wanted: Expectations, slots: Sequence[SlotCycles]) -> tuple[Judged, ...]:
    """Every belief, by what the slots showed."""
    return tuple(
        Judged(
            belief.key,
            belief.name,
            belief.expected(wanted),
            tuple(
                SlotAnswer(each.slot, each.serials, answer)
                for each in slots
                if (answer := belief.judge(Seen(wanted, each, tuple(other for other in slots if other is not each))))
            ),
        )
        for belief in BELIEFS
    )


# --- how each is judged -----------------------------------------------------------------------------------------------


def _all(values: Sequence[object], good: Callable[[Any], bool], shown: Callable[[Any], str] = str) -> Answer | None:
    """Whether all of these are as expected; what is not is what was found. None for no value."""
    if not values:
        return None
    bad = [value for value in values if not good(value)]
    return Answer(not bad, ", ".join(dict.fromkeys(map(shown, bad or values))))


def _measured(name: str, good: Callable[[Any], bool], shown: Callable[[Any], str] = str) -> Callable[[Seen], Any]:
    return lambda seen: _all(seen.cycles.values(name), good, shown)


def _passed_test(name: str) -> Callable[[Seen], Answer | None]:
    """By the verdict that the test itself gave; its value is what was found."""

    def judge(seen: Seen) -> Answer | None:
        made = [one for one in seen.cycles.measured(name) if one.passed is not None]
        if not made:
            return None
        bad = [one for one in made if one.passed is False]
        shown = ("nothing" if one.value is None else str(one.value) for one in bad or made)
        return Answer(not bad, ", ".join(dict.fromkeys(shown)))

    return judge


def _bootloader_serial(seen: Seen) -> Answer | None:
    return _all(seen.cycles.serials, lambda serial: bool(_CHIP_SERIAL.fullmatch(serial)))


def _application_serial(seen: Seen) -> Answer | None:
    rule, shown = seen.wanted.board.serial, []
    pairs = [(run.serial, run.application_serial or "") for run in seen.cycles.runs if run.boot_confirmed]
    if not pairs:
        return None
    good = True
    for bootloader, application in dict.fromkeys(pairs):
        forms = rule.forms_of(application, bootloader) if application else ()
        good = good and (
            bool(set(forms) & set(rule.expected)) or (SerialForm.ANY in rule.expected and bool(application))
        )
        spelled = f"{application}, {FORM_NAMES[forms[0]]}" if forms else f"{application}, of no known form"
        shown.append(spelled if application else "no serial")
    return Answer(good, "; ".join(shown))


FORM_NAMES: Final = {
    SerialForm.EQUAL: "equal to the bootloader's",
    SerialForm.REVERSED: "the bootloader's bytes reversed",
    SerialForm.ALIF_EUI: "the EUI-64 form",
    SerialForm.ANY: "of any form",
}


def _expected_forms(wanted: Expectations) -> str:
    return " or ".join(FORM_NAMES[form] for form in wanted.board.serial.expected)


def _bootloader_known(seen: Seen) -> Answer | None:
    found = tuple(dict.fromkeys(run.bootloader for run in seen.cycles.runs if run.bootloader))

    def known(version: str) -> bool:
        match = _VERSION.search(version)
        return match is not None and tuple(map(int, match.groups())) <= NEWEST_BOOTLOADER

    return _all(found, known)


def _bcd_device(seen: Seen) -> Answer | None:
    rule = seen.wanted.board.boot_header
    versions = {run.bootloader for run in seen.cycles.runs if run.bootloader}

    def same(bcd: str) -> bool:
        return not versions or rule.version_from_bcd(int(bcd, 16)) in versions

    return _all(seen.cycles.values(bench_facts.BCD_DEVICE), same)


def _probes(seen: Seen) -> Answer | None:
    unlike, made = seen.cycles.numbers(bench_facts.PROBES_UNLIKE), seen.cycles.numbers(bench_facts.PROBES)
    if not made:
        return None
    worst = int(max(unlike, default=0))
    return Answer(worst == 0, f"{int(max(made)) - worst} of {int(max(made))} ends as expected")


def _held(seen: Seen) -> Answer | None:
    held = seen.cycles.numbers(bench_facts.HOLD_S)
    return Answer(max(held) < WINDOW_S, f"up to {max(held):.3f} s") if held else None


def _boot_time(seen: Seen) -> Answer | None:
    took = seen.cycles.numbers(bench_facts.BOOT_S)
    if not took:
        return None
    limit_s = _boot_limit_s(seen.wanted)
    theirs = [second for other in seen.others for second in other.numbers(bench_facts.BOOT_S)]
    usual_s, slowest_s = median(theirs) if theirs else None, max(took)
    alike = usual_s is None or median(took) <= max(SLOWER * usual_s, usual_s + SLOWER_BY_S)
    beside = "" if alike else f", in the other slots {usual_s:.1f} s"
    return Answer(slowest_s <= limit_s and alike, f"{slowest_s:.1f} s{beside}")


def _boot_limit_s(wanted: Expectations) -> float:
    """So that the limit leaves room for one that takes twice as long."""
    return min(BOOT_S, wanted.options.boot_timeout_s / 2)


def _port_reset(seen: Seen) -> Answer | None:
    resets = seen.cycles.numbers(bench_facts.PORT_RESETS)
    quirk = seen.wanted.board.boot_header.stays_after_detach
    versions = [run.bootloader for run in seen.cycles.runs if run.bootloader]
    if not resets or (quirk is not None and any(has_quirk(version, quirk) for version in versions)):
        return None
    return Answer(not any(resets), f"needed {sum(map(bool, resets))} of {len(resets)} times")


def _detach_once(seen: Seen) -> Answer | None:
    repeats = seen.cycles.numbers(bench_facts.DETACH_REPEATS)
    return (
        Answer(not any(repeats), f"asked again {sum(map(bool, repeats))} of {len(repeats)} times") if repeats else None
    )


def _sensor(seen: Seen) -> Answer | None:
    allowed = seen.wanted.tests.sensor_ids
    return _all(
        seen.cycles.numbers(bench_facts.SENSOR_ID),
        lambda found: int(found) in allowed if allowed else bool(found),
        lambda found: f"0x{int(found):04X}" if found else "no sensor",
    )


def _sensors_wanted(wanted: Expectations) -> str:
    return " or ".join(f"0x{each:04X}" for each in wanted.tests.sensor_ids) or "any"


def _device_id(seen: Seen) -> Answer | None:
    """In whichever order of its bytes or words: which one it is nobody has published."""
    same = {order for serial in seen.cycles.serials for order in _orders(serial.upper())}
    return _all(seen.cycles.values("device_id"), lambda found: str(found).upper() in same)


def _orders(serial: str) -> tuple[str, ...]:
    """A serial of hex digits as it stands, its words from the end, and its bytes from the end, in words or in all."""
    words = [serial[start : start + 8] for start in range(0, len(serial), 8)]
    turned = ["".join(reversed([word[i : i + 2] for i in range(0, len(word), 2)])) for word in words]
    return serial, "".join(reversed(words)), "".join(turned), "".join(reversed(turned))


def _protocol(seen: Seen) -> Answer | None:
    asked = [one for name in ("version", "firmware_version") for one in seen.cycles.measured(name)]
    if not asked:
        return None
    firmware = seen.cycles.values("firmware_version")
    return Answer(
        bool(firmware), f"firmware {', '.join(dict.fromkeys(map(str, firmware)))}" if firmware else "no answer"
    )


def _second_core(seen: Seen) -> Answer | None:
    asked = seen.cycles.measured("he_answer_s")
    return Answer(all(one.value is not None for one in asked), _answered(asked)) if asked else None


def _answered(asked: Sequence[Any]) -> str:
    return f"an answer {sum(one.value is not None for one in asked)} of {len(asked)} times"


def _read_back(medium: Medium) -> Callable[[Seen], Answer | None]:
    def judge(seen: Seen) -> Answer | None:
        names = {each.name for each in seen.wanted.board.partitions if each.medium is medium}
        ended = [
            image
            for run in seen.cycles.runs
            if run.outcome is Outcome.PASS and run.attempts
            for image in run.attempts[-1].images
            if image.partition in names
        ]
        good = sum(image.readback_sha256 == image.sha256 for image in ended)
        return Answer(good == len(ended), f"{good} of {len(ended)} images equal") if ended else None

    return judge


def _enters(seen: Seen) -> Answer | None:
    cycles = seen.cycles
    asked = len(cycles.entered_s) + cycles.not_entered
    if not asked:
        return None
    slowest = f", the slowest {max(cycles.entered_s):.1f} s" if cycles.entered_s else ""
    return Answer(not cycles.not_entered, f"it came {len(cycles.entered_s)} of {asked} times{slowest}")


def _text(text: str) -> Callable[[Expectations], str]:
    return lambda _wanted: text


BELIEFS: Final = (
    Belief("bootloader_serial", "the bootloader's serial", _text("24 hex digits"), _bootloader_serial),
    Belief("application_serial", "the application's serial", _expected_forms, _application_serial),
    Belief(
        "bootloader_version", "the bootloader's version", _text("one that is known, up to 1.0.3"), _bootloader_known
    ),
    Belief("bcd_device", "bcdDevice", _text("the bootloader's version"), _bcd_device),
    Belief(
        "transfer_size",
        "wTransferSize",
        lambda wanted: f"{wanted.board.transfer_bytes} bytes",
        lambda seen: _all(
            seen.cycles.values(bench_facts.TRANSFER_BYTES), lambda found: found == seen.wanted.board.transfer_bytes
        ),
    ),
    Belief("partition_sizes", "the partitions' ends", _text("each where the table has it, and read"), _probes),
    Belief("hold", "an UPLOAD of BOOT holds the camera", _text(f"in less than {WINDOW_S} s"), _held),
    Belief(
        "window",
        "how long the bootloader waits",
        _text(f"{WINDOW_S} s"),
        _measured(bench_facts.WINDOW_S, lambda s: abs(s - WINDOW_S) <= WINDOW_SLACK_S, lambda s: f"{s:.1f} s"),
    ),
    Belief(
        "on_chip_read_back", "on-chip memory can be read back", _text("every image equal"), _read_back(Medium.ON_CHIP)
    ),
    Belief(
        "external_read_back",
        "the external memory can be read back",
        _text("every image equal"),
        _read_back(Medium.EXTERNAL),
    ),
    Belief("detach_once", "one DETACH is enough", _text("never asked again"), _detach_once),
    Belief("port_reset", "a port reset after DETACH", _text("not needed from 1.0.2 on"), _port_reset),
    Belief(
        "boot_time",
        "the application comes",
        lambda wanted: f"within {_boot_limit_s(wanted):g} s, in all slots alike",
        _boot_time,
    ),
    Belief(
        "interfaces",
        "the application's interfaces",
        _text("a serial port (CDC) and a disk (mass storage)"),
        _measured(bench_facts.INTERFACES, lambda found: found == INTERFACES),
    ),
    Belief("protocol", "the application speaks the OpenMV protocol", _text("it answers"), _protocol),
    Belief("version", "the version that it shows", _text("the label of the HP image"), _passed_test("version")),
    Belief(
        "bootloader_known_to_it",
        "the bootloader's version that the application knows",
        _text("the one that is there"),
        _passed_test("bootloader_version"),
    ),
    Belief("sensor", "the image sensor's id", _sensors_wanted, _sensor),
    Belief("device_id", "the device's id (dev_id)", _text("the bootloader's serial, in any order"), _device_id),
    Belief("picture", "a picture of the sensor's ramp", _text("is no even grey"), _passed_test("picture_contrast")),
    Belief("files", "the files in the ROM", _text("those of the ROMFS0 image"), _passed_test("rom_files_wrong")),
    Belief("second_core", "the second core answers", _text("always"), _second_core),
    Belief(
        "enters",
        "asked by its application, the camera comes into its bootloader",
        lambda wanted: f"always, within {wanted.bootloader_timeout_s:g} s",
        _enters,
    ),
)
