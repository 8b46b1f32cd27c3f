"""What the header says of an engineer at this screen."""

from __future__ import annotations

from station.dashboard.language import tr


def engineer_text(name: str, left_s: float) -> str:
    """What the header says of an engineer; "" where there is none."""
    if left_s <= 0:
        return ""
    minutes, seconds = divmod(int(left_s), 60)
    return tr("ENGINEER {name} {time}, e ends it").format(name=name, time=f"{minutes}:{seconds:02}")
