"""Does a picture come from the sensor: of the right size, bright as it should be, and not all of one value?

In a dark room a good camera shows next to nothing. So the sensor's own test pattern is taken where there is one
(openmv `drivers/sensors/pag7936.c`); what it looks like on an AE3 nobody has published.
"""

from __future__ import annotations

import math

from station.errors import ApplicationError
from station.flash.checks.finding import Finding, Subject
from station.model.measurements import Measurement, within
from station.problem import sentence
from station.terminal_text import printable

WIDTH, HEIGHT = 320, 240
_SCRIPT = """\
import csi
c = csi.CSI()
c.reset()
c.pixformat(csi.GRAYSCALE)
c.framesize(csi.QVGA)
shows = 'light'
if {ramp}:
    try:
        c.colorbar(True)
        shows = 'ramp'
    except Exception:
        pass
for i in range(5):
    p = c.snapshot()
s = p.get_statistics()
print(p.width(), p.height(), s.mean(), s.min(), s.max(), shows)
"""


def check_picture(subject: Subject) -> Finding:
    """The fifth picture after the sensor was set up: its exposure has settled by then."""
    tests = subject.tests
    printed = subject.session.run_script(_SCRIPT.format(ramp=tests.picture_of == "ramp"), tests.limit_s).text
    width, height, mean, least, most, shows = _figures(printed)
    measured = (
        within("picture_pixels", width * height, low=WIDTH * HEIGHT, high=WIDTH * HEIGHT),
        within("picture_mean", mean, low=tests.brightness_low, high=tests.brightness_high),
        within("picture_contrast", most - least, low=1.0),
        Measurement("picture_of", shows),
    )
    wrong = ", ".join(f"{each.name} {each.value:g}" for each in measured[:3] if each.passed is False)
    if not wrong:
        return Finding(measured)
    return Finding(measured, sentence("the picture is not as expected: {figures}", figures=wrong))


def _figures(printed: str) -> tuple[int, int, float, int, int, str]:
    try:
        width, height, mean, least, most, shows = printed.split()
        if not math.isfinite(float(mean)):
            raise ValueError(mean)
        return int(width), int(height), float(mean), int(least), int(most), printable(shows)
    except ValueError:
        text = sentence("the camera's account of its picture makes no sense")
        raise ApplicationError("test.protocol", text) from None
