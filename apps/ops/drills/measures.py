"""What a drill measured against what was promised. A measure that cannot fail is none: each is shown red by a planted
fault.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Measure:
    """One promise in words, what was seen, and whether it was kept."""

    name: str
    promised: str
    seen: str
    kept: bool

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def exactly(name: str, promised: str, seen: float, wanted: float) -> Measure:
    return Measure(name, promised, f"{seen:g} of {wanted:g}" if wanted else f"{seen:g}", seen == wanted)


def at_least(name: str, promised: str, seen: float, wanted: float) -> Measure:
    return Measure(name, promised, f"{seen:g}", seen >= wanted)


def at_most(name: str, promised: str, seen: float, limit: float, unit: str = "s") -> Measure:
    return Measure(name, promised, f"{seen:.1f} {unit}", seen <= limit)


def all_within(name: str, promised: str, seconds: Sequence[float], limit: float) -> Measure:
    """Every one of many, with their spread; none at all is no proof."""
    if not seconds:
        return Measure(name, promised, "nothing was measured", kept=False)
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    over = sum(1 for s in ordered if s > limit)
    spread = f"p50 {statistics.median(ordered):.1f}, p99 {p99:.1f}, longest {ordered[-1]:.1f} s (n={len(ordered)})"
    return Measure(name, promised, f"{spread}; {over} over {limit:g} s", over == 0)
