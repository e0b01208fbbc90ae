"""How figures are written."""

from __future__ import annotations

import statistics


def spread(values: list[float], unit: str = "ms") -> str:
    """`p50 4.1 · p99 9.8 ms (n=200)`."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"p50 {statistics.median(ordered):.1f} · p99 {p99:.1f} {unit} (n={len(ordered)})"
