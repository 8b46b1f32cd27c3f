"""How far a running camera is and how long it still needs, learned from what this station's cameras needed before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from station.model.slots import Progress
from station.yields.counting import Rates

_MIB = 1024 * 1024
TELLS_FROM = 0.1
"""So much of a run must be done before its own rate corrects what is left of it."""
READ_BACK = 0.5
"""How long reading an image back takes beside writing it, where nothing is learned yet."""
AFTER = 0.1
"""The same for all that follows the images, beside writing all of them."""
Images = tuple[tuple[str, int], ...]
"""Partition and size in bytes of every image of a recipe, in their order."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds to write and to read back each partition, and for all the rest (hold, identify, boot, test)."""

    write_s: Mapping[str, float] = field(default_factory=dict)
    verify_s: Mapping[str, float] = field(default_factory=dict)
    rest_s: float = 0.0

    @classmethod
    def learned(cls, known: Rates, images: Images) -> Pace:
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

    def knows(self, images: Images) -> bool:
        """Whether this station has learned how long each of these images takes."""
        return bool(images) and all(name in self.write_s for name, _ in images)

    def share(self, progress: Progress, images: Images) -> float | None:
        """How much of the whole run is done, 0 to 1: every image written and read back, and what follows. None where
        it is not known what the run consists of."""
        if not images:
            return None
        done, whole = self._done(progress, images)
        return done / whole if whole else None

    def remaining_s(self, progress: Progress, images: Images, elapsed_s: float) -> float | None:
        """Seconds until the run ends if all goes well, by this run's own rate once that is known; below 0 where it
        should have ended. None where this station has not learned it yet."""
        if not self.knows(images):
            return None
        done_s, whole_s = self._done(progress, images)
        if progress.phase not in ("write", "verify"):
            return whole_s - max(elapsed_s, done_s) if done_s else whole_s
        # A run that has taken longer than a whole one is another kind of camera, however little of it is done.
        tells = done_s > TELLS_FROM * whole_s or elapsed_s > whole_s
        own = elapsed_s / done_s if progress.attempt == 1 and done_s and tells else 1.0
        return (whole_s - done_s) * own

    def _done(self, progress: Progress, images: Images) -> tuple[float, float]:
        """What is done and the whole: in seconds where they are learned, else in parts that are about as long."""
        steps = [(seconds, ("write", name)) for name, seconds in self._writing(images)]
        steps += [(seconds, ("verify", name)) for name, seconds in self._reading(images)]
        after = self.rest_s if self.knows(images) else AFTER * sum(size for _, size in images)
        steps += [(after, ("boot", "")), (0.0, ("test", ""))]
        keys = [key for _, key in steps]
        key = (progress.phase, progress.partition if progress.phase in ("write", "verify") else "")
        here = keys.index(key) if key in keys else 0
        part = progress.done_bytes / progress.total_bytes if progress.total_bytes and key in keys else 0.0
        return sum(weight for weight, _ in steps[:here]) + steps[here][0] * part, sum(weight for weight, _ in steps)

    def _writing(self, images: Images) -> list[tuple[str, float]]:
        return [(name, self.write_s[name] if self.knows(images) else size) for name, size in images]

    def _reading(self, images: Images) -> list[tuple[str, float]]:
        return [(name, self.verify_s[name] if self.knows(images) else READ_BACK * size) for name, size in images]
