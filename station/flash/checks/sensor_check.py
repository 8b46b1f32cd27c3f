"""Did the firmware find its image sensor when it started? SYS_INFO says which; no script runs."""

from __future__ import annotations

from station.app.app_client import Client
from station.flash.checks.finding import Finding, Subject
from station.model.measurements import Measurement
from station.problem import Sentence, sentence


def check_sensor(subject: Subject) -> Finding:
    """The first sensor's id. The device's id is noted: what it has to do with the USB serial nobody has proven."""
    info = subject.session.ask(Client.system_info)
    sensor_id, allowed = info.sensor_ids[0], subject.tests.sensor_ids
    passed = sensor_id in allowed if allowed else sensor_id != 0
    measured = (
        Measurement("sensor_id", sensor_id, passed=passed),
        Measurement("device_id", info.device_id_text),
    )
    if passed:
        return Finding(measured)
    return Finding(measured, _complaint(sensor_id, allowed))


def _complaint(sensor_id: int, allowed: tuple[int, ...]) -> Sentence:
    found, expected = f"0x{sensor_id:04X}", ", ".join(f"0x{each:04X}" for each in allowed)
    if not allowed:
        return sentence("no sensor found")
    if not sensor_id:
        return sentence("no sensor found, {expected} expected", expected=expected)
    return sentence("sensor {found} found, {expected} expected", found=found, expected=expected)
