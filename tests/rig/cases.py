"""The names of the rig's cases: each is a test on the host, and a result written by the guest."""

from __future__ import annotations

CASES = (
    "sixteen_arrive_by_hotplug_and_pass",
    "held_before_their_window_ends",
    "the_application_is_back_on_the_same_port",
    "cameras_that_were_there_before_the_station_pass",
    "a_camera_that_went_to_its_application_is_no_run",
    "slots_lists_what_the_kernel_has",
    "the_requests_of_a_run_are_the_golden_ones",
    "dfu_util_reads_back_what_the_station_wrote",
    "an_mram_is_initialized_though_silent_for_20_s",
    "a_silent_camera_fails",
    "a_camera_that_vanishes_for_a_moment_passes_again",
    "pulled_by_the_kernel_and_plugged_in_again",
    "dfu_util_writes_next_to_the_station",
    "a_port_that_is_no_slot_is_left_alone",
    "a_sound_camera_beside_all_that_passes",
    "two_cameras_with_one_serial_are_refused",
    "a_default_serial_is_refused",
    "an_old_partition_table_is_refused",
    "a_killed_worker_costs_its_own_run",
    "a_second_station_is_refused",
    "sigterm_ends_and_logs",
    "an_ordinary_user_with_the_rule_passes",
    "an_ordinary_user_without_the_rule_is_told_its_name",
    "doctor_tells_with_and_without_the_rule",
    "the_station_leaves_what_dfu_util_wrote",
    "dfu_util_sends_dnload_getstatus_getstatus",
    "without_the_rule_the_kernel_takes_the_disk",
    "with_the_rule_no_block_device_appears",
)
