"""What each figure of a yield report means, by its name: a report prints them with its figures."""

from __future__ import annotations

from station.yields.inference import SIGNIFICANCE

DEFINITIONS: dict[str, str] = {
    "unit": "A camera by its serial. A run whose serial names no single camera is a unit of its own.",
    "counted run": "A run that ended PASS or FAIL, for production or rework (or for the purposes that were asked for). "
    "ERROR, ABORTED, SKIPPED and open runs are shown and not counted.",
    "done": "A unit is done when the latest run that wrote to it, or may have, is a counted PASS, in the selection and "
    "of all its runs. FAIL always takes that away; a run that is open, that nobody saw the end of, or that ended ERROR "
    "or ABORTED once writing had begun does too; so does a run for another purpose that wrote. ERROR or ABORTED before "
    "the first write changes nothing. A unit that is skipped because it passed earlier is done.",
    "units planned": "How many units the batch is to have, as entered at the bench; only where all of one batch is "
    "reported.",
    "units started": "Units with at least one run that touched them (any but SKIPPED).",
    "units passed": "Units that are done and whose latest counted run passed.",
    "units passed earlier": "Units that are done because they were skipped here: they had passed before.",
    "units failed": "Units that are not done and whose latest counted run failed.",
    "units scrapped": "Of the failed units those that an engineer booked as scrapped: nobody runs them again.",
    "open units": "Units that are not done: failed, cut short, running, or never run to a result. The code is of the "
    "latest run that left it so.",
    "first-pass yield": "Units whose first counted run passed at its first attempt / units with a counted run.",
    "final yield": "Units passed / units with a counted run.",
    "retest yield": "Units passed / units whose first counted run failed and that were counted again.",
    "firmware": "Each bundle and recipe that the runs that touched a camera were made with, "
    "where a batch or a time is reported. One batch should have one.",
    "interval": "Wilson's 95 % interval: the yields that the line may really have, after so few units.",
    "units per hour": "Units passed / hours from the first start to the last end of the runs that touched a camera. "
    "For people only once a quarter of an hour lies between the two; for programs always.",
    "hour": "Runs that ended PASS or FAIL, by the hour in which they started, by the station's clock.",
    "duration": "Seconds of the runs that passed; percentiles by nearest rank.",
    "failures": "Runs that ended FAIL, by code, the most frequent first; the cumulative share is of this code and "
    "those above it among them. Runs that ended ERROR speak of the station, not of cameras, and are listed apart.",
    "slot": "A slot's first-pass yield is over the units whose first counted run was in that slot; its write rate is "
    "MiB written per second of writing, where a quarter of an image or 64 blocks were written: fewer tell nothing.",
    "suspect": "A slot whose first-pass yield is worse than that of all other slots of its station together by "
    "Fisher's exact test "
    f"(one-sided, {SIGNIFICANCE:.0%} after Holm's correction for the number of slots): look at its cable, port and "
    "hub before its cameras.",
    "image": "Seconds of write and read back, where anything was written in an attempt that passed, and the write rate "
    "as of a slot; retries are images written in an attempt after a run's first.",
    "measurement": "What the tests of the running application measured, in every attempt: least, mean and most of the "
    "values that are numbers; `failed` are outside their limits, `missing` could not be measured.",
}
