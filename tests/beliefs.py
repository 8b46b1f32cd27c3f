"""What the station takes for granted about a camera, and what happens on the bench where it is wrong.

No real camera has been flashed by this station yet: each row is only as good as its source. D: the user's document; B: the
bootloader's public sources; T: its USB class driver; H: people who flashed real AE3s; S: another public source; "-":
none.
`before` and `now` are the consequence in the version before issue A and in this one. A belief that could fail every
camera now still stops the line after five (`same_failures_in_a_row`), with what to check.

`python -m tests.beliefs` prints the table and its counts.
"""

# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What a wrong belief does on the bench."""

    NOTHING = "nothing"
    NOTE = "a note"
    WAITS = "a camera waits, or is asked for again"
    ONE = "one camera fails"
    EVERY = "every camera fails"
    GREEN = "a false green"


NOTHING, NOTE, WAITS, ONE, EVERY, GREEN = Effect


@dataclass(frozen=True, slots=True)
class Row:
    """One belief; `test` is the id of the test that holds the station to `now`."""

    belief: str
    source: str
    before: Effect
    now: Effect
    test: str


REAL = "tests/integration/test_real_cameras.py::"
FAULTY = "tests/integration/test_faulty_cameras.py::"
BOOTLOADER = "tests/integration/test_into_the_bootloader.py::"
SET_UP = "tests/integration/test_wrong_set_up.py::"
ENGINE = "tests/unit/dfu/test_engine.py::"
DESCRIPTORS = "tests/unit/dfu/test_dfu_descriptors.py::"
SYSFS = "tests/unit/usb/test_sysfs.py::"
HEADER = "tests/unit/board/test_boot_header.py::"
PARTITIONS = "tests/unit/board/test_partitions.py::"
LIMITS = "tests/unit/board/test_openmv_ae3.py::"
FIRMWARE = "tests/unit/board/test_firmware.py::"
WHERE = "tests/unit/flash/test_disconnection.py::"
TWELVE = REAL + "test_twelve_cameras_of_every_form_and_bootloader_pass"
FAILED_READING = REAL + "test_a_reading_that_fails_before_the_first_write_is_a_note"
TIED = FAULTY + "test_whatever_serial_the_application_shows_the_port_ties_it_to_its_bootloader"
ASKED = "tests/unit/flash/test_functional_test.py::"
DECIDES_NOTHING = (
    "tests/integration/test_functional_tests.py::test_what_nobody_requires_decides_nothing_and_is_recorded"
)
SETTING_TESTS = "tests/unit/test_settings.py::test_of_the_tests_of_a_full_run_only_version_and_sensor_are_made_and_they_decide_nothing"

