"""Does the second core answer? Nothing starts it but this, so nothing else shows that its image works.

A task is handed to it that says a word again and again (openmv `scripts/examples/50-OpenMV-Boards/52-Alif-Boards/
52-Dual-Core/hello_dual_core.py`). The core goes on running afterwards: the camera has to be restarted.
"""

from __future__ import annotations

from station.errors import ApplicationError
from station.flash.checks.finding import Finding, Subject
from station.model.measurements import Measurement
from station.problem import Sentence, sentence

REPORTING_S = 2.0
"""How much longer the script may take than it waits itself."""
_SCRIPT = """\
import time, openamp
heard = []
def hear(source, data):
    heard.append(data)
@openamp.async_remote(hear)
async def say(endpoint):
    import asyncio
    while True:
        endpoint.send('here')
        await asyncio.sleep_ms(100)
core = openamp.RemoteProc({start:#x})
t = time.ticks_ms()
core.start()
while not heard and time.ticks_diff(time.ticks_ms(), t) < {limit_ms}:
    time.sleep_ms(10)
print('core', time.ticks_diff(time.ticks_ms(), t) if heard else -1)
"""


def check_core(subject: Subject) -> Finding:
    """The seconds until its first word."""
    limit_s = subject.tests.he_answer_s
    start = subject.board.partition(subject.rule.second_core).start
    source = _SCRIPT.format(start=start, limit_ms=round(limit_s * 1000))
    answer_ms = _milliseconds(subject.session.run_script(source, limit_s + REPORTING_S).text)
    if answer_ms < 0:
        silent = Measurement("he_answer_s", None, "s", high=limit_s, passed=False)
        return Finding((silent,), _silent(subject, limit_s))
    # The script looked at the clock itself: an answer that it counted came in time.
    return Finding((Measurement("he_answer_s", answer_ms / 1000, "s", high=limit_s, passed=True),))


def _milliseconds(printed: str) -> int:
    word, _, figure = printed.strip().rpartition(" ")
    try:
        if word.endswith("core"):
            return int(figure)
    except ValueError:
        pass
    text = sentence("the camera's account of its second core makes no sense")
    raise ApplicationError("test.protocol", text)


def _silent(subject: Subject, limit_s: float) -> Sentence:
    core, limit = subject.rule.second_core, f"{limit_s:g}"
    return sentence("the {core} core did not answer within {seconds} s", core=core, seconds=limit)
