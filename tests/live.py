"""A whole shop of processes for acceptance tests and benchmarks: the same private copy that drills play with."""

from __future__ import annotations

from apps.ops.drills.copy import ShopCopy as Live
from apps.ops.drills.copy import descendants

__all__ = ["Live", "descendants"]