ROWS = (
    Row("the application's serial is the bootloader's bytes reversed", "-", EVERY, NOTE, TWELVE),
    Row("the application's serial is the EUI-64 form", "S", EVERY, NOTE, TIED),
    Row("the application shows a serial at all", "H", NOTE, NOTE, TWELVE),
    Row("an application with the other form of a serial is a twin", "-", ONE, NOTHING, TWELVE),
    Row("a swapped camera shows its own bootloader first", "B", GREEN, ONE, REAL + "test_another_camera_put_in_while_the_first_is_off_ends_its_run"),
    Row("a bootloader serial names one unit for ever", "-", GREEN, NOTE, REAL + "test_a_second_camera_with_the_serial_of_one_that_passed_is_flashed"),
    Row("what the log says of a unit is in its memory", "-", GREEN, NOTE, REAL + "test_a_second_camera_with_the_serial_of_one_that_passed_is_flashed"),
    Row("a camera that passed can be read before it is skipped", "H", NOTHING, NOTE, REAL + "test_a_camera_that_passed_and_cannot_be_read_is_run"),
    Row("a serial is never empty, zero or a default", "B", EVERY, WAITS, FAULTY + "test_a_serial_that_names_no_unit_is_refused"),
    Row("no two cameras at once have one serial", "-", EVERY, WAITS, FAULTY + "test_two_cameras_with_one_serial_are_both_refused"),
    Row("a serial is 24 hex digits", "B", NOTHING, NOTHING, SYSFS + "test_no_serial_is_an_empty_one_and_blanks_in_one_are_kept"),
    Row("37C5:96E3 is the bootloader, 37C5:16E3 the application", "D", EVERY, EVERY, SYSFS + "test_the_product_tells_the_mode"),
    Row("iManufacturer and iProduct say OpenMV", "B", NOTHING, NOTHING, SYSFS + "test_a_camera_is_read_from_its_folder"),
    Row("another OpenMV board is not flashed", "S", WAITS, WAITS, SYSFS + "test_the_product_tells_the_mode"),
    Row("bcdDevice is the bootloader's version", "B", NOTHING, NOTHING, HEADER + "test_the_header_is_believed_before_bcd_device"),
    Row("a bootloader is no newer than 1.0.3", "-", NOTHING, NOTHING, TWELVE),
    Row("0x0200 has no header and is before 1.0.1", "B", NOTHING, NOTHING, FAULTY + "test_a_bootloader_without_header_is_flashed"),
    Row("block 1 of BOOT begins with the header", "B", EVERY, NOTE, REAL + "test_a_block_of_boot_without_a_header_refuses_nobody"),
    Row("an UPLOAD of BOOT holds the camera", "B", EVERY, EVERY, "tests/unit/sim/test_window.py::test_these_requests_hold_it_for_ever"),
    Row("the camera waits 1.5 s after configuration", "B", WAITS, WAITS, LIMITS + "test_holding_is_tried_for_the_whole_window"),
    Row("one configuration descriptor with a DFU interface", "B", EVERY, EVERY, DESCRIPTORS + "test_the_ae3s_descriptor"),
    Row("descriptors of other kinds may stand between", "T", NOTHING, NOTHING, DESCRIPTORS + "test_descriptors_of_other_kinds_are_passed_over"),
    Row("wTransferSize is 4096", "B", EVERY, EVERY, DESCRIPTORS + "test_the_ae3s_descriptor"),
    Row("eight partitions with these names", "D", EVERY, EVERY, FAULTY + "test_another_partition_table_is_refused_unwritten"),
    Row("the same names are the same table", "B", NOTHING, NOTHING, PARTITIONS + "test_the_old_table_has_the_same_names_and_other_sizes"),
    Row("RWFS and ROMFS0 can be read in the bootloader before a write", "-", EVERY, NOTE, FAILED_READING),
    Row("TOC can be read", "-", EVERY, NOTE, FAILED_READING),
    Row("an UPLOAD past an end is answered", "B", EVERY, NOTE, FAILED_READING),
    Row("an end is 4 bytes", "B", EVERY, NOTE, FAILED_READING),
    Row("the end where a block should be is another table's", "B", NOTHING, NOTHING, REAL + "test_the_end_where_a_block_should_be_is_another_table"),
    Row("a sample of ROMFS0 can be read before a write", "-", EVERY, NOTE, FAILED_READING),
    Row("ROMFS0 can be read back after a write", "-", EVERY, EVERY, REAL + "test_an_external_memory_that_cannot_be_read_is_never_green"),
    Row("on-chip partitions can be read back", "H", EVERY, EVERY, FAULTY + "test_a_lasting_fault_fails_the_camera"),
    Row("what is right at samples is right between them", "-", NOTHING, NOTHING, FAULTY + "test_one_fault_costs_one_attempt"),
    Row("a status OK means that a block is stored", "T", NOTHING, NOTHING, FAULTY + "test_one_fault_costs_one_attempt"),
    Row("the external memory is as large as its partitions", "-", GREEN, ONE, REAL + "test_a_memory_that_wraps_is_no_pass"),
    Row("RWFS can be read, to see whether memory wraps", "-", NOTHING, NOTE, REAL + "test_a_filesystem_that_cannot_be_read_fails_no_sound_camera"),
    Row("bwPollTimeout is 0", "B", NOTHING, NOTHING, ENGINE + "test_a_poll_time_is_waited_for_but_not_beyond_the_limit"),
    Row("no poll time is longer than a block's limit", "B", EVERY, EVERY, ENGINE + "test_a_poll_time_beyond_the_limit_of_the_whole_block_is_refused_and_not_waited_for"),
    Row("silence during a write is patience", "T", NOTHING, NOTHING, ENGINE + "test_a_silent_write_is_asked_once_more_and_never_aborted"),
    Row("a block is stored within 10 s, 30 s in external memory", "H", EVERY, EVERY, LIMITS + "test_slow_work_has_long_limits"),
    Row("block 0 of an on-chip partition lifts its protection", "T", ONE, ONE, ENGINE + "test_a_protected_partition_wants_its_block_0_first"),
    Row("a failed DNLOAD wants ABORT first", "T", NOTHING, NOTHING, ENGINE + "test_a_failed_download_is_aborted_and_nothing_else"),
    Row("RECOVERY must never be read", "T", NOTHING, NOTHING, ENGINE + "test_recovery_is_never_read"),
    Row("alt 0 must never be finished", "B", NOTHING, NOTHING, ENGINE + "test_no_configuration_of_the_engine_allows_a_manifest_on_alt_0"),
    Row("there is nothing beyond alt 7", "B", NOTHING, NOTHING, ENGINE + "test_there_is_no_alternate_setting_beyond_the_table"),
    Row("an MRAM that was never initialized refuses every block", "B", ONE, ONE, FAULTY + "test_an_uninitialized_mram_is_initialized_once"),
    Row("the key is taken by an MRAM and refused by NOR flash", "B", ONE, ONE, FAULTY + "test_a_nor_flash_that_refuses_cannot_be_initialized"),
    Row("an initialization takes less than 120 s", "-", EVERY, EVERY, LIMITS + "test_slow_work_has_long_limits"),
    Row("what a camera answers to DETACH means something", "H", NOTHING, NOTHING, ENGINE + "test_no_answer_to_detach_is_a_failure_and_it_may_be_repeated"),
    Row("one DETACH is enough", "H", NOTE, NOTE, FAULTY + "test_a_lost_detach_is_repeated_and_noted"),
    Row("a bootloader before 1.0.2 wants a port reset", "B", NOTHING, NOTHING, FAULTY + "test_an_old_bootloader_is_reset_after_detach"),
    Row("the application is there within 30 s", "H", EVERY, NOTHING, "tests/unit/test_settings.py::test_the_shipped_file_says_every_default"),
    Row("an application that came stays", "H", GREEN, ONE, REAL + "test_an_application_that_comes_and_goes_fails"),
    Row("a camera that leaves and is not back was pulled out", "-", ONE, ONE, REAL + "test_a_camera_pulled_while_it_should_stay_is_the_operators"),
    Row("a camera that is back within 4 s was not pulled out", "-", ONE, ONE, WHERE + "test_back_and_held_is_the_same_insertion"),
    Row("a camera with a bad image cycles", "H", ONE, ONE, FAULTY + "test_an_application_that_never_comes_is_a_failure"),
    Row("a camera that cycles can be caught in its window", "H", ONE, ONE, FAULTY + "test_a_camera_in_its_boot_loop_is_caught_and_mended"),
    Row("SYS_BOOT enters the bootloader, which is there within 15 s", "S", NOTHING, WAITS, BOOTLOADER + "test_a_camera_whose_port_vanishes_or_that_says_yes_and_does_not_come"),
    Row("a camera that speaks no protocol has a REPL", "H", NOTHING, WAITS, BOOTLOADER + "test_a_mute_camera_must_be_replugged_and_its_neighbour_runs"),
    Row("HP and HE start in their own partitions", "B", NOTHING, NOTHING, FIRMWARE + "test_hp_starts_in_its_own_partition"),
    Row("a version label names a build", "H", NOTHING, NOTHING, FIRMWARE + "test_the_version_label"),
    Row("what fails every camera is the cameras' fault", "-", EVERY, WAITS, SET_UP + "test_cameras_that_fail_in_one_way_stop_a_line_without_a_screen"),
    Row("what fails every camera in a slot is the cameras' fault", "-", ONE, WAITS, SET_UP + "test_a_slot_that_fails_unit_after_unit_is_taken_out_and_restored"),
    Row("an AE3's sensor calls itself 0x7936", "H", NOTHING, NOTE, DECIDES_NOTHING),
    Row("the application's sys.version ends with the HP image's label", "S", NOTHING, NOTE, DECIDES_NOTHING),
    Row("PROTO_VERSION knows the bootloader that is there", "S", NOTHING, NOTE, ASKED + "test_nothing_that_a_noted_test_meets_decides"),
    Row("the application speaks the OpenMV protocol, from firmware 5.0.0 on", "S", NOTHING, NOTE, DECIDES_NOTHING),
    Row("an application has its serial port within 5 s, and answers within 3 s", "-", NOTHING, NOTE, ASKED + "test_a_mute_camera_is_asked_once_by_tests_that_decide_nothing"),
    Row("dev_id is the serial of the bootloader", "-", NOTHING, NOTHING, ASKED + "test_a_sensor_is_one_of_those_allowed"),
    Row("the sensor's ramp can be switched on, and is no even grey", "S", NOTHING, NOTHING, SETTING_TESTS),
    Row("the second core answers a task that is handed to it", "S", NOTHING, NOTHING, SETTING_TESTS),
    Row("the ROM's files are those of the ROMFS0 image", "S", NOTHING, NOTHING, SETTING_TESTS),
)  # fmt: skip
"""One line each, so that it reads as a table."""


def dangerous(effect: Effect) -> bool:
    """Whether a wrong belief could fail every camera or make a false green."""
    return effect in (EVERY, GREEN)


def counts(rows: tuple[Row, ...] = ROWS) -> tuple[int, int]:
    """How many beliefs could fail every camera or make a false green: before, and now."""
    return sum(dangerous(row.before) for row in rows), sum(dangerous(row.now) for row in rows)


if __name__ == "__main__":
    for row in ROWS:
        print(f"{row.belief}\n    source {row.source}; before: {row.before}; now: {row.now}\n    {row.test}")
    print("{} rows; could fail every camera or make a false green: before {}, now {}".format(len(ROWS), *counts()))
