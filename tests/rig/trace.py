"""The control requests of a run as the camera saw them, as a short text: repetition is written once with its count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT, Request

Raw = Sequence[int]
"""bmRequestType, bRequest, wValue, wIndex, wLength."""

_LONGEST_PATTERN = 4


@dataclass(frozen=True)
class Sent:
    """One request: its name, its value where that counts blocks or settings, its length."""

    name: str
    value: int
    length: int

    def follows(self, other: Sent, step: int) -> bool:
        """Whether it is the same as `other`, `step` blocks on (requests without a block stay the same)."""
        moved = step if self.name in ("DNLOAD", "UPLOAD") else 0
        return (self.name, self.value, self.length) == (other.name, other.value + moved, other.length)

    def __str__(self) -> str:
        return f"{self.name} {self.value} {self.length}"


def of_run(trace: Sequence[Raw]) -> list[Sent]:
    """From the kernel's SET_CONFIGURATION to the DETACH, both included; the kernel's own enumeration is left out."""
    start = max(index for index, raw in enumerate(trace) if (raw[0], raw[1], raw[2]) == (0x00, 0x09, 1) and index < 20)
    sent = [_named(raw) for raw in trace[start:]]
    ends = [index for index, request in enumerate(sent) if request.name == "DETACH"]
    return sent[: ends[0] + 1] if ends else sent


def compressed(requests: Sequence[Sent]) -> str:
    """One line a request; `x N` before an indented pattern of requests that came N times, block after block."""
    lines, index = [], 0
    while index < len(requests):
        size, times = _repetition(requests, index)
        pattern = requests[index : index + size]
        if times > 1:
            lines.append(f"x {times}")
        lines.extend(f"{'  ' if times > 1 else ''}{request}" for request in pattern)
        index += size * times
    return "\n".join(lines) + "\n"


def _repetition(requests: Sequence[Sent], start: int) -> tuple[int, int]:
    """Size and count of the pattern that covers most from here on; (1, 1) where nothing is repeated."""
    best = (1, 1)
    for size in range(1, _LONGEST_PATTERN + 1):
        times = 1
        while _again(requests, start, size, times):
            times += 1
        if times > 1 and size * times > best[0] * best[1]:
            best = (size, times)
    return best


def _again(requests: Sequence[Sent], start: int, size: int, times: int) -> bool:
    at = start + size * times
    if at + size > len(requests):
        return False
    return all(requests[at + offset].follows(requests[start + offset], times) for offset in range(size))


def _named(raw: Raw) -> Sent:
    request_type, request, value, _, length = raw
    if request_type in (REQUEST_TYPE_IN, REQUEST_TYPE_OUT) and request <= Request.ABORT:
        return Sent(Request(request).name, value, length)
    standard = {
        (0x01, 0x0B): "SET_INTERFACE",
        (0x00, 0x09): "SET_CONFIGURATION",
        (0x80, 0x06): "GET_DESCRIPTOR",
        (0x80, 0x08): "GET_CONFIGURATION",
        (0x82, 0x00): "CLEAR_HALT",
    }
    name = standard.get((request_type, request), f"REQUEST {request_type:02x} {request:02x}")
    return Sent(name, value, length)
