"""A bot's numbers as Prometheus text, by the official client: sums of the ledger, and the last heartbeat.

ledger, heartbeat → families, when somebody asks → http://127.0.0.1:PORT/metrics
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from candlegraph.freqtrade_bridge.monitoring.heartbeat import Heartbeat
from candlegraph.freqtrade_bridge.monitoring.sums import BUCKETS, DecisionSums
from candlegraph.graph.schema.errors import ConfigError, MemoryStoreError
from candlegraph.graph.settings.monitoring import Monitoring
from candlegraph.memory.books.audit import AuditRow, Hold

logger = logging.getLogger(__name__)

SUMS = {
    "failures": ("candlegraph_decision_failures", "decisions that no model gave"),
    "attempts_failed": ("candlegraph_model_attempts_failed", "attempts at a model that failed, retried ones too"),
    "repairs": ("candlegraph_repairs", "faulty answers that were sent back"),
    "calls": ("candlegraph_model_calls", "answered calls of all roles"),
    "unpriced_calls": ("candlegraph_model_calls_unpriced", "calls whose cost nobody knows"),
}


Audited = tuple[Sequence[AuditRow], Sequence[Hold]]


class Counted(Protocol):
    """Whoever adds up the ledger."""

    def now(self) -> DecisionSums:
        """Return the sums over all decisions."""


class BotMetrics(Collector):
    """The families of one bot; `beat` gives its last heartbeat."""

    def __init__(self, counted: Counted, audited: Callable[[], Audited], beat: Callable[[], Heartbeat | None]) -> None:
        self._counted, self._audited, self._beat = counted, audited, beat

    def collect(self) -> Iterator[Metric]:
        """Yield every family as it is now; without the ledger's where the database cannot be read."""
        try:
            yield from of_ledger(self._counted.now())
            yield from of_audit(*self._audited())
        except MemoryStoreError as e:
            logger.error("metrics: the ledger could not be read: %s", e)
        beat = self._beat()
        if beat is not None:
            yield from of_heartbeat(beat, datetime.now(UTC))

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: what there is depends on what has happened."""
        yield from ()


def of_ledger(found: DecisionSums) -> Iterator[Metric]:
    """Yield what the ledger adds up to."""
    decisions = CounterMetricFamily("candlegraph_decisions", "decisions", labels=["action", "source"])
    for key, count in sorted(found.decisions.items()):
        decisions.add_metric(key, count)
    fates = CounterMetricFamily("candlegraph_fates", "what became of calls that act", labels=["fate"])
    for fate, count in sorted(found.fates.items()):
        fates.add_metric([fate], count)
    tokens = CounterMetricFamily("candlegraph_tokens", "tokens of all calls", labels=["direction"])
    for direction in ("in", "out"):
        tokens.add_metric([direction], found.sums[f"tokens_{direction}"])
    yield from (decisions, fates, tokens, _latency(found))
    yield CounterMetricFamily("candlegraph_cost", "money of all calls, in the currency of the prices", value=found.cost)
    for name, (family, told) in SUMS.items():
        yield CounterMetricFamily(family, told, value=found.sums[name])


def of_audit(rows: Sequence[AuditRow], holds: Sequence[Hold]) -> Iterator[Metric]:
    """Yield what the auditor of a live account found; nothing of it in dry-run, which has no account."""
    findings = CounterMetricFamily("candlegraph_audit_findings", "what the auditor found", labels=["kind"])
    for kind, count in sorted(Counter(row.kind for row in rows).items()):
        findings.add_metric([kind], count)
    yield findings
    yield GaugeMetricFamily("candlegraph_positions_unknown", "positions that no trade knows", value=len(holds))


def _latency(found: DecisionSums) -> Metric:
    bounds = [*BUCKETS, float("inf")]
    totals = accumulate(found.buckets[bound] for bound in bounds)
    buckets = [
        ("+Inf" if bound == float("inf") else str(bound), total) for bound, total in zip(bounds, totals, strict=True)
    ]
    told = "seconds of a decision for which a model was asked"
    return HistogramMetricFamily("candlegraph_decision_seconds", told, buckets=buckets, sum_value=found.seconds)


def of_heartbeat(beat: Heartbeat, now: datetime) -> Iterator[Metric]:
    """Yield how the bot is at `now`."""
    gauges: dict[str, tuple[str, float]] = {
        "loop_age_seconds": ("since the last loop ended", (now - beat.loop_at).total_seconds()),
        "equity": ("quote currency, open profit included", beat.equity),
        "drawdown_ratio": ("below the highest equity, 0 to 1", beat.drawdown_pct / 100),
        "open_trades": ("trades that are open", len(beat.trades)),
        "stops_missing": ("open trades whose planned stop is not in force", len(beat.unprotected)),
        "halted": ("1: the emergency stop has fired", beat.halted is not None),
        "entries_paused": ("1: entries pause after failed candles", beat.paused is not None),
        "budget_used_up": ("1: no model is asked for want of money", beat.budget is not None),
        "models_resting": ("models that are left alone after failures", len(beat.resting)),
    }
    if beat.decided_at is not None:
        gauges["last_decision_age_seconds"] = ("since a candle was decided", (now - beat.decided_at).total_seconds())
    for name, (told, value) in gauges.items():
        yield GaugeMetricFamily(f"candlegraph_{name}", told, value=value)
    drift = GaugeMetricFamily("candlegraph_drift", "1: changed more than chance explains", labels=["measure"])
    for measure in () if beat.drift is None else beat.drift.measures:
        drift.add_metric([measure], 1)
    yield drift


_served: dict[tuple[str, int], tuple[CollectorRegistry, list[BotMetrics]]] = {}
"""Servers of this process: a bot that reloads its configuration finds its port taken by itself."""


def serve(settings: Monitoring, metrics: BotMetrics) -> None:
    """Serve these metrics, in the place of an earlier bot's of this process; raise ConfigError for a taken port."""
    if settings.metrics_port is None:
        return
    place = (settings.metrics_address, settings.metrics_port)
    if place not in _served:
        registry = CollectorRegistry()
        try:
            start_http_server(settings.metrics_port, addr=settings.metrics_address, registry=registry)
        except OSError as e:
            raise ConfigError(f"config: monitoring.metrics_port = {settings.metrics_port}: {e}; name a free one") from e
        _served[place] = (registry, [])
    registry, before = _served[place]
    for one in before:
        registry.unregister(one)
    registry.register(metrics)
    before[:] = [metrics]
