"""Alerts that others send: a source that is told instead of asked."""

from controller.sources.inbound.source import Inbound, check_labels

__all__ = ["Inbound", "check_labels"]
