"""`/metrics`: the figures of the health checks as OpenMetrics. Costs what the checks cost, whatever the history."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from apps.base.health import Finding

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Found(Collector):
    """One gauge for the levels, one for all figures."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings

    def collect(self) -> Iterable[GaugeMetricFamily]:
        levels = GaugeMetricFamily("autoorder_check", "0 well, 1 needs a look, 2 does not work", labels=["check"])
        figures = GaugeMetricFamily("autoorder_figure", "what a check counted or measured", labels=["check", "figure"])
        for finding in self.findings:
            levels.add_metric([finding.name], finding.level)
            for name, value in finding.figures.items():
                figures.add_metric([finding.name, name], value)
        yield levels
        yield figures


def exposition(findings: list[Finding]) -> bytes:
    """The whole text."""
    registry = CollectorRegistry()
    registry.register(Found(findings))
    return bytes(generate_latest(registry))  # type: ignore[no-untyped-call]
