"""How long a running camera still needs, learned from what this station's cameras needed before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from station.model.slots import Progress
from station.yields.counting import Rates

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds to write and to read back each partition, and for all the rest (hold, identify, boot)."""

    write_s: Mapping[str, float] = field(default_factory=dict)
    verify_s: Mapping[str, float] = field(default_factory=dict)
    rest_s: float = 0.0

    @classmethod
    def learned(cls, known: Rates, images: tuple[tuple[str, int], ...]) -> Pace:
        """The pace at these rates, for images of these sizes in bytes."""
        rates = {rate.partition: rate for rate in known.images}
        write_s: dict[str, float] = {}
        verify_s: dict[str, float] = {}
        for partition, size_bytes in images:
            rate = rates.get(partition)
            if rate is None or rate.mean_s is None:
                continue
            writing_s = size_bytes / _MIB / rate.mib_per_s if rate.mib_per_s else rate.mean_s
            write_s[partition] = min(writing_s, rate.mean_s)
            verify_s[partition] = max(0.0, rate.mean_s - writing_s)
        known_s = sum(write_s.values()) + sum(verify_s.values())
        return cls(write_s, verify_s, max(0.0, (known.run_mean_s or known_s) - known_s))

    def remaining_s(self, progress: Progress, images: tuple[tuple[str, int], ...]) -> float | None:
        """Seconds until the run ends if all goes well; None where this station has not learned it yet."""
        names = [name for name, _ in images]
        if not names or any(name not in self.write_s for name in names):
            return None
        steps = [(self.write_s[name], ("write", name)) for name in names]
        steps += [(self.verify_s[name], ("verify", name)) for name in names]
        steps += [(self.rest_s, ("boot", "")), (0.0, ("test", ""))]
        keys = [key for _, key in steps]
        key = (progress.phase, progress.partition)
        here = keys.index(key) if key in keys else 0
        done = progress.done_bytes / progress.total_bytes if progress.total_bytes else 0.0
        return steps[here][0] * (1 - done) + sum(seconds for seconds, _ in steps[here + 1 :])
