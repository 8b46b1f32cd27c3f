"""`[recovery]`: how far a run goes to get a camera back whose transfer failed."""

from __future__ import annotations

from pydantic import Field

from station.model.recovery_limits import RecoveryLimits
from station.settings.setting_rules import Section

_LIMITS = RecoveryLimits()
_A_COUNT = "a whole number from 0 (never) to 20"


class RecoverySection(Section):
    """`[recovery]`: the rungs of the ladder, each with how often one run may take it. Durations are seconds."""

    block_repeats: int = Field(default=_LIMITS.block_repeats, ge=0, le=20, description=_A_COUNT)
    reopens: int = Field(default=_LIMITS.reopens, ge=0, le=20, description=_A_COUNT)
    port_resets: int = Field(default=_LIMITS.port_resets, ge=0, le=20, description=_A_COUNT)
    windows: int = Field(default=_LIMITS.windows, ge=0, le=20, description=_A_COUNT)
    power_cycles: int = Field(default=_LIMITS.power_cycles, ge=0, le=20, description=_A_COUNT)
    catch_s: float = Field(default=_LIMITS.catch_s, gt=0, le=600, description="seconds, more than 0 and at most 600")
    total_s: float = Field(default=_LIMITS.total_s, ge=0, le=3600, description="seconds from 0 (no rung) to 3600")
