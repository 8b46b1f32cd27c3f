"""Did the firmware find its image sensor when it started? SYS_INFO says which; no script runs."""

from __future__ import annotations

from station.app.app_client import Client
from station.flash.checks.finding import Finding, Subject
from station.model.measurements import Measurement


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
    expected = f", {' or '.join(f'0x{each:04X}' for each in allowed)} expected" if allowed else ""
    return Finding(measured, (f"sensor 0x{sensor_id:04X} found" if sensor_id else "no sensor found") + expected)
