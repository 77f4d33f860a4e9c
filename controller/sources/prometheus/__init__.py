"""Metrics from whatever speaks the Prometheus query API, such as Mimir, Thanos and VictoriaMetrics."""

from controller.sources.prometheus.source import Prometheus

__all__ = ["Prometheus"]
